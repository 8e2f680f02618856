"""What is known of workers, and whether they get new jobs."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.protocol import Claim
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Forbidden
from podium.site.queues import policies
from podium.site.queues.models import Queue, Worker

REFRESHED = timedelta(seconds=10)


def introduce(queue: Queue, claim: Claim) -> Worker:
    """Keep the worker's row fresh, with one write in ten seconds at most unless what it gives has changed."""
    facts = {
        "hostname": claim.hostname,
        "version": claim.version,
        "engine": claim.engine,
        "slots": claim.slots,
        "free_disk_bytes": claim.free_disk_bytes,
        "gpus": claim.gpus,
        "ceilings": claim.ceilings.model_dump(),
        "not_ready": claim.not_ready,
        "last_seen": timezone.now(),
    }
    worker, created = Worker.objects.get_or_create(queue=queue, name=claim.worker, defaults=facts)
    changed = worker.ceilings != facts["ceilings"] or worker.not_ready != claim.not_ready
    if not created and (changed or timezone.now() - worker.last_seen > REFRESHED):
        Worker.objects.filter(pk=worker.pk).update(**facts)
    return worker


def drain(*, worker: Worker, by: User) -> None:
    """Give a worker no new job; what it has it finishes. Raises Forbidden."""
    _change(worker, by, drained=True)


def undrain(*, worker: Worker, by: User) -> None:
    """Give a drained worker jobs again. Raises Forbidden."""
    _change(worker, by, drained=False)


@transaction.atomic
def _change(worker: Worker, by: User, *, drained: bool) -> None:
    if not policies.can_operate(by, worker.queue):
        raise Forbidden(_("Only the queue's owner and organizers decide about its workers."))
    rows = Worker.objects.filter(pk=worker.pk, drained_when__isnull=drained)
    if rows.update(drained_when=timezone.now() if drained else None):
        action = Action.WORKER_DRAINED if drained else Action.WORKER_UNDRAINED
        record(action, by=by, on=worker, after={"queue": worker.queue.name})
