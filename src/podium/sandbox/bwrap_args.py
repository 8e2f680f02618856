"""The command line of one bubblewrap run: what the sandbox sees, and as whom it is started."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from podium.sandbox import folders
from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import MIB, Limits, Mount, SandboxError, Spec
from podium.sandbox.environments import Environment

MARKER_VARIABLE = "PODIUM_SANDBOX"
"""Set for bubblewrap itself (not for the program) to owner:name, so that left-over sandboxes can be found."""

INSIDE_UID = 1000
OPEN_FILES = 1024

_STAGE = "/mnt"
"""A folder that every system has (File System Hierarchy) and that is covered in the private view only."""

_SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "timezone",
    "fonts",
    "matplotlibrc",
    "R",
    "java-17-openjdk",
    "java-21-openjdk",
)
_NETWORK_ETC = ("resolv.conf", "ssl", "ca-certificates", "pki")
_OWN_ETC = {
    "passwd": f"podium:x:{INSIDE_UID}:{INSIDE_UID}:podium:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"podium:x:{INSIDE_UID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost podium\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Descriptors(NamedTuple):
    """What bubblewrap inherits: where it reports, what it waits for, and the filter of system calls that it reads."""

    status: int
    block: int
    seccomp: int

    @property
    def options(self) -> list[str]:
        """The same as options of the command line."""
        pairs = (("--json-status-fd", self.status), ("--block-fd", self.block), ("--seccomp", self.seccomp))
        return [word for option, number in pairs for word in (option, str(number))]


class CommandLine:
    """Builds command lines; what does not change from run to run is looked up once."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxError("bubblewrap is not installed (no `bwrap` on PATH). Install the package `bubblewrap`.")
        self._bwrap = found

    def build(
        self, spec: Spec, environment: Environment, *, uid: int, descriptors: Descriptors, limited: bool
    ) -> list[str]:
        """The argument vector of a run as a host user; `limited` says that a control group holds its memory.

        Raises SandboxError when a mount's source does not exist or the command is unusable.
        """
        if not spec.argv:
            raise SandboxError("The command is empty.")
        mounts = sorted(spec.mounts, key=lambda mount: mount.target.count("/"))
        mounts = [Mount(folder, str(folder)) for folder in environment.mounts] + mounts
        argv: list[str] = []
        if os.geteuid() == 0:
            staging, mounts = self._stage([*mounts, *self._etc_mounts], uid)
            argv = [*staging, *drop(uid)]
        else:
            mounts = [*mounts, *self._etc_mounts]
        argv += [self._bwrap, *_ISOLATION, *descriptors.options]
        if spec.network:
            argv += ["--share-net"]
        argv += self._system(network=spec.network)
        argv += self._temporary(spec.limits)
        for mount in mounts:
            argv += _bind(mount)
        argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec.workdir]
        argv += _variables(spec, environment)
        return [*argv, "--", *_prlimit(spec.limits, limited=limited), *spec.argv]

    def _stage(self, mounts: list[Mount], uid: int) -> tuple[list[str], list[Mount]]:
        """The command prefix and the mounts that let an unprivileged user reach sources in closed folders.

        bubblewrap looks its sources up as that user, who may not pass through /root, say. Only where that is so, root's
        own bubblewrap first binds all sources to numbered names in a private view of the file system.
        """
        try:
            closed = any(folders.unreachable_by(mount.source, uid) for mount in mounts)
        except FileNotFoundError as error:
            raise SandboxError(f"{error.filename}, which the sandbox should see, does not exist.") from error
        if not closed:
            return [], mounts
        prefix = [self._bwrap, "--dev-bind", "/", "/", "--die-with-parent", "--cap-add", "ALL", "--tmpfs", _STAGE]
        staged = []
        for number, mount in enumerate(mounts):
            prefix += ["--bind", str(mount.source), f"{_STAGE}/{number}"]
            staged.append(Mount(Path(f"{_STAGE}/{number}"), mount.target, mount.writable))
        return [*prefix, "--"], staged

    @property
    def _etc_mounts(self) -> list[Mount]:
        return [Mount(self._etc / name, f"/etc/{name}") for name in _OWN_ETC]

    @cached_property
    def _etc(self) -> Path:
        """A folder with the few files of /etc that are made for the sandbox."""
        folder = self._config.state_folder / "etc"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _OWN_ETC.items():
            path = folder / name
            if not path.is_file() or path.read_text() != text:
                fresh = folder / f".{name}.{os.getpid()}"
                fresh.write_text(text)
                fresh.chmod(0o644)
                fresh.replace(path)
        return folder

    def _system(self, *, network: bool) -> list[str]:
        argv = ["--ro-bind", "/usr", "/usr", *self._system_links]
        for name in (*_SYSTEM_ETC, *(_NETWORK_ETC if network else ())):
            argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        return argv

    @cached_property
    def _system_links(self) -> list[str]:
        argv: list[str] = []
        for name in _SYSTEM_FOLDERS:
            path = Path("/") / name
            if path.is_symlink():
                argv += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                argv += ["--ro-bind", str(path), str(path)]
        return argv

    @staticmethod
    def _temporary(limits: Limits) -> list[str]:
        # A little more than the limit, so that filling it is seen to be above it and not merely as "device full".
        size = limits.disk_bytes + MIB if limits.disk_bytes is not None else None
        sized = ["--size", str(size)] if size is not None else []
        return [
            *("--proc", "/proc", "--dev", "/dev"),
            *("--perms", "1777", "--size", str(limits.shm_bytes), "--tmpfs", "/dev/shm"),  # noqa: S108
            *("--perms", "1777", *sized, "--tmpfs", "/tmp"),  # noqa: S108 - the sandbox's own
        ]


_ISOLATION = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--cap-drop", "ALL", "--hostname", "podium", "--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--clearenv"),
)


def drop(uid: int) -> list[str]:
    """The command prefix with which root becomes an unprivileged user."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all", "--"]


def _bind(mount: Mount) -> list[str]:
    if not mount.target.startswith("/") or ".." in mount.target.split("/"):
        raise SandboxError(f'"{mount.target}" is not an absolute path, so nothing can be mounted there.')
    return ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]


def _variables(spec: Spec, environment: Environment) -> list[str]:
    variables = {
        "PATH": f"{environment.folder}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "USER": "podium",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # joblib looks for cores below /sys, which is not there, and warns in every log when it finds none.
        "LOKY_MAX_CPU_COUNT": str(os.cpu_count() or 1),
        **spec.env,
    }
    return [word for name, value in variables.items() for word in ("--setenv", name, value)]


def rlimits(limits: Limits, *, limited: bool) -> dict[str, int]:
    """Limits that no process of the sandbox can raise, by name ("nproc"); `limited` as in `CommandLine.build`."""
    found = {"nproc": limits.processes, "nofile": OPEN_FILES, "core": 0}
    if limits.disk_bytes is not None:
        found["fsize"] = limits.disk_bytes + MIB
    if not limited and limits.memory_bytes is not None:
        # Not the limit itself, only a brake, so that one allocation cannot outrun the watchdog.
        found["data"] = limits.memory_bytes * 2
    return found


def _prlimit(limits: Limits, *, limited: bool) -> list[str]:
    """Starts the program with its limits, and gives the shells' exit codes where it cannot be started."""
    pairs = rlimits(limits, limited=limited).items()
    return ["/usr/bin/prlimit", *(f"--{name}={value}" for name, value in pairs), "--"]
