"""From an uploaded bundle to a competition through the API: all of it, or a report and nothing else."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from rest_framework.test import APIClient

from podium.formats.bundle import check_bundle
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, CreationStatus, Page, Phase
from podium.site.competitions.services import creation
from podium.site.leaderboards.models import Column, Leaderboard
from podium.site.queues.models import Queue
from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, Solution, StoredFile, Task, TaskVersion
from tests.factories import PNG, SCORER, bundle, zip_of
from tests.site.acting import files_in, put

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
MADE: list[type[models.Model]] = [
    Competition, Phase, Page, Leaderboard, Column, Task, TaskVersion, Solution, Dataset, StoredFile
]  # fmt: skip


class Organizer:
    """Uploads bundles by the API as olivia, and lets the queued work be done."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    def upload(self, content: bytes) -> int:
        """The three steps of an upload; returns the id of the creation."""
        answer = self.client.post(
            "/api/datasets/",
            {"type": "competition_bundle", "request_sassy_file_name": "bundle.zip", "file_size": len(content)},
        )
        assert answer.status_code == 201
        put(answer.json()["sassy_url"], content)
        completed = self.client.put(f"/api/datasets/completed/{answer.json()['key']}/")
        assert completed.status_code == 200
        return int(completed.json()["status_id"])

    def create(self, content: bytes) -> dict[str, Any]:
        """Upload, do the work, and return the creation's status as the API tells it."""
        status = self.upload(content)
        creation.run_creation(status_id=status)
        answer = self.client.get(f"/api/competitions/{status}/creation_status/")
        assert answer.status_code == 200
        return dict(answer.json())


@pytest.fixture
def organizer(client_of: Client, olivia: User, queue: Queue, files: Path) -> Organizer:
    return Organizer(client_of(olivia))


def spoiled(**changes: bytes | str | None) -> bytes:
    """The zip of a bundle with files replaced; None takes a file out."""
    content = bundle()
    for name, new in changes.items():
        if new is None:
            del content[name]
        else:
            content[name] = new
    return zip_of(content)


def with_yaml(old: str, new: str, **options: Any) -> bytes:
    """The zip of a bundle in whose competition.yaml one text is replaced."""
    content = bundle(**options)
    text = content["competition.yaml"]
    assert isinstance(text, str)
    assert old in text
    return zip_of({**content, "competition.yaml": text.replace(old, new, 1)})


def line_of(text: str, **options: Any) -> int:
    """The line of competition.yaml on which a text stands first."""
    yaml = bundle(**options)["competition.yaml"]
    assert isinstance(yaml, str)
    return 1 + yaml[: yaml.index(text)].count("\n")


PHASES = "phases:"
FAULTS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "no zip": (lambda: b"this is no zip", ["zip"]),
    "an empty zip": (lambda: zip_of({}), ["competition.yaml"]),
    "no competition.yaml": (lambda: spoiled(**{"competition.yaml": None}), ["competition.yaml"]),
    "broken YAML": (lambda: with_yaml("title: Sums", "title: [Sums"), ["competition.yaml:3"]),
    "a missing page": (
        lambda: spoiled(**{"overview.md": None}),
        [f"competition.yaml:{line_of('file: overview.md')}", "overview.md"],
    ),
    "a missing program": (lambda: spoiled(**{"scorer.zip": None}), ["competition.yaml:", "scorer.zip"]),
    "a missing logo": (lambda: spoiled(**{"logo.png": None}), ["logo.png"]),
    "a missing title": (lambda: with_yaml("title: Sums\n", ""), ["title"]),
    "an absolute path": (lambda: with_yaml("file: overview.md", "file: /etc/passwd"), ["/etc/passwd"]),
    "a path that leaves": (lambda: with_yaml("file: overview.md", "file: ../../etc/passwd"), ["../../etc/passwd"]),
    "overlapping phases": (
        lambda: with_yaml("'2091-02-01 00:00:00'", "'2090-06-01 00:00:00'", phases=2)
        if "'2091-02-01" in str(bundle(phases=2)["competition.yaml"])
        else with_yaml("2091-02-01 00:00:00", "2090-06-01 00:00:00", phases=2),
        ["competition.yaml:", "Phase 1"],
    ),
    "a scoring program without a command": (
        lambda: spoiled(**{"scorer.zip": zip_of({"metadata.yaml": "description: x\n", "score.py": ""})}),
        ["command"],
    ),
    "a program that is no zip": (lambda: spoiled(**{"scorer.zip": b"no zip"}), ["scorer.zip"]),
    "a program with a link": (lambda: spoiled(**{"scorer.zip": _link()}), ["scorer.zip"]),
    "a date that is none": (lambda: with_yaml("start: 2020-01-01 00:00:00", "start: soon"), ["competition.yaml:"])
    if "start: 2020" in str(bundle()["competition.yaml"])
    else (lambda: with_yaml("start: '2020-01-01 00:00:00'", "start: soon"), ["competition.yaml:"]),
    "a key of nobody's dataset": (
        lambda: with_yaml("reference_data: reference.zip", "reference_data: 00000000-0000-4000-8000-000000000000"),
        ["competition.yaml:", 'Cannot find reference_data with key: "00000000-0000-4000-8000-000000000000"'],
    ),
    "a collaborator who does not exist": (
        lambda: zip_of(bundle(collaborators=["nobody"])), ["competition.yaml:", "There is no user nobody."]
    ),
    "a queue that does not exist": (
        lambda: zip_of(bundle(queue="00000000-0000-4000-8000-000000000000")),
        ["competition.yaml:", "The specified Queue does not exist!"],
    ),
    "a title that is too long": (lambda: with_yaml("title: Sums", f"title: {'x' * 300}"), ["title"]),
}  # fmt: skip


def _link() -> bytes:
    buffer = io.BytesIO(zip_of(SCORER))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo("passwd")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bundle_with_a_fault_leaves_its_report_and_nothing_else(
    fault: str, organizer: Organizer, files: Path
) -> None:
    make, told = FAULTS[fault]
    status = organizer.create(make())
    assert (status["status"], status["resulting_competition"]) == ("Failed", None)
    for text in told:
        assert text in status["details"]
    assert any(found["severity"] == "error" and found["message"] for found in status["faults"])
    assert "failed" in [step["state"] for step in status["steps"]]
    assert {model.__name__: model.objects.count() for model in MADE} == {model.__name__: 0 for model in MADE}
    assert files_in(files) == []


def test_all_faults_are_told_at_once_with_their_lines(organizer: Organizer) -> None:
    content = bundle()
    del content["overview.md"], content["terms.md"]
    status = organizer.create(zip_of(content))
    errors = [fault for fault in status["faults"] if fault["severity"] == "error"]
    assert {fault["line"] for fault in errors} == {line_of("terms: terms.md"), line_of("file: overview.md")}
    assert set(errors[0]) == {"severity", "message", "file", "line", "column", "path", "hint", "code"}
    assert len(status["details"].splitlines()) == 2


def test_an_unknown_key_is_a_warning_with_a_suggestion_and_no_obstacle(organizer: Organizer) -> None:
    status = organizer.create(zip_of(bundle(docker_imag="python:3")))
    assert status["status"] == "Finished"
    (warning,) = [fault for fault in status["faults"] if "docker_imag" in fault["message"]]
    assert warning["severity"] == "warning"
    assert '"docker_image"' in warning["message"] + warning["hint"]


def test_a_good_bundle_becomes_the_competition_that_it_describes(
    organizer: Organizer, olivia: User, tmp_path: Path
) -> None:
    columns = [
        {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc", "precision": 4},
        {"title": "Time", "key": "time", "index": 1, "sorting": "asc", "hidden": True},
        {"title": "Mean", "key": "mean", "index": 2, "computation": "avg", "computation_indexes": [0, 1]},
    ]
    content = bundle(tasks=2, phases=2, ingestion=True, columns=columns, rule="Force_Best", docker_image="img:1")
    status = organizer.create(zip_of(content))
    assert status["status"] == "Finished", status["details"]
    assert [step["state"] for step in status["steps"]] == ["done"] * 4
    made = Competition.objects.get(pk=status["resulting_competition"])
    (tmp_path / "b.zip").write_bytes(zip_of(content))
    source = check_bundle(tmp_path / "b.zip").competition
    assert source is not None
    assert (made.created_by, made.published) == (olivia, False)
    for name in ("title", "description", "docker_image", "registration_auto_approve", "enable_detailed_results"):
        assert getattr(made, name) == getattr(source, name)
    assert made.terms == "# Terms\n"
    assert list(made.pages.values_list("title", "content")) == [("Overview", "# Overview\n")]
    for row, wanted in zip(made.phases.order_by("index"), source.phases, strict=True):
        for name in ("index", "name", "start", "end", "execution_time_limit", "max_submissions_per_day"):
            assert getattr(row, name) == getattr(wanted, name), name
        assert row.max_submissions_per_person == wanted.max_submissions
        assert [task.name for task in row.tasks.order_by("phase_tasks__order_index")] == ["Task 0", "Task 1"]
    board = made.leaderboards.get()
    assert (board.key, board.submission_rule, board.primary_index) == ("main", "Force_Best", 0)
    for column, given in zip(board.columns.all(), source.leaderboards[0].columns, strict=True):
        for name in ("title", "key", "index", "hidden", "precision"):
            assert getattr(column, name) == getattr(given, name), name
        assert column.sorting == given.sorting.value
    assert [column.computation for column in board.columns.all()] == ["", "", "avg"]


def test_a_part_that_two_tasks_share_is_stored_once(organizer: Organizer, files: Path) -> None:
    status = organizer.create(zip_of(bundle(tasks=3, ingestion=True)))
    made = Competition.objects.get(pk=status["resulting_competition"])
    assert sorted(made.datasets.values_list("type", flat=True)) == [
        "competition_bundle", "ingestion_program", "input_data", "reference_data", "scoring_program"
    ]  # fmt: skip
    assert TaskVersion.objects.values("scoring_program").distinct().count() == 1
    assert len(files_in(files)) == StoredFile.objects.count() == 6, "five datasets and the logo"
    for file in StoredFile.objects.all():
        assert path_of(file.key).stat().st_size == file.size


def test_the_creator_takes_part_and_is_approved(organizer: Organizer, olivia: User) -> None:
    status = organizer.create(zip_of(bundle()))
    participant = Competition.objects.get(pk=status["resulting_competition"]).participants.get()
    assert (participant.user, participant.status) == (olivia, "approved")


@pytest.mark.parametrize(
    ("module", "where"),
    [(storage, "new_key"), (storage, "record_existing"), (creation, "create_task"), (creation, "create_dataset")],
)
def test_a_crash_in_the_middle_leaves_no_half_made_competition(
    module: Any, where: str, organizer: Organizer, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = organizer.upload(zip_of(bundle(tasks=2)))
    before = files_in(files)
    real, calls = getattr(module, where), []

    def broken(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, where, broken)
    creation.run_creation(status_id=status)
    assert len(calls) == 2, "it crashed where it should"
    found = CreationStatus.objects.get(pk=status)
    assert found.status == "Failed"
    assert "The platform failed" in found.details
    assert Competition.objects.count() == Task.objects.count() == Leaderboard.objects.count() == 0
    assert Dataset.objects.count() == StoredFile.objects.count() == 1, "the bundle itself is kept: it was not at fault"
    assert files_in(files) == before


def test_completing_an_upload_twice_makes_one_competition(
    organizer: Organizer, client_of: Client, olivia: User
) -> None:
    status = organizer.upload(zip_of(bundle()))
    key = CreationStatus.objects.get(pk=status).dataset.key  # type: ignore[union-attr]
    again = client_of(olivia).put(f"/api/datasets/completed/{key}/")
    assert again.json() == {"status_id": status}
    creation.run_creation(status_id=status)
    creation.run_creation(status_id=status)
    assert Competition.objects.count() == 1


def test_completing_before_anything_has_arrived_says_so(client_of: Client, olivia: User) -> None:
    client = client_of(olivia)
    facts = {"type": "competition_bundle", "request_sassy_file_name": "bundle.zip", "file_size": 10}
    key = client.post("/api/datasets/", facts).json()["key"]
    answer = client.put(f"/api/datasets/completed/{key}/")
    assert answer.status_code == 400
    assert answer.json()["code"] == "not_uploaded"
    assert not CreationStatus.objects.exists()


def test_only_who_uploaded_sees_the_creation(organizer: Organizer, client_of: Client, pat: User, ada: User) -> None:
    status = organizer.upload(zip_of(bundle()))
    for user in (pat, ada):
        assert client_of(user).get(f"/api/competitions/{status}/creation_status/").status_code == 404
    assert client_of(None).get(f"/api/competitions/{status}/creation_status/").status_code == 403


def test_a_logo_that_is_no_image_is_refused_or_harmless(organizer: Organizer) -> None:
    status = organizer.create(spoiled(**{"logo.png": PNG}))
    assert status["status"] == "Finished"


CODALAB = """\
title: Hello World
image: logo.png
competition_docker_image: ''
html: {overview: overview.md, terms: terms.md}
phases:
    1: {phasenumber: 1, label: Both, start_date: 2013-06-30, is_parallel_parent: True, scoring_program: gone.zip}
    2: {phasenumber: 2, parent_phasenumber: 1, label: Left, start_date: 2013-06-30, scoring_program: scorer.zip,
        reference_data: reference.zip}
    3: {phasenumber: 3, parent_phasenumber: 1, label: Right, start_date: 2013-06-30, scoring_program: scorer.zip}
    4: {phasenumber: 4, label: Final, start_date: 2098-01-01, scoring_program: scorer.zip, max_submissions: 1}
leaderboard:
    leaderboards: {RESULTS: &RESULTS {label: Results, rank: 1}}
    column_groups: {A: &A {label: How good}}
    columns:
        correct: {leaderboard: *RESULTS, label: Correct, rank: 1, column_group: *A}
        Mean Error: {leaderboard: *RESULTS, sort: asc, rank: 2}
"""


def test_a_bundle_of_codalab_with_parallel_phases_becomes_a_competition(organizer: Organizer) -> None:
    status = organizer.create(spoiled(**{"competition.yaml": CODALAB}))
    assert status["status"] == "Finished", status
    competition = Competition.objects.get(pk=status["resulting_competition"])
    shown = organizer.client.get(f"/api/competitions/{competition.pk}/").json()
    assert [(phase["name"], phase["status"]) for phase in shown["phases"]] == [
        ("Left", "Current"),
        ("Right", "Current"),
        ("Final", "Next"),
    ]
    assert [phase["tasks"][0]["name"] for phase in shown["phases"]] == ["Left Task", "Right Task", "Final Task"]
    (board,) = shown["leaderboards"]
    assert [(c["key"], c["sorting"], c["group"]) for c in board["columns"]] == [
        ("correct", "desc", "How good"),
        ("Mean Error", "asc", ""),
    ]
    assert Dataset.objects.filter(type="scoring_program").count() == 1, "a program of three phases is stored once"
    assert not shown["registration_auto_approve"]


def test_a_fault_in_a_bundle_of_codalab_is_told_with_its_line(organizer: Organizer) -> None:
    status = organizer.create(spoiled(**{"competition.yaml": CODALAB.replace("label: Left", "name: Left")}))
    assert status["status"] == "Failed"
    assert "competition.yaml:7: This phase has no label. Add a line: label: Development" in status["details"]
    assert not Competition.objects.exists()
