"""The numbers of the site: who gets them, what they count, and what the clean-up of the storage leaves alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.analytics.models import CompetitionUsage, Orphan, OrphanCheck, OrphanDeletion, UsageDay, UserUsage
from podium.site.analytics.services import orphans, snapshots
from podium.site.audit.models import AuditEntry
from podium.site.competitions.models import Competition, Dump
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.resources import quota, storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import StoredFile
from tests.factories import RESULT, CompetitionFactory, UserFactory, dataset
from tests.site.acting import WorkerDouble, submit, uploaded
from tests.site.database_reading import Reading
from tests.site.reading_boards import content

Client = Callable[[User | None], APIClient]
SPAN = "start_date=2024-01-30&end_date=2024-02-02"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def taken(day: date | None = None) -> UsageDay:
    """A day on which the storage was counted."""
    row = UsageDay.objects.create(day=day or timezone.now().astimezone(UTC).date())
    assert snapshots.take(day_id=row.pk)
    row.refresh_from_db()
    return row


# --- what came to be ---------------------------------------------------------------------------------------------


@pytest.fixture
def january(ada: User, olivia: User, competition: Competition, pat: User) -> None:
    """What came to be at the edges of four days; everything else is of another time."""
    User.objects.update(date_joined=at("2020-01-01"))
    Competition.everything.update(created_when=at("2020-01-01"))
    User.objects.filter(pk=olivia.pk).update(date_joined=at("2024-01-29T23:59:59.999999"))
    User.objects.filter(pk=pat.pk).update(date_joined=at("2024-01-30"))
    Competition.objects.filter(pk=competition.pk).update(created_when=at("2024-02-02T23:59:59.999999"))
    for moment in ("2024-01-31T12:00", "2024-02-01T00:00", "2024-02-03T00:00"):
        Submission.objects.filter(pk=submit(pat, competition).pk).update(created_when=at(moment))


@pytest.mark.parametrize(
    ("unit", "submissions"),
    [
        ("day", {"2024-01-31T00:00:00Z": 1, "2024-02-01T00:00:00Z": 1}),
        ("week", {"2024-01-29T00:00:00Z": 2}),
        ("month", {"2024-01-01T00:00:00Z": 1, "2024-02-01T00:00:00Z": 1}),
    ],
)
def test_both_days_of_a_span_count_whole_in_the_totals_and_in_the_series(
    january: None, ada: User, client_of: Client, unit: str, submissions: dict[str, int]
) -> None:
    answer = client_of(ada).get(f"/api/analytics/?{SPAN}&time_unit={unit}")
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {
        *("registered_user_count", "competition_count", "competitions_published_count", "submissions_made_count"),
        *("users_data", "competitions_data", "submissions_data", "start_date", "end_date", "time_unit"),
    }
    assert {point["_datefield"]: point["count"] for point in told["submissions_data"]} == submissions
    assert told["submissions_made_count"] == 2
    assert told["registered_user_count"] == sum(point["count"] for point in told["users_data"]) == 1
    assert told["competition_count"] == told["competitions_published_count"] == 1
    assert (told["start_date"], told["end_date"], told["time_unit"]) == ("2024-01-30", "2024-02-02", unit)


def test_parts_of_a_submission_for_several_tasks_count_as_one(
    make_competition: Callable[..., Competition], ada: User, pat: User, client_of: Client
) -> None:
    submit(pat, make_competition(tasks=3))
    today = timezone.now().astimezone(UTC).date()
    told = client_of(ada).get(f"/api/analytics/?start_date={today}&end_date={today}&time_unit=day").json()
    assert Submission.objects.count() == 4
    assert told["submissions_made_count"] == 1


def test_the_series_are_a_table_too(january: None, ada: User, client_of: Client) -> None:
    answer = client_of(ada).get(f"/api/analytics/?{SPAN}&time_unit=day&format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert content(answer).decode().split() == [
        "day,users,competitions,submissions",
        "2024-01-30,1,0,0",
        "2024-01-31,0,0,1",
        "2024-02-01,0,0,1",
        "2024-02-02,0,1,0",
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("", "start_date"),
        ("start_date=2024-01-01&time_unit=day", "end_date"),
        ("start_date=2024-01-01&end_date=2024-01-02", "time_unit"),
        ("start_date=01.02.2024&end_date=2024-01-02&time_unit=day", "start_date"),
        ("start_date=2024-01-01&end_date=2024-02-30&time_unit=day", "end_date"),
        ("start_date=2024-01-02&end_date=2024-01-01&time_unit=day", "end_date"),
        ("start_date=2024-01-01&end_date=9999-12-31&time_unit=month", "end_date"),
        ("start_date=2024-01-01&end_date=2024-01-02&time_unit=year", "time_unit"),
        ("start_date=%00&end_date=2024-01-02&time_unit=day", "start_date"),
    ],
)
def test_what_is_missing_or_wrong_is_named(ada: User, client_of: Client, asked: str, field: str) -> None:
    for more in ("", "&format=csv"):
        answer = client_of(ada).get(f"/api/analytics/?{asked}{more}")
        assert answer.status_code == 400
        assert field in json.loads(answer.content)


def test_the_series_cost_the_same_however_much_there_is(january: None, ada: User, client_of: Client) -> None:
    client, path = client_of(ada), f"/api/analytics/?{SPAN}&time_unit=day"
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    for number in range(20):
        CompetitionFactory(created_when=at("2024-01-31") + timedelta(hours=number), created_by=ada)
        UserFactory(date_joined=at("2024-01-31") + timedelta(hours=number))
    with CaptureQueriesContext(connection) as many:
        assert client.get(path).json()["competition_count"] == 21
    assert len(few) == len(many)


def test_the_series_read_the_submissions_of_their_time_and_no_others(
    competition: Competition, pat: User, ada: User, client_of: Client
) -> None:
    submission = submit(pat, competition)
    Submission.objects.update(created_when=at("2024-01-31"))
    client, path = client_of(ada), f"/api/analytics/?{SPAN}&time_unit=day"
    client.get(path)
    with Reading() as few:
        assert client.get(path).json()["submissions_made_count"] == 1
    facts = {"phase": submission.phase, "owner": pat, "kind": "result", "created_when": at("2023-01-01")}
    Submission.objects.bulk_create(Submission(**facts) for _ in range(500))
    if connection.vendor == "postgresql":
        connection.cursor().execute("ANALYZE")
    with Reading() as many:
        assert client.get(path).json()["submissions_made_count"] == 1
    assert many.count() <= few.count() + 100


# --- what is stored ----------------------------------------------------------------------------------------------


@pytest.fixture
def used(competition: Competition, pat: User, sam: User, queue: Queue) -> Competition:
    """A competition with a finished submission, and somebody with a dataset of their own."""
    submit(pat, competition)
    worker = WorkerDouble(queue)
    worker.work_off(accuracy=0.5)
    dataset(sam)
    return competition


def test_a_day_sums_up_to_what_the_quota_says_and_to_what_lies_on_the_disk(
    used: Competition, pat: User, sam: User, olivia: User, files: Path
) -> None:
    day = taken()
    kept = [path for path in files.glob("*/*/*/*") if path.is_file()]
    assert day.files == len(kept) == StoredFile.objects.count()
    assert day.stored == sum(path.stat().st_size for path in kept)
    assert day.orphans == 0
    assert day.total == day.users + day.site == day.stored
    for person in (pat, sam, olivia):
        row, now = UserUsage.objects.get(day=day, user=person), quota.usage(person)
        assert row.total == now.used
        assert row.results == now.results + now.logs
    assert UserUsage.objects.get(day=day, user=pat).results > 0
    assert day.users == sum(row.total for row in UserUsage.objects.filter(day=day))
    row = CompetitionUsage.objects.get(day=day)
    assert row.competition == used
    submitted = quota.usage(pat)
    assert row.results == submitted.results + submitted.logs
    assert day.competitions == row.total == day.stored - quota.usage(sam).used


def test_a_file_that_two_competitions_use_counts_for_each_and_once_for_the_site(
    used: Competition, make_competition: Callable[..., Competition]
) -> None:
    other = make_competition()
    first, second = (each.phases.get().phase_tasks.get() for each in (used, other))
    second.task = first.task
    second.save()
    day = taken()
    rows = {row.competition_id: row for row in CompetitionUsage.objects.filter(day=day)}
    shared = sum(file.size for file in _files_of(first.task))
    assert day.competitions == rows[used.pk].total + rows[other.pk].total - shared


def _files_of(task: Any) -> Iterator[StoredFile]:
    version = task.versions.get()
    for part in (version.scoring_program, version.reference_data):
        yield part.data_file


def test_a_day_is_asked_for_once_and_again_when_nobody_took_it(used: Competition) -> None:
    assert snapshots.take_due()
    assert not snapshots.take_due()
    assert DBTaskResult.objects.count() == 1
    UsageDay.objects.update(asked_when=timezone.now() - snapshots.AGAIN)
    assert snapshots.take_due(), "its site-worker may have died"
    day = UsageDay.objects.get()
    assert snapshots.take(day_id=day.pk)
    assert not snapshots.take(day_id=day.pk), "both tasks run in the end"
    UsageDay.objects.update(asked_when=timezone.now() - snapshots.AGAIN)
    assert not snapshots.take_due()
    assert CompetitionUsage.objects.count() == 1


def test_what_became_of_old_days_is_one_of_each_month(used: Competition, settings: Any) -> None:
    today = timezone.now().astimezone(UTC).date()
    first = (today - timedelta(days=500)).replace(day=1)
    for day in (first, first + timedelta(days=1), first + timedelta(days=2), today):
        taken(day)
    snapshots.thin_out()
    for model in (CompetitionUsage, UserUsage):
        assert {row.day.day for row in model.objects.all()} == {first, today}
    assert UsageDay.objects.count() == 4, "of the whole site every day is kept"


def test_history_and_usage_have_codabenchs_shapes(used: Competition, ada: User, pat: User, client_of: Client) -> None:
    client, day = client_of(ada), taken()
    key = day.day.isoformat()
    history = client.get("/api/analytics/storage_usage_history/").json()
    assert history["storage_usage_history"] == {
        key: {
            "total_usage": day.total,
            "competitions_usage": day.competitions,
            "users_usage": day.users,
            "admin_usage": day.site,
            "orphaned_file_usage": 0,
        }
    }
    assert history["last_storage_calculation_date"]
    (found,) = client.get("/api/analytics/competitions_usage/").json()["competitions_usage"][key].values()
    row = CompetitionUsage.objects.get()
    assert found["snapshot_id"] == row.pk
    assert (found["title"], found["organizer"]) == (used.title, "olivia")
    assert (found["datasets"], found["results"]) == (row.datasets, row.results)
    people = client.get("/api/analytics/users_usage/").json()["users_usage"][key]
    mine = UserUsage.objects.get(user=pat)
    told = people[str(pat.pk)]
    assert set(told) == {"snapshot_id", "name", "date_joined", "datasets", "submissions"}
    assert (told["name"], told["datasets"], told["submissions"]) == ("pat", mine.datasets, mine.results)


def test_before_the_first_day_there_is_nothing_and_no_error(ada: User, client_of: Client) -> None:
    for name in ("storage_usage_history", "competitions_usage", "users_usage"):
        told = client_of(ada).get(f"/api/analytics/{name}/").json()
        assert told == {"last_storage_calculation_date": None, name: {}}


def test_of_a_week_or_month_the_last_day_that_was_counted_is_told(
    used: Competition, ada: User, client_of: Client
) -> None:
    for day in ("2024-01-29", "2024-02-01", "2024-02-02", "2024-02-06"):
        taken(date.fromisoformat(day))
    span = "start_date=2024-01-01&end_date=2024-02-29"
    for unit, days in (
        ("day", ["2024-01-29", "2024-02-01", "2024-02-02", "2024-02-06"]),
        ("week", ["2024-02-02", "2024-02-06"]),
        ("month", ["2024-01-29", "2024-02-06"]),
    ):
        for name in ("storage_usage_history", "competitions_usage", "users_usage"):
            told = client_of(ada).get(f"/api/analytics/{name}/?{span}&resolution={unit}").json()
            assert list(told[name]) == days


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("start_date=2024-13-01", "start_date"),
        ("start_date=2024-01-02&end_date=2024-01-01", "end_date"),
        ("resolution=hour", "resolution"),
        ("start_date=2000-01-01&end_date=2024-01-01", "resolution"),
    ],
)
def test_a_span_that_cannot_be_told_is_refused_by_name(ada: User, client_of: Client, asked: str, field: str) -> None:
    for name in ("storage_usage_history", "competitions_usage", "users_usage"):
        answer = client_of(ada).get(f"/api/analytics/{name}/?{asked}")
        assert answer.status_code == 400
        assert field in answer.json()


def test_usage_is_told_of_those_who_took_most_page_by_page(ada: User, client_of: Client) -> None:
    day = UsageDay.objects.create(day=timezone.now().astimezone(UTC).date(), taken_when=timezone.now())
    people = [UserFactory() for _ in range(5)]
    for size, person in enumerate(people):
        UserUsage.objects.create(day=day, user=person, datasets=size, results=size, total=2 * size)
    client = client_of(ada)
    first = client.get("/api/analytics/users_usage/?page_size=2")
    (told,) = first.json()["users_usage"].values()
    assert set(told) == {str(person.pk) for person in people[3:]}
    assert "page=2" in first["Link"]
    (told,) = client.get("/api/analytics/users_usage/?page_size=2&page=3").json()["users_usage"].values()
    assert set(told) == {str(people[0].pk)}
    with CaptureQueriesContext(connection) as asked:
        client.get("/api/analytics/users_usage/")
    assert len(asked) <= 8


# --- files that nothing refers to --------------------------------------------------------------------------------


def orphan(files: Path, name: str = "lost.zip") -> Path:
    path = files / "dataset" / "2024-01-01" / "0123456789abcdef" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"lost")
    return path


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts as old: a file's change time, which the system sets, cannot lie in the past."""
    from django.conf import settings  # noqa: PLC0415 - the one configuration that is read

    monkeypatch.setattr(settings, "CONFIG", settings.CONFIG.model_copy(update={"forgotten_seconds": -1}))


def deleted(by: User) -> OrphanDeletion:
    """A deletion that was asked for and carried out."""
    deletion = orphans.start_deletion(by=by)
    orphans.run_deletion(deletion_id=deletion.pk)
    deletion.refresh_from_db()
    return deletion


def test_orphans_are_found_listed_and_removed(
    used: Competition, ada: User, files: Path, client_of: Client, no_grace: None
) -> None:
    client, lost = client_of(ada), orphan(files)
    assert client.get("/api/analytics/get_orphan_files/").status_code == 404, "nobody has looked"
    assert client.delete("/api/analytics/delete_orphan_files/").status_code == 404
    assert client.get("/api/analytics/check_orphans_deletion_status/").json()["status"] is None
    orphans.look()
    key = str(lost.relative_to(files))
    assert client.get("/api/analytics/get_orphan_files/").json() == {"data": [key]}
    kept = {path for path in files.glob("*/*/*/*") if path != lost}
    answer = client.delete("/api/analytics/delete_orphan_files/")
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert client.get("/api/analytics/check_orphans_deletion_status/").json()["status"] == "PENDING"
    (deletion,) = OrphanDeletion.objects.all()
    orphans.run_deletion(deletion_id=deletion.pk)
    told = client.get("/api/analytics/check_orphans_deletion_status/").json()
    assert told == {"status": "SUCCESS", "removed": 1, "freed": 4}
    assert {*files.glob("*/*/*/*")} == kept
    assert client.get("/api/analytics/get_orphan_files/").json() == {"data": []}, "and it was looked anew"


def test_what_was_written_lately_stays(ada: User, files: Path, db: None) -> None:
    lost = orphan(files)
    orphans.look()
    assert Orphan.objects.get().size == 4
    deletion = deleted(ada)
    assert deletion.status == "SUCCESS"
    assert deletion.removed == 0
    assert lost.exists(), "its row may be in a transaction under way"
    assert Orphan.objects.count() == 1


def test_what_has_found_its_row_since_it_was_looked_for_stays(ada: User, files: Path, no_grace: None, db: None) -> None:
    first, second = orphan(files), orphan(files, "other.zip")
    orphans.look()
    storage.record_existing(str(first.relative_to(files)))
    assert deleted(ada).removed == 1
    assert first.exists()
    assert not second.exists()


def test_what_a_job_under_way_has_written_stays(used: Competition, ada: User, files: Path, no_grace: None) -> None:
    lost = orphan(files)
    dump = Dump.objects.create(competition=used, created_by=ada, files=[str(lost.relative_to(files))], attempt=1)
    orphans.look()
    assert deleted(ada).removed == 0
    assert lost.exists()
    Dump.objects.filter(pk=dump.pk).update(finished_when=timezone.now())
    assert deleted(ada).removed == 1


def test_uploads_under_way_are_no_orphans(used: Competition, pat: User, ada: User, files: Path, no_grace: None) -> None:
    uploading = uploaded(pat, RESULT)
    before = sorted(path for path in files.rglob("*") if path.is_file())
    check = orphans.look()
    assert check.orphans == 0
    assert deleted(ada).removed == 0
    assert sorted(path for path in files.rglob("*") if path.is_file()) == before
    assert storage.incoming_size(uploading.incoming_key) == len(RESULT)


def test_a_row_without_content_is_counted(used: Competition, files: Path) -> None:
    file = StoredFile.objects.order_by("pk")[0]
    path_of(file.key).unlink()
    check = orphans.look()
    assert (check.missing, check.orphans) == (1, 0)
    assert OrphanCheck.objects.count() == 1


def test_a_name_that_is_no_text_stops_nobody(used: Competition, files: Path, no_grace: None, ada: User) -> None:
    lost = orphan(files)
    strange = os.fsencode(lost.parent) + b"/\xff\xfe.zip"
    Path(os.fsdecode(strange)).write_bytes(b"x")
    assert orphans.look().orphans == 1
    assert deleted(ada).removed == 1
    assert storage.discard_orphans(older_than_seconds=-1) == 0


def test_a_deletion_under_way_is_left_to_go_on_and_outlives_its_site_worker(ada: User, files: Path, db: None) -> None:
    orphans.look()
    first = orphans.start_deletion(by=ada)
    assert orphans.start_deletion(by=ada) == first
    assert AuditEntry.objects.filter(action="storage.orphans_deleted", actor=ada).count() == 1
    past = timezone.now() - timedelta(hours=1)
    OrphanDeletion.objects.update(status="STARTED", attempt=1, alive_until=past)
    assert orphans.recover() == 1
    first.refresh_from_db()
    assert (first.status, first.alive_until) == ("PENDING", None)
    OrphanDeletion.objects.update(status="STARTED", attempt=3, alive_until=past)
    assert orphans.recover() == 1
    first.refresh_from_db()
    assert first.status == "FAILURE"
    assert "interrupted 3 times" in first.details
    assert orphans.start_deletion(by=ada) != first


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (f"get /api/analytics/?{SPAN}&time_unit=day", 404),
        (f"get /api/analytics/?{SPAN}&time_unit=day&format=csv", 404),
        ("get /api/analytics/storage_usage_history/", 403),
        ("get /api/analytics/competitions_usage/", 403),
        ("get /api/analytics/users_usage/", 403),
        ("get /api/analytics/get_orphan_files/", 403),
        ("delete /api/analytics/delete_orphan_files/", 403),
        ("get /api/analytics/check_orphans_deletion_status/", 403),
    ],
)
def test_only_administrators_are_told(asked: str, refused: int, olivia: User, ada: User, client_of: Client) -> None:
    orphans.look()
    method, path = asked.split()
    staff = UserFactory(is_staff=True)
    assert getattr(client_of(None), method)(path).status_code == 403
    for person in (olivia, staff):
        assert getattr(client_of(person), method)(path).status_code == refused
    assert OrphanDeletion.objects.count() == 0
    assert getattr(client_of(ada), method)(path).status_code == 200
