"""Settling the limits of a phase: once, with its first run, and never lowered in silence after that.

A phase is *open* until the first of its runs is given to a worker; then what it asks for is *settled*: at what the
site and the strongest worker of the queue give. From then on its runs go only to workers that give as much, so that all
submissions of a phase are judged alike. When no worker does any more, the runs wait, the phase says so, and an
organizer may settle anew. Settling is a compare-and-set on the phase; who comes second looks again.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from podium.protocol import AskedLimits, Ceilings, promise, shortfalls
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import Phase
from podium.site.competitions.policies import can_administer
from podium.site.errors import Forbidden
from podium.site.evaluation import limits, wakeups
from podium.site.queues.services import default_queue


class Unfit(Exception):
    """A worker gives less than the phase's runs are due."""

    def __init__(self, phase_id: int) -> None:
        super().__init__(f"phase {phase_id}")
        self.phase_id = phase_id


class SettledMeanwhile(Exception):
    """Another worker settled the phase at the same moment: look again."""


def settled_for(*, phase: Phase, queue_id: int, worker: str, ceilings: Ceilings) -> AskedLimits:
    """What a run of the phase is due, for a worker that is about to get it; settles the phase if it is open.

    Runs inside the claim's transaction. Raises Unfit when the worker gives less, SettledMeanwhile when somebody else
    was quicker.
    """
    site, agreed = limits.site_ceilings(), limits.agreed_of(phase)
    if agreed is not None:
        if shortfalls(site, agreed) or shortfalls(ceilings, agreed):
            raise Unfit(phase.pk)
        return agreed
    found = promise(limits.asked_of(phase), site, [ceilings])
    if found.lacking or any(each.by == "workers" for each in found.lowered):
        # Only where this worker falls short does it matter what the others give.
        found = promise(limits.asked_of(phase), site, [ceilings, *limits.live_ceilings(queue_id, but=worker)])
    if found.lacking or shortfalls(ceilings, found.limits):
        raise Unfit(phase.pk)
    open_still = Phase.objects.filter(pk=phase.pk, agreed_limits__isnull=True)
    if not open_still.update(agreed_limits=found.limits.model_dump()):
        raise SettledMeanwhile
    return found.limits


@transaction.atomic
def settle_anew(*, phase: Phase, by: User) -> None:
    """Let the next run settle the phase's limits again, at what site and workers give now.

    by: the organizer who accepts that. Raises Forbidden for anybody else.
    """
    if not can_administer(by, phase.competition):
        raise Forbidden(_("Only organizers of the competition may settle the limits of its phases anew."))
    settled = Phase.objects.values_list("agreed_limits", flat=True).get(pk=phase.pk)
    Phase.objects.filter(pk=phase.pk).update(agreed_limits=None)
    record(Action.PHASE_LIMITS, by=by, on=phase, before={"limits": settled}, after={"limits": None})
    queue = phase.competition.queue or default_queue()
    wakeups.notify(wakeups.queue_topic(queue.pk))
