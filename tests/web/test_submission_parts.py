"""Submissions to several tasks: their scores as a table, their logs, their place, and how lists show them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import parts
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard
from podium.site.queues.models import Queue
from tests.factories import UserFactory, finished_submission
from tests.site.acting import WorkerDouble, frame, scores, submit
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


@pytest.fixture
def several(make_competition: Making, pat: User) -> Competition:
    """A competition with two tasks and two columns, one of them hidden."""
    columns = [
        {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc"},
        {"title": "Secret", "key": "secret", "index": 1, "sorting": "desc", "hidden": True},
    ]
    return make_competition(tasks=2, columns=columns, participants=(pat,))


def _work_off(queue: Queue, *values: float) -> None:
    """Score the tasks that wait, each with one of the values, and print a line."""
    worker = WorkerDouble(queue)
    for value in values:
        job = worker.job()
        worker.beat(job, frames=[frame(f"printed for {value}\n")])
        worker.finish(job, scores(accuracy=value, secret=value / 2))


def test_the_page_has_the_scores_of_all_tasks_their_logs_and_the_place(
    visitor: Visiting, several: Competition, pat: User, olivia: User, queue: Queue
) -> None:
    made = submit(pat, several)
    _work_off(queue, 0.25, 0.75)
    page = visitor(pat).open(f"/submissions/{made.pk}/").text
    assert "Task Status Accuracy Details" in page
    assert "Task 0 Finished 0.25 Details of Task 0" in page
    assert "Task 1 Finished 0.75 Details of Task 1" in page
    assert "It stands on the board: place 1 of 1 ." in page
    assert "printed for 0.25" in page
    assert "printed for 0.75" in page
    assert "Secret" not in page
    assert "Task Status Accuracy Secret Details" in visitor(olivia).open(f"/submissions/{made.pk}/").text
    child = Submission.objects.filter(parent=made).first()
    assert child is not None
    assert "place 1 of 1 . All tasks together decide the place." in visitor(pat).open(f"/submissions/{child.pk}/").text


def test_of_many_tasks_each_has_its_logs_on_its_own_page(
    visitor: Visiting, several: Competition, pat: User, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_WITH_LOGS", 1)
    made = submit(pat, several)
    _work_off(queue, 0.25, 0.75)
    page = visitor(pat).open(f"/submissions/{made.pk}/").text
    assert "printed for" not in page
    assert "hide the logs" not in page


def test_logs_that_are_hidden_are_hidden_on_the_page_of_the_whole(
    visitor: Visiting, several: Competition, pat: User, queue: Queue
) -> None:
    Phase.objects.update(hide_output=True)
    made = submit(pat, several)
    _work_off(queue, 0.25, 0.75)
    page = visitor(pat).open(f"/submissions/{made.pk}/").text
    assert "printed for" not in page
    assert "The organizers hide the logs of this phase." in page


def test_lists_show_a_score_of_each_task(
    visitor: Visiting, several: Competition, pat: User, olivia: User, queue: Queue
) -> None:
    submit(pat, several)
    _work_off(queue, 0.25, 0.75)
    for who, where in ((pat, "submissions"), (olivia, "submissions/all")):
        somebody = visitor(who)
        assert "0.25 · 0.75" in somebody.open(f"/competitions/{several.pk}/{where}/").text
        assert 'title="Task 0: Accuracy 0.25, Task 1: Accuracy 0.75"' in somebody.response.content.decode()


def test_the_place_leads_to_the_row_on_its_page_of_the_board(
    visitor: Visiting, competition: Competition, pat: User
) -> None:
    phase = competition.phases.get(index=0)
    for place in range(51):
        finished_submission(phase, UserFactory(), 1 + place)
    mine = finished_submission(phase, pat, 0.5)
    page = visitor(pat).open(f"/submissions/{mine.pk}/")
    row = f"/competitions/{competition.pk}/results/?phase={phase.pk}&page=2#entry-{mine.pk}"
    assert "place 52 of" in page.text
    assert row in page.links
    board = visitor(pat)
    board.open(row)
    assert f'id="entry-{mine.pk}"' in board.response.content.decode()


def test_the_place_on_a_hidden_board_is_told_to_organizers_alone(
    visitor: Visiting, competition: Competition, pat: User, olivia: User
) -> None:
    Leaderboard.objects.update(hidden=True)
    made = finished_submission(competition.phases.get(index=0), pat, 0.5)
    assert "place 1" not in visitor(pat).open(f"/submissions/{made.pk}/").text
    assert "place 1" in visitor(olivia).open(f"/submissions/{made.pk}/").text
