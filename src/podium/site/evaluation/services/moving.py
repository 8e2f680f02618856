"""What waits, waits in the queue that its competition uses now.

Every run is queued in the queue that the competition uses at that moment. When the competition changes its queue, its
waiting runs follow at once, in the same transaction; runs that are being worked on are finished where they are, and
what comes after them (the scoring, another attempt) is queued in the new queue. A run that was queued by a transaction
that had still seen the old queue is found by the sweeper, which looks at the marked lanes of competitions only.
"""

from __future__ import annotations

from collections import defaultdict

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from podium.site.competitions.models import Competition
from podium.site.evaluation import wakeups
from podium.site.evaluation.models import CompetitionLane, Run, Submission
from podium.site.evaluation.services import order
from podium.site.evaluation.states import RunState
from podium.site.queues.models import Queue
from podium.site.queues.services import default_queue


def queue_of(competition_id: int) -> Queue:
    """The queue that a competition uses now."""
    chosen = Queue.objects.filter(competitions=competition_id, deleted_when__isnull=True).first()
    return chosen or default_queue()


def queue_again(run: Run) -> None:
    """Let a run whose attempt was lost wait again, as the oldest of its lane, where its competition waits now.

    Call it last in the transaction, since it locks the lane.
    """
    lane = run.lane
    queue = queue_of(lane.competition_id)
    if queue.pk == run.queue_id:
        order.queued_again(run)
    else:
        _move([run.pk], queue, competition_id=lane.competition_id, owner_id=lane.owner_id, priority=lane.priority)
        Submission.objects.filter(pk=run.submission_id).update(queue=queue)
    wakeups.notify(wakeups.queue_topic(queue.pk))


@transaction.atomic
def follow(competition_id: int) -> int:
    """Move a competition's waiting runs to the queue that it uses now; returns how many there were.

    They keep their order. A run that is being claimed or cancelled at this moment is left to whoever does that.
    """
    target = queue_of(competition_id)
    rows = list(
        _lockable(Run.objects.filter(state=RunState.QUEUED, lane__competition=competition_id).exclude(queue=target))
        .order_by("pk")
        .values_list("pk", "submission_id", "queue_id", "lane__priority", "lane__owner_id")
    )
    if rows:
        Submission.objects.filter(pk__in=[row[1] for row in rows]).update(queue=target)
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for pk, _, _, priority, owner_id in rows:
        places[priority, owner_id].append(pk)
    for (priority, owner_id), keys in sorted(places.items()):
        _move(keys, target, competition_id=competition_id, owner_id=owner_id, priority=priority)
    order.tidy_away(competition_id, but=target.pk)
    if rows:
        wakeups.notify(wakeups.queue_topic(target.pk))
    return len(rows)


def follow_all() -> int:
    """Move the waiting runs of every competition that are not in its queue; returns how many there were."""
    uses = Coalesce("competition__queue", default_queue().pk)
    astray = CompetitionLane.objects.filter(waiting=True).exclude(queue=uses)
    return sum(follow(key) for key in sorted(set(astray.values_list("competition", flat=True))))


def _move(keys: list[int], queue: Queue, *, competition_id: int, owner_id: int, priority: int) -> None:
    competition = Competition.objects.get(pk=competition_id)
    lane = order.lane_for(queue=queue, competition=competition, owner_id=owner_id, priority=priority)
    Run.objects.filter(pk__in=keys, state=RunState.QUEUED).update(queue=queue, lane=lane)


def _lockable(runs: QuerySet[Run]) -> QuerySet[Run]:
    if connection.features.has_select_for_update_skip_locked:
        return runs.select_for_update(skip_locked=True, of=("self",))
    return runs
