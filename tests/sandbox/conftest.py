"""Every backend that the suite runs over, and the engine and image that the container tests need."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import podium
from podium.sandbox import SandboxConfig, create
from tests.images.podman import IMAGE, podman_service

from .bench import ORDINARY_UID, Bench

_AS_ROOT = ("root-cgroups", "root-watchdog", "ordinary-user") if os.geteuid() == 0 else ("own-user",)

# The way that most workers run is in the quick tests, the others in the full ones.
_SLOW = {"root-watchdog": [pytest.mark.slow], "ordinary-user": [pytest.mark.slow]}
BUBBLEWRAP = [pytest.param(f"bubblewrap-{how}", marks=[pytest.mark.bwrap, *_SLOW.get(how, [])]) for how in _AS_ROOT]
DOCKER = [pytest.param("docker", marks=pytest.mark.container)]
PROCESS = [pytest.param("process", marks=pytest.mark.slow)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """A folder that every host user may enter, as a worker's data folder is, unlike pytest's own."""
    folder = Path("/var/tmp") / f"podium-test-{uuid.uuid4().hex}"
    folder.mkdir(mode=0o755)
    yield folder
    subprocess.run(["rm", "-rf", "--", str(folder)], check=True)


@pytest.fixture(scope="session")
def engine_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Podman's Docker-compatible service on a socket of its own, with the test image in its store."""
    with podman_service(tmp_path_factory.mktemp("podman")) as address:
        yield address


@pytest.fixture
async def bench(request: pytest.FixtureRequest, world: Path) -> AsyncIterator[Bench]:
    """The bench of the backend that the test is parametrized with."""
    made = make_bench(request.param, world, request)
    yield made
    await made.sandbox.aclose()


def make_bench(name: str, world: Path, request: pytest.FixtureRequest) -> Bench:
    """Sets up one backend in a folder of its own."""
    owner = f"test-{uuid.uuid4().hex[:8]}"
    settings = {"owner": owner, "state_folder": str(world / "state")}
    config = SandboxConfig(owner=owner, state_folder=world / "state")
    if name == "docker":
        socket = request.getfixturevalue("engine_socket")
        config = SandboxConfig(owner=owner, container_socket=socket, default_image=IMAGE)
        return Bench(name, world / "job", create("docker", config), image=IMAGE, host_uid=_slot_uid())
    if name == "process":
        config = SandboxConfig(owner=owner, state_folder=world / "state", unsafe=True)
        return Bench(name, world / "job", create("process", config), isolates=False, host_uid=os.geteuid())
    if name == "bubblewrap-ordinary-user":
        made = Bench(name, world / "job", create("bubblewrap", config), ordinary=True, host_uid=ORDINARY_UID)
        made.config = settings
        _give_to_ordinary_user(world)
        return made
    if name == "bubblewrap-root-watchdog":
        config = SandboxConfig(owner=owner, state_folder=world / "state", cgroups="off")
    return Bench(name, world / "job", create("bubblewrap", config), host_uid=_slot_uid())


def _slot_uid() -> int:
    return 20000 if os.geteuid() == 0 else os.geteuid()


def _give_to_ordinary_user(world: Path) -> None:
    """Puts the package where that user can read it, and makes all but the secret that user's own."""
    package = world / "package"
    source = Path(podium.__file__).parent
    shutil.copytree(source / "sandbox", package / "podium" / "sandbox")
    shutil.copy(source / "__init__.py", package / "podium" / "__init__.py")
    shutil.copy(Path(__file__).with_name("ordinary.py"), package / "ordinary.py")
    subprocess.run(["chmod", "-R", "a+rX", str(package)], check=True)
    for name in ("", "job", "job/program", "job/output", "job/data"):
        os.chown(world / name, ORDINARY_UID, ORDINARY_UID)
