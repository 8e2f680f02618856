"""Platforms of real processes, shared by the tests of one pytest process, and the people on them."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podium.client import Competition
from podium.sandbox.make_environment import make_default_environment
from tests.images.podman import IMAGE
from tests.sandbox.conftest import engine_socket

from . import bundles
from .chaos import BreakablePlatform, breakable
from .people import Person, Terminal, sign_up
from .running import Platform, own_database

__all__ = ["engine_socket"]

MakePlatform = Callable[..., Platform]
_FIRST_UID, _UIDS_EACH = 30000, 1000


@pytest.fixture(scope="session")
def environment() -> Path:
    """A scientific environment: the one that PODIUM_TEST_ENVIRONMENT names, else one made once on this machine."""
    given = os.environ.get("PODIUM_TEST_ENVIRONMENT")
    return Path(given) if given else make_default_environment(Path(tempfile.gettempdir()) / "podium-test-environment")


@pytest.fixture(scope="session")
def new_platform(environment: Path, worker_id: str) -> Iterator[MakePlatform]:
    """Makes platforms that are not started yet, and ends what runs of them."""
    made: list[Platform] = []
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0

    def make(kind: type[Platform] = Platform, **more: object) -> Platform:
        data = Path(tempfile.gettempdir()) / f"podium-e2e-{uuid.uuid4().hex[:12]}"
        worker_settings = {
            "PODIUM_WORKER_ENGINE": "bubblewrap",
            "PODIUM_WORKER_DEFAULT_ENVIRONMENT": str(environment),
            # Programs of two platforms never share a user, so that their limits are their own.
            "PODIUM_WORKER_UID_BASE": str(_FIRST_UID + _UIDS_EACH * (10 * number + len(made))),
            **more.pop("worker_settings", {}),  # type: ignore[dict-item]
        }
        made.append(kind(data, worker_settings=worker_settings, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.stop()
    left = [pid for one in made for pid in one.sandboxes()]
    for one in made:
        shutil.rmtree(one.data)
    assert not left, f"sandboxes outlived their platform: {left}"


@pytest.fixture(scope="session")
def embedded(new_platform: MakePlatform) -> Iterator[Platform]:
    """SQLite and bubblewrap, as `podium up` starts it."""
    platform = new_platform()
    platform.start()
    yield platform
    platform.stop()


@pytest.fixture(scope="session")
def on_postgresql(new_platform: MakePlatform) -> Iterator[Platform]:
    """A database of its own on PostgreSQL, programs in bubblewrap."""
    with own_database() as url:
        platform = new_platform(database_url=url)
        platform.start()
        yield platform
        platform.stop()


@pytest.fixture(scope="session")
def in_containers(new_platform: MakePlatform, engine_socket: str) -> Iterator[Platform]:
    """SQLite, programs in containers of Podman."""
    worker = {"PODIUM_WORKER_ENGINE": "docker", "PODIUM_WORKER_CONTAINER_SOCKET": engine_socket}
    platform = new_platform(worker_settings=worker, image=IMAGE)
    platform.start()
    yield platform
    platform.stop()  # while its engine still runs


@pytest.fixture(scope="session")
def chaos_on_sqlite(new_platform: MakePlatform) -> Iterator[BreakablePlatform]:
    """A platform to be broken, on SQLite."""
    with breakable(new_platform, postgresql=False) as platform:
        yield platform


@pytest.fixture(scope="session")
def chaos_on_postgresql(new_platform: MakePlatform) -> Iterator[BreakablePlatform]:
    """A platform to be broken, on a PostgreSQL server of its own, which may be broken as well."""
    with breakable(new_platform, postgresql=True) as platform:
        yield platform


@pytest.fixture(scope="session")
def platform(embedded: Platform) -> Platform:
    """The platform of tests that need only one kind; tests in `anywhere` override it."""
    return embedded


@pytest.fixture(scope="session")
def person() -> Iterator[Callable[[Platform, str], Person]]:
    """People by platform and name; signed up when first asked for."""
    known: dict[tuple[Path, str], Person] = {}

    def find(platform: Platform, name: str) -> Person:
        key = (platform.data, name)
        if key not in known:
            known[key] = sign_up(platform, name)
        return known[key]

    yield find
    for one in known.values():
        one.client.close()


@pytest.fixture
def olivia(platform: Platform, person: Callable[[Platform, str], Person]) -> Person:
    """An organizer."""
    return person(platform, "olivia")


@pytest.fixture
def pat(platform: Platform, person: Callable[[Platform, str], Person]) -> Person:
    """A participant."""
    return person(platform, "pat")


@pytest.fixture
def sam(platform: Platform, person: Callable[[Platform, str], Person]) -> Person:
    """A stranger, who takes part in nothing."""
    return person(platform, "sam")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal that has never seen Podium."""
    return Terminal.of(tmp_path / "terminal")


@pytest.fixture
def compete(platform: Platform, olivia: Person, pat: Person, tmp_path: Path) -> Callable[..., Competition]:
    """Publishes a small competition in which pat takes part; arguments as of `bundles.bundle`."""

    def publish(**more: object) -> Competition:
        title = f"Test {uuid.uuid4().hex[:8]}"
        folder = bundles.bundle(tmp_path / title, title, image=platform.image, **more)  # type: ignore[arg-type]
        competition = olivia.publish(folder)
        pat.take_part(competition)
        return competition

    return publish


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """Questions asked again and again would fill the report of a test that fails."""
    logging.getLogger("httpx").setLevel(logging.WARNING)


PLATFORMS = ("embedded", "on_postgresql", "in_containers", "chaos_on_sqlite", "chaos_on_postgresql")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take platforms down with the last test of their group, or their processes would cost the others' time.

    Groups are run as a whole by `--dist loadgroup` alone; elsewhere platforms live until the session ends.
    """
    if not getattr(item.config.option, "loadgroup", False) or _group(item) == _group(nextitem):
        return
    for name in PLATFORMS:
        for fixture in item.session._fixturemanager.getfixturedefs(name, item) or ():
            fixture.finish(item._request)  # type: ignore[attr-defined]


def _group(item: pytest.Item | None) -> str | None:
    mark = item.get_closest_marker("xdist_group") if item is not None else None
    return str(mark.args[0]) if mark is not None else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows what the processes of its platform have written."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    platform = getattr(item, "funcargs", {}).get("platform")
    if report.failed and isinstance(platform, Platform) and platform.data.exists():
        report.sections.append(("processes of the platform", platform.logs()))
