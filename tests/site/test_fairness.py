"""Fairness, the same for every intake: whatever one competition or person has waiting, the others get their turns.

An intake is how a free slot gets a job. `INTAKES` names them; each gives an `Intake` whose slots the tests drive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from podium.protocol import Job, Outcome
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import intake as https
from podium.site.evaluation import services
from podium.site.evaluation.codabench_worker import services as codabench
from podium.site.evaluation.models import Run, Submission
from podium.site.queues.models import Queue
from podium.site.queues.services.lifecycle import create_queue
from tests.factories import ParticipantFactory, UserFactory, dataset, queue_token
from tests.site.acting import OUTPUT, phase_of, put, scores

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
Make = Callable[..., Competition]
SLOTS = 2


@dataclass(frozen=True)
class Taken:
    """A job that a slot has, in the words of its intake."""

    job: Any
    submission: int
    competition: int


class Intake(Protocol):
    """How free slots get jobs, and report them done."""

    def take(self, queue: Queue) -> Taken | None:
        """A free slot of a worker of `queue` asks for a job."""
        ...

    def finish(self, taken: Taken) -> None:
        """The slot reports success and is free again."""
        ...


class OverHttps:
    """Claims over HTTP, as Podium's worker does."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._tokens: dict[int, str] = {}

    def take(self, queue: Queue) -> Taken | None:
        if queue.pk not in self._tokens:
            self._tokens[queue.pk] = f"secret-of-{queue.pk}"
            queue_token(queue, self._tokens[queue.pk])
        headers = {"Authorization": f"Bearer {self._tokens[queue.pk]}"}
        body = {"worker": "machine", "slots": SLOTS, "wait": 0}
        answer = self._client.post("/api/worker/claim", json=body, headers=headers)
        if answer.status_code == 204:
            return None
        assert answer.status_code == 200, answer.text
        job = Job.model_validate(answer.json())
        run = Run.objects.select_related("lane").get(pk=job.run)
        return Taken(job, run.submission_id, run.lane.competition_id)

    def finish(self, taken: Taken) -> None:
        job: Job = taken.job
        put(job.output_url, OUTPUT)
        outcome = Outcome(scores=scores(accuracy=0.5) if job.step == "scoring" else {}, output_uploaded=True)
        answer = self._client.post(
            f"/api/worker/attempts/{job.attempt}/finish",
            content=outcome.model_dump_json(),
            headers={"Authorization": f"Bearer {job.token}"},
        )
        assert answer.status_code == 200, answer.text


@contextmanager
def over_https() -> Iterator[Intake]:
    with TestClient(Starlette(routes=https.routes)) as client:
        yield OverHttps(client)


class OverTheBroker:
    """What the bridge offers to as many consumers as there are slots, and what Codabench's worker answers."""

    def take(self, queue: Queue) -> Taken | None:
        offer = codabench.offer_run(queue=queue, most=SLOTS)
        if offer is None:
            return None
        codabench.published(delivery=offer.delivery)
        run = offer.delivery.attempt.run
        taken = Taken(offer, run.submission_id, run.submission.phase.competition_id)
        self._say(taken, "Running")
        return taken

    def finish(self, taken: Taken) -> None:
        self._say(taken, "Finished")
        secret = str(taken.job.secret)
        message = json.dumps({"secret": secret, "scores": {"accuracy": 0.5}}).encode()
        codabench.take_scores(submission_id=taken.submission, secret=secret, message=message)
        put(taken.job.delivery.attempt.output_key, OUTPUT)
        assert codabench.settle(attempt_id=taken.job.delivery.attempt_id)

    def _say(self, taken: Taken, status: str) -> None:
        codabench.report(submission_id=taken.submission, secret=str(taken.job.secret), status=status)


@contextmanager
def over_the_broker() -> Iterator[Intake]:
    yield OverTheBroker()


INTAKES = {"https": over_https, "broker": over_the_broker}


@pytest.fixture(params=sorted(INTAKES))
def intake(request: pytest.FixtureRequest) -> Iterator[Intake]:
    with INTAKES[request.param]() as made:
        yield made


def waiting(competition: Competition, number: int, owner: User | None = None) -> list[Submission]:
    """Submissions of one participant that wait."""
    person = owner or ParticipantFactory(competition=competition, user=UserFactory()).user
    phase, file = phase_of(competition), dataset(person)
    return [services.submit(user=person, phase=phase, data=file) for _ in range(number)]


@dataclass
class World:
    """Five competitions that compete, three in the default queue and two in another; `busy` has 500 waiting."""

    busy: Competition
    rival: Competition
    quiet: Competition
    others: list[Competition]
    queue: Queue
    other_queue: Queue


@pytest.fixture
def world(make_competition: Make, queue: Queue, olivia: User) -> World:
    other = create_queue(user=olivia, name="other")
    made = [make_competition(phase={"max_submissions_per_day": 0, "max_submissions": 0}) for _ in range(5)]
    for competition in made[3:]:
        Competition.objects.filter(pk=competition.pk).update(queue=other)
    waiting(made[0], 500)
    waiting(made[1], 10)
    for competition in made[3:]:
        waiting(competition, 6)
    return World(*made[:3], made[3:], queue, other)


def until_started(intake: Intake, world: World, submission: Submission, busy_slots: list[Taken]) -> list[Taken]:
    """Let slots end one after the other and take their next job, until the submission's starts; what started before."""
    before: list[Taken] = []
    for _ in range(20):
        intake.finish(busy_slots.pop(0))
        taken = intake.take(world.queue)
        assert taken is not None
        if taken.submission == submission.pk:
            return before
        before.append(taken)
        busy_slots.append(taken)
    raise AssertionError("it was not served at all")


@pytest.mark.timeout(300)
def test_five_hundred_of_one_competition_delay_anothers_single_submission_by_one_job_per_slot_at_most(
    intake: Intake, world: World
) -> None:
    slots = [taken for _ in range(SLOTS) if (taken := intake.take(world.queue)) is not None]
    assert len(slots) == SLOTS
    (single,) = waiting(world.quiet, 1)
    before = until_started(intake, world, single, slots)
    delay = [taken for taken in before if taken.competition == world.busy.pk]
    assert len(delay) <= SLOTS, "no more than one job of the busy competition for each slot"
    assert len(before) <= SLOTS * 2, "nor of the other one that competes"


@pytest.mark.timeout(300)
def test_five_hundred_of_one_participant_delay_anothers_of_the_same_competition_by_one_job_per_slot_at_most(
    intake: Intake, world: World
) -> None:
    slots = [taken for _ in range(SLOTS) if (taken := intake.take(world.queue)) is not None]
    (single,) = waiting(world.busy, 1)
    before = until_started(intake, world, single, slots)
    assert len([taken for taken in before if taken.competition == world.busy.pk]) <= SLOTS


@pytest.mark.timeout(300)
def test_what_waits_in_one_queue_delays_nothing_in_another_and_its_competitions_take_turns(
    intake: Intake, world: World
) -> None:
    served = []
    while (taken := intake.take(world.other_queue)) is not None:
        served.append(taken.competition)
        intake.finish(taken)
    one, two = (competition.pk for competition in world.others)
    assert served == [one, two] * 6
