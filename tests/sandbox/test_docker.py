"""The docker backend's own matters: what it asks of the engine, images, pulls and the output stream."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import pytest

from podium.sandbox import GIB, MIB, Cause, ImageError, Limits, Mount, SandboxConfig, SandboxError, Spec, create
from podium.sandbox.container_options import LABEL_NAME, LABEL_OWNER, container_options, device_request
from podium.sandbox.container_reins import FrameReader
from podium.sandbox.contract import Stream
from podium.sandbox.docker import DockerSandbox
from podium.sandbox.engine import Engine, EngineFacts, _split_tag, unstartable
from podium.sandbox.images import PulledImages
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


USER, PASSWORD = "olivia", "let me in"
HTPASSWD = f"{USER}:$2b$05$wtSHWYglMZJJl3AWfhuDJu2uwQ6nL0k6VE4nG/ItZr3QoorXS2RIK\n"


@contextlib.contextmanager
def serving_registry(folder: Path, **more: Any) -> Iterator[str]:
    """A registry on loopback; its address."""
    port = free_port()
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        **more,
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the registry did not answer within a minute"
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/v2/").status_code in {200, 401}:
                        break
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that anybody may pull from."""
    with serving_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def private_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that wants a name and a password."""
    folder = tmp_path_factory.mktemp("private-registry")
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    with serving_registry(folder, auth=auth) as address:
        yield address


@pytest.fixture(scope="module")
def pulling_socket(
    tmp_path_factory: pytest.TempPathFactory, engine_socket: str, registry: str, private_registry: str
) -> Iterator[str]:
    """Podman's service again, told that the registries speak plain HTTP, with images pushed there."""
    folder = tmp_path_factory.mktemp("podman-pull")
    insecure = [f'[[registry]]\nlocation = "{each}"\ninsecure = true\n' for each in (registry, private_registry)]
    (folder / "registries.conf").write_text("".join(insecure))
    environment = podman_environment(folder) | {"CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
    small = folder / "small.tar"
    (folder / "root").mkdir()
    (folder / "root" / "about").write_text(uuid.uuid4().hex)
    subprocess.run(["tar", "-C", str(folder / "root"), "-cf", str(small), "."], check=True)
    public = [f"{registry}/team/small:1", f"{registry}/team/other:1"]
    login = ["--creds", f"{USER}:{PASSWORD}"]
    for name, creds in [*((each, []) for each in public), (f"{private_registry}/team/small:1", login)]:
        for command in (["import", "-q", str(small), name], ["push", "-q", *creds, name], ["rmi", "-f", name]):
            subprocess.run(["podman", *command], env=environment, check=True, capture_output=True, timeout=120)
    with served(folder, environment) as address:
        yield address
    for name in (*public, f"{private_registry}/team/small:1"):
        subprocess.run(["podman", "rmi", "-f", name], env=environment, check=False, capture_output=True, timeout=60)


def sandbox(address: str, **settings: Any) -> DockerSandbox:
    settings.setdefault("state_folder", Path(tempfile.mkdtemp(prefix="podium-test-")))
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


@pytest.fixture
def image_with_volumes(engine_socket: str) -> Iterator[str]:
    """The test image with volumes that it declares: one with a file in it, and where Podium has mounts of its own."""
    name = f"localhost/podium-test-volumes-{uuid.uuid4().hex}"
    changes = ["VOLUME /stash", "VOLUME /app/output", "VOLUME /tmp"]
    with contextlib.closing(docker.APIClient(engine_socket, version="auto")) as client:
        made = client.create_container(IMAGE, ["sh", "-c", "mkdir -m 777 /stash && echo weights > /stash/model"])
        client.start(made)
        client.wait(made)
        client.commit(made["Id"], name, "1", changes=changes)
        client.remove_container(made, force=True)
        yield f"{name}:1"
        client.remove_image(f"{name}:1", force=True)


@pytest.mark.container
async def test_volumes_that_an_image_declares_are_no_way_around_the_limit_of_disk(
    engine_socket: str, image_with_volumes: str, world: Path
) -> None:
    backend = sandbox(engine_socket, owner=f"test-{uuid.uuid4().hex[:8]}")
    output, printed = world / "output", {"stdout": b"", "stderr": b""}
    output.mkdir()
    backend.prepare_folder(output, 0)

    def keep(stream: str, data: bytes) -> None:
        printed[stream] += data

    script = "cat /stash/model; touch /app/output/ours /tmp/ours; head -c 3000000 /dev/zero > /stash/more; ls /stash"

    result = await backend.run(
        Spec(
            argv=("sh", "-c", script),
            name=f"run-{uuid.uuid4().hex}",
            image=image_with_volumes,
            workdir="/",
            mounts=(Mount(output, "/app/output", writable=True),),
            limits=Limits(disk_bytes=MIB),
        ),
        keep,
    )
    await backend.aclose()
    backend.reclaim_folder(output)

    assert result.cause == Cause.OK, result.detail
    assert b"Read-only file system" in printed["stderr"]
    assert printed["stdout"].splitlines() == [b"weights", b"model"]
    assert [path.name for path in output.iterdir()] == ["ours"]


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


def login_file(folder: Path, registry: str, password: str) -> Path:
    """What `docker login` leaves."""
    path = folder / "config.json"
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))
    return path


@pytest.mark.container
@pytest.mark.slow
async def test_a_private_registry_is_opened_by_file_and_by_variable_and_by_nothing_else(
    pulling_socket: str, private_registry: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    name = f"{private_registry}/team/small:1"
    wrong = "not this one"
    for settings in ({}, {"registry_file": login_file(tmp_path, private_registry, wrong)}):
        backend = sandbox(pulling_socket, pull_policy="always", pull_attempts=2, **settings)
        with pytest.raises(ImageError, match=name) as refused:
            await backend.prepare(name)
        await backend.aclose()
        assert wrong not in str(refused.value)
    for settings in (
        {"registry_file": login_file(tmp_path, private_registry, PASSWORD)},
        {"registry_logins": ((private_registry, USER, PASSWORD),)},
    ):
        backend = sandbox(pulling_socket, pull_policy="always", **settings)
        assert (await backend.prepare(name)).pulled
        await backend.aclose()
        assert PASSWORD not in repr(backend.config)
    assert wrong not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_login_file_that_cannot_be_read_is_named_without_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(SandboxError, match=r"config\.json cannot be used: No such file"):
        Engine(SandboxConfig(container_socket="unix:///nowhere", registry_file=path))
    path.write_text("secret, and no JSON")
    with pytest.raises(SandboxError, match="no Docker configuration") as refused:
        Engine(SandboxConfig(container_socket="unix:///nowhere", registry_file=path))
    assert "secret" not in str(refused.value)


@pytest.mark.container
@pytest.mark.slow
async def test_a_registry_that_is_away_is_asked_again_and_then_the_platforms_fault(
    pulling_socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"127.0.0.1:{free_port()}/team/small:1"
    backend = sandbox(pulling_socket, pull_attempts=3)
    result = await backend.run(Spec(argv=("true",), name="never", image=name))
    await backend.aclose()

    assert result.cause == Cause.IMAGE_PULL
    assert name in result.detail
    assert "could not be reached, or did not answer as a registry does" in result.detail
    assert "refused" not in result.detail, "the engine's words tell who names images of the network it stands in"
    assert "connection refused" in caplog.text
    assert [record.args[0] for record in caplog.records if "pull %d of" in record.msg] == [1, 2]  # type: ignore[index]


@pytest.mark.container
@pytest.mark.slow
async def test_the_least_recently_used_of_the_pulled_images_goes_when_they_hold_too_much(
    pulling_socket: str, registry: str
) -> None:
    small, other = f"{registry}/team/small:1", f"{registry}/team/other:1"
    backend = sandbox(pulling_socket, images_bytes=1)
    for name in (small, other):  # what the test before has pulled would not be ours to remove either
        with contextlib.suppress(docker.errors.NotFound):
            backend.engine.client.remove_image(name)
    await backend.prepare(IMAGE)  # it was loaded by hand, and is not ours to remove
    await backend.prepare(small)
    assert backend.engine._inspect_image(small) is not None, "the one that was asked for stays"
    await backend.prepare(other)
    assert backend.engine._inspect_image(small) is None
    assert backend.engine._inspect_image(other) is not None
    assert backend.engine._inspect_image(IMAGE) is not None

    again = sandbox(pulling_socket, state_folder=backend.config.state_folder)  # a worker that was started anew
    again._images[other] += 1
    await again.give_back_disk()
    assert again.engine._inspect_image(other) is not None, "what a run uses stays"
    again._images[other] -= 1
    assert await again.give_back_disk() > 0
    assert again.engine._inspect_image(other) is None
    assert again.engine._inspect_image(IMAGE) is not None
    for each in (backend, again):
        await each.aclose()


@pytest.mark.container
@pytest.mark.slow
async def test_the_runs_of_a_step_are_in_the_image_that_was_prepared(pulling_socket: str, registry: str) -> None:
    other = f"{registry}/team/other:1"
    backend = sandbox(pulling_socket, pull_policy="always")
    prepared = await backend.prepare(other)
    asked = backend.engine.pulled.oldest_first()
    spec = Spec(argv=("/about",), name=uuid.uuid4().hex, image=other, prepared=prepared)
    result = await backend.run(spec)
    assert (result.cause, result.image_digest) == (Cause.EXIT_CODE, prepared.digest), result.detail
    assert backend.engine.pulled.oldest_first() == asked, "it was not pulled again"
    await backend.aclose()

    later = sandbox(pulling_socket)
    later.engine.client.remove_image(other)  # pruned between the runs of a step, for another's sake
    result = await later.run(spec)
    assert (result.cause, result.image_digest) == (Cause.EXIT_CODE, prepared.digest), result.detail
    await later.aclose()


@pytest.mark.container
@pytest.mark.slow
async def test_an_image_that_somebody_else_removed_is_forgotten(pulling_socket: str, registry: str) -> None:
    other = f"{registry}/team/other:1"
    backend = sandbox(pulling_socket, pull_policy="always")
    assert (await backend.prepare(other)).pulled
    backend.engine.client.remove_image(other)
    assert await backend.give_back_disk() == 0
    assert backend.engine.pulled.oldest_first() == []
    await backend.aclose()


def test_a_list_of_images_that_was_spoilt_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text('{"an/image:1": {"bytes": "many"}}')
    images = PulledImages(file)
    images.pulled("an/image:2", 5)
    assert PulledImages(file).oldest_first() == [("an/image:2", 5)]


@pytest.mark.container
async def test_an_image_of_another_registry_is_not_asked_for(
    engine_socket: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend = sandbox(engine_socket, registries=("ghcr.io", "docker.io"))
    with pytest.raises(ImageError, match=r"not from a registry that this worker pulls from: ghcr\.io, docker\.io"):
        await backend.prepare("127.0.0.1:1/team/small:1")
    assert "pull 1 of" not in caplog.text
    assert not (await backend.prepare(IMAGE)).pulled, "what the machine has may be used, wherever it is from"


@pytest.mark.container
async def test_an_engine_that_does_not_see_the_workers_files_runs_programs_all_the_same(
    engine_socket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Engine, "_profile", lambda self: Path("/nowhere/seccomp.json"))
    backend = sandbox(engine_socket, owner=f"test-{uuid.uuid4().hex[:8]}")
    for _ in range(2):
        name = f"run-{uuid.uuid4().hex}"
        result = await backend.run(Spec(argv=("true",), name=name, image=IMAGE, workdir="/"))
        assert result.cause == Cause.OK, result.detail
    await backend.aclose()
    assert caplog.text.count("programs may make namespaces") == 1


@pytest.mark.container
@pytest.mark.slow
async def test_a_registry_that_says_nothing_is_not_waited_for_without_end(
    pulling_socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.sandbox.engine.PULL_SILENT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes connections, and nobody answers them
        name = f"127.0.0.1:{silent.getsockname()[1]}/team/small:1"
        backend = sandbox(pulling_socket, pull_attempts=1)
        with pytest.raises(ImageError, match="could not be reached, or did not answer as a registry does"):
            await backend.prepare(name)
        await backend.aclose()
