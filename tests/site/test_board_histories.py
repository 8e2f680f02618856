"""Random histories of submissions: the board is what the facts make it, now and at every moment of the past."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from podium.protocol import Cause, Failure, Fault, Job, Score, Step
from podium.ranking.columns import Column
from podium.ranking.rules import SubmissionRule
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.evaluation.services.reruns import rerun
from podium.site.leaderboards import history, services
from podium.site.leaderboards.models import Entry
from podium.site.queues.models import Queue
from tests.ranking.naive import Fact, NaiveBoard, Tasks, order
from tests.site.acting import WorkerDouble, fresh, phase_of, scores, submit

COLUMNS: list[dict[str, Any]] = [
    {"title": "A", "key": "a", "index": 0, "sorting": "desc"},
    {"title": "B", "key": "b", "index": 1, "sorting": "asc"},
    {"title": "C", "key": "c", "index": 2, "computation": "avg", "computation_indexes": [0, 1]},
]
AWKWARD = [0.0, -0.0, 1.0, -1.0, 0.1, 0.3, 0.1 + 0.2, 5e-324, -5e-324, 1.7e308, -1.7e308, 1e-300]
STEPS = ["submit", "submit", "finish", "finish", "finish", "add", "add", "remove", "delete", "hide", "rerun", "rerun"]
FAILURE = Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="It broke", fault=Fault.PARTICIPANT)


class History:
    """A competition in which things happen at random, and a naive account of them."""

    def __init__(self, competition: Competition, queue: Queue, people: list[User], seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a history that is the same every time
        self.competition, self.people = competition, people
        self.organizer = competition.created_by
        self.phase = phase_of(competition)
        board = self.phase.leaderboard
        assert board is not None
        self.columns: list[Column] = [services.ranking_column(column) for column in board.columns.all()]
        self.naive = {person.pk: NaiveBoard(board.submission_rule, self.columns) for person in people}
        self.worker = WorkerDouble(queue)
        self.jobs: list[Job] = []
        self.first: dict[int, datetime] = {}
        self.seen: list[tuple[datetime, list[int]]] = []
        self.client = Client()

    def play(self, steps: int) -> None:
        for _ in range(steps):
            getattr(self, f"do_{self.random.choice(STEPS)}")()
            self.look()
        while self.jobs:
            self.do_finish()
            self.look()

    def look(self) -> None:
        """Compare the board with the naive one, and remember what it showed."""
        standing = [
            naive.facts[number] for naive in self.naive.values() for number in naive.stands() if number in naive.facts
        ]
        shown = list(Entry.objects.filter(phase=self.phase).order_by("sort_key").values_list("submission", flat=True))
        assert shown == order(self.columns, 0, standing)
        told = self.client.get(f"/api/phases/{self.phase.pk}/get_leaderboard/?page_size=100").json()["submissions"]
        assert [(row["rank"], row["id"]) for row in told] == list(enumerate(shown, start=1))
        self.seen.append((timezone.now(), shown))

    def one(self) -> Submission | None:
        """Any submission that has ended, of anybody."""
        ended = Submission.objects.filter(parent=None, finished_when__isnull=False).order_by("pk")
        found = list(ended.select_related("phase__competition", "phase__leaderboard", "owner"))
        return self.random.choice(found) if found else None

    def claim(self) -> None:
        while (job := self.worker.claim()) is not None:
            self.jobs.append(job)

    def do_submit(self) -> None:
        submit(self.random.choice(self.people), self.competition)
        self.claim()

    def do_finish(self) -> None:
        """A job that was claimed at any time ends, with one score missing or failing now and then."""
        if not self.jobs:
            return
        job = self.jobs.pop(self.random.randrange(len(self.jobs)))
        values = {key: self.random.choice(AWKWARD) for key in ("a", "b") if self.random.random() < 0.8}
        failed = not values
        self.worker.finish(job, None if failed else scores(**values), failure=FAILURE if failed else None)
        part = Submission.objects.get(runs__attempts=job.attempt)
        whole = fresh(part.parent or part)
        if whole.status == "Finished" and not whole.is_soft_deleted:
            when = self.first.get(whole.pk, whole.created_when)
            self.naive[whole.owner_id].facts[whole.pk] = Fact(whole.pk, when, _given(whole))

    def do_add(self) -> None:
        one = self.one()
        if one is None or one.pk not in self.naive[one.owner_id].facts:
            return
        naive = self.naive[one.owner_id]
        if naive.may_add(one.pk):
            services.add_by_hand(submission=one, by=one.owner)
            naive.add(one.pk)
        else:
            with pytest.raises(Forbidden):
                services.add_by_hand(submission=one, by=one.owner)

    def do_remove(self) -> None:
        one = self.one()
        if one is None or one.pk not in self.naive[one.owner_id].facts:
            return
        naive = self.naive[one.owner_id]
        if naive.may_remove(one.pk):
            services.remove_by_hand(submission=one, by=one.owner)
            naive.remove(one.pk)
        else:
            with pytest.raises(Forbidden):
                services.remove_by_hand(submission=one, by=one.owner)

    def do_delete(self) -> None:
        if (one := self.one()) is not None:
            deletion.delete(submission=one, by=self.organizer)
            self.forget(one)

    def do_hide(self) -> None:
        """The owner deletes the files of a submission that does not stand on the board."""
        one = self.one()
        if one is None or one.is_soft_deleted:
            return
        try:
            deletion.soft_delete(submission=one, by=one.owner)
        except (Forbidden, Refused):
            assert one.pk in self.naive[one.owner_id].stands()
        else:
            self.forget(one)

    def do_rerun(self) -> None:
        one = self.one()
        if one is not None and not one.is_soft_deleted:
            made = rerun(submission=one, by=self.organizer)
            self.first[made.pk] = self.first.get(one.pk, one.created_when)
            self.claim()

    def forget(self, submission: Submission) -> None:
        naive = self.naive[submission.owner_id]
        if submission.pk in naive.facts:
            naive.forget(submission.pk)


def _given(whole: Submission) -> Tasks:
    """The scores of a finished submission by task; a task that failed has none."""
    if not whole.has_children:
        return [{score.column.key: score.value for score in whole.scores.filter(column__computation="")}]
    return [
        {score.column.key: score.value for score in child.scores.all()} if child.status == "Finished" else {}
        for child in whole.children.all()
    ]


@pytest.mark.parametrize("tasks", [1, 2])
@pytest.mark.parametrize("rule", [rule.value for rule in SubmissionRule])
def test_after_any_history_the_board_is_what_the_facts_make_it(
    rule: str, tasks: int, make_competition: Callable[..., Competition], queue: Queue, pat: User, sam: User
) -> None:
    competition = make_competition(
        rule=rule, tasks=tasks, columns=COLUMNS, participants=(pat, sam), phase={"max_submissions_per_day": 0}
    )
    played = History(competition, queue, [pat, sam], seed=sum(map(ord, rule)) + tasks)
    played.play(20 if tasks == 1 else 12)
    left = set(Submission.objects.values_list("pk", flat=True))
    for moment, shown in played.seen:
        then = history.standing_at(played.phase, moment).values_list("submission", flat=True)
        assert list(then) == [number if number in left else None for number in shown], moment


def test_an_interval_is_kept_with_its_score_and_a_wrong_one_is_not(
    competition: Competition, pat: User, queue: Queue
) -> None:
    worker = WorkerDouble(queue)
    kept = []
    for low, high in [(0.4, 0.6), (0.6, 0.7)]:
        submission = submit(pat, competition)
        given = {"accuracy": Score(value=0.5, text="0.5", low=low, high=high, interval="ci")}
        worker.finish(worker.job(), given)
        score = submission.scores.get()
        kept.append((score.low, score.high, score.interval_source))
    assert kept == [(0.4, 0.6, "ci"), (None, None, "")]
