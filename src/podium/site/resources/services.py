"""Changes of files, datasets and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError, Sum
from django.utils import timezone
from django.utils.formats import date_format

from podium.formats.archives import ArchiveError, inspect
from podium.site.accounts.models import User
from podium.site.errors import Forbidden, Refused
from podium.site.resources import policies, storage
from podium.site.resources.models import Dataset, DatasetType, StoredFile, Task, TaskVersion


def human_size(size: float) -> str:
    """A size in decimal units, as people read it: "1.5 GB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def storage_used(user: User) -> int:
    """How many bytes a person's datasets take, to the byte."""
    files = StoredFile.objects.filter(datasets__created_by=user).distinct()
    return int(files.aggregate(total=Sum("size"))["total"] or 0)


PENDING_HOURS = 1
"""How long an announced upload holds its place in the quota; a broken one frees it again by itself."""


def _pending(user: User, besides: Dataset | None) -> int:
    """Bytes that a person's uploads under way have announced."""
    since = timezone.now() - timedelta(hours=PENDING_HOURS)
    uploads = Dataset.objects.filter(created_by=user, data_file__isnull=True, upload_started_when__gt=since)
    if besides is not None:
        uploads = uploads.exclude(pk=besides.pk)
    return int(uploads.aggregate(total=Sum("announced_size"))["total"] or 0)


def refuse_over_quota(user: User, size: int, besides: Dataset | None = None) -> None:
    """Refuse what would take more space than a person has.

    size: in bytes. besides: an upload whose announced size is not to be counted again.
    """
    if user.is_superuser:
        return
    available = max(0, user.quota - storage_used(user) - _pending(user, besides))
    if size > available:
        raise Refused(
            f"Insufficient space. Your available space is {human_size(available)}. The file size is "
            f"{human_size(size)}. Please free up some space and try again. You can manage your files in the "
            "Resources page.",
            field="data_file",
            code="over_quota",
        )


def announce_upload(
    *,
    user: User,
    type: str,
    file_name: str,
    size: int,
    name: str = "",
    description: str = "",
    is_public: bool = False,
    license: str = "",
) -> Dataset:
    """Make a dataset whose file is still to come.

    size: in bytes, as the client says; what arrives is measured again.
    Raises Refused when the type is unknown, the file is too large or the quota would be passed.
    """
    if type not in DatasetType.values:
        raise Refused(f'"{type}" is not a valid choice.', field="type", code="invalid_choice")
    if size > settings.CONFIG.max_upload_bytes:
        raise Refused(
            f"The file is {human_size(size)}; this site takes files up to "
            f"{human_size(settings.CONFIG.max_upload_bytes)}.",
            field="file_size",
            code="too_large",
        )
    refuse_over_quota(user, size)
    if name and type != DatasetType.SUBMISSION and Dataset.objects.filter(created_by=user, name=name).exists():
        raise Refused(
            "You already have a dataset by this name, please delete that dataset or rename this one",
            code="duplicate_name",
        )
    return Dataset.objects.create(
        created_by=user,
        type=type,
        name=name or f"{user.username} - {type}",
        description=description,
        is_public=is_public,
        license=license,
        file_name=file_name[-255:],
        announced_size=size,
    )


@transaction.atomic
def complete_upload(*, dataset: Dataset) -> Dataset:
    """Seal the uploaded file; a second call changes nothing.

    Raises Refused when nothing has arrived or the quota is passed by what really arrived.
    """
    locked = (
        Dataset.objects.select_for_update(of=("self",)).select_related("created_by", "data_file").get(pk=dataset.pk)
    )
    if locked.data_file_id is not None:
        return locked
    size = storage.incoming_size(locked.incoming_key)
    if size is None:
        raise Refused(
            "The file has not arrived: upload it with PUT to the address that you were given, then try again.",
            field="data",
            code="not_uploaded",
        )
    try:
        refuse_over_quota(locked.created_by, size, besides=locked)
    except Refused:
        storage.discard_incoming(locked.incoming_key)
        raise
    locked.data_file = storage.seal(
        locked.incoming_key, folder="dataset", name=locked.file_name or f"{locked.type}.zip"
    )
    locked.upload_completed_when = timezone.now()
    locked.save(update_fields=["data_file", "upload_completed_when"])
    return locked


def store_upload(*, user: User, type: str, file: IO[bytes], file_name: str, size: int, name: str = "") -> Dataset:
    """Take a whole file at once, as a plain form sends it.

    Raises Refused as `announce_upload` does; nothing is left behind then.
    """
    dataset = announce_upload(user=user, type=type, name=name, file_name=file_name, size=size)
    incoming = storage.IncomingFile(dataset.incoming_key)
    try:
        while data := file.read(storage.CHUNK):
            incoming.write(data)
        incoming.commit()
        return complete_upload(dataset=dataset)
    except BaseException:
        incoming.abandon()
        storage.discard_incoming(dataset.incoming_key)
        dataset.delete()
        raise


@transaction.atomic
def delete_dataset(*, dataset: Dataset) -> None:
    """Delete a dataset and its file, unless another dataset shares the file."""
    file = dataset.data_file
    storage_key = dataset.incoming_key
    dataset.delete()
    transaction.on_commit(lambda: storage.discard_incoming(storage_key))
    if file is not None and not file.datasets.exists():
        storage.delete(file)


def organizer_dataset_name(type: str) -> str:
    """The name of a dataset made from a bundle (Codabench's pattern)."""
    return f"{type} @ {date_format(timezone.now(), 'm-d-Y H:i')}"


def create_dataset(
    *,
    user: User,
    type: str,
    file: StoredFile,
    name: str,
    file_name: str,
    was_created_by_competition: bool = False,
) -> Dataset:
    """Make a dataset of a file that is already stored."""
    now = timezone.now()
    return Dataset.objects.create(
        created_by=user,
        type=type,
        name=name[:255],
        file_name=file_name[-255:],
        data_file=file,
        announced_size=file.size,
        upload_started_when=now,
        upload_completed_when=now,
        was_created_by_competition=was_created_by_competition,
    )


@transaction.atomic
def create_task(
    *,
    user: User,
    name: str,
    scoring_program: Dataset,
    description: str = "",
    ingestion_program: Dataset | None = None,
    input_data: Dataset | None = None,
    reference_data: Dataset | None = None,
    ingestion_only_during_scoring: bool = False,
    is_public: bool = False,
    shared_with: Sequence[User] = (),
) -> Task:
    """Make a task with its first version."""
    task = Task.objects.create(name=name[:256], description=description, created_by=user, is_public=is_public)
    task.shared_with.set(shared_with)
    TaskVersion.objects.create(
        task=task,
        number=1,
        created_by=user,
        scoring_program=scoring_program,
        ingestion_program=ingestion_program,
        input_data=input_data,
        reference_data=reference_data,
        ingestion_only_during_scoring=ingestion_only_during_scoring,
    )
    return task


def delete_own_dataset(*, dataset: Dataset) -> None:
    """Delete a dataset that its owner no longer wants. Raises Refused while something uses it."""
    if dataset.type == DatasetType.SUBMISSION and dataset.submissions.exists():
        raise Refused(
            "Cannot delete submission: submission belongs to an existing competition. Please visit the competition "
            "and delete your submission from there.",
            field="error",
            code="in_use",
        )
    try:
        delete_dataset(dataset=dataset)
    except ProtectedError:
        raise Refused("Cannot delete dataset: dataset is in use", field="error", code="in_use") from None


def _part(name: str, dataset: Dataset | None) -> Dataset | None:
    """A dataset as a part of a task. Raises Refused for one of another type or without its file."""
    if dataset is None:
        if name == "scoring_program":
            raise Refused("A task needs a scoring program.", field=name, code="required")
        return None
    if dataset.type != name:
        raise Refused(
            f'"{dataset.name}" is of the type {dataset.type.replace("_", " ")}, not {name.replace("_", " ")}.',
            field=name,
            code="wrong_type",
        )
    if dataset.data_file is None:
        raise Refused(f'The file of "{dataset.name}" has not arrived yet.', field=name, code="not_uploaded")
    try:
        with storage.open_file(dataset.data_file) as stream:
            inspect(stream)
    except ArchiveError as error:
        raise Refused(str(error), field=name, code=error.code) from error
    return dataset


@transaction.atomic
def new_version(*, task: Task, by: User, changes: Mapping[str, Any]) -> TaskVersion:
    """Give a task other programs or data; who has been scored by the old ones keeps them.

    changes: the parts of `TaskVersion.PARTS` that are other than now (None takes one away), and
    `ingestion_only_during_scoring`. What changes nothing makes no version. Whoever calls has asked a policy.
    Raises Refused for a dataset that does not fit.
    """
    Task.objects.select_for_update().get(pk=task.pk)  # two who change a task at once make two versions, in turn
    current = TaskVersion.objects.select_related(*TaskVersion.PARTS).filter(task=task).order_by("-number")[0]
    wanted = {name: getattr(current, name) for name in (*TaskVersion.PARTS, "ingestion_only_during_scoring")}
    now = dict(wanted)
    for name, value in changes.items():
        if value != wanted[name]:
            wanted[name] = _part(name, value) if name in TaskVersion.PARTS else bool(value)
    if wanted == now:
        return current
    return TaskVersion.objects.create(task=task, number=current.number + 1, created_by=by, **wanted)


@transaction.atomic
def update_task(*, task: Task, by: User, facts: Mapping[str, Any], changes: Mapping[str, Any]) -> Task:
    """Change a task of one's own: `facts` are its name, description, is_public, shared_with; `changes` its parts.

    What is not named stays as it is. Raises Forbidden, and Refused as `new_version` does.
    """
    if not policies.may_change_task(by, task):
        raise Forbidden("Cannot update a task that is not yours")
    plain = {name: value for name, value in facts.items() if name != "shared_with"}
    if plain:
        Task.objects.filter(pk=task.pk).update(**plain)
    if "shared_with" in facts:
        task.shared_with.set(facts["shared_with"])
    new_version(task=task, by=by, changes=changes)
    task.refresh_from_db()
    return task
