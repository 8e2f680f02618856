"""The fair order of a queue: who is served next.

Runs wait in lanes, one per queue, priority, competition and participant. What is served next is decided at the claim:

1. the highest priority that waits: the scoring of what was begun, then new submissions, then reruns of many;
2. of its competitions the one with the fewest runs claimed now in the queue, of those the one served longest ago;
3. of its participants likewise; of the participant's runs the oldest.

So whoever has one run waiting is served after at most one claim for each other competition, and for each other
participant of its own, however many runs those have waiting. What a claim reads does not grow with the runs that wait,
nor with the lanes: who is being served is read from the claimed runs, which the slots bound, and of the others an index
knows the one served longest ago.

The one fact kept beside the runs is that something waits in a lane, and it errs to one side only. Whoever queues a
run sets it in the same transaction, and thereby holds the lane until that commits. A lane that is marked and empty
(what waited was claimed or cancelled) is taken and looked at again before the mark is cleared, so a run that was queued
meanwhile is seen. Lanes are locked after everything else, the competition's before the participant's, so they are in
no cycle of locks with runs and submissions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from podium.site.competitions.models import Competition
from podium.site.evaluation.models import CompetitionLane, ParticipantLane, Run, Submission
from podium.site.evaluation.states import RunState
from podium.site.queues.models import Queue

BEGUN = 10
"""The scoring of a submission whose prediction has run: what was begun is brought to its end."""
NEW = 0
BULK_BEGUN = -5
BULK = -10
"""Reruns of many at once wait behind everything else, their scoring included."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def priority_of(submission: Submission, *, begun: bool) -> int:
    """The class in which a step waits; begun: whether an earlier step of the submission has run."""
    if submission.is_bulk_rerun:
        return BULK_BEGUN if begun else BULK
    return BEGUN if begun else NEW


def lane_for(*, queue: Queue, competition: Competition, owner_id: int, priority: int) -> ParticipantLane:
    """The lane of a participant, marked as waiting and held until the transaction ends."""
    mark_waiting(queue_id=queue.pk, competition_id=competition.pk, owner_id=owner_id, priority=priority)
    return ParticipantLane.objects.get(queue=queue, priority=priority, competition=competition, owner=owner_id)


def mark_waiting(*, queue_id: int, competition_id: int, owner_id: int, priority: int) -> None:
    """Note that a run waits in a lane; in the transaction that queues the run."""
    place = {"queue_id": queue_id, "competition_id": competition_id}
    served = CompetitionLane.objects.filter(**place).order_by("-last_served").values_list("last_served", flat=True)
    CompetitionLane.objects.bulk_create(
        [CompetitionLane(**place, priority=priority, waiting=True, last_served=served.first() or NEVER)],
        update_conflicts=True,
        unique_fields=["queue", "priority", "competition"],
        update_fields=["waiting"],
    )
    own = ParticipantLane.objects.filter(**place, owner_id=owner_id).order_by("-last_served")
    last = own.values_list("last_served", flat=True).first() or NEVER
    ParticipantLane.objects.bulk_create(
        [ParticipantLane(**place, owner_id=owner_id, priority=priority, waiting=True, last_served=last)],
        update_conflicts=True,
        unique_fields=["queue", "priority", "competition", "owner"],
        update_fields=["waiting"],
    )


def queued_again(run: Run) -> None:
    """Note that a run whose attempt was lost waits again; it is the oldest of its lane."""
    lane = run.lane
    mark_waiting(
        queue_id=lane.queue_id, competition_id=lane.competition_id, owner_id=lane.owner_id, priority=lane.priority
    )


def something_waits(queue_id: int) -> bool:
    """Whether a run may be waiting in a queue: one look at an index, without a lock."""
    return CompetitionLane.objects.filter(queue=queue_id, waiting=True).exists()


@dataclass
class Serving:
    """How many runs of a queue are claimed now, by competition and by participant of a competition."""

    competitions: Counter[int]
    participants: Counter[tuple[int, int]]


def serving(queue_id: int) -> Serving:
    """Count the claimed runs of a queue, of which there are no more than its workers have slots."""
    rows = Run.objects.filter(queue=queue_id, state=RunState.CLAIMED).order_by()
    counted = rows.values_list("lane__competition", "lane__owner").annotate(n=Count("pk"))
    competitions: Counter[int] = Counter()
    participants: Counter[tuple[int, int]] = Counter()
    for competition, owner, number in counted:
        competitions[competition] += number
        participants[competition, owner] += number
    return Serving(competitions, participants)


def _next(lanes: QuerySet[Any], field: str, served: dict[int, int]) -> Any:
    """Of the waiting lanes the one with the fewest claimed runs, then the one served longest ago."""
    idle = lanes.exclude(**{f"{field}__in": list(served)}).order_by("last_served", "pk").first()
    if idle is not None:
        return idle
    busy = lanes.filter(**{f"{field}__in": list(served)})
    return min(busy, key=lambda lane: (served[getattr(lane, field)], lane.last_served, lane.pk), default=None)


class Empty(Exception):
    """The lane whose turn it is has no run to give: to be tidied, or passed over while its runs are being cancelled."""

    def __init__(self, turn: CompetitionLane, lane: ParticipantLane | None) -> None:
        super().__init__(f"nothing to claim for {lane or turn}")
        self.turn = turn
        self.lane = lane


def next_run(queue: Queue, passed: Sequence[int] = (), unfit: Sequence[int] = ()) -> Run | None:
    """The run whose turn it is, locked where the database can; None when no lane is marked.

    queue: with its row locked, so that two claims do not take the same turn.
    passed: keys of participants' lanes to pass over.
    unfit: keys of phases whose runs are not for this worker.
    Raises Empty when the lane whose turn it is has none.
    """
    now = serving(queue.pk)
    lanes = ParticipantLane.objects.filter(queue=queue, waiting=True).exclude(pk__in=passed)
    turns = CompetitionLane.objects.filter(queue=queue, waiting=True)
    if unfit:
        # Only now are the waiting runs looked at one by one: as a rule every worker may have every run.
        lanes = lanes.filter(Exists(_waiting(OuterRef("pk"), unfit)))
    if passed or unfit:
        same = {name: OuterRef(name) for name in ("queue", "priority", "competition")}
        turns = turns.filter(Exists(lanes.filter(**same)))
    top = turns.order_by("-priority", "last_served", "pk").first()
    if top is None:
        return None
    turn = _next(turns.filter(priority=top.priority), "competition_id", dict(now.competitions))
    if turn is None:  # the mark was cleared since the question before: whoever tidies does not hold the queue
        return next_run(queue, passed, unfit)
    served = {owner: n for (competition, owner), n in now.participants.items() if competition == turn.competition_id}
    own = lanes.filter(priority=turn.priority, competition=turn.competition_id)
    lane: ParticipantLane | None = _next(own, "owner_id", served)
    run = _first(lane, unfit) if lane is not None else None
    if run is None:
        raise Empty(turn, lane)
    return run


def _waiting(lane: Any, unfit: Sequence[int]) -> QuerySet[Run]:
    queued = Run.objects.filter(lane=lane, state=RunState.QUEUED)
    return queued.exclude(submission__phase__in=list(unfit)) if unfit else queued


def _first(lane: ParticipantLane, unfit: Sequence[int]) -> Run | None:
    """The oldest waiting run of a lane that nobody is cancelling, and that is not of an unfit phase."""
    queued = _waiting(lane, unfit).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        queued = queued.select_for_update(skip_locked=True, of=("self",))
    return queued.first()


@transaction.atomic
def tidy(empty: Empty) -> bool:
    """Clear the mark of a lane in which nothing waits; returns whether nothing did."""
    turn, lane = empty.turn, empty.lane
    CompetitionLane.objects.select_for_update().get(pk=turn.pk)
    if lane is not None:
        ParticipantLane.objects.select_for_update().get(pk=lane.pk)
        if Run.objects.filter(lane=lane, state=RunState.QUEUED).exists():
            return False
        ParticipantLane.objects.filter(pk=lane.pk).update(waiting=False)
    others = ParticipantLane.objects.filter(
        queue=turn.queue_id, priority=turn.priority, competition=turn.competition_id, waiting=True
    )
    if not others.exists():
        CompetitionLane.objects.filter(pk=turn.pk).update(waiting=False)
    return True


@transaction.atomic
def tidy_away(competition_id: int, *, but: int) -> None:
    """Clear the marks of a competition's empty lanes in every queue other than `but`, a queue's key."""
    turns = CompetitionLane.objects.filter(competition=competition_id, waiting=True).exclude(queue=but)
    lanes = ParticipantLane.objects.filter(competition=competition_id, waiting=True).exclude(queue=but)
    locked = [list(rows.select_for_update().order_by("pk").values_list("pk", flat=True)) for rows in (turns, lanes)]
    queued = Run.objects.filter(lane=OuterRef("pk"), state=RunState.QUEUED)
    lanes.filter(~Exists(queued), pk__in=locked[1]).update(waiting=False)
    same = {name: OuterRef(name) for name in ("queue", "priority", "competition")}
    turns.filter(~Exists(ParticipantLane.objects.filter(waiting=True, **same)), pk__in=locked[0]).update(waiting=False)


def served(run: Run) -> None:
    """Note that it was this participant's and this competition's turn; last in the claim's transaction."""
    lane, now = run.lane, timezone.now()
    place = Q(queue=lane.queue_id, competition=lane.competition_id)
    CompetitionLane.objects.filter(place).update(last_served=now)
    ParticipantLane.objects.filter(place, owner=lane.owner_id).update(last_served=now)
