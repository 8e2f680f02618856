"""Pages that keep themselves fresh: the whole of several tasks, and the list of one's own submissions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.browser.conftest import Visit
from tests.site.acting import WorkerDouble, frame, scores, submit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
Making = Callable[..., Competition]


def test_what_the_programs_of_each_task_print_appears_on_the_page_of_the_whole(
    make_competition: Making, queue: Queue, pat: User, visit: Visiting
) -> None:
    competition = make_competition(tasks=2, participants=(pat,))
    made = submit(pat, competition)
    person = visit(pat)
    page = person.open(f"/submissions/{made.pk}/")
    worker = WorkerDouble(queue)
    for number, child in enumerate(Submission.objects.filter(parent=made).order_by("pk")):
        job = worker.job()
        pane = page.get_by_role("region", name=f"Task {number}").locator("pre")
        worker.beat(job, frames=[frame(f"begins with {child.pk}\n")])
        expect(pane).to_have_text(f"begins with {child.pk}\n")
        worker.finish(job, scores(accuracy=0.5 + number / 4))
    expect(page.get_by_text("It stands on the board:")).to_be_visible()
    expect(page.get_by_role("row", name="Task 1 Finished 0.75 Details of Task 1")).to_be_visible()
    expect(page.locator("#panes pre")).to_have_count(2)
    assert person.faults_in_every_look("submission of several tasks") == []
    page.get_by_role("link", name="place 1 of 1").click()
    expect(page.locator("tr:target")).to_contain_text("pat")


def test_the_place_in_the_queue_moves_with_what_happens_to_others(
    make_competition: Making, queue: Queue, pat: User, sam: User, visit: Visiting
) -> None:
    competition = make_competition(participants=(pat, sam))
    worker = WorkerDouble(queue)
    submit(sam, competition)
    worker.job()
    other, mine = submit(sam, competition), submit(pat, competition)
    page = visit(pat).open(f"/submissions/{mine.pk}/")
    if page.get_by_text("Next in the queue").count():  # turns go by people: then it is the other who waits
        page = visit(sam).open(f"/submissions/{other.pk}/")
    expect(page.get_by_text("1 run before this one in the queue")).to_be_visible()
    worker.job()
    expect(page.get_by_text("Next in the queue")).to_be_visible()


def test_a_verdict_moves_the_board_mark_and_the_tries_in_the_list_of_ones_own(
    make_competition: Making, queue: Queue, pat: User, visit: Visiting
) -> None:
    competition = make_competition(
        rule="Force_Best", participants=(pat,), phase={"max_submissions_per_day": 5, "max_submissions": 9}
    )
    worker = WorkerDouble(queue)
    first = submit(pat, competition)
    worker.work_off(accuracy=0.25)
    second = submit(pat, competition)
    page = visit(pat).open(f"/competitions/{competition.pk}/submissions/")
    mark = page.locator("tbody").get_by_text("On the board", exact=True)
    expect(page.locator(f"#row-{first.pk}").get_by_text("On the board", exact=True)).to_be_visible()
    page.get_by_label(f"Choose submission {first.pk} to compare").check()
    worker.work_off(accuracy=0.75)
    expect(page.locator(f"#row-{second.pk}").get_by_text("On the board", exact=True)).to_be_visible()
    expect(mark).to_have_count(1)
    expect(page.get_by_label(f"Choose submission {first.pk} to compare")).to_be_checked()

    third = submit(pat, competition)
    page.reload()
    expect(page.get_by_text("2 of 5 left")).to_be_visible()
    failure = Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="It failed.", limit="0", measured="1")
    worker.finish(worker.job(), failure=failure, output=False)
    expect(page.locator(f"#row-{third.pk}").get_by_text("Failed")).to_be_visible()
    expect(page.get_by_text("3 of 5 left")).to_be_visible()
