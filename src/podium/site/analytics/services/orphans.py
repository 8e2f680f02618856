"""Files that nothing refers to: found once a day, shown to administrators, removed when they ask for it.

Every file that is kept has a row (`StoredFile`), which is what everything else refers to. Content without one was left
by a process that died, or belongs to a transaction under way: its row is not there yet for anybody else. So nothing is
removed that was written to within `PODIUM_FORGOTTEN_SECONDS`, which is longer than any transaction and any writing
before one takes, nor what a job under way has noted as its own; and both, like the row, are asked for anew in the
moment in which a file is removed, however long ago it was found. The same holds where the site-worker does it by
itself (`resources.storage.discard_orphans`).

A deletion is *pending* until a site-worker claims it, then it is *started*; what happens to one whose site-worker dies
is told in `competitions.services.claims`. How it stands is in its row, so that every web process tells the same.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from podium.site.accounts.models import User
from podium.site.analytics import policies
from podium.site.analytics.models import DeletionState, Orphan, OrphanCheck, OrphanDeletion
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import CreationStatus, Dump
from podium.site.competitions.services.claims import Claims, Superseded
from podium.site.errors import Refused
from podium.site.resources import storage
from podium.site.resources.models import StoredFile

log = structlog.get_logger(__name__)

LISTED = 10_000
"""Orphans that a check names; it counts all of them."""
PIECE = 500
NAMED_MISSING = 20
"""Rows without content that the log names."""


def look() -> OrphanCheck:
    """Compare what is kept with its rows; the check takes the place of the one before."""
    started = timezone.now()
    found: list[Orphan] = []
    number = size = 0
    for content in storage.orphans():
        number, size = number + 1, size + content.size
        if len(found) < LISTED:
            changed = datetime.fromtimestamp(content.changed, UTC)
            found.append(Orphan(key=content.key, size=content.size, changed_when=changed))
    missing = _missing()
    with transaction.atomic():
        check = OrphanCheck.objects.create(
            started_when=started,
            files=StoredFile.objects.count() + number,
            orphans=number,
            orphan_bytes=size,
            missing=missing,
        )
        for row in found:
            row.check_of = check
        Orphan.objects.bulk_create(found, batch_size=PIECE)
        OrphanCheck.objects.filter(pk__lt=check.pk).delete()
    return check


def _missing() -> int:
    """How many rows have no content; the log names some of them."""
    number = 0
    keys = StoredFile.objects.order_by().values_list("key", flat=True).iterator(chunk_size=PIECE)
    for batch in iter(lambda: list(itertools.islice(keys, PIECE)), []):
        absent = storage.absent(batch)
        # What was deleted since the batch was read has lost its row before its content.
        still = StoredFile.objects.filter(key__in=absent).values_list("key", flat=True) if absent else []
        for key in still:
            number += 1
            if number <= NAMED_MISSING:
                log.error("a stored file has no content", key=key)
    return number


def look_soon(*, by: User) -> None:
    """Have a site-worker look, unless one is about to. Raises Forbidden for all but administrators."""
    from podium.site.analytics.tasks import look_for_orphans  # noqa: PLC0415 - tasks call this module

    policies.require_administrator(by)
    waiting = DBTaskResult.objects.filter(status=TaskResultStatus.READY, task_path=look_for_orphans.module_path)
    if not waiting.exists():
        look_for_orphans.enqueue()


def newest_check() -> OrphanCheck | None:
    """The comparison that counts, None before the first."""
    return OrphanCheck.objects.order_by("-pk").first()


def newest_deletion() -> OrphanDeletion | None:
    """The deletion that was asked for last."""
    return OrphanDeletion.objects.order_by("-pk").select_related("created_by").first()


def _task() -> Any:
    from podium.site.analytics.tasks import delete_orphans  # noqa: PLC0415 - tasks call this module

    return delete_orphans


_claims = Claims(
    model=OrphanDeletion,
    queued=DeletionState.PENDING,
    running=DeletionState.STARTED,
    failed=DeletionState.FAILURE,
    task=_task,
    given_up=lambda deletion: {"details": f"The platform was interrupted {deletion.attempt} times. Start it again."},
)
recover = _claims.recover


def start_deletion(*, by: User) -> OrphanDeletion:
    """Ask for the orphans of the newest check to be removed; a deletion under way is answered with.

    Raises Forbidden for all but administrators, Refused with 404 where nothing was looked for yet.
    """
    policies.require_administrator(by)
    with transaction.atomic():
        # The check is the lock under which one deletion at a time is asked for.
        check = OrphanCheck.objects.select_for_update().order_by("-pk").first()
        if check is None:
            raise Refused(str(NO_CHECK), code="not_found", status=404)
        open_states = [DeletionState.PENDING, DeletionState.STARTED]
        under_way = OrphanDeletion.objects.filter(status__in=open_states).first()
        if under_way is not None:
            return under_way
        deletion = OrphanDeletion.objects.create(created_by=by)
        _claims.enqueue(deletion)
        after = {"orphans": check.orphans, "bytes": check.orphan_bytes}
        record(Action.ORPHANS_DELETED, by=by, on=deletion, after=after)
    return deletion


NO_CHECK = _("Nobody has looked for orphan files yet. The site-worker does so once a day.")


def run_deletion(*, deletion_id: int) -> None:
    """Carry out a deletion and look anew; a second run of one that has ended changes nothing."""
    deletion = _claims.claim(deletion_id)
    if deletion is None:
        return
    try:
        with _claims.kept_alive(deletion):
            _remove(deletion)
            look()
        _claims.change(deletion, status=DeletionState.SUCCESS, finished_when=timezone.now())
    except Superseded:
        log.warning("deletion of orphans superseded", deletion=deletion.pk, attempt=deletion.attempt)
    except Exception:
        log.exception("deletion of orphans failed", deletion=deletion.pk)
        reason = f"The platform failed; the log tells the reason under deletion {deletion.pk}."
        _claims.change(deletion, status=DeletionState.FAILURE, finished_when=timezone.now(), details=reason)


def _remove(deletion: OrphanDeletion) -> None:
    after = 0
    while batch := list(Orphan.objects.filter(pk__gt=after).order_by("pk")[:PIECE]):
        after = batch[-1].pk
        sizes, claimed = {row.key: row.size for row in batch}, _claimed()
        free = [key for key in sizes if key not in claimed]
        gone = storage.discard_unrecorded(free, older_than_seconds=settings.CONFIG.forgotten_seconds)
        freed = sum(sizes[key] for key in gone)
        _claims.change(deletion, removed=deletion.removed + len(gone), freed=deletion.freed + freed)


def _claimed() -> set[str]:
    """The keys that jobs under way may write to."""
    jobs = (CreationStatus.objects.filter(finished_when=None), Dump.objects.filter(finished_when=None))
    return {key for rows in jobs for files in rows.values_list("files", flat=True) for key in files}
