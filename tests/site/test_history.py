"""What a scoring program is told of a submission's past, where the competition asks for it (CodaLab's history)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.protocol import MAX_HISTORY, EarlierScores
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import provenance
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Competition]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def test_a_scoring_job_tells_who_submitted_and_their_own_earlier_scores(
    make_competition: Make, worker: WorkerDouble, pat: User, olivia: User
) -> None:
    competition = make_competition(history=True)
    for person, value in ((pat, 0.25), (olivia, 0.9), (pat, 0.5)):
        submit(person, competition)
        worker.work_off(accuracy=value)
    third = submit(pat, competition)
    told = worker.job().provenance
    assert told is not None
    assert (told.submitted_by, told.phase, told.number, told.automatic) == ("pat", 0, 3, False)
    assert told.submitted_at == third.created_when.isoformat(timespec="seconds")
    assert told.history == [
        EarlierScores(phase=0, number=1, scores={"accuracy": "0.25"}),
        EarlierScores(phase=0, number=2, scores={"accuracy": "0.5"}),
    ]


def test_failed_and_deleted_submissions_count_for_the_number_but_tell_no_scores(
    make_competition: Make, worker: WorkerDouble, pat: User
) -> None:
    competition = make_competition(history=True)
    for value in (0.1, 0.2):
        submit(pat, competition)
        worker.work_off(accuracy=value)
    Submission.objects.filter(pk=Submission.objects.earliest("pk").pk).update(is_soft_deleted=True)
    submit(pat, competition)
    told = worker.job().provenance
    assert told is not None
    assert told.number == 3
    assert [earlier.number for earlier in told.history] == [2]


def test_only_the_newest_are_told(
    make_competition: Make, worker: WorkerDouble, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_HISTORY == 200
    monkeypatch.setattr(provenance, "MAX_HISTORY", 2)
    competition = make_competition(history=True, phase={"max_submissions_per_day": 0})
    for _ in range(3):
        submit(pat, competition)
        worker.work_off(accuracy=1)
    submit(pat, competition)
    told = worker.job().provenance
    assert told is not None
    assert [earlier.number for earlier in told.history] == [2, 3]


def test_parts_of_a_submission_to_several_tasks_are_told_of_their_own_task(
    make_competition: Make, worker: WorkerDouble, pat: User
) -> None:
    competition = make_competition(history=True, tasks=2)
    submit(pat, competition)
    worker.finish(worker.job(), scores(accuracy=0.1))
    worker.finish(worker.job(), scores(accuracy=0.2))
    submit(pat, competition)
    told = [worker.job().provenance for _ in range(2)]
    history = [[earlier.scores["accuracy"] for earlier in each.history] for each in told if each is not None]
    assert sorted(history) == [["0.1"], ["0.2"]]


def test_nothing_is_told_where_the_competition_does_not_ask(
    make_competition: Make, worker: WorkerDouble, pat: User
) -> None:
    competition = make_competition()
    submit(pat, competition)
    assert worker.job().provenance is None
