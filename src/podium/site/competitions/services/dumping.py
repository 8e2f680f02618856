"""Dumps: a competition out as a version 2 bundle, written in the background, with a state that its organizers see.

States of the race: a dump *waits* until a site-worker takes it by compare-and-set, then it *runs*; it ends *finished*
with a dataset or *failed* with a reason. One that has not ended after some hours belongs to a site-worker that is gone:
the sweeper fails it, and a late end of it changes nothing, since it asks for the state Running.
"""

from __future__ import annotations

import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import IO, cast

import structlog
from django.db import transaction
from django.utils import timezone

from podium.formats.bundle import check_bundle
from podium.formats.dump import to_yaml
from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.description import Description, describe
from podium.site.competitions.models import Competition, Dump, DumpState
from podium.site.errors import Forbidden
from podium.site.resources import storage
from podium.site.resources.models import DatasetType, StoredFile
from podium.site.resources.services import create_dataset

log = structlog.get_logger(__name__)

HOURS = 6
"""After how long a dump that has not ended is given up."""


class DumpRefused(Exception):
    """A competition cannot be written as a bundle that could be read again; the text says why."""


def start_dump(*, competition: Competition, by: User, keys_instead_of_files: bool = False) -> Dump:
    """Queue a dump; one that waits or runs already, of the same kind, is answered with.

    Raises Forbidden when `by` does not run the competition.
    """
    from podium.site.competitions.tasks import write_dump  # noqa: PLC0415 - tasks call this module

    if not policies.can_administer(by, competition):
        raise Forbidden("You don't have access to create a competition dump")
    with transaction.atomic():
        Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
        under_way = competition.dumps.filter(keys_instead_of_files=keys_instead_of_files, finished_when=None).first()
        if under_way is not None:
            return under_way
        dump = Dump.objects.create(competition=competition, created_by=by, keys_instead_of_files=keys_instead_of_files)
        write_dump.enqueue(dump.pk)
    return dump


def run_dump(*, dump_id: int) -> None:
    """Carry out a queued dump and record how it ended; a second run changes nothing."""
    waiting = Dump.objects.filter(pk=dump_id, status=DumpState.WAITING)
    if not waiting.update(status=DumpState.RUNNING, started_when=timezone.now()):
        return
    dump = Dump.objects.select_related("competition__logo", "competition__queue", "competition__created_by").get(
        pk=dump_id
    )
    try:
        _write(dump)
    except (DumpRefused, LookupError) as refusal:
        _end(dump, status=DumpState.FAILED, details=str(refusal))
    except Exception:
        log.exception("dump failed", dump=dump.pk)
        reason = f"The platform failed while it wrote this dump; the log tells the reason under dump {dump.pk}."
        _end(dump, status=DumpState.FAILED, details=reason)


def fail_lost() -> int:
    """Give up dumps whose site-worker is gone; returns how many there were."""
    long_ago = timezone.now() - timedelta(hours=HOURS)
    lost = Dump.objects.filter(finished_when=None, created_when__lt=long_ago)
    details = "The platform was interrupted while it wrote this dump. Create it again."
    return lost.update(status=DumpState.FAILED, finished_when=timezone.now(), details=details)


def _end(dump: Dump, **changes: object) -> bool:
    """Record how a dump ended; False when it has been given up meanwhile."""
    running = Dump.objects.filter(pk=dump.pk, status=DumpState.RUNNING)
    return bool(running.update(finished_when=timezone.now(), **changes))


def _write(dump: Dump) -> None:
    competition = dump.competition
    if not competition.leaderboards.exists() or not competition.phases.exists():
        raise DumpRefused("A competition without phases or leaderboard cannot be dumped: no bundle can say that.")
    description = describe(competition, keys=dump.keys_instead_of_files)
    with storage.removed_on_failure() as stored:
        key = storage.new_key("dataset", "dump.zip")
        stored.append(StoredFile(key=key))
        with storage.Sink(key).stream as stream:
            _pack(description, cast("IO[bytes]", stream))
        _check(storage.path_of(key))
        with transaction.atomic():
            number = competition.dumps.filter(status=DumpState.FINISHED).count() + 1
            made = timezone.now()
            dataset = create_dataset(
                user=competition.created_by or dump.created_by,
                type=DatasetType.COMPETITION_BUNDLE,
                file=storage.record_existing(key),
                name=f"{competition.title[:180]} Dump #{number} Created {made:%Y-%m-%d %H:%M:%S}",
                file_name=f"dump-{competition.pk}-{number}.zip",
            )
            dataset.competition = competition
            dataset.save(update_fields=["competition"])
            if not _end(dump, status=DumpState.FINISHED, dataset=dataset):
                raise DumpRefused("The dump took too long and was given up.")


def _pack(description: Description, stream: IO[bytes]) -> None:
    """Write the zip; stored files are zips themselves and are not compressed again."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("competition.yaml", to_yaml(description.competition))
        for name, text in sorted(description.texts.items()):
            archive.writestr(name, text)
        for name, file in sorted(description.files.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED
            with storage.path_of(file.key).open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, storage.CHUNK)


def _check(path: Path) -> None:
    """Refuse a dump that could not be read again, in place of letting its organizer find out later."""
    errors = check_bundle(path).errors
    if errors:
        told = "\n".join(str(fault) for fault in errors[:20])
        raise DumpRefused(f"The competition cannot be written as a bundle that could be uploaded again:\n{told}")
