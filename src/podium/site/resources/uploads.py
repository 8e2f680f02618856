"""Uploads as sessions of parts: begun, filled in any order, completed or given up.

A session is a dataset whose file is still to come, with a plan how the file is cut. It is *open* until its parts are
put together, which one request at a time does under a lease (`joining_until`); the dataset gets its file in the same
transaction in which the session ends, so nothing of it is visible before. A process that dies while it joins leaves the
parts and a lease that runs out: completing again begins anew.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import close_old_connections, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.errors import Refused
from podium.site.resources import services, storage
from podium.site.resources.models import Dataset, UploadSession
from podium.site.resources.parts import NoSuchUpload, Part, Plan, parts
from podium.site.resources.places import Digest

log = structlog.get_logger(__name__)

KEPT = timedelta(days=5)
"""How long a session may stay open (the term of Codabench's upload addresses)."""
LEASE = timedelta(seconds=60)
AT_ONCE = 256 * 1024 * 1024
"""Files up to this many bytes are joined while the request waits, whatever it takes."""
PATIENCE = 15.0
"""How many seconds a request waits for a larger file to be joined."""

_joiners = ThreadPoolExecutor(2, thread_name_prefix="join")


@dataclass(frozen=True)
class Progress:
    """How far a session is: the plan, and what has arrived."""

    session: UploadSession
    plan: Plan
    received: list[Part]

    @property
    def missing(self) -> list[int]:
        """The numbers of the parts that are still to come."""
        there = {part.number for part in self.received}
        return [number for number in range(1, self.plan.count + 1) if number not in there]


def plan_of(session: UploadSession) -> Plan:
    """How the file of a session is cut."""
    return Plan(session.dataset.announced_size, session.part_size)


def progress_of(session: UploadSession) -> Progress:
    """What of a session has arrived."""
    listed = parts().listed(str(session.dataset.key)) if session.dataset.data_file_id is None else {}
    return Progress(session, plan_of(session), [listed[number] for number in sorted(listed)])


def is_awaited(incoming_key: str) -> bool:
    """Whether what is written to an incoming key may still be completed; what is no dataset's is a worker's output."""
    key = _dataset_of(incoming_key)
    return key is None or Dataset.objects.filter(key=key, data_file__isnull=True, session__isnull=True).exists()


def hold(incoming_key: str) -> bool:
    """As `is_awaited`; what is awaited has a place in its owner's quota from now on, also if it was announced long ago.

    Raises Refused where there is no room any more.
    """
    if not is_awaited(incoming_key):
        return False
    lapses = timezone.now() - services.PENDING / 2
    key = _dataset_of(incoming_key)
    if key is not None and Dataset.objects.filter(key=key, upload_started_when__lt=lapses).exists():
        with transaction.atomic():
            # As where it is announced: the person's row is the lock under which space is reserved.
            owner = User.objects.select_for_update(no_key=True).filter(datasets__key=key).first()
            found = Dataset.objects.filter(key=key, data_file__isnull=True).first()
            if owner is None or found is None:
                return False
            services.refuse_over_quota(owner, found.announced_size, besides=found)
            Dataset.objects.filter(pk=found.pk).update(upload_started_when=timezone.now())
    return True


def takes_parts(upload: str) -> bool:
    """Whether an upload in parts may still be filled and completed."""
    return Dataset.objects.filter(key=upload, data_file__isnull=True).exists()


def _dataset_of(incoming_key: str) -> UUID | None:
    try:
        return UUID(incoming_key.removeprefix("incoming/"))
    except ValueError:
        return None


@transaction.atomic
def begin(*, user: User, type: str, file_name: str, size: int, sha256: str = "", **facts: object) -> UploadSession:
    """Announce a file that will come in parts, and hold room for it in the owner's quota until the session ends.

    size: in bytes. sha256: of the whole file in hex; what arrives is compared, and an upload that names it and was
    begun in time may be submitted shortly after a phase's end. facts: name, description, is_public, license.
    Raises Refused as `services.announce_upload` does.
    """
    dataset = services.announce_upload(user=user, type=type, file_name=file_name, size=size, **facts)  # type: ignore[arg-type]
    session = UploadSession.objects.create(
        dataset=dataset,
        part_size=Plan.of(size).part_size,
        sha256=sha256,
        expires_when=dataset.upload_started_when + KEPT,
    )
    parts().begin(str(dataset.key))
    return session


@transaction.atomic
def give_up(*, dataset: Dataset) -> None:
    """End an open session and forget what has arrived. Raises Refused for one that is complete."""
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if locked.data_file_id is not None:
        raise Refused(_("The upload is complete: delete the dataset instead."), code="completed", status=409)
    key = str(locked.key)
    locked.delete()
    transaction.on_commit(lambda: parts().discard(key))


def complete(*, dataset: Dataset) -> Dataset:
    """Let an upload count, in parts or in one piece; a second call changes nothing.

    Raises Refused when something is missing, when what arrived is not what was announced, when the quota is passed,
    and, with status 409, while another request joins the parts.
    """
    session = UploadSession.objects.filter(dataset=dataset).first()
    if session is None:
        return services.complete_upload(dataset=dataset)
    found = Dataset.objects.select_related("created_by", "data_file").get(pk=dataset.pk)
    if found.data_file_id is not None:
        return found
    session.dataset = found
    _refuse_incomplete(session)
    now = timezone.now()
    free = UploadSession.objects.filter(Q(joining_until__isnull=True) | Q(joining_until__lte=now), pk=session.pk)
    if not free.update(joining_until=now + LEASE):
        raise Refused(_("The parts are being put together. Ask again in a while."), code="joining", status=409)
    try:
        return _join(session)
    except BaseException:
        UploadSession.objects.filter(pk=session.pk).update(joining_until=None)
        raise


def complete_soon(*, dataset: Dataset) -> Dataset | None:
    """As `complete`, but None when the parts of a large file are not joined within `PATIENCE` seconds; that goes on."""
    if dataset.announced_size <= AT_ONCE or dataset.data_file_id is not None:
        return complete(dataset=dataset)
    # With its context, which knows by which way the request came.
    job: Future[Dataset] = _joiners.submit(copy_context().run, _complete_in_thread, dataset)
    try:
        return job.result(PATIENCE)
    except StillRunning:
        return None


def _complete_in_thread(dataset: Dataset) -> Dataset:
    close_old_connections()
    try:
        return complete(dataset=dataset)
    except Refused as refused:
        log.info("an upload in parts was refused", dataset=dataset.pk, code=refused.code)
        raise
    except Exception:
        log.exception("the parts of an upload were not joined", dataset=dataset.pk)
        raise
    finally:
        close_old_connections()


def _refuse_incomplete(session: UploadSession) -> None:
    progress = progress_of(session)
    missing = progress.missing
    if missing:
        named = ", ".join(str(number) for number in missing[:10])
        raise Refused(
            _(
                "%(missing)s of %(count)s parts have not arrived: %(numbers)s. Send them, then complete the upload "
                "again."
            )
            % {
                "missing": len(missing),
                "count": progress.plan.count,
                "numbers": f"{named}, ..." if len(missing) > 10 else named,
            },
            field="data",
            code="parts_missing",
        )


def _join(session: UploadSession) -> Dataset:
    """Put the parts of a claimed session together and give the dataset its file."""
    dataset = session.dataset
    key = storage.new_key("dataset", dataset.file_name or f"{dataset.type}.zip")
    said = timezone.now()

    def alive() -> None:
        nonlocal said
        if timezone.now() - said > LEASE / 4:
            said = timezone.now()
            UploadSession.objects.filter(pk=session.pk).update(joining_until=said + LEASE)

    try:
        digest = parts().join(str(dataset.key), plan_of(session), key, alive)
    except NoSuchUpload:
        raise Refused(
            _("A part was replaced or removed while the parts were put together. See which ones are missing."),
            field="data",
            code="parts_missing",
        ) from None
    try:
        done = _recorded(session, key, digest)
    except BaseException:
        storage.remove_content(key)
        raise
    transaction.on_commit(lambda: parts().discard(str(dataset.key)))
    return done


@transaction.atomic
def _recorded(session: UploadSession, key: str, digest: Digest) -> Dataset:
    if session.sha256 and digest.sha256 != session.sha256:
        raise Refused(
            _(
                "The whole file's SHA-256 is not the one that was announced: the file was changed while it was sent, "
                "or parts of another file came in between. Start a new upload."
            ),
            field="data",
            code="digest_mismatch",
        )
    services.refuse_over_quota(session.dataset.created_by, digest.size, besides=session.dataset)
    file = storage.record_existing(key, digest)
    changed = Dataset.objects.filter(pk=session.dataset_id, data_file__isnull=True).update(
        data_file=file, upload_completed_when=timezone.now()
    )
    if not changed:
        raise Refused(_("The upload was given up or completed meanwhile."), code="gone", status=409)
    UploadSession.objects.filter(pk=session.pk).update(joining_until=None)
    done = Dataset.objects.select_related("created_by", "data_file").get(pk=session.dataset_id)
    services.record_added(done)
    return done


def sweep(*, older_than_seconds: float) -> int:
    """End the sessions whose time is over, and remove parts that belong to none; returns how many went.

    older_than_seconds: how long nothing must have come to parts without a session.
    """
    now = timezone.now()
    over = UploadSession.objects.filter(
        Q(joining_until__isnull=True) | Q(joining_until__lte=now),
        expires_when__lte=now,
        dataset__data_file__isnull=True,
    )
    gone = 0
    for session in over.select_related("dataset")[:1000]:
        try:
            give_up(dataset=session.dataset)
            gone += 1
        except (Refused, Dataset.DoesNotExist):
            continue  # completed or given up at this moment
    for upload in list(parts().stale(older_than_seconds=older_than_seconds)):
        if not Dataset.objects.filter(key=_key(upload), data_file__isnull=True).exists():
            parts().discard(upload)
            gone += 1
    return gone


def _key(name: str) -> str:
    """The key in a folder's name; of what is no key one that nothing has."""
    return name if len(name) == 36 else "00000000-0000-0000-0000-000000000000"
