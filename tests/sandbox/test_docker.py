"""The docker backend's own matters: what it asks of the engine, images, pulls and the output stream."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from podium.sandbox import GIB, MIB, Cause, ImageError, Limits, Mount, SandboxConfig, SandboxError, Spec, create
from podium.sandbox.container_options import LABEL_NAME, LABEL_OWNER, container_options, device_request
from podium.sandbox.container_reins import FrameReader
from podium.sandbox.contract import Stream
from podium.sandbox.docker import DockerSandbox
from podium.sandbox.engine import Engine, EngineFacts, _split_tag, unstartable
from tests.images.podman import IMAGE, podman_environment, served

DOCKER = EngineFacts(podman=False, rootless=False)
SPEC = Spec(
    argv=("python3", "main.py"),
    name="run-1",
    mounts=(Mount(Path("/jobs/1/output"), "/app/output", writable=True), Mount(Path("/jobs/1/data"), "/app/input/ref")),
    limits=Limits(memory_bytes=GIB, processes=50, cpus=1.5, shm_bytes=32 * MIB, disk_bytes=10 * MIB),
)


def options(engine: EngineFacts = DOCKER, **changes: Any) -> dict[str, Any]:
    """What the engine is asked for."""
    return container_options(SPEC, "an/image:1", owner="me", uid=20001, engine=engine) | changes


def test_a_container_is_locked_down() -> None:
    asked = options()
    host = asked["HostConfig"]

    assert asked["User"] == "20001:20001"
    assert asked["NetworkDisabled"] is True
    assert host["NetworkMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"] is True
    assert "no-new-privileges" in host["SecurityOpt"]
    assert (host["Memory"], host["MemorySwap"]) == (GIB, GIB)
    assert (host["PidsLimit"], host["NanoCpus"], host["ShmSize"]) == (50, 1_500_000_000, 32 * MIB)
    assert host["LogConfig"]["Type"] == "none"
    assert "DeviceRequests" not in host


def test_mounts_are_read_only_unless_asked() -> None:
    mounts = options()["HostConfig"]["Mounts"]

    assert [(mount["Target"], mount["ReadOnly"]) for mount in mounts] == [
        ("/app/output", False),
        ("/app/input/ref", True),
    ]


def test_a_container_can_be_found_by_its_owner_and_name() -> None:
    assert options()["Labels"] == {LABEL_OWNER: "me", LABEL_NAME: "run-1"}


def test_rootless_engines_map_the_worker_so_that_it_can_write() -> None:
    podman = options(EngineFacts(podman=True, rootless=True))
    docker = options(EngineFacts(podman=False, rootless=True))

    assert (podman["User"], podman["HostConfig"]["UsernsMode"]) == ("20001:20001", "keep-id")
    assert docker["User"] == "0:0"
    assert "UsernsMode" not in docker["HostConfig"]


@pytest.mark.parametrize(
    ("asked", "request_"),
    [
        ("all", {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}),
        ("2", {"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}),
        ("0a1b, 2c3d", {"Driver": "", "DeviceIDs": ["0a1b", "2c3d"], "Capabilities": [["gpu"]]}),
        ("nvidia.com/gpu=all", {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}),
    ],
)
def test_gpus_are_asked_for_as_the_engine_wants_them(asked: str, request_: dict[str, Any]) -> None:
    assert device_request(asked) == request_


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("python", ("python", "latest")),
        ("codalab/codalab-legacy:py39", ("codalab/codalab-legacy", "py39")),
        ("registry.example:5000/team/image", ("registry.example:5000/team/image", "latest")),
        ("registry.example:5000/team/image:3", ("registry.example:5000/team/image", "3")),
        ("team/image@sha256:abc", ("team/image", "sha256:abc")),
    ],
)
def test_image_names_are_split_where_the_tag_begins(name: str, parts: tuple[str, str]) -> None:
    assert _split_tag(name) == parts


@pytest.mark.parametrize("cut", [1, 3, 8, 11, 1000])
def test_the_engines_frames_are_read_however_they_are_cut(cut: int) -> None:
    stream = b"\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x03err\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01!"
    got: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}

    def on_data(name: Stream, data: bytes) -> None:
        got[name] += data

    reader = FrameReader(on_data)
    for start in range(0, len(stream), cut):
        reader.feed(stream[start : start + cut])

    assert got == {"stdout": b"hello!", "stderr": b"err"}


def test_a_command_that_cannot_start_is_told_from_an_engine_that_cannot_start_it() -> None:
    runc = 'runc create failed: unable to start container process: exec: "x": executable file not found in $PATH'
    shell = "crun: open executable: exec: permission denied"

    assert unstartable(RuntimeError(runc)) == 127
    assert unstartable(RuntimeError(shell)) == 126
    assert unstartable(RuntimeError("error setting rlimits: operation not permitted")) is None


def test_a_socket_that_output_cannot_be_streamed_from_is_refused() -> None:
    with pytest.raises(SandboxError, match="ssh://elsewhere"):
        Engine(SandboxConfig(container_socket="ssh://elsewhere"))


def test_a_missing_engine_is_told_with_the_setting_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(Path, "exists", lambda self: False)

    with pytest.raises(SandboxError, match="CONTAINER_SOCKET"):
        create("docker", SandboxConfig())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
async def test_an_engine_that_does_not_answer_is_the_doctors_finding_and_the_platforms_fault(tmp_path: Path) -> None:
    sandbox = create("docker", SandboxConfig(container_socket=f"unix://{tmp_path}/nobody.sock"))
    found = await sandbox.check()
    result = await sandbox.run(SPEC)
    await sandbox.aclose()
    gc.collect()  # the client library leaves a refused socket to the collector: it is to complain here, not elsewhere

    assert not found[0].ok
    assert "nobody.sock" in found[0].detail
    assert result.cause == Cause.IMAGE_PULL


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on loopback; Podman is told to speak plain HTTP to 127.0.0.1."""
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    (folder / "config.yml").write_text(
        json.dumps(
            {
                "version": "0.1",
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the registry did not answer within a minute"
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/v2/").is_success:
                        break
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def pulling_socket(tmp_path_factory: pytest.TempPathFactory, engine_socket: str, registry: str) -> Iterator[str]:
    """Podman's service again, told that the registry speaks plain HTTP, with the image pushed there."""
    folder = tmp_path_factory.mktemp("podman-pull")
    (folder / "registries.conf").write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    environment = podman_environment(folder) | {"CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
    small = folder / "small.tar"
    (folder / "root").mkdir()
    (folder / "root" / "about").write_text(uuid.uuid4().hex)
    subprocess.run(["tar", "-C", str(folder / "root"), "-cf", str(small), "."], check=True)
    name = f"{registry}/team/small:1"
    for command in (["import", "-q", str(small), name], ["push", "-q", name], ["rmi", "-f", name]):
        subprocess.run(["podman", *command], env=environment, check=True, capture_output=True, timeout=120)
    with served(folder, environment) as address:
        yield address
    subprocess.run(["podman", "rmi", "-f", name], env=environment, check=False, capture_output=True, timeout=60)


def sandbox(address: str, **settings: Any) -> DockerSandbox:
    return DockerSandbox(SandboxConfig(container_socket=address, pull_pause_seconds=0.01, **settings))


@pytest.mark.container
@pytest.mark.slow
async def test_an_image_is_pulled_once_and_its_digest_told(pulling_socket: str, registry: str) -> None:
    name = f"{registry}/team/small:1"
    backend = sandbox(pulling_socket)
    first, again = await backend.prepare(name), await backend.prepare(name)
    always = sandbox(pulling_socket, pull_policy="always")
    forced = await always.prepare(name)
    for each in (backend, always):
        await each.aclose()

    served = httpx.head(
        f"http://{registry}/v2/team/small/manifests/1",
        headers={
            "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        },
    )
    assert (first.pulled, again.pulled, forced.pulled) == (True, False, True)
    assert first.digest == again.digest == forced.digest == served.headers["Docker-Content-Digest"]


@pytest.mark.container
@pytest.mark.slow
async def test_an_image_that_does_not_exist_is_named_with_the_registrys_words(
    pulling_socket: str, registry: str
) -> None:
    backend = sandbox(pulling_socket)
    with pytest.raises(ImageError, match=f"{registry}/team/nothing:9"):
        await backend.prepare(f"{registry}/team/nothing:9")
    result = await backend.run(Spec(argv=("true",), name="never", image=f"{registry}/team/nothing:9"))
    await backend.aclose()

    assert result.cause == Cause.IMAGE_PULL
    assert "nothing:9" in result.detail


@pytest.mark.container
async def test_a_worker_that_may_not_pull_says_so(engine_socket: str) -> None:
    backend = sandbox(engine_socket, pull_policy="never")
    with pytest.raises(ImageError, match="may not pull"):
        await backend.prepare("somewhere.invalid/never:1")
    assert not (await backend.prepare(IMAGE)).pulled
    await backend.aclose()


@pytest.mark.container
async def test_containers_are_gone_after_their_runs(engine_socket: str) -> None:
    owner = f"test-{uuid.uuid4().hex[:8]}"
    backend = sandbox(engine_socket, owner=owner, default_image=IMAGE)
    names = [f"run-{uuid.uuid4().hex}" for _ in range(4)]
    results = await asyncio.gather(
        *(backend.run(Spec(argv=("true",), name=name, image=IMAGE, workdir="/")) for name in names)
    )
    await backend.aclose()
    after = sandbox(engine_socket, owner=owner)
    left = await after.engine.call(after.engine.labelled, LABEL_OWNER, owner)
    await after.aclose()

    assert [result.cause for result in results] == [Cause.OK] * 4
    assert left == []


@pytest.mark.container
async def test_a_container_that_a_killed_worker_left_does_not_block_its_name(engine_socket: str) -> None:
    owner = f"test-{uuid.uuid4().hex[:8]}"
    backend = sandbox(engine_socket, owner=owner)
    name = f"run-{uuid.uuid4().hex}"
    left = container_options(Spec(argv=("true",), name=name), IMAGE, owner=owner, uid=20000, engine=DOCKER)
    left["WorkingDir"] = "/"
    await backend.engine.call(backend.engine.create, f"podium-{owner}-{name}", left)

    result = await backend.run(Spec(argv=("true",), name=name, image=IMAGE, workdir="/"))
    await backend.aclose()

    assert result.cause == Cause.OK, result.detail
