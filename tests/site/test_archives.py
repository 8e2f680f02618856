"""Archives: a competition with all that happened in it, out of one site and into another, equal by its rows."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from podium.formats.bundle import check_bundle
from podium.formats.competition_archive import KINDS, open_competition_archive
from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.archives.tables import ABSENT, DERIVED, LEFT_OUT, MODELS
from podium.site.competitions.models import Competition, Dump, Participant, Phase
from podium.site.competitions.services import dumping
from podium.site.evaluation import services
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, ledger, output, reruns
from podium.site.queues.models import Queue
from podium.site.resources import services as resources
from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import StoredFile, Task
from tests.factories import CODE, UserFactory, dataset
from tests.site.acting import WorkerDouble, background, files_in, frame, phase_of, put, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
ApiClient = Callable[[User | None], APIClient]
Make = Callable[..., Competition]

COLUMNS = [
    {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc", "precision": 4},
    {"title": "Error", "key": "error", "index": 1, "sorting": "asc", "hidden": True},
    {"title": "Both", "key": "both", "index": 2, "computation": "sum", "computation_indexes": [0, 1]},
]
SHEET = {
    "method": {"key": "method", "type": "text", "title": "Method", "selection": "", "is_required": "false",
               "is_on_leaderboard": "true"}
}  # fmt: skip


@pytest.fixture
def rich(make_competition: Make, olivia: User, pat: User, sam: User, queue: Queue) -> Competition:
    """A competition in which something of everything has happened."""
    competition = make_competition(
        tasks=2,
        phases=2,
        ingestion=True,
        rule="Force_Latest_Multiple",
        columns=COLUMNS,
        fact_sheet=SHEET,
        enable_detailed_results=True,
        collaborators=[sam.username],
        whitelist_emails=["friend@example.org"],
        solutions=[{"index": 0, "tasks": [0], "path": "reference.zip", "name": "Truth"}],
        phase={"failed_submissions_count": True, "max_submissions_per_day": 9, "memory_limit": "2 GB"},
        participants=(pat, sam),
    )
    Participant.objects.create(competition=competition, user=UserFactory(username="pia"), status="pending")
    worker = WorkerDouble(queue)
    phase = phase_of(competition)
    for value in (0.1, 1 / 3, 2.5e-300):
        submit(pat, phase, fact_sheet_answers={"method": "trees é"})
        worker.work_off(accuracy=value, error=-0.0)
    submit(pat, phase, CODE)
    job = worker.job()
    worker.beat(job, frames=[frame("it breaks\n")])
    worker.finish(job, failure=Failure(cause=Cause.EXIT_CODE, step=Step.PREDICTION, message="It broke"), output=False)
    while (job := worker.claim()) is not None:
        if job.detailed_results_url and job.step == "scoring":
            put(job.detailed_results_url, b"<h1>Report</h1>")
        worker.finish(job, scores(accuracy=0.7), detailed_results_uploaded=bool(job.detailed_results_url))
    cancelled = submit(sam, phase)
    services.cancel(submission=cancelled, by=sam)
    gone = submit(sam, phase)
    worker.work_off(accuracy=0.9, error=3.0)
    deletion.soft_delete(submission=_off_the_board(gone), by=sam)
    deletion.delete(submission=submit_and_score(sam, phase, worker), by=olivia)
    place = Participant.objects.get(competition=competition, user=pat)
    ledger.credit(participant=place, phase=phase, tries=2, note="The server was down", by=olivia)
    task = Task.objects.get(phases=phase, name="Task 1")
    resources.new_version(task=task, by=olivia, changes={"reference_data": dataset(olivia, type="reference_data")})
    reruns.rerun(submission=Submission.objects.filter(parent=None).order_by("pk")[0], by=olivia)
    worker.work_off(accuracy=0.25, error=0.5)
    output.seal_ended()
    return competition


def submit_and_score(user: User, phase: Phase, worker: WorkerDouble) -> Submission:
    """A finished submission."""
    made = submit(user, phase)
    worker.work_off(accuracy=0.4, error=1.0)
    return Submission.objects.get(pk=made.pk)


def _off_the_board(submission: Submission) -> Submission:
    submission.refresh_from_db()
    submission.entry.delete()
    return submission


def archived(competition: Competition, by: User) -> Path:
    """Archive a competition, and return the file."""
    dumping.start_dump(competition=competition, by=by, kind="archive")
    background()
    dump = Dump.objects.filter(competition=competition, kind="archive")[0]
    assert dump.status == "Finished", dump.details
    assert dump.file is not None
    return path_of(dump.file.key)


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of an archive."""
    with open_competition_archive(path) as archive:
        return {kind: list(archive.rows(kind)) for kind in KINDS}


def test_every_table_and_column_is_in_the_archive_or_left_out_on_purpose() -> None:
    labels = ("competitions", "evaluation", "forums", "leaderboards", "resources", "webhooks")
    tables = {model for label in labels for model in apps.get_app_config(label).get_models(include_auto_created=True)}
    assert tables == (set(MODELS.values()) - {User}) | ABSENT, "a new table: it is kept, or left out on purpose"
    for kind, model in MODELS.items():
        columns = {field.name for field in model._meta.concrete_fields} - {"id"}
        assert set(KINDS) == set(MODELS)
        assert columns - LEFT_OUT[kind] == set(KINDS[kind]) - DERIVED.get(kind, frozenset()), (
            f"{kind}: a new column is kept or left out"
        )
        for name, type_ in KINDS[kind].items():
            if name in columns:
                unnamed = kind == "datasets" and name == "created_by"  # its maker may be no person of the competition
                null = model._meta.get_field(name).null or unnamed
                assert null == type_.endswith("?"), f"{kind}.{name}"


def test_an_archive_is_whole_and_tells_everything_but_secrets(rich: Competition, olivia: User, pat: User) -> None:
    path = archived(rich, olivia)
    with open_competition_archive(path) as archive:
        archive.verify()
        assert archive.manifest.bundle == ""
        assert archive.manifest.competition.title == rich.title
    rows = rows_of(path)
    assert len(rows["submissions"]) == Submission.objects.count()
    assert {row["status"] for row in rows["submissions"]} == {"Finished", "Failed", "Cancelled"}
    assert any(row["is_soft_deleted"] for row in rows["submissions"])
    assert {1 / 3, 2.5e-300, 0.1} <= {row["value"] for row in rows["scores"]}
    assert [row["number"] for row in rows["task_versions"]] in ([1, 1, 2], [1, 2, 1])
    assert {row["reason"] for row in rows["tries"]} >= {"The server was down", "Submission accepted"}
    names = [row["username"] for row in rows["people"]]
    assert set(names) == {"olivia", "pat", "sam", "pia"}
    with zipfile.ZipFile(path) as archive:
        text = b"\n".join(archive.read(name) for name in archive.namelist() if name.endswith((".jsonl", ".json")))
    for secret in (pat.password, str(rich.secret_key), *Submission.objects.values_list("secret", flat=True)):
        assert str(secret).encode() not in text


def test_the_bundle_inside_an_archive_is_a_sound_bundle(rich: Competition, olivia: User, tmp_path: Path) -> None:
    with zipfile.ZipFile(archived(rich, olivia)) as archive:
        archive.extractall(tmp_path / "out")
        names = [name for name in archive.namelist() if not name.startswith(("rows/", "bundle/")) and "/" in name]
        digests = {file.sha256 for file in StoredFile.objects.all()}
        assert {name.removeprefix("files/") for name in names} <= digests
        assert len(set(names)) == len(names)
    report = check_bundle(tmp_path / "out" / "bundle")
    assert report.errors == ()
    assert report.competition is not None
    assert report.competition.queue is None


def test_page_and_api_give_archives_to_organizers_alone_with_progress(
    client_of: ApiClient, rich: Competition, ada: User, client: Client
) -> None:
    olivia, pat, sam = (User.objects.get(username=name) for name in ("olivia", "pat", "sam"))
    site = f"/api/competitions/{rich.pk}"
    started = client_of(sam).post(f"{site}/create_archive/")
    assert (started.status_code, started.json()["status"]) == (201, "Waiting"), "sam is a collaborator"
    again = client_of(ada).post(f"{site}/create_archive/")
    assert again.json()["id"] == started.json()["id"]
    client.force_login(olivia)
    assert b"Waiting" in client.get(f"/competitions/{rich.pk}/archives/").content
    background()
    (listed,) = client_of(olivia).get(f"{site}/get_files/").json()["archives"]
    assert (listed["status"], listed["done"] <= listed["total"], listed["size"] > 0) == ("Finished", True, True)
    assert listed["sha256"].encode() in client.get(f"/competitions/{rich.pk}/archives/").content
    assert client_of(olivia).get(f"{site}/get_files/").json()["dumps"] == []
    assert client_of(pat).post(f"{site}/create_archive/").status_code == 403
    assert client_of(pat).get(f"{site}/get_files/").status_code == 403
    mine = client_of(olivia).get("/api/datasets/?type=competition_bundle").json()
    assert not json.dumps(mine).count("archive"), "an archive is no dataset"


def test_the_newest_archive_alone_is_kept_and_for_a_week(competition: Competition, olivia: User, files: Path) -> None:
    before = len(files_in(files))
    archived(competition, olivia)
    second = archived(competition, olivia)
    assert second.exists()
    assert len(files_in(files)) == before + 1
    assert dumping.forget_old() == 0
    Dump.objects.update(finished_when=timezone.now() - dumping.KEPT - timedelta(minutes=1))
    assert dumping.forget_old() == 1
    assert len(files_in(files)) == before
    assert StoredFile.objects.filter(key__contains="archive").count() == 0


def test_a_file_that_is_gone_or_damaged_fails_the_archive_with_its_name(
    rich: Competition, olivia: User, files: Path
) -> None:
    before = files_in(files)
    file = Submission.objects.get(kind="code", parent=None).data.data_file
    content = path_of(file.key)
    content.write_bytes(content.read_bytes()[:-1] + b"!")
    dumping.start_dump(competition=rich, by=olivia, kind="archive")
    background()
    dump = Dump.objects.get()
    assert (dump.status, dump.file) == ("Failed", None)
    assert file.key in dump.details
    assert files_in(files) == before


def test_an_archive_survives_its_site_worker(competition: Competition, olivia: User, files: Path) -> None:
    before = files_in(files)
    dump = dumping.start_dump(competition=competition, by=olivia, kind="archive")
    claimed = dumping._claims.claim(dump.pk)
    half = storage.Sink(dumping._new_key(claimed, [], "archive.zip"))
    half.stream.close()
    Dump.objects.update(alive_until=timezone.now() - timedelta(seconds=1))
    assert dumping.recover() == 1
    background()
    dump.refresh_from_db()
    assert (dump.status, dump.attempt) == ("Finished", 2)
    assert len(files_in(files)) == len(before) + 1, "what was half written is gone"


def test_what_no_bundle_can_say_is_archived_all_the_same(competition: Competition, olivia: User) -> None:
    competition.phases.all().delete()
    with open_competition_archive(archived(competition, olivia)) as archive:
        archive.verify()
        assert archive.manifest.bundle == "It has no phases or no leaderboard."
