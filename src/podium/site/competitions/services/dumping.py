"""Dumps: a competition out as a version 2 bundle, or with everything in an archive, written in the background.

A dump *waits* until a site-worker claims it, then it *runs*; it ends *finished* with its file or *failed* with a
reason. What happens to one whose site-worker dies is told in `claims`.

Of a competition's archives the newest alone keeps its file, and that for a week: it holds a copy of every file and the
names of people. What somebody has archived of several competitions goes earlier, the oldest first, where it takes more
than their quota beside the newest: competitions may share files, and each archive has them once more.
"""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.formats.bundle import check_bundle
from podium.formats.dump import to_yaml
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.buckets import StorageAway
from podium.site.competitions import policies
from podium.site.competitions.description import Description, describe
from podium.site.competitions.models import Competition, Dump, DumpKind, DumpState
from podium.site.competitions.services.claims import Claims, Superseded
from podium.site.errors import Forbidden, Refused
from podium.site.resources import storage
from podium.site.resources.models import DatasetType, StoredFile
from podium.site.resources.services import create_dataset, human_size, refuse_over_quota

log = structlog.get_logger(__name__)

KEPT = timedelta(days=7)
"""How long the file of an archive is kept."""
WRITINGS = 3
"""How often an archive is begun anew in which a file was deleted while it was written."""
ROOM = 256 * 2**20
"""Bytes that an archive leaves free on the disk."""


class DumpRefused(Exception):
    """A competition cannot be written as a bundle that could be read again; the text says why."""


def _task() -> Any:
    from podium.site.competitions.tasks import write_dump  # noqa: PLC0415 - tasks call this module

    return write_dump


def _given_up(dump: Dump) -> dict[str, object]:
    return {
        "details": f"The platform was interrupted {dump.attempt} times while it wrote this. Create it again, and tell "
        "the administrators if that happens twice."
    }


_claims = Claims(
    model=Dump,
    queued=DumpState.WAITING,
    running=DumpState.RUNNING,
    failed=DumpState.FAILED,
    task=_task,
    given_up=_given_up,
    joined=("competition__logo", "competition__queue", "competition__created_by", "created_by"),
)
recover = _claims.recover


def start_dump(
    *, competition: Competition, by: User, keys_instead_of_files: bool = False, kind: str = DumpKind.BUNDLE
) -> Dump:
    """Queue a dump; one that waits or runs already, of the same kind, is answered with.

    Raises Forbidden when `by` does not run the competition.
    """
    if not policies.can_administer(by, competition):
        raise Forbidden(_("You don't have access to create a competition dump"))
    wanted = {"kind": kind, "keys_instead_of_files": keys_instead_of_files}
    with transaction.atomic():
        Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
        under_way = competition.dumps.filter(**wanted, finished_when=None).first()
        if under_way is not None:
            return under_way
        dump = Dump.objects.create(competition=competition, created_by=by, **wanted)
        _claims.enqueue(dump)
        action = Action.COMPETITION_ARCHIVED if kind == DumpKind.ARCHIVE else Action.COMPETITION_DUMPED
        record(action, by=by, on=competition)
    return dump


def run_dump(*, dump_id: int) -> None:
    """Carry out a queued dump and record how it ended; a second run changes nothing."""
    dump = _claims.claim(dump_id)
    if dump is None:
        return
    try:
        _claims.change(dump, started_when=timezone.now())
        with _claims.kept_alive(dump):
            _write(dump)
    except Superseded:
        log.warning("dump superseded", dump=dump.pk, attempt=dump.attempt)


def _write(dump: Dump) -> None:
    try:
        with storage.removed_on_failure() as stored:
            (_write_archive if dump.kind == DumpKind.ARCHIVE else _write_bundle)(dump, stored)
    except (Superseded, StorageAway):
        raise  # the second: it is begun again when this claim has run out
    except (DumpRefused, LookupError, Refused) as refusal:
        _end(dump, status=DumpState.FAILED, details=str(refusal))
    except Exception:
        log.exception("dump failed", dump=dump.pk)
        reason = f"The platform failed while it wrote this dump; the log tells the reason under dump {dump.pk}."
        _end(dump, status=DumpState.FAILED, details=reason)


def _end(dump: Dump, **changes: object) -> None:
    """Record how a dump ended. Raises Superseded when it belongs to another or was given up meanwhile."""
    _claims.change(dump, finished_when=timezone.now(), files=[], **changes)


def _new_key(dump: Dump, stored: list[StoredFile], name: str) -> str:
    """A key to write to, noted so that what is half written goes with whatever fails."""
    key = storage.new_key("dataset", name)
    _claims.change(dump, files=[*dump.files, key])
    stored.append(StoredFile(key=key))
    return key


def _write_bundle(dump: Dump, stored: list[StoredFile]) -> None:
    competition = dump.competition
    check_parts(competition)
    description = describe(competition, keys=dump.keys_instead_of_files)
    owner = competition.created_by or dump.created_by
    refuse_over_quota(owner, size_of(description))
    key = _new_key(dump, stored, "dump.zip")
    with storage.Sink(key) as stream:
        pack(description, stream)
    with storage.local(key) as path:
        check(path)
    digest = storage.digest_of(key)
    with transaction.atomic():
        number = competition.dumps.filter(kind=DumpKind.BUNDLE, status=DumpState.FINISHED).count() + 1
        made = timezone.now()
        dataset = create_dataset(
            user=owner,
            type=DatasetType.COMPETITION_BUNDLE,
            file=storage.record_existing(key, digest),
            name=f"{competition.title[:180]} Dump #{number} Created {made:%Y-%m-%d %H:%M:%S}",
            file_name=f"dump-{competition.pk}-{number}.zip",
        )
        dataset.competition = competition
        dataset.save(update_fields=["competition"])
        _end(dump, status=DumpState.FINISHED, dataset=dataset)


def _write_archive(dump: Dump, stored: list[StoredFile]) -> None:
    from podium.site.archives import writing  # noqa: PLC0415 - archives stand on all apps, this one included

    for attempt in range(1, WRITINGS + 1):
        key = _new_key(dump, stored, "archive.zip")
        try:
            with storage.Sink(key) as stream:
                writing.write(dump.competition, stream, _progress(dump))
            break
        except writing.FileGoneError as gone:
            storage.remove_content(key)
            if attempt == WRITINGS:
                raise
            log.warning("archive begun anew", dump=dump.pk, reason=str(gone))
    digest = storage.digest_of(key)
    with transaction.atomic():
        earlier = Dump.objects.filter(competition=dump.competition, kind=DumpKind.ARCHIVE, file__isnull=False)
        _forget(*earlier.select_related("file"))
        _end(dump, status=DumpState.FINISHED, file=storage.record_existing(key, digest))
        _keep_within_quota(dump)


def _keep_within_quota(newest: Dump) -> None:
    maker = User.objects.select_for_update(no_key=True).get(pk=newest.created_by_id)
    if maker.is_superuser:
        return
    others = Dump.objects.filter(created_by=maker, kind=DumpKind.ARCHIVE, file__isnull=False).exclude(pk=newest.pk)
    taken = 0
    for other in others.select_related("file").order_by("-pk"):
        taken += other.file.size if other.file else 0
        if taken > maker.quota:
            _forget(other)


def _progress(dump: Dump) -> Callable[[int, int], None]:
    """Notes how far an archive has come, at most once a second; refuses one that the disk has no room for."""
    last = 0.0

    def note(done: int, total: int) -> None:
        nonlocal last
        if done == 0 and total + ROOM > storage.free_bytes():
            raise DumpRefused(
                f"The files of this competition are {human_size(total)}, and the disk of the platform has "
                f"{human_size(storage.free_bytes())} left. Tell the administrators."
            )
        if done == 0 or time.monotonic() - last > 1:
            last = time.monotonic()
            _claims.change(dump, done=done, total=total)

    return note


@transaction.atomic
def forget_old() -> int:
    """Delete the files of archives that are older than a week; returns how many there were."""
    old = Dump.objects.filter(kind=DumpKind.ARCHIVE, file__isnull=False, finished_when__lt=timezone.now() - KEPT)
    return _forget(*old.select_related("file"))


def _forget(*dumps: Dump) -> int:
    for dump in dumps:
        file = dump.file
        Dump.objects.filter(pk=dump.pk).update(file=None)
        if file is not None:
            storage.delete(file)
    return len(dumps)


def check_parts(competition: Competition) -> None:
    """Raises DumpRefused for a competition that no bundle can say."""
    if not competition.leaderboards.exists() or not competition.phases.exists():
        raise DumpRefused(_("A competition without phases or leaderboard cannot be dumped: no bundle can say that."))


def size_of(description: Description) -> int:
    """Bytes that a bundle of it takes, about: its files are not packed any more."""
    return sum(len(text) for text in description.texts.values()) + sum(f.size for f in description.files.values())


def pack(description: Description, stream: IO[bytes]) -> None:
    """Write the zip; stored files are zips themselves and are not compressed again."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("competition.yaml", to_yaml(description.competition))
        for name, text in sorted(description.texts.items()):
            archive.writestr(name, text)
        for name, file in sorted(description.files.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED
            with storage.open_file(file) as source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, storage.CHUNK)


def check(path: Path) -> None:
    """Refuse a dump that could not be read again, in place of letting its organizer find out later."""
    errors = check_bundle(path).errors
    if errors:
        told = "\n".join(str(fault) for fault in errors[:20])
        raise DumpRefused(
            _("The competition cannot be written as a bundle that could be uploaded again:\n%(told)s") % {"told": told}
        )
