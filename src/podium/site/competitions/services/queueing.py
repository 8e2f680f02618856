"""Which queue a competition uses."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.services import moving
from podium.site.queues import policies as queues
from podium.site.queues.models import Queue


def queue_with_id(given: object) -> Queue | None:
    """The queue that a person named by its id; null and nothing are the default queue. Raises Refused."""
    if given in (None, ""):
        return None
    text = str(given)
    found = Queue.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    if found is None:
        raise _no_access()
    return found


def _no_access() -> Refused:
    """Also for a queue that is not there, so that nobody learns which private ones are."""
    return Refused(_("You do not have access to the specified queue!"), field="queue", code="no_queue")


@transaction.atomic
def choose_queue(*, competition: Competition, queue: Queue | None, by: User) -> int:
    """Let a competition use another queue; what waits goes there at once, what runs is finished where it runs.

    queue: one that `by` may use, public or their own or organized by them; None is the default queue.
    Returns how many waiting runs were moved. Raises Forbidden for non-organizers, and Refused for a queue that `by` may
    not use; the one that is used already is never refused.
    """
    if not policies.can_administer(by, competition):
        raise Forbidden(_("Only the organizers choose the queue of a competition."))
    if queue is not None and queue.pk == competition.queue_id:
        return 0
    # The queue's row is locked until the competition uses it, so that it is not made private or deleted meanwhile.
    chosen = None
    if queue is not None:
        usable = queues.visible_to(by).select_for_update(no_key=True, of=("self",))
        chosen = usable.filter(pk=queue.pk).first()
        if chosen is None:
            raise _no_access()
    before = competition.queue
    competition.queue = None if chosen is None or chosen.is_default else chosen
    Competition.objects.filter(pk=competition.pk).update(queue=competition.queue)
    record(Action.COMPETITION_QUEUE, by=by, on=competition, before=_named(before), after=_named(competition.queue))
    return moving.follow(competition.pk)


def _named(queue: Queue | None) -> dict[str, str]:
    return {"queue": queue.name if queue is not None else "the default queue"}
