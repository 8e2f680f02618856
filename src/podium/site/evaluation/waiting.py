"""How long a submission still waits: its place in the queue and an estimate in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import mean, pstdev
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.expressions import RawSQL

from podium.protocol import Step
from podium.site.evaluation.models import Attempt, CompetitionLane, Delivery, ParticipantLane, Run, Submission
from podium.site.evaluation.services import order
from podium.site.evaluation.states import AttemptState, RunState
from podium.site.queues.queries import served, slots_of

MOST = 1000
"""How far a place is counted; behind that, what is told is what there is at least."""
RECENT = 50
"""How many ended runs of a queue its durations are taken from."""

# How many runs wait in a lane, counted no further than asked.
_IN_LANE = (
    "(SELECT COUNT(*) FROM (SELECT 1 FROM evaluation_run r WHERE r.lane_id = evaluation_participantlane.id"
    " AND r.state = 'queued' LIMIT %s) few)"
)
_IN_COMPETITION = (
    "(SELECT COUNT(*) FROM (SELECT 1 FROM evaluation_participantlane l JOIN evaluation_run r ON r.lane_id = l.id"
    " WHERE l.queue_id = evaluation_competitionlane.queue_id AND l.priority = evaluation_competitionlane.priority"
    " AND l.competition_id = evaluation_competitionlane.competition_id AND l.waiting"
    " AND r.state = 'queued' LIMIT %s) few)"
)


def own_waiting(submission: Submission) -> Run | None:
    """The first of a submission's waiting runs, or of its children's; what lies in a broker comes before the others."""
    own = Q(submission=submission) | Q(submission__parent=submission)
    offers = Delivery.objects.filter(started_when=None, attempt__state=AttemptState.ACTIVE)
    offered = Q(state=RunState.CLAIMED, pk__in=offers.values("attempt__run"))
    waiting = Run.objects.filter(own, Q(state=RunState.QUEUED) | offered).select_related("lane", "queue")
    return waiting.order_by("state", "-lane__priority", "pk").first()  # "claimed" comes before "queued"


def place_of(own: Run) -> int:
    """How many runs start before `own` if nothing new is queued, at most `MOST`.

    What lies in a broker is started next. While one's own earlier runs are served, every other participant of the
    competition has as many turns, and then every other competition as many as one's own; what waits in a higher class
    goes before all of them.
    """
    if own.state != RunState.QUEUED:
        return 0
    lane, now = own.lane, order.serving(own.queue_id)
    turns = CompetitionLane.objects.filter(queue=lane.queue_id, waiting=True)
    higher = _counted(turns.filter(priority__gt=lane.priority), _IN_COMPETITION, MOST)
    earlier = Run.objects.filter(lane=lane, state=RunState.QUEUED, pk__lt=own.pk).order_by("pk")[:MOST].count()
    lanes = ParticipantLane.objects.filter(
        queue=lane.queue_id, priority=lane.priority, competition=lane.competition_id, waiting=True
    )
    people = {owner: n for (competition, owner), n in now.participants.items() if competition == lane.competition_id}
    within = earlier + _others(lanes, lane, people, earlier)
    turn = CompetitionLane.objects.get(queue=lane.queue_id, priority=lane.priority, competition=lane.competition_id)
    classmates = turns.filter(priority=lane.priority)
    between = _others(classmates, turn, now.competitions, within)
    return min(MOST, higher + within + between)


def _others(lanes: QuerySet[Any], own: Any, claimed: Mapping[int, int], rounds: int) -> int:
    """How many runs of other lanes start before the one that follows `rounds` of the lane's own.

    A lane is served when no other has fewer claimed runs, so before own's turn each has come up to as many as own has
    then. Of lanes with as many, the one served longest ago is first: by now for those that have as many as own now; a
    lane that has more now was served before own catches up with it, so it is first, and one that has fewer is not.
    """
    people = isinstance(own, ParticipantLane)
    field, counting = ("owner_id", _IN_LANE) if people else ("competition_id", _IN_COMPETITION)
    mine = claimed.get(getattr(own, field), 0)
    level = mine + rounds
    before = Q(last_served__lt=own.last_served) | Q(last_served=own.last_served, pk__lt=own.pk)
    idle = lanes.exclude(pk=own.pk).exclude(**{f"{field}__in": list(claimed)})
    if mine:
        total = _counted(idle, counting, level)
    else:
        total = _counted(idle.filter(before), counting, level + 1) + _counted(idle.exclude(before), counting, level)
    for lane in lanes.exclude(pk=own.pk).filter(**{f"{field}__in": list(claimed)}):
        has = claimed[getattr(lane, field)]
        first = has > mine or (has == mine and (lane.last_served, lane.pk) < (own.last_served, own.pk))
        total += _counted(lanes.filter(pk=lane.pk), counting, level - has + (1 if first else 0))
    return min(MOST, total)


def _counted(lanes: QuerySet[Any], counting: str, each: int) -> int:
    """The sum of what waits in each lane, no lane counting for more than `each`, of no more than `MOST` lanes."""
    if each <= 0:
        return 0
    some = lanes.order_by("last_served", "pk").annotate(few=RawSQL(counting, [min(each, MOST)]))[:MOST]  # noqa: S611
    return int(some.aggregate(total=Sum("few"))["total"] or 0)


@dataclass(frozen=True)
class Pace:
    """What a queue gets done: slots of the workers that were seen lately, and seconds of a slot per run and job."""

    slots: int
    claimed: int
    run_seconds: float
    submission_seconds: float
    run_spread: float


def pace_of(queue_id: int) -> Pace | None:
    """How quick a queue was lately; None without a worker or without a run that has ended."""
    slots = slots_of([queue_id]).get(queue_id, 0)
    ended = Run.objects.filter(queue=queue_id, state__in=[RunState.SUCCEEDED, RunState.FAILED])
    recent = list(ended.order_by("-finished_when").values_list("pk", "submission_id")[:RECENT])
    spans = Attempt.objects.filter(
        run__in=[pk for pk, _ in recent], state__in=[AttemptState.SUCCEEDED, AttemptState.FAILED]
    ).values_list("claimed_when", "finished_when")
    seconds = [(end - start).total_seconds() for start, end in spans if end is not None]
    if not slots or not seconds:
        return None
    claimed = Run.objects.filter(queue=queue_id, state=RunState.CLAIMED).count()
    submissions = len({submission for _, submission in recent})
    return Pace(slots, claimed, mean(seconds), sum(seconds) / submissions, pstdev(seconds))


@dataclass(frozen=True)
class Wait:
    """What is told to somebody who waits: place, whether anybody serves the queue, and how long it may take.

    low, high: seconds until the start, between which it lies in most cases; None when the queue's pace is unknown.
    """

    place: int
    queue: str
    is_served: bool
    low: float | None = None
    high: float | None = None

    @property
    def middle(self) -> float | None:
        """The estimate itself."""
        return None if self.low is None or self.high is None else (self.low + self.high) / 2


def wait_of(own: Run) -> Wait:
    """How long `own` still waits.

    What goes before it takes a slot for as long as a submission took lately, and the runs that are being worked on are
    half done on average. The range is two standard deviations to each side, as far as durations of recent runs differ.
    """
    place, pace = place_of(own), pace_of(own.queue_id)
    is_served = own.queue_id in served([own.queue_id])
    if pace is None or not is_served:
        return Wait(place, own.queue.name, is_served)
    if place + pace.claimed < pace.slots:
        return Wait(place, own.queue.name, is_served, 0.0, 0.0)
    each = pace.run_seconds if own.step == Step.SCORING else pace.submission_seconds
    spread = pace.run_spread * each / pace.run_seconds if pace.run_seconds else 0.0
    middle = (pace.claimed * pace.run_seconds / 2 + place * each) / pace.slots
    # What is left of a run under way is somewhere between nothing and all of it.
    deviation = sqrt(place * spread**2 + pace.claimed * pace.run_seconds**2 / 12) / pace.slots
    reach = min(2 * deviation, middle)
    return Wait(place, own.queue.name, is_served, middle - reach, middle + reach)
