"""Beside the board: its uncertainty, its past, its best over time, and why a row stands where it stands."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from podium.protocol import Score
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.leaderboards import views
from podium.site.leaderboards.exports import as_csv, sheets
from podium.site.leaderboards.models import Column, Standing
from podium.site.pages.times import exact_text
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import WorkerDouble, fresh, scores, submit
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]
TWO = [
    {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc"},
    {"title": "Time", "key": "time", "index": 1, "sorting": "asc"},
]


class Race:
    """Submissions that finish at once, with or without intervals."""

    def __init__(self, competition: Competition, queue: Queue) -> None:
        self.competition = competition
        self.worker = WorkerDouble(queue)
        self.address = f"/competitions/{competition.pk}/results/"
        self.task = competition.phases.get().tasks.get().pk

    def run(self, user: User, half: float | None = None, **values: float) -> Submission:
        given = scores(**values)
        if half is not None:
            accuracy = values["accuracy"]
            given["accuracy"] = Score(
                value=accuracy, text=repr(accuracy), low=accuracy - half, high=accuracy + half, interval="ci"
            )
        submission = submit(user, self.competition)
        self.worker.finish(self.worker.job(), given)
        return fresh(submission)


@pytest.fixture
def race(make_competition: Making, queue: Queue, sam: User, pat: User) -> Callable[..., Race]:
    def make(**bundle: Any) -> Race:
        return Race(make_competition(participants=(pat, sam), **{"rule": "Force_Best", **bundle}), queue)

    return make


def _rows(client: Any, address: str) -> list[dict[str, Any]]:
    return client.get(address).json()["submissions"]


# Uncertainty


def test_an_interval_stands_beside_its_score_and_neighbours_within_noise_are_marked(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User, client_of: Callable[..., Any]
) -> None:
    run = race()
    third = UserFactory(username="third")
    ParticipantFactory(competition=run.competition, user=third)
    first, second = run.run(pat, 0.02, accuracy=0.91), run.run(sam, 0.02, accuracy=0.88)
    last = run.run(third, 0.01, accuracy=0.5)
    page = visitor().open(run.address)
    assert "0.91 ± 0.02" in page.text
    assert page.text.count("within noise of a neighbour") == 2
    assert "tied within noise" in page.text
    rows = _rows(client_of(None), f"/api/phases/{run.competition.phases.get().pk}/get_leaderboard/")
    assert [row["id"] for row in rows] == [first.pk, second.pk, last.pk], "no rank changes"
    assert [row["within_noise"] for row in rows] == [True, True, False]
    assert rows[0]["scores"][0]["low"] == pytest.approx(0.89)
    assert rows[0]["scores"][0]["high"] == pytest.approx(0.93)
    assert rows[0]["scores"][0]["interval"] == "ci"
    (sheet,) = sheets(run.competition, run.competition.created_by)
    heading, line, *_ = b"".join(as_csv(sheet)).decode().splitlines()
    assert heading.split(",")[2:] == [f"Task 0({run.task})-Accuracy{end}" for end in ("", " low", " high")]
    assert [float(cell) for cell in line.split(",")[2:]] == [0.91, pytest.approx(0.89), pytest.approx(0.93)]


def test_a_board_without_intervals_says_nothing_of_noise(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User
) -> None:
    run = race()
    run.run(pat, accuracy=0.9)
    run.run(sam, accuracy=0.9)
    text = visitor().open(run.address).text
    assert "±" not in text
    assert "noise" not in text


def test_noise_is_seen_across_the_border_of_two_pages(
    race: Callable[..., Race], pat: User, sam: User, client_of: Callable[..., Any]
) -> None:
    run = race()
    run.run(pat, 0.02, accuracy=0.91)
    run.run(sam, 0.02, accuracy=0.9)
    address = f"/api/phases/{run.competition.phases.get().pk}/get_leaderboard/?page_size=1&page="
    assert [_rows(client_of(None), f"{address}{page}")[0]["within_noise"] for page in (1, 2)] == [True, True]


# The board as of a moment


def test_the_board_is_shown_as_it_was(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User, client_of: Callable[..., Any]
) -> None:
    run = race()
    old = run.run(pat, accuracy=0.4)
    moment = timezone.now()
    new = run.run(pat, accuracy=0.9)
    other = run.run(sam, accuracy=0.6)
    api = f"/api/phases/{run.competition.phases.get().pk}/get_leaderboard/"
    assert [row["id"] for row in _rows(client_of(None), api)] == [new.pk, other.pk]
    then = client_of(None).get(api, {"as_of": moment.isoformat()}).json()
    assert [(row["id"], row["rank"], row["owner"]) for row in then["submissions"]] == [(old.pk, 1, "pat")]
    assert then["as_of"]
    assert then["complete_since"] is None
    page = visitor().open(f"{run.address}?as_of={moment:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert "0.40" in page.text
    assert "0.90" not in page.text
    assert "sam" not in page.text
    assert "by the record of entries" in page.text


def test_a_board_of_another_moment_is_printed_from_one_page(
    race: Callable[..., Race], visitor: Visiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 1)
    run = race()
    people = [ParticipantFactory(competition=run.competition).user for _ in range(3)]
    for place, person in enumerate(people):
        run.run(person, accuracy=0.9 - place / 10)
    somebody, address = visitor(), f"{run.address}?as_of={timezone.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    (link,) = [each for each in somebody.open(address).links if "rows=all" in each]
    page = somebody.open(link)
    assert [person.username in page.text for person in people] == [True] * 3
    assert "All rows are on this page, for printing." in page.text
    assert not [each for each in page.links if "page=" in each]
    assert (
        "rows=all" in somebody.response.content.decode().split('<header class="print-head">')[1].split("</header>")[0]
    )
    monkeypatch.setattr(views, "WHOLE", 2)
    following = next(each for each in somebody.open(link).links if "page=2" in each)
    assert "Rows 3 to 3 of 3, for printing; the others are on further pages." in somebody.open(following).text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("2098-01-01T00:00Z", "is in the future"),
        ("2001-01-01", "is before the phase began, which was on 1 Jan 2020, 00:00 UTC"),
        ("yesterday", "This is not a moment"),
        ("2026-02-30T00:00Z", "This is not a moment"),
        ("0001-01-01T00:00+14:00", "This is not a moment"),
        ("9" * 5000, "This is not a moment"),
    ],
)
def test_a_moment_that_cannot_be_shown_is_refused_in_words(
    asked: str, words: str, competition: Competition, visitor: Visiting, client_of: Callable[..., Any]
) -> None:
    page = visitor().open(f"/competitions/{competition.pk}/results/?as_of={asked}", status=400)
    assert words in page.text
    answer = client_of(None).get(f"/api/phases/{competition.phases.get().pk}/get_leaderboard/?as_of={asked}")
    assert answer.status_code == 400
    assert words in answer.json()["as_of"][0]


def test_who_was_banned_or_deleted_since_keeps_the_place_and_is_named_to_organizers_only(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User, olivia: User, client_of: Callable[..., Any]
) -> None:
    run = race()
    banned = run.run(pat, accuracy=0.9)
    deleted = run.run(sam, accuracy=0.5)
    moment = timezone.now()
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    deletion.delete(submission=deleted, by=olivia)
    api = f"/api/phases/{run.competition.phases.get().pk}/get_leaderboard/"
    asked = {"as_of": moment.isoformat()}
    public = client_of(None).get(api, asked).json()["submissions"]
    assert [(row["rank"], row["id"], row["owner"], row["scores"]) for row in public] == [
        (1, None, None, []),
        (2, None, None, []),
    ]
    organizer = client_of(olivia).get(api, asked).json()["submissions"]
    assert [(row["rank"], row["id"]) for row in organizer] == [(1, banned.pk), (2, None)]
    text = visitor().open(f"{run.address}?as_of={moment:%Y-%m-%dT%H:%M:%S.%fZ}").text
    assert text.count("removed since") == 2
    assert "0.90" not in text


# Over time


def test_the_best_score_over_time_is_drawn_and_listed(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User
) -> None:
    run = race()
    for user, value in ((pat, 0.4), (sam, 0.6), (pat, 0.5), (pat, 0.8), (sam, 0.7)):
        run.run(user, accuracy=value)
    somebody = visitor(sam)
    page = somebody.open(f"{run.address}progress/")
    html = somebody.response.content.decode()
    assert "from 0.40 to 0.80 in 3 steps" in page.text
    assert html.count("<polyline") == 2
    assert "Your best" in page.text
    somebody = visitor()
    assert "Your best" not in somebody.open(f"{run.address}progress/").text
    assert somebody.response.content.decode().count("<polyline") == 1


def test_a_board_without_entries_has_no_line(visitor: Visiting, competition: Competition) -> None:
    assert "No score yet" in visitor().open(f"/competitions/{competition.pk}/results/progress/").text


def test_a_long_history_is_read_in_the_same_queries_and_drawn_in_few_points(
    race: Callable[..., Race], visitor: Visiting, pat: User
) -> None:
    run = race()
    first = run.run(pat, accuracy=0.1)

    def asked() -> tuple[int, str]:
        somebody = visitor(pat)
        with CaptureQueriesContext(connection) as queries:
            somebody.open(f"{run.address}progress/")
        return len(queries), somebody.response.content.decode()

    few, _ = asked()
    standing = Standing.objects.get()
    Standing.objects.bulk_create(
        Standing(
            phase=standing.phase,
            submission=first,
            owner=pat,
            column=standing.column,
            value=place,
            sort_key=standing.sort_key,
            since=standing.since + timedelta(seconds=place),
            until=standing.since + timedelta(seconds=place + 1),
        )
        for place in range(1, 1000)
    )
    many, html = asked()
    assert many == few
    line = html.split('class="plot__best" points="')[1].split('"')[0]
    assert len(line.split()) == 400, "two corners for each of 200 points"
    assert html.count('scope="row"') == 50


# Why a row stands where it stands


def test_a_participant_reads_what_decides_and_what_would_gain_a_place(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User
) -> None:
    run = race(columns=TWO)
    run.run(sam, accuracy=0.9, time=3.0)
    worse = run.run(pat, accuracy=0.1, time=1.0)
    mine = run.run(pat, accuracy=0.9, time=7.5)
    page = visitor(pat).open(f"{run.address}{mine.pk}/")
    assert "Why you are at place 2" in page.text
    assert "Accuracy: equal. Time decides (lower is better)" in page.text
    assert "needs more than 0.9 in Accuracy" in page.text
    assert "Nobody stands below" in page.text
    assert "stands on the leaderboard" in page.text
    assert "is not better than the one that stands" in page.text
    assert str(worse.pk) in page.text
    assert f"{run.address}{mine.pk}/" in visitor(pat).open(run.address).links
    assert f"{run.address}{mine.pk}/" not in visitor(sam).open(run.address).links


def test_equal_rows_are_told_apart_by_the_earlier_submission(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User, olivia: User
) -> None:
    run = race()
    first = run.run(pat, accuracy=0.0)
    later = run.run(sam, accuracy=-0.0)
    page = visitor(olivia).open(f"{run.address}{later.pk}/")
    assert "is equal in every column that orders the leaderboard (Accuracy)" in page.text
    there, here = (exact_text(one.created_when) for one in (first, later))
    assert there != here, "also within one minute"
    assert f"The earlier submission stands first: {here} here, {there} there." in page.text


def test_nothing_is_told_of_a_hidden_column_that_orders_the_board(
    race: Callable[..., Race], visitor: Visiting, pat: User, sam: User, olivia: User
) -> None:
    run = race(columns=TWO)
    run.run(sam, accuracy=0.875, time=1.0)
    mine = run.run(pat, accuracy=0.625, time=1.0)
    Column.objects.filter(key="accuracy").update(hidden=True)
    text = visitor(pat).open(f"{run.address}{mine.pk}/").text
    assert "ordered by a column that the organizers have hidden" in text
    assert not [secret for secret in ("Accuracy", "0.875", "0.625", "decides (", "needs") if secret in text]
    assert "0.875" in visitor(olivia).open(f"{run.address}{mine.pk}/").text
    assert "hidden the column" in visitor(pat).open(f"{run.address}progress/").text


def test_an_explanation_asks_the_same_however_long_the_board_is(
    race: Callable[..., Race], visitor: Visiting, pat: User
) -> None:
    run = race()
    mine = run.run(pat, accuracy=0.5)
    counts = []
    for _ in range(2):
        for value in (0.1, 0.9):
            person = UserFactory()
            ParticipantFactory(competition=run.competition, user=person)
            run.run(person, accuracy=value)
        somebody = visitor(pat)
        with CaptureQueriesContext(connection) as queries:
            somebody.open(f"{run.address}{mine.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
