"""What pages of a large board read of the database, and that its blocks are counted right in the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from podium.protocol import Score as ReportedScore
from podium.ranking.keys import sort_key_hex
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.evaluation.sweeper import SELDOM_SECONDS, Sweeper
from podium.site.leaderboards import services
from podium.site.leaderboards.models import Block, Column, Entry, Leaderboard, Score
from podium.site.leaderboards.positions import Positions
from podium.site.leaderboards.services import places, recount
from tests.factories import CompetitionFactory, UserFactory, finished_submission, phase_with_board
from tests.site.database_reading import Reading

Client = Callable[[User | None], APIClient]
PER_PAGE = 50


def _fill(phase: Phase, numbers: range) -> None:
    """People on the board, written in bulk; their rows are as wide as real ones, since a planner looks at that."""
    column, now = Column.objects.get(leaderboard=phase.leaderboard_id), timezone.now()
    people = User.objects.bulk_create(
        [
            User(username=f"p{n:05}", email=f"p{n:05}@example.org", password="x" * 90, biography="b" * 400)
            for n in numbers
        ]
    )
    facts: dict[str, Any] = {"phase": phase, "kind": "result", "status": "Finished", "finished_when": now}
    rows = Submission.objects.bulk_create([Submission(owner=one, description="d" * 240, **facts) for one in people])
    values = [float(n * 7919 % 10007) for n in numbers]
    Score.objects.bulk_create(
        Score(submission=row, column=column, value=value, text=repr(value))
        for row, value in zip(rows, values, strict=True)
    )
    ranked = [services.ranking_column(column)]
    Entry.objects.bulk_create(
        Entry(
            leaderboard_id=phase.leaderboard_id, phase=phase, submission=row, owner=row.owner, name=row.owner.username,
            sort_key=sort_key_hex(ranked, 0, {column.key: value}, row.created_when, row.pk),
        )
        for row, value in zip(rows, values, strict=True)
    )  # fmt: skip
    places.rebuild(phase.pk)


BOUND = {"postgresql": 1000, "sqlite": 12_000}
"""Rows, or steps of the machine: a quarter of what reading each entry of the board once would take."""


def test_pages_and_verdicts_of_a_large_board_read_a_small_part_of_it(olivia: User, client_of: Client) -> None:
    phase, client = phase_with_board(CompetitionFactory(created_by=olivia)), client_of(olivia)
    Leaderboard.objects.update(submission_rule="Force_Best")
    _fill(phase, range(4000))
    caches["local"].clear()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":  # a planner may read a table of 4,000 rows whole; it must not need to
            cursor.execute("SET LOCAL enable_seqscan = off")
    page, last = f"/competitions/{phase.competition_id}/results/?phase={phase.pk}", 4000 // PER_PAGE
    found = {}
    for what, address in {
        "first": page,
        "middle": f"{page}&page={last // 2}",
        "last": f"{page}&page={last}",
        "search": f"{page}&search=p00101",
        "API": f"/api/phases/{phase.pk}/get_leaderboard/?page={last}&page_size={PER_PAGE}",
    }.items():
        assert client.get(address).status_code == 200
        with Reading() as reading:
            assert client.get(address).status_code == 200
        found[what] = reading.count()
    facts = {"phase": phase, "kind": "result", "status": "Finished", "finished_when": timezone.now()}
    made = Submission.objects.create(owner=User.objects.get(username="p00300"), **facts)
    services.record_scores(submission=made, scores={"score_0": ReportedScore(value=20000.5, text="20000.5")})
    with Reading() as reading:
        services.on_verdict(submission=made)
    assert Positions(phase.pk).entries(0, 1)[0].submission_id == made.pk
    found["verdict"] = reading.count()
    assert {what: read for what, read in found.items() if read > BOUND[connection.vendor]} == {}


@pytest.fixture
def board(olivia: User, monkeypatch: pytest.MonkeyPatch) -> Phase:
    """A board of twenty in blocks of four at most."""
    monkeypatch.setattr(places, "SIZE", 4)
    phase = phase_with_board(CompetitionFactory(created_by=olivia))
    for value in range(20):
        finished_submission(phase, UserFactory(), float(value))
    return phase


def _counts(phase: Phase) -> list[int]:
    return list(Block.objects.filter(phase=phase).order_by("first_key").values_list("count", flat=True))


def test_the_largest_pages_are_answered(olivia: User, client_of: Client) -> None:
    """A thousand rows of as many people: SQLite refuses expressions of that depth, which lists of references become."""
    phase, client = phase_with_board(CompetitionFactory(created_by=olivia)), client_of(olivia)
    _fill(phase, range(2100))
    page = client.get(f"/api/phases/{phase.pk}/get_leaderboard/?page=2&page_size=1000").json()
    assert len({row["owner"] for row in page["submissions"]}) == 1000
    whole = client.get(f"/api/phases/{phase.pk}/get_leaderboard/")
    assert whole.status_code == 200
    assert client.get(f"/competitions/{phase.competition_id}/results/?sort=score_0&page=20").status_code == 200
    found = client.get(f"/api/submissions/?phase={phase.pk}&page_size=1000").json()
    assert len({row["owner"] for row in found}) == 1000


SPOILERS: dict[str, Callable[[Any], object]] = {
    "too many": lambda blocks: blocks.filter(pk=blocks.all()[1].pk).update(count=9),
    "too few": lambda blocks: blocks.filter(pk=blocks.last().pk).update(count=0),
    "a block of nothing": lambda blocks: Block.objects.create(
        phase_id=blocks.first().phase_id, first_key=blocks.last().first_key + "0", count=2
    ),
    "a block lost": lambda blocks: blocks.filter(pk=blocks.all()[2].pk).delete(),
    "the first one lost": lambda blocks: blocks.filter(first_key="").delete(),
    "all lost": lambda blocks: blocks.all().delete(),
}


@pytest.mark.parametrize("spoiled", SPOILERS)
def test_the_sweeper_finds_a_wrong_count_and_puts_it_right(board: Phase, spoiled: str) -> None:
    rounds = recount.Rounds()
    assert rounds.look() == 0
    SPOILERS[spoiled](Block.objects.filter(phase=board).order_by("first_key"))
    (seldom,) = (sweeps for seconds, sweeps in Sweeper._rhythms() if seconds == SELDOM_SECONDS)
    for sweep in seldom:
        sweep()
    counts = _counts(board)
    assert (sum(counts), max(counts) <= 4, 0 in counts) == (20, True, False)
    assert [entry.sort_key for entry in Positions(board.pk).entries(0, 99)] == list(
        Entry.objects.order_by("sort_key").values_list("sort_key", flat=True)
    )
    assert recount.Rounds().look() == 0


def test_a_look_is_bounded_and_the_next_one_goes_on(board: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "BLOCKS", 2)
    monkeypatch.setattr(recount, "PHASES", 1)
    other = phase_with_board(board.competition, index=1)
    finished_submission(other, UserFactory(), 1.0)
    last = Block.objects.filter(phase=board).latest("pk")
    Block.objects.filter(pk=last.pk).update(count=last.count + 1)
    Block.objects.filter(phase=other).delete()
    rounds = recount.Rounds()
    assert [rounds.look() for _ in range(2)] == [0, 1], "the second look reaches the second phase"
    assert sum(rounds.look() for _ in range(4)) == 1, "and a later one the last block"
    with CaptureQueriesContext(connection) as few:
        assert rounds.look() == 0
    assert len(few) <= 3
    assert sum(_counts(other)) == 1


def test_a_deletion_takes_the_turn_of_the_board_before_the_submission(
    competition: Competition, olivia: User, pat: User
) -> None:
    """As who puts it on the board does: in the other order two of them wait for each other on PostgreSQL."""
    phase = competition.phases.get()
    for act in (deletion.delete, lambda submission, by: deletion.delete_many(found=[submission], by=by)):
        submission = finished_submission(phase, pat, 1.0)
        fresh = Submission.objects.select_related("phase").get(pk=submission.pk)
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            act(submission=fresh, by=olivia)
        tables = [
            table
            for query in asked
            for table in ("leaderboards_block", "evaluation_submission")
            if f'FROM "{table}"' in query["sql"]
        ]
        assert tables[0] == "leaderboards_block"
