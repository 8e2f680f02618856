"""The order in which a queue is served: turns by competition and by participant, told truly to those who wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from podium.protocol import Cause, Claim, Failure, Job, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import queries, services
from podium.site.evaluation.models import Attempt, CompetitionLane, ParticipantLane, Run, Submission
from podium.site.evaluation.services import order, verdicts
from podium.site.evaluation.states import SubmissionStatus
from podium.site.queues.models import Queue, Worker
from tests.factories import CODE, ParticipantFactory, UserFactory, dataset
from tests.site.acting import WorkerDouble, fresh, phase_of, scores, submit

Make = Callable[..., Competition]


def people(competition: Competition, number: int) -> list[User]:
    """Approved participants."""
    return [ParticipantFactory(competition=competition, user=UserFactory()).user for _ in range(number)]


def waiting(competition: Competition, owner: User, number: int) -> list[Submission]:
    """Submissions of one person that wait, all of one file."""
    phase, file = phase_of(competition), dataset(owner)
    return [services.submit(user=owner, phase=phase, data=file) for _ in range(number)]


def unlimited(make: Make, **bundle: object) -> Competition:
    return make(phase={"max_submissions_per_day": 0, "max_submissions": 0}, **bundle)


def owner_of(job: Job) -> str:
    return Run.objects.get(pk=job.run).submission.owner.username


def competition_of(job: Job) -> int:
    return Run.objects.get(pk=job.run).submission.phase.competition_id


def drain(queue: Queue, name: Callable[[Job], object]) -> list[object]:
    """Finish all that waits with one slot; the names of what was served, in order."""
    worker, names = WorkerDouble(queue), []
    while (job := worker.claim()) is not None:
        names.append(name(job))
        worker.finish(job, scores(accuracy=1.0) if job.step == "scoring" else None)
    return names


@pytest.mark.slow
def test_five_hundred_submissions_of_one_delay_anothers_by_one_job_of_each_slot(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition = unlimited(make_competition)
    waiting(competition, pat, 500)
    slots = [WorkerDouble(queue, f"worker-{n}") for n in range(3)]
    running = [slot.job() for slot in slots]
    (other,) = people(competition, 1)
    submit(other, competition)
    slots[0].finish(running[0], scores(accuracy=1.0))
    assert owner_of(slots[0].job()) == other.username, "the first slot that is free takes the other's"


@pytest.mark.slow
def test_five_hundred_submissions_to_one_competition_delay_anothers_by_one_job(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    busy, quiet = unlimited(make_competition), unlimited(make_competition)
    crowd = people(busy, 10)
    for person in crowd:
        waiting(busy, person, 50)
    worker = WorkerDouble(queue)
    job = worker.job()
    submit(pat, quiet)
    worker.finish(job, scores(accuracy=1.0))
    assert competition_of(worker.job()) == quiet.pk


def test_five_competitions_on_two_queues_take_turns(make_competition: Make, pat: User, queue: Queue) -> None:
    second = Queue.objects.create(name="second")
    competitions = [unlimited(make_competition) for _ in range(5)]
    for competition in competitions[3:]:
        competition.queue = second
        competition.save()
    for number, competition in enumerate(competitions):
        waiting(competition, pat, 5 - number)
    first = drain(queue, competition_of)
    one, two, three, four, five = (competition.pk for competition in competitions)
    assert first == [one, two, three, one, two, three, one, two, three, one, two, one]
    assert drain(second, competition_of) == [four, five, four]


def test_people_of_a_competition_take_turns_and_their_own_stay_in_order(make_competition: Make, queue: Queue) -> None:
    competition = unlimited(make_competition)
    ann, ben, cy = people(competition, 3)
    for person, number in ((ann, 3), (ben, 2), (cy, 1)):
        waiting(competition, person, number)
    names = drain(queue, owner_of)
    assert names == [p.username for p in (ann, ben, cy, ann, ben, ann)]
    by_start = list(Attempt.objects.order_by("pk").values_list("run__submission", flat=True))
    mine = list(Submission.objects.filter(owner=ann).order_by("pk").values_list("pk", flat=True))
    assert [pk for pk in by_start if pk in mine] == mine


def test_who_has_fewer_runs_being_served_is_next(make_competition: Make, queue: Queue) -> None:
    competition = unlimited(make_competition)
    ann, ben = people(competition, 2)
    worker = WorkerDouble(queue)
    waiting(competition, ann, 3)
    held = worker.job()
    waiting(competition, ben, 3)
    first, _ = worker.job(), worker.job()
    worker.finish(first, scores(accuracy=1.0))
    assert owner_of(held) == ann.username
    assert owner_of(first) == ben.username
    assert owner_of(worker.job()) == ben.username, "ann has two runs claimed, ben none"


def test_what_was_begun_is_brought_to_its_end_before_something_new(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition = unlimited(make_competition)
    begun = submit(pat, competition, CODE)
    (other,) = people(competition, 1)
    worker = WorkerDouble(queue)
    job = worker.job()
    submit(other, competition, CODE)
    worker.finish(job)
    job = worker.job()
    assert (job.step, Run.objects.get(pk=job.run).submission) == (Step.SCORING, begun)


def test_a_first_step_that_is_scoring_waits_for_its_turn_like_any_other(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition = unlimited(make_competition)
    (other,) = people(competition, 1)
    worker = WorkerDouble(queue)
    waiting(competition, pat, 2)
    worker.finish(worker.job(), scores(accuracy=1.0))
    submit(other, competition, CODE)
    assert owner_of(worker.job()) == other.username


def test_reruns_of_many_wait_behind_everything_else(make_competition: Make, pat: User, queue: Queue) -> None:
    competition = unlimited(make_competition)
    (other,) = people(competition, 1)
    repeated = submit(other, competition)
    worker = WorkerDouble(queue)
    worker.work_off(accuracy=1.0)
    again = Submission.objects.create(
        owner=other,
        phase=repeated.phase,
        task=repeated.task,
        task_version=repeated.task_version,
        data=repeated.data,
        kind=repeated.kind,
        queue=queue,
        original=repeated,
        is_bulk_rerun=True,
    )
    verdicts.advance(again, SubmissionStatus.SUBMITTED)
    verdicts.enqueue(again, Step.SCORING, begun=False)
    waiting(competition, pat, 3)
    assert queries.place_in_queue(again) == 3
    assert drain(queue, owner_of) == ["pat", "pat", "pat", other.username]


def test_a_lost_run_waits_again_and_is_found(make_competition: Make, pat: User, queue: Queue) -> None:
    competition = unlimited(make_competition)
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    assert worker.claim() is None
    assert not ParticipantLane.objects.filter(waiting=True).exists()
    worker.finish(job, failure=Failure(cause=Cause.PLATFORM, step=Step.SCORING, message="lost"), output=False)
    assert queries.place_in_queue(submission) == 0
    assert worker.job().run == job.run


def test_cancelled_runs_leave_empty_lanes_that_cost_nobody_a_turn(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition, other = unlimited(make_competition), unlimited(make_competition)
    crowd = people(competition, 4)
    for person in crowd:
        services.cancel(submission=submit(person, competition), by=person)
    submit(pat, other)
    assert drain(queue, owner_of) == ["pat"]
    assert not CompetitionLane.objects.filter(waiting=True).exists()
    assert not ParticipantLane.objects.filter(waiting=True).exists()
    submit(crowd[0], competition)
    assert drain(queue, owner_of) == [crowd[0].username]


def test_a_mark_that_another_worker_clears_while_the_next_is_chosen_is_no_trouble(
    make_competition: Make, pat: User, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied, other = make_competition(), make_competition()
    submit(pat, emptied)
    expected = submit(pat, other)
    ParticipantLane.objects.filter(competition=other).update(priority=order.BULK)
    CompetitionLane.objects.filter(competition=other).update(priority=order.BULK)
    choose = order._next

    def choosing(lanes: Any, field: str, served: dict[int, int]) -> Any:
        CompetitionLane.objects.filter(competition=emptied).update(waiting=False)  # as `tidy` does, without the queue
        return choose(lanes, field, served)

    monkeypatch.setattr(order, "_next", choosing)
    run = order.next_run(queue)
    assert run is not None
    assert run.submission_id == expected.pk


@pytest.mark.parametrize("numbers", [(1, 1, 1), (4, 1, 2), (3, 3, 3), (1, 5, 1)])
@pytest.mark.parametrize("running", [0, 2])
def test_the_place_that_is_told_is_the_place_that_is_had(
    make_competition: Make, queue: Queue, numbers: tuple[int, ...], running: int
) -> None:
    competitions = [unlimited(make_competition), unlimited(make_competition)]
    for competition in competitions:
        for person, number in zip(people(competition, 3), numbers, strict=True):
            waiting(competition, person, number)
    worker = WorkerDouble(queue)
    for _ in range(running):
        worker.job()
    left = list(Submission.objects.filter(status="Submitted").order_by("pk"))
    told = {submission.pk: queries.place_in_queue(submission) for submission in left}
    served: list[int] = []
    while (job := worker.claim()) is not None:  # nothing ends meanwhile, as the place assumes
        served.append(Run.objects.get(pk=job.run).submission_id)
    assert told == {pk: place for place, pk in enumerate(served)}


def test_a_parents_place_is_that_of_its_first_waiting_part(make_competition: Make, pat: User, queue: Queue) -> None:
    competition = unlimited(make_competition, tasks=3)
    (other,) = people(competition, 1)
    submit(other, competition)
    assert queries.place_in_queue(submit(pat, competition)) == 1


def test_what_does_not_wait_has_no_place_and_no_estimate(competition: Competition, pat: User, queue: Queue) -> None:
    submission = submit(pat, competition)
    WorkerDouble(queue).job()
    assert queries.place_in_queue(fresh(submission)) is None
    assert queries.waiting_estimate(fresh(submission)) is None


def test_the_estimate_follows_from_slots_and_recent_durations(make_competition: Make, queue: Queue) -> None:
    competition = unlimited(make_competition)
    ann, ben = people(competition, 2)
    worker = WorkerDouble(queue)
    submission = submit(ann, competition)
    assert queries.waiting_estimate(submission) is None, "no worker was seen and nothing has ended"
    worker.work_off(accuracy=1.0)
    now = timezone.now()
    Attempt.objects.update(claimed_when=now - timedelta(seconds=60), finished_when=now)
    first, second = submit(ann, competition), submit(ben, competition)
    assert queries.waiting_estimate(second) == 0.0, "ben's turn comes before ann's, and the slot is free"
    assert queries.waiting_estimate(first) == pytest.approx(60)
    Worker.objects.update(slots=2)
    assert queries.waiting_estimate(first) == 0.0
    Worker.objects.update(slots=1)
    worker.job()
    assert queries.waiting_estimate(first) == pytest.approx(30), "a job that is under way is half done on average"
    Worker.objects.update(last_seen=now - timedelta(hours=1))
    assert queries.waiting_estimate(first) is None, "no worker serves the queue now"


@pytest.mark.parametrize("ask", ["claim", "place"])
def test_neither_claim_nor_place_asks_more_questions_when_more_waits(
    make_competition: Make, queue: Queue, ask: str
) -> None:
    worker = WorkerDouble(queue)
    competition = unlimited(make_competition)
    worker.claim()

    def questions(number: int) -> int:
        crowd = people(competition, number)
        for person in crowd:
            last = waiting(competition, person, number)[-1]
        Worker.objects.update(last_seen=timezone.now())  # or the claim would keep its row fresh, every ten seconds
        with CaptureQueriesContext(connection) as asked:
            if ask == "claim":
                services.claim_run(queue=queue, claim=Claim(worker=worker.name, wait=0))
            else:
                assert queries.place_in_queue(last) == number * number - 1
        for submission in Submission.objects.exclude(status="Cancelled"):
            services.cancel(submission=submission, by=submission.owner)
        Attempt.objects.filter(state="active").update(state="cancelled")
        Run.objects.update(state="cancelled")
        ParticipantLane.objects.update(waiting=False)
        return len(asked)

    questions(1)  # the phase's limits are settled with its first run
    assert questions(8) == questions(2)


def test_the_order_of_priorities_is_begun_new_and_then_reruns_of_many() -> None:
    assert order.BEGUN > order.NEW > order.BULK_BEGUN > order.BULK
