"""The pages of numbers: of the site for administrators, of a competition for its organizers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.analytics import plots
from podium.site.analytics.models import CompetitionUsage, OrphanDeletion, UsageDay, UserUsage
from podium.site.analytics.periods import Span
from podium.site.analytics.services import orphans, snapshots
from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.evaluation.models import Run, Submission
from podium.site.queues.models import Queue
from tests.factories import CODE, CompetitionFactory, ParticipantFactory, UserFactory, finished_submission
from tests.site.access_answers import body_of, inline
from tests.site.acting import WorkerDouble, submit
from tests.site.reading_boards import content
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Client = Callable[[User | None], APIClient]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def told(make_competition: Callable[..., Competition], queue: Queue, pat: User, sam: User) -> Competition:
    """A competition in which on one day something went well and on another something did not."""
    competition = make_competition(ingestion=True, phases=2, participants=(pat, sam))
    worker = WorkerDouble(queue)
    good, bad = submit(pat, competition, CODE), submit(sam, competition, CODE)
    worker.finish(worker.job(), programs=[])
    failure = Failure(cause=Cause.TIME_LIMIT, step=Step.PREDICTION, message="Too long", limit="1 s", measured="2 s")
    worker.finish(worker.job(), failure=failure, output=False)
    worker.work_off(accuracy=0.5)
    days = {good.pk: "2024-03-01T23:59:59", bad.pk: "2024-03-03T00:00"}
    for pk, moment in days.items():
        Submission.objects.filter(pk=pk).update(
            created_when=at(moment), started_when=at(moment) + timedelta(seconds=90)
        )
    Run.objects.filter(submission=good, step="prediction").update(sandbox_seconds=20)
    Run.objects.filter(submission=good, step="scoring").update(sandbox_seconds=3)
    Run.objects.filter(submission=bad, step="prediction").update(sandbox_seconds=40)
    Participant.objects.update(created_when=at("2024-02-28"))
    ParticipantFactory(competition=competition, status="pending")
    return competition


def test_organizers_read_the_numbers_of_their_competition(told: Competition, olivia: User, client_of: Client) -> None:
    found = client_of(olivia).get(f"/api/competitions/{told.pk}/statistics/").json()
    assert found["submissions"] == found["submitters"] == 2
    assert found["submissions_per_day"] == {"2024-03-01": 1, "2024-03-03": 1}
    assert found["joined_per_day"] == {"2024-02-28": 2}
    assert found["participants"] == {"approved": 2, "pending": 1}
    assert found["statuses"] == {"Failed": 1, "Finished": 1}
    assert found["failures"] == [{"cause": "The time limit was reached", "fault": "the participant's", "count": 1}]
    assert (found["mean_wait"], found["longest_wait"]) == (90, 90)
    prediction, scoring = sorted(found["run_times"], key=lambda times: times["step"])
    assert (prediction["step"], prediction["runs"], prediction["mean"], prediction["longest"]) == (
        "Prediction",
        2,
        30,
        40,
    )
    assert prediction["spread"]["10 s to 1 min"] == sum(prediction["spread"].values()) == 2
    assert scoring["spread"]["under 10 s"] == scoring["runs"] == 1


def test_the_same_numbers_are_a_table(told: Competition, olivia: User, client_of: Client) -> None:
    answer = client_of(olivia).get(f"/api/competitions/{told.pk}/statistics.csv")
    rows = [tuple(row) for row in csv.reader(io.StringIO(content(answer).decode()))]
    assert rows[0] == ("figure", "of", "number")
    assert {
        ("submissions", "2024-03-01", "1"),
        ("submissions by status", "Finished", "1"),
        ("participants joined", "2024-02-28", "2"),
        ("failures, the participant's fault", "The time limit was reached", "1"),
        ("seconds of prediction", "longest", "40.0"),
    } <= set(rows)


def test_a_phase_is_asked_for_by_its_id(told: Competition, olivia: User, client_of: Client) -> None:
    client, path = client_of(olivia), f"/api/competitions/{told.pk}/statistics/"
    first, second = told.phases.order_by("index")
    assert client.get(f"{path}?phase={first.pk}").json()["submissions"] == 2
    assert client.get(f"{path}?phase={second.pk}").json()["submissions"] == 0
    for wrong in ("x", "0", str(2**70), str(second.pk + 1000)):
        answer = client.get(f"{path}?phase={wrong}")
        assert answer.status_code == 400
        assert "phase" in answer.json()


def test_the_page_shows_numbers_plots_failures_and_the_best_score(
    told: Competition, olivia: User, pat: User, visitor: Visiting
) -> None:
    first = told.phases.get(index=0)
    finished_submission(first, pat, 0.75)
    looking = visitor(olivia)
    page = looking.open(f"/competitions/{told.pk}/statistics/?phase={first.pk}")
    for words in ("3 in all", "The time limit was reached", "the participant's", "Best score", "90 s", "2 runs"):
        assert words in page.text, words
    html = looking.response.content.decode()
    assert html.count("<rect") >= 2
    assert f"/api/competitions/{told.pk}/statistics.csv?phase={first.pk}" in page.links


def test_a_competition_without_anybody_says_so(olivia: User, visitor: Visiting) -> None:
    empty = CompetitionFactory(created_by=olivia)
    assert "Nothing to count yet" in visitor(olivia).open(f"/competitions/{empty.pk}/statistics/").text


def test_a_long_time_is_shown_by_weeks_or_months(told: Competition, olivia: User, visitor: Visiting) -> None:
    Phase.objects.filter(competition=told).update(start=at("2024-01-01"), end=at("2024-03-31"))
    assert "by day" in visitor(olivia).open(f"/competitions/{told.pk}/statistics/").text
    Phase.objects.filter(competition=told).update(end=at("2025-03-31"))
    assert "by week" in visitor(olivia).open(f"/competitions/{told.pk}/statistics/").text


def test_numbers_cost_the_same_queries_however_many_there_are(
    told: Competition, olivia: User, visitor: Visiting
) -> None:
    looking, path = visitor(olivia), f"/competitions/{told.pk}/statistics/"
    looking.open(path)
    with CaptureQueriesContext(connection) as few:
        looking.open(path)
    first = told.phases.get(index=0)
    for number in range(15):
        person = UserFactory()
        ParticipantFactory(competition=told, user=person)
        finished_submission(first, person, float(number))
    caches["local"].clear()
    with CaptureQueriesContext(connection) as many:
        assert "17 in all" in looking.open(path).text
    assert len(many) == len(few)


def test_numbers_of_many_submissions_are_kept_for_a_minute(
    told: Competition, olivia: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, path = client_of(olivia), f"/api/competitions/{told.pk}/statistics/"
    finished_submission(told.phases.get(index=0), olivia, 0.5)
    assert client.get(path).json()["submissions"] == 3
    monkeypatch.setattr("podium.site.analytics.competition.LARGE", 2)
    client.get(path)
    finished_submission(told.phases.get(index=0), olivia, 0.6)
    assert client.get(path).json()["submissions"] == 3
    caches["local"].clear()
    assert client.get(path).json()["submissions"] == 4


def test_others_are_told_that_it_is_for_organizers(told: Competition, pat: User, client_of: Client) -> None:
    for path in (f"/competitions/{told.pk}/statistics/", f"/api/competitions/{told.pk}/statistics/"):
        assert client_of(pat).get(path).status_code == 403


# --- the site ----------------------------------------------------------------------------------------------------


def test_an_administrator_chooses_a_time_and_reads_what_came_to_be(
    told: Competition, ada: User, visitor: Visiting
) -> None:
    looking = visitor(ada)
    page = looking.open("/analytics/?start_date=2024-03-01&end_date=2024-03-31&time_unit=week")
    assert "by week, 2 in all" in page.text
    assert "Submissions as a table" in page.text
    csv_link = next(link for link in page.links if link.startswith("/api/analytics/?"))
    assert "start_date=2024-03-01&end_date=2024-03-31&time_unit=week&format=csv" in csv_link
    assert looking.open("/analytics/").text.count("in all") >= 3, "the last four weeks"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("start_date=2024-03-02&end_date=2024-03-01", "must not lie before"),
        ("start_date=x", "Enter a valid date"),
        ("start_date=1990-01-01&end_date=2024-03-01&time_unit=day", "Choose a longer unit"),
        ("time_unit=year", "not one of the available choices"),
        ("end_date=9999-12-31", "Too late"),
    ],
)
def test_a_time_that_cannot_be_drawn_is_refused_beside_its_field(
    asked: str, message: str, ada: User, visitor: Visiting
) -> None:
    for name in ("", "storage/"):
        assert message in visitor(ada).open(f"/analytics/{name}?{asked}", status=400).text
    assert "by day" in visitor(ada).open(f"/analytics/?{asked}", status=400).text, "the last four weeks are shown"


def test_what_is_stored_is_shown_over_time(told: Competition, ada: User, visitor: Visiting) -> None:
    looking = visitor(ada)
    assert "Not counted yet" in looking.open("/analytics/storage/").text
    now = timezone.now().astimezone(UTC).date()
    for day in (now - timedelta(days=1), now):
        snapshots.take(day_id=UsageDay.objects.create(day=day).pk)
    page = looking.open("/analytics/storage/")
    for words in ("Stored", "By users", "What was stored, as a table", "None among"):
        assert words in page.text
    assert looking.response.content.decode().count("<polyline") == 4


def test_usage_is_listed_by_competition_and_by_person(told: Competition, ada: User, visitor: Visiting) -> None:
    looking = visitor(ada)
    for name in ("competitions", "people"):
        assert "Nothing to show yet" in looking.open(f"/analytics/{name}/").text
    snapshots.take(day_id=UsageDay.objects.create(day=timezone.now().astimezone(UTC).date()).pk)
    page = looking.open("/analytics/competitions/")
    assert "olivia" in page.text
    assert f"/competitions/{told.pk}/statistics/" in page.links
    assert "Nothing found" in looking.open("/analytics/competitions/?search=zebra").text
    page = looking.open("/analytics/people/?search=pat&sort=name")
    assert "/profiles/user/pat/" in page.links
    assert "/profiles/user/olivia/" not in page.links
    assert "Nobody found" in looking.open("/analytics/people/?search=zebra").text


def test_lists_of_usage_cost_the_same_for_many_and_are_paged(ada: User, visitor: Visiting) -> None:
    day = UsageDay.objects.create(day=timezone.now().astimezone(UTC).date(), taken_when=timezone.now())
    looking = visitor(ada)

    def more(count: int) -> list[int]:
        for number in range(count):
            sizes: dict[str, Any] = {"day": day, "datasets": number, "results": 1, "total": number + 1}
            competition = CompetitionFactory()
            CompetitionUsage.objects.create(competition=competition, **sizes)
            UserUsage.objects.create(user=competition.created_by, **sizes)
        asked = []
        for name in ("competitions", "people"):
            with CaptureQueriesContext(connection) as queries:
                looking.open(f"/analytics/{name}/")
            asked.append(len(queries))
        return asked

    more(1)
    assert more(2) == more(60)
    assert "Page 1 of 2" in looking.open("/analytics/people/").text


def test_orphans_are_removed_after_asking(told: Competition, ada: User, files: Path, visitor: Visiting) -> None:
    lost = files / "dataset" / "2024-01-01" / "0123456789abcdef" / "lost.zip"
    lost.parent.mkdir(parents=True)
    lost.write_bytes(b"lost")
    looking = visitor(ada)
    assert "Nobody has looked" in looking.open("/analytics/storage/orphans/").text
    waiting = DBTaskResult.objects.count()
    for _ in range(2):
        assert "looks for orphan files now" in looking.send("/analytics/storage/", {}).text
    assert DBTaskResult.objects.count() == waiting + 1, "one look is enough"
    orphans.look()
    page = looking.open("/analytics/storage/")
    assert "lost.zip" in page.text
    assert "/analytics/storage/orphans/" in page.links
    assert "1 file of 4 bytes" in looking.open("/analytics/storage/orphans/").text
    assert OrphanDeletion.objects.count() == 0, "looking at the question answers nothing"
    assert "under way" in looking.send("/analytics/storage/orphans/", {}).text
    orphans.run_deletion(deletion_id=OrphanDeletion.objects.get().pk)
    assert "0 files removed" in looking.open("/analytics/storage/").text
    assert lost.exists(), "it was written a moment ago"


def test_pages_of_the_site_are_for_administrators(olivia: User, client_of: Client) -> None:
    for name in ("", "storage/", "storage/orphans/", "competitions/", "people/"):
        assert client_of(olivia).get(f"/analytics/{name}").status_code == 403
        assert client_of(None).get(f"/analytics/{name}").status_code == 302
    for name in ("storage/", "storage/orphans/"):
        assert client_of(olivia).post(f"/analytics/{name}").status_code == 403
    assert OrphanDeletion.objects.count() == 0


def test_a_year_is_told_by_months(told: Competition, ada: User, client_of: Client) -> None:
    Competition.objects.filter(pk=told.pk).update(created_when=at("2023-12-31T23:59"))
    CompetitionFactory(published=False, created_by=ada, created_when=at("2024-02-29T12:00"))
    User.objects.update(date_joined=at("2023-01-01"))
    UserFactory(date_joined=at("2024-03-31T23:59:59"))
    answer = client_of(ada).get("/api/analytics/year.csv?year=2024")
    rows = list(csv.DictReader(io.StringIO(content(answer).decode()), delimiter=";"))
    assert [row["month"] for row in rows] == [*(f"2024-{month:02}" for month in range(1, 13)), "Total"]
    january, february, march, total = rows[0], rows[1], rows[2], rows[-1]
    assert (january["total competitions"], february["total competitions"]) == ("1", "2")
    assert (february["public competitions"], february["private competitions"]) == ("1", "1")
    assert (february["new participants"], march["total participants"]) == ("2", "2")
    assert (february["new users"], march["new users"], total["new users"]) == ("0", "1", "1")
    assert (march["new submissions"], march["finished submissions"], march["failed submissions"]) == ("2", "1", "1")
    assert march["submissions per day"] == "0.06"
    assert (february["total submissions"], total["total submissions"]) == ("0", "2")
    for wrong in ("x", "0", "10000", "1e400"):
        assert "year" in client_of(ada).get(f"/api/analytics/year.csv?year={wrong}").json()


def test_published_competitions_are_a_table(
    told: Competition, ada: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline(monkeypatch)
    CompetitionFactory(published=False, title="A secret thing")
    Competition.objects.filter(pk=told.pk).update(title="=1+1", reward="A medal")
    answer = client_of(ada).get("/api/analytics/published.csv")
    (row,) = csv.DictReader(io.StringIO(body_of(answer).decode()), delimiter=";")
    assert row["title"] == "'=1+1", "no spreadsheet runs it"
    assert (row["participants"], row["submissions"], row["phases"], row["reward"]) == ("2", "2", "2", "A medal")
    assert row["url"].endswith(f"/competitions/{told.pk}/")


def test_bars_stand_at_their_periods_on_a_round_scale() -> None:
    span = Span(date(2024, 1, 30), date(2024, 2, 2))
    drawn = plots.bars(span, "day", {date(2024, 1, 31): 3, date(2024, 2, 2): 7})
    assert (drawn.top, drawn.total) == (10, 10)
    assert [bar.height for bar in drawn.bars] == [0, 72, 0, 168]
    assert [bar.x + bar.width / 2 for bar in drawn.bars] == [125, 375, 625, 875], "in the middle of its quarter"
    assert {bar.width for bar in drawn.bars} == {48}, "few bars are not as wide as their place"
    assert all(bar.y + bar.height == plots.HEIGHT for bar in drawn.bars)
    assert [bar.label for bar in drawn.listed] == ["2 Feb 2024", "31 Jan 2024"]
    assert plots.bars(span, "day", {}).top == 1


def test_a_line_of_one_day_crosses_the_drawing() -> None:
    ((_, points),) = plots.lines([date(2024, 1, 1)], {"total": [5]}).lines
    assert points == "0.0,12.0 1000,12.0"
