"""What all tests share: a data folder of their own, the site's people, and a competition to take part in.

Tests that touch the site's database run on the embedded SQLite in a temporary folder; with DATABASE_URL set they run
on a test database beside the named one. Every xdist worker has a folder and a database of its own.
"""

# ruff: noqa: PLC0415 - models can be imported only once Django is set up, and most tests of the project need none

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # so that `tests.factories` can be imported however pytest was started

pytest_plugins = [
    "tests.plugins.buckets",
    "tests.plugins.emptying",
    "tests.plugins.longest_first",
    "tests.plugins.no_skips",
    "tests.plugins.static_files",
]

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from podium.site.accounts.models import User
    from podium.site.competitions.models import Competition
    from podium.site.queues.models import Queue

_FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the access tests take."""
    text = "write what each role is told into tests/site/fields, to be reviewed, instead of comparing it"
    parser.addoption("--rewrite-fields", action="store_true", help=text)
    parser.addoption("--routes", default="", help="ask only the routes of the access table that contain this")


def pytest_configure(config: pytest.Config) -> None:
    """Give the site a data folder below /tmp before anything is written; pytest-django has loaded the settings."""
    from django.conf import settings

    folder = Path(tempfile.mkdtemp(prefix="podium-tests-"))
    config.stash[_FOLDER] = folder
    os.environ["PODIUM_DATA"] = str(folder)  # for processes that tests start
    settings.DATA_DIR = folder
    settings.FILES_DIR = folder / "files"
    settings.STORAGES["default"]["OPTIONS"]["location"] = folder / "files"
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # A file, not memory: threads of the site's asynchronous parts open connections of their own.
        database.setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite3")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the data folder."""
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What the process keeps for a minute is of another test's competitions, whose numbers come again."""
    from django.core.cache import caches

    caches["local"].clear()


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """Tables come straight from the models, ten times as quick; tests/site/test_migrations.py proves them equal."""
    return False


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    """The files folder, empty at the beginning of each test that asks for it."""
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    return settings.FILES_DIR


@pytest.fixture
def queue(db: None) -> Queue:
    """The default queue."""
    from podium.site.queues.services import ensure_default_queue

    return ensure_default_queue()


@pytest.fixture
def olivia(db: None) -> User:
    """The organizer."""
    from tests.factories import UserFactory

    return UserFactory(username="olivia")


@pytest.fixture
def pat(db: None) -> User:
    """The participant."""
    from tests.factories import UserFactory

    return UserFactory(username="pat")


@pytest.fixture
def sam(db: None) -> User:
    """The stranger."""
    from tests.factories import UserFactory

    return UserFactory(username="sam")


@pytest.fixture
def ada(db: None) -> User:
    """The administrator."""
    from tests.factories import UserFactory

    return UserFactory(username="ada", is_superuser=True, is_staff=True)


@pytest.fixture
def make_competition(
    queue: Queue, olivia: User, pat: User, files: Path, tmp_path: Path
) -> Iterator[Callable[..., Competition]]:
    """Make a competition of olivia's, published, with pat approved, from a bundle; see `tests.factories.bundle`."""
    from podium.site.competitions.services import create_from_bundle
    from tests import factories

    made = 0

    def make(*, published: bool = True, participants: tuple[User, ...] = (pat,), **bundle: Any) -> Competition:
        nonlocal made
        made += 1
        folder = factories.write_bundle(tmp_path / f"bundle-{made}", **bundle)
        competition, _ = create_from_bundle(bundle=folder, user=olivia)
        if published:
            competition.published = True
            competition.save(update_fields=["published"])
        for person in participants:
            factories.ParticipantFactory(competition=competition, user=person)
        return competition

    yield make


@pytest.fixture
def competition(make_competition: Callable[..., Competition]) -> Competition:
    """A published competition with one phase and one task that takes results."""
    return make_competition()


@pytest.fixture
def client_of() -> Callable[[User | None], APIClient]:
    """An API client with a person's session; None is anonymous."""
    from rest_framework.test import APIClient

    def make(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
        return client

    return make
