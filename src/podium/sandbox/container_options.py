"""What the engine is asked for: one container's settings, as locked down as a program can bear."""

from __future__ import annotations

from typing import Any

from podium.sandbox.contract import MIB, Mount, Spec
from podium.sandbox.engine import EngineFacts

LABEL_OWNER = "podium.owner"
LABEL_NAME = "podium.name"
OPEN_FILES = 1024
USER_PROCESSES = 16384
"""Only a value that every engine may set (Podman's own default needs a privilege); the group's limit is what holds."""
_NANO = 1_000_000_000


def container_options(spec: Spec, image: str, *, owner: str, uid: int, engine: EngineFacts) -> dict[str, Any]:
    """The body of the engine's "create container" call for a run, owned by a worker and run as a host user."""
    variables = {"HOME": "/tmp", "USER": "podium", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **spec.env}  # noqa: S108
    return {
        "Image": image,
        "Cmd": list(spec.argv),
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "WorkingDir": spec.workdir,
        "User": _user(uid, engine),
        "Hostname": "podium",
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "OpenStdin": False,
        "NetworkDisabled": not spec.network,
        "Labels": {LABEL_OWNER: owner, LABEL_NAME: spec.name},
        "HostConfig": _host_options(spec, engine),
    }


def _host_options(spec: Spec, engine: EngineFacts) -> dict[str, Any]:
    limits = spec.limits
    calls = [f"seccomp={engine.profile}"] if engine.profile else []
    options: dict[str, Any] = {
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "NetworkMode": "default" if spec.network else "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        # Labelling is off because the same folders are mounted into containers and read by the worker.
        "SecurityOpt": ["no-new-privileges", "label=disable", *calls],
        "PidsLimit": limits.processes,
        "ShmSize": limits.shm_bytes,
        "Tmpfs": _temporary_folders(spec, engine),
        "Ulimits": [
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "nproc", "Soft": USER_PROCESSES, "Hard": USER_PROCESSES},
            {"Name": "core", "Soft": 0, "Hard": 0},
            *_file_size(spec),
        ],
        # The output is streamed from here; the engine must not keep gigabytes of it on its own disk.
        "LogConfig": {"Type": "none", "Config": {}},
        "AutoRemove": False,
    }
    if limits.memory_bytes is not None:
        # The sum of memory and swap: no swap beside it.
        options |= {"Memory": limits.memory_bytes, "MemorySwap": limits.memory_bytes}
    if limits.cpus is not None:
        options["NanoCpus"] = int(limits.cpus * _NANO)
    if spec.gpus is not None:
        options["DeviceRequests"] = [device_request(spec.gpus)]
    if engine.podman and engine.rootless:
        # The worker's own user inside and outside, so that the folders are writable to it.
        options["UsernsMode"] = "keep-id"
    return options


def device_request(gpus: str) -> dict[str, Any]:
    """The engine's device request for "all", a number of GPUs, CDI names (nvidia.com/gpu=0) or device ids."""
    if gpus == "all":
        return {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}
    if gpus.isdigit():
        return {"Driver": "", "Count": int(gpus), "Capabilities": [["gpu"]]}
    names = [name.strip() for name in gpus.split(",") if name.strip()]
    if any("=" in name for name in names):
        return {"Driver": "cdi", "DeviceIDs": names}
    return {"Driver": "", "DeviceIDs": names, "Capabilities": [["gpu"]]}


def _user(uid: int, engine: EngineFacts) -> str:
    if engine.rootless and not engine.podman:
        # Rootless Docker maps its root, and only that, to the worker's unprivileged user.
        return "0:0"
    return f"{uid}:{uid}"


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": str(mount.source),
        "Target": mount.target,
        "ReadOnly": not mount.writable,
        "BindOptions": {"Propagation": "rprivate"},
    }


def _temporary_folders(spec: Spec, engine: EngineFacts) -> dict[str, str]:
    folders = {"/tmp": _temporary(spec)}  # noqa: S108 - the container's own
    if engine.podman:
        # Podman adds writable ones without a limit to a read-only container, unless they are there already.
        folders |= dict.fromkeys(("/run", "/var/tmp"), "ro,size=64k")  # noqa: S108
    return folders


def _temporary(spec: Spec) -> str:
    # A little more than the limit, so that filling it is seen to be above it and not merely as "device full".
    disk = spec.limits.disk_bytes
    size = f",size={disk + MIB}" if disk is not None else ""
    return f"rw,exec,nosuid,nodev,mode=1777{size}"


def _file_size(spec: Spec) -> list[dict[str, Any]]:
    if spec.limits.disk_bytes is None:
        return []
    most = spec.limits.disk_bytes + MIB
    return [{"Name": "fsize", "Soft": most, "Hard": most}]
