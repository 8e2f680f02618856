"""Dumps: a competition out as a bundle, with files or keys, and back in, equal by the definition in `formats.dump`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from podium.formats import model as formats
from podium.formats.bundle import check_bundle
from podium.site.accounts.models import User
from podium.site.competitions.description import describe
from podium.site.competitions.models import Competition, Dump, Page, Phase
from podium.site.competitions.services import claims, create_from_bundle, dumping
from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, StoredFile, Task
from tests.site.acting import background, files_in

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]

COLUMNS = [
    {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc", "precision": 4, "group": "Good"},
    {"title": "Error", "key": "error", "index": 3, "sorting": "asc", "hidden": True},
    {"title": "Both", "key": "both", "index": 5, "computation": "avg", "computation_indexes": [0, 3]},
]


@pytest.fixture
def rich(make_competition: Make, sam: User) -> Competition:
    """A competition that has something of everything that a bundle can say."""
    return make_competition(
        tasks=2,
        phases=2,
        ingestion=True,
        columns=COLUMNS,
        board={"primary_index": 3, "hidden": True},
        phase={
            "memory_limit": "8 GB",
            "cpu_limit": 0.5,
            "max_submissions": 7,
            "hide_output": True,
            "public_data": "reference.zip",
            "starting_kit": "input.zip",
        },
        solutions=[{"index": 0, "tasks": [0, 1], "path": "reference.zip", "name": "Truth"}],
        collaborators=[sam.username],
        whitelist_emails=["a@example.org"],
        contact_email="o@example.org",
        reward="100",
        history=True,
        docker_image="codalab/codalab-legacy:py39",
        fact_sheet={
            "q": {"key": "q", "type": "text", "title": "What?", "selection": "", "is_required": "false",
                  "is_on_leaderboard": "true"}
        },
    )  # fmt: skip


def dumped(competition: Competition, by: User, *, keys: bool = False) -> Path:
    """Create a dump, let it be written, and return its file."""
    dump = dumping.start_dump(competition=competition, by=by, keys_instead_of_files=keys)
    dumping.run_dump(dump_id=dump.pk)
    dump.refresh_from_db()
    assert dump.status == "Finished", dump.details
    assert dump.dataset is not None
    assert dump.dataset.data_file is not None
    return path_of(dump.dataset.data_file.key)


def comparable(competition: Competition) -> tuple[formats.Competition, dict[str, Any]]:
    """What two competitions are compared by: the model, and the content of each file that it names."""
    described = describe(competition)
    contents: dict[str, Any] = {name: file.sha256 for name, file in described.files.items()}
    return described.competition, {**contents, **described.texts}


@pytest.fixture
def rich_with_own_dates(rich: Competition) -> Competition:
    second = rich.phases.get(index=1)
    Phase.objects.filter(pk=second.pk).update(start=second.end - timedelta(days=3, microseconds=7))
    return rich


def test_a_dump_comes_back_as_an_equal_competition(rich_with_own_dates: Competition, olivia: User) -> None:
    rich = rich_with_own_dates
    copy, _ = create_from_bundle(bundle=dumped(rich, olivia), user=olivia)
    assert comparable(copy) == comparable(rich)
    assert copy.pk != rich.pk
    assert not copy.published
    described, _ = comparable(copy)
    assert described.phases[1].start == rich.phases.get(index=1).start, "the time of day is kept"
    assert (described.leaderboards[0].primary_index, described.history) == (3, True)
    assert describe(copy).competition.collaborators == describe(rich).competition.collaborators != ()


def test_a_dump_of_a_copy_is_the_dump_again(rich: Competition, olivia: User) -> None:
    first = dumped(rich, olivia)
    copy, _ = create_from_bundle(bundle=first, user=olivia)
    one, two = check_bundle(first), check_bundle(dumped(copy, olivia))
    assert one.competition is not None
    assert one.competition == two.competition
    assert one.errors == ()


def test_a_file_that_is_used_at_several_places_is_written_once(rich: Competition, olivia: User) -> None:
    with zipfile.ZipFile(dumped(rich, olivia)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert len([name for name in names if name.endswith(".zip")]) == 4, names
    assert {"competition.yaml", "terms.md", "page-1.md", "logo.png"} <= set(names)


def test_a_dump_with_keys_has_no_files_and_uses_the_same_tasks(rich: Competition, olivia: User) -> None:
    before = set(Task.objects.values_list("pk", flat=True))
    path = dumped(rich, olivia, keys=True)
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".zip")]
    copy, _ = create_from_bundle(bundle=path, user=olivia)
    assert comparable(copy) == comparable(rich)
    assert set(Task.objects.values_list("pk", flat=True)) == before


def test_the_api_starts_a_dump_and_lists_it(client_of: Client, rich: Competition, olivia: User, sam: User) -> None:
    client = client_of(olivia)
    answer = client.post(f"/api/competitions/{rich.pk}/create_dump/", {"keys_instead_of_files": False}, format="json")
    assert answer.status_code == 201
    assert answer.json()["status"] == "Success. Competition dump is being created."
    again = client.post(f"/api/competitions/{rich.pk}/create_dump/")
    assert again.json()["dump"] == answer.json()["dump"], "one that waits is not queued twice"
    (waiting,) = client.get(f"/api/competitions/{rich.pk}/get_files/").json()["dumps"]
    assert (waiting["status"], waiting["url"]) == ("Waiting", None)
    dumping.run_dump(dump_id=answer.json()["dump"])
    (finished,) = client.get(f"/api/competitions/{rich.pk}/get_files/").json()["dumps"]
    assert finished["status"] == "Finished"
    assert finished["name"].startswith("Sums Dump #1 Created ")
    assert "/files/" in finished["url"]
    dataset = Dataset.objects.get(name=finished["name"])
    assert (dataset.type, dataset.created_by) == ("competition_bundle", olivia)
    assert client_of(sam).get(f"/api/competitions/{rich.pk}/get_files/").status_code == 200, "a collaborator"


def test_strangers_and_participants_get_no_dump(client_of: Client, competition: Competition, pat: User) -> None:
    client = client_of(pat)
    assert client.post(f"/api/competitions/{competition.pk}/create_dump/").status_code == 403
    assert client.get(f"/api/competitions/{competition.pk}/get_files/").status_code == 403
    assert not Dump.objects.exists()


def test_a_second_run_of_a_dump_changes_nothing(competition: Competition, olivia: User) -> None:
    dumped(competition, olivia)
    dump = Dump.objects.get()
    dumping.run_dump(dump_id=dump.pk)
    assert Dump.objects.get().dataset == dump.dataset
    assert Dataset.objects.filter(type="competition_bundle").count() == 1


def test_what_cannot_be_read_again_is_a_failed_dump_with_the_reason_and_no_file(
    competition: Competition, olivia: User, files: Path
) -> None:
    before = files_in(files)
    competition.leaderboards.get().columns.update(title=" ")
    dump = dumping.start_dump(competition=competition, by=olivia)
    dumping.run_dump(dump_id=dump.pk)
    dump.refresh_from_db()
    assert dump.status == "Failed"
    assert "This column has no title" in dump.details
    assert dump.dataset is None
    assert files_in(files) == before


def test_a_file_that_is_gone_fails_the_dump(competition: Competition, olivia: User) -> None:
    file = StoredFile.objects.get(datasets__type="scoring_program")
    storage.remove_content(file.key)
    dump = dumping.start_dump(competition=competition, by=olivia)
    dumping.run_dump(dump_id=dump.pk)
    dump.refresh_from_db()
    assert dump.status == "Failed"
    assert dump.details


def test_empty_pages_and_a_missing_logo_do_not_stop_a_dump(competition: Competition, olivia: User) -> None:
    Page.objects.update(content="")
    Competition.objects.filter(pk=competition.pk).update(logo=None)
    competition.refresh_from_db()
    copy, _ = create_from_bundle(bundle=dumped(competition, olivia), user=olivia)
    assert copy.pages.count() == competition.pages.count()


class Killed(BaseException):
    """The end of a process, which no handler of the work sees."""


def test_a_dump_whose_site_worker_dies_is_written_by_another_and_nothing_half_written_stays(
    competition: Competition, olivia: User, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(files)
    dump = dumping.start_dump(competition=competition, by=olivia)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "digest_of", _die)
        patch.setattr(storage, "removed_on_failure", _nobody_cleans_up)
        with pytest.raises(Killed):
            dumping.run_dump(dump_id=dump.pk)
    assert len(files_in(files)) == len(before) + 1, "half a dump lies there"
    dumping.run_dump(dump_id=dump.pk)
    assert Dump.objects.get().status == "Running", "its lease still holds, so a second run changes nothing"
    assert dumping.recover() == 0
    silence()
    assert dumping.recover() == 1
    assert Dump.objects.get().status == "Waiting"
    background()
    ended = Dump.objects.get()
    assert (ended.status, ended.attempt) == ("Finished", 2)
    assert len(files_in(files)) == len(before) + 1


def test_a_dump_that_kills_every_site_worker_fails_with_the_reason_and_its_late_end_changes_nothing(
    competition: Competition, olivia: User, files: Path
) -> None:
    before = files_in(files)
    dump = dumping.start_dump(competition=competition, by=olivia)
    for _ in range(claims.MAX_ATTEMPTS):
        assert dumping._claims.claim(dump.pk) is not None
        silence()
    late = Dump.objects.get()
    assert dumping.recover() == 1
    with pytest.raises(claims.Superseded):
        dumping._claims.change(late, status="Finished")
    dumping.run_dump(dump_id=dump.pk)
    dump.refresh_from_db()
    assert (dump.status, dump.dataset) == ("Failed", None)
    assert "interrupted 3 times" in dump.details
    assert files_in(files) == before
    assert dumping.start_dump(competition=competition, by=olivia).pk != dump.pk


def _die(*_: object) -> None:
    raise Killed


@contextmanager
def _nobody_cleans_up() -> Iterator[list[StoredFile]]:
    yield []


def silence() -> None:
    """Let the sign of life of every dump be overdue."""
    Dump.objects.update(alive_until=timezone.now() - timedelta(seconds=1))
