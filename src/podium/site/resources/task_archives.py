"""From an uploaded task archive to a task: all of it or nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from podium.formats import taskfile
from podium.formats.faults import Fault
from podium.formats.files import Bundle
from podium.formats.model import DatasetRef, FileRef, Part
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Refused
from podium.site.resources import policies, services, storage
from podium.site.resources.models import Dataset, StoredFile, Task


def create_task_from_archive(*, user: User, archive: BinaryIO, remarks: list[Fault] | None = None) -> Task:
    """Make a task, and datasets of the zips that come with it, of a task archive.

    archive: a zip with `task.yaml`, see `podium.formats.taskfile`; datasets by key must be the user's own.
    remarks: gets the checker's report, warnings too, whatever comes of it.
    Raises Refused with every fault, and with status 507 when the user's quota would be passed; nothing is left then.
    """
    try:
        with taskfile.open_task(archive) as bundle:
            report = taskfile.read_task(bundle)
            if remarks is not None:
                remarks.extend(report.faults)
            if report.task is None:
                raise Refused(report.message, field="error", code="bad_task", hint=report.hint)
            paths = sorted({part.path for part in _parts(report.task).values() if isinstance(part, FileRef)})
            services.refuse_over_quota(user, sum(bundle.size(path) for path in paths))
            with storage.removed_on_failure() as stored:
                keys = {path: _store(bundle, path, stored) for path in paths}
                with transaction.atomic():
                    datasets = {kind: _dataset(user, kind, p, keys) for kind, p in _parts(report.task).items()}
                    scoring_program = datasets["scoring_program"]
                    assert scoring_program is not None  # noqa: S101 - the reader refuses a task without one
                    made = services.create_task(
                        user=user,
                        name=report.task.name,
                        description=report.task.description,
                        is_public=report.task.is_public,
                        ingestion_only_during_scoring=report.task.ingestion_only_during_scoring,
                        scoring_program=scoring_program,
                        ingestion_program=datasets["ingestion_program"],
                        input_data=datasets["input_data"],
                        reference_data=datasets["reference_data"],
                    )
                    facts = {"scoring_program": scoring_program.name, "is_public": made.is_public}
                    record(Action.TASK_CREATED, by=user, on=made, after=facts)
                    return made
    except taskfile.ArchiveError as problem:
        message = _("An error occurred while creating the task.\n%(problem)s") % {"problem": problem}
        raise Refused(message, field="error", code=problem.code) from problem


def _parts(task: object) -> dict[str, Part | None]:
    return {kind: getattr(task, kind) for kind in taskfile.PARTS}


def _store(bundle: Bundle, path: str, stored: list[StoredFile]) -> str:
    """Copy a member out before the transaction, so that no lock is held meanwhile."""
    key = storage.new_key("dataset", PurePosixPath(path).name)
    stored.append(StoredFile(key=key))
    with storage.Sink(key) as stream:
        bundle.extract_part(path, stream)
    return key


def _dataset(user: User, kind: str, part: Part | None, keys: dict[str, str]) -> Dataset | None:
    if part is None:
        return None
    if isinstance(part, DatasetRef):
        found = policies.datasets_usable_by(user).filter(key=UUID(part.key), type=kind, data_file__isnull=False).first()
        if found is None:
            raise Refused(
                _("%(kind)s with key '%(key)s' not found.") % {"kind": kind, "key": part.key},
                field="error",
                code="no_dataset",
            )
        return found
    key = keys[part.path]
    return services.create_dataset(
        user=user,
        type=kind,
        file=StoredFile.objects.filter(key=key).first() or storage.record_existing(key),
        name=services.organizer_dataset_name(kind),
        file_name=PurePosixPath(part.path).name,
    )
