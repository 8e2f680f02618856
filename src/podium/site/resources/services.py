"""Changes of files, datasets and tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, ProtectedError, Q, Sum
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.formats.archives import ArchiveError, inspect
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record, record_many
from podium.site.errors import Forbidden, Refused
from podium.site.resources import policies, queries, quota, storage
from podium.site.resources.models import Dataset, DatasetType, Solution, StoredFile, Task, TaskVersion


def human_size(size: float) -> str:
    """A size in decimal units, as people read it: "1.5 GB"."""
    if size < 1000:
        return _("{number} bytes").format(number=f"{size:.0f}")
    for text in (_("{number} KB"), _("{number} MB"), _("{number} GB")):
        size /= 1000
        if size < 1000:
            return text.format(number=number_format(size, 1))
    return _("{number} TB").format(number=number_format(size / 1000, 1))


PENDING = timedelta(hours=1)
"""How long an announced upload holds its place in the quota; one of which nothing has come frees it again by itself."""
KEPT = timedelta(days=7)
"""Longer than what has arrived is kept, see `storage.discard_stale_incoming`."""


def _pending(user: User, besides: Dataset | None) -> int:
    """Bytes that a person's uploads under way have announced, and those of broken ones that have arrived."""
    since = timezone.now() - PENDING
    # A session of parts holds its place as long as it may be filled.
    held = Q(upload_started_when__gt=since) | Q(session__expires_when__gt=timezone.now())
    open_ones = Dataset.objects.filter(created_by=user, data_file__isnull=True)
    if besides is not None:
        open_ones = open_ones.exclude(pk=besides.pk)
    announced = int(open_ones.filter(held).aggregate(total=Sum("announced_size"))["total"] or 0)
    # What has arrived and was never completed lies there until the sweeper takes it.
    may_lie_there = open_ones.filter(upload_started_when__gt=timezone.now() - KEPT, session__isnull=True).exclude(held)
    arrived = sum(storage.incoming_size(one.incoming_key) or 0 for one in may_lie_there.only("key").order_by())
    return announced + arrived


def refuse_over_quota(user: User, size: int, besides: Dataset | None = None) -> None:
    """Refuse what would take more space than a person has.

    size: in bytes. besides: an upload whose announced size is not to be counted again.
    """
    if user.is_superuser:
        return
    available = quota.usage(user, reserved=_pending(user, besides)).available
    if size > available:
        raise Refused(
            _(
                "Insufficient space. Your available space is %(available)s. The file size is %(size)s. Please "
                "free up some space and try again. You can manage your files in the Resources page."
            )
            % {"available": human_size(available), "size": human_size(size)},
            field="data_file",
            code="over_quota",
        )


def usage(user: User) -> quota.Usage:
    """What a person's files take, and what is reserved for uploads under way."""
    return quota.usage(user, reserved=_pending(user, None))


@transaction.atomic
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
    competition: int | None = None,
) -> Dataset:
    """Make a dataset whose file is still to come.

    size: in bytes, as the client says; what arrives is measured again.
    Raises Refused when the type is unknown, the file is too large or the quota would be passed.
    """
    if type not in DatasetType.values:
        raise Refused(_('"%(type)s" is not a valid choice.') % {"type": type}, field="type", code="invalid_choice")
    if size > settings.CONFIG.max_upload_bytes:
        raise Refused(
            _("The file is %(size)s; this site takes files up to %(most)s.")
            % {"size": human_size(size), "most": human_size(settings.CONFIG.max_upload_bytes)},
            field="file_size",
            code="too_large",
        )
    # The person's row is the lock under which space is reserved, so two uploads cannot share the last of it.
    refuse_over_quota(User.objects.select_for_update(no_key=True).get(pk=user.pk), size)
    if is_public and type == DatasetType.SUBMISSION:
        raise Refused(_(SHOWN_WITH_SUBMISSION), field="is_public", code="submission")
    _refuse_double_name(user, name, type)
    return Dataset.objects.create(
        created_by=user,
        type=type,
        name=name or f"{user.username} - {type}",
        description=description,
        is_public=is_public,
        license=license,
        file_name=file_name[-255:],
        announced_size=size,
        competition_id=competition,
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
            _("The file has not arrived: upload it with PUT to the address that you were given, then try again."),
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
    record_added(locked)
    return locked


def record_added(dataset: Dataset) -> None:
    """Write into the history that a dataset is there; what is uploaded to be submitted is no organizer's deed."""
    if dataset.type != DatasetType.SUBMISSION:
        facts = {"type": dataset.type, "file": dataset.file_name, "is_public": dataset.is_public}
        record(Action.DATASET_ADDED, by=dataset.created_by, on=dataset, after=facts)


def store_upload(*, user: User, type: str, file: IO[bytes], file_name: str, size: int, **facts: Any) -> Dataset:
    """Take a whole file at once, as a plain form sends it.

    facts: name, description, is_public, license. Raises Refused as `announce_upload` does; nothing is left behind then.
    """
    dataset = announce_upload(user=user, type=type, file_name=file_name, size=size, **facts)
    incoming = storage.receive(dataset.incoming_key)
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


def free_dataset_name(user: User, wanted: str) -> str:
    """A name that none of a person's datasets has, as like the wanted one as can be."""
    start = wanted[:200]
    taken = set(Dataset.objects.filter(created_by=user, name__startswith=start).values_list("name", flat=True))
    name, number = start, 1
    while name in taken:
        number += 1
        name = f"{start} {number}"
    return name


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


def count_download(*, dataset: Dataset) -> None:
    """Note that a dataset was downloaded once more."""
    Dataset.objects.filter(pk=dataset.pk).update(downloads=F("downloads") + 1)


def delete_own_dataset(*, dataset: Dataset) -> None:
    """Delete a dataset that its owner no longer wants. Raises Refused while something uses it."""
    delete_own_datasets(found=[dataset], by=dataset.created_by)


@transaction.atomic
def delete_own_datasets(*, found: Sequence[Dataset], by: User) -> None:
    """Delete datasets, all or none. Raises Refused with every fault in `faults` when one is not `by`'s or in use."""
    locked = Dataset.objects.select_for_update(of=("self",)).filter(pk__in=[one.pk for one in found]).order_by("pk")
    rows = list(queries.with_use(locked).select_related("data_file"))
    found_faults = faults_of_deletion(rows, by)
    faults = {one.name: found_faults[one.pk] for one in rows if one.pk in found_faults}
    if not faults:
        try:
            with transaction.atomic():
                record_deleted(rows, by=by)
                for one in rows:
                    delete_dataset(dataset=one)
        except ProtectedError:  # came to be used just now
            faults = {one.name: IN_USE for one in rows}
    if faults:
        raise Refused(next(iter(faults.values())), field="error", code="in_use", faults=faults)


def record_deleted(found: Iterable[Dataset], *, by: User) -> None:
    """Write into the history that datasets are deleted, those aside that were uploaded to be submitted."""
    told = [one for one in found if one.type != DatasetType.SUBMISSION]
    record_many(Action.DATASET_DELETED, by=by, on=told)


NOT_YOURS_TO_CHANGE = gettext_noop("Cannot update a dataset that is not yours")
IN_USE = gettext_noop("Cannot delete dataset: dataset is in use")
SUBMITTED = gettext_noop(
    "Cannot delete submission: submission belongs to an existing competition. Please visit the competition "
    "and delete your submission from there."
)
SHOWN_WITH_SUBMISSION = gettext_noop(
    "Submission must be validated before it can be published: submit it, then make the finished submission public."
)


def faults_of_deletion(found: Sequence[Any], by: User) -> dict[int, str]:
    """Why `by` cannot delete datasets, by their numbers; those that can be deleted are not in it.

    found: rows of `queries.with_use`.
    """
    submitted = [one.pk for one in found if one.is_in_use and one.type == DatasetType.SUBMISSION]
    entries = set(Dataset.objects.filter(pk__in=submitted, submissions__isnull=False).values_list("pk", flat=True))
    faults: dict[int, str] = {}
    for one in found:
        if one.created_by_id != by.pk:
            faults[one.pk] = _("Cannot delete a dataset that is not yours")
        elif one.pk in entries:
            faults[one.pk] = _(SUBMITTED)
        elif one.is_in_use:
            faults[one.pk] = _(IN_USE)
    return faults


@transaction.atomic
def update_dataset(*, dataset: Dataset, by: User, facts: Mapping[str, Any]) -> Dataset:
    """Change what is said of a dataset of one's own; its file never changes.

    facts: columns of it. Raises Forbidden, and Refused for a name that another dataset has, for another type of what
    is in use, and for a submission that would be shown past the rules of its competition.
    """
    if not policies.may_change_dataset(by, dataset):
        raise Forbidden(_(NOT_YOURS_TO_CHANGE))
    locked: Any = queries.with_use(Dataset.objects.select_for_update(of=("self",)).filter(pk=dataset.pk)).get()
    name, type = facts.get("name", locked.name), facts.get("type", locked.type)
    fixed = {DatasetType.SUBMISSION, DatasetType.COMPETITION_BUNDLE}
    if type != locked.type and (locked.is_in_use or {type, locked.type} & fixed):
        raise Refused(_("The type of this dataset cannot be changed: it is in use."), field="type", code="in_use")
    if facts.get("is_public") and not locked.is_public and type == DatasetType.SUBMISSION:
        raise Refused(_(SHOWN_WITH_SUBMISSION), field="is_public", code="submission")
    if name != locked.name:
        _refuse_double_name(locked.created_by, name, type)
    before = {name: getattr(locked, name) for name in facts}
    Dataset.objects.filter(pk=locked.pk).update(**facts)
    if type != DatasetType.SUBMISSION or locked.created_by_id != by.pk:
        record(Action.DATASET_EDITED, by=by, on=locked, before=before, after=facts)
    return Dataset.objects.get(pk=locked.pk)


def _refuse_double_name(owner: User, name: str, type: str) -> None:
    if name and type != DatasetType.SUBMISSION and Dataset.objects.filter(created_by=owner, name=name).exists():
        raise Refused(
            _("You already have a dataset by this name, please delete that dataset or rename this one"),
            code="duplicate_name",
        )


def _type_words(type: str) -> str:
    return str(DatasetType(type).label).lower()


def _part(name: str, dataset: Dataset | None) -> Dataset | None:
    """A dataset as a part of a task. Raises Refused for one of another type or without its file."""
    if dataset is None:
        if name == "scoring_program":
            raise Refused(_("A task needs a scoring program."), field=name, code="required")
        return None
    if dataset.type != name:
        raise Refused(
            _('"%(dataset)s" is of the type %(type)s, not %(wanted)s.')
            % {"dataset": dataset.name, "type": _type_words(dataset.type), "wanted": _type_words(name)},
            field=name,
            code="wrong_type",
        )
    if dataset.data_file is None:
        raise Refused(
            _('The file of "%(dataset)s" has not arrived yet.') % {"dataset": dataset.name},
            field=name,
            code="not_uploaded",
        )
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
    made = TaskVersion.objects.create(task=task, number=current.number + 1, created_by=by, **wanted)
    _record_task(task, by, {**now, "version": current.number}, {**wanted, "version": made.number})
    return made


def _record_task(task: Task, by: User, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Write a change of a task into the history of each competition that has it in a phase."""
    links = task.phase_tasks.select_related("phase__competition")
    for where in {link.phase.competition_id: link.phase.competition for link in links}.values() or [None]:
        record(Action.TASK_EDITED, by=by, on=task, before=before, after=after, competition=where)


@transaction.atomic
def update_task(*, task: Task, by: User, facts: Mapping[str, Any], changes: Mapping[str, Any]) -> Task:
    """Change a task of one's own: `facts` are its name, description, is_public, shared_with; `changes` its parts.

    What is not named stays as it is. Raises Forbidden, and Refused as `new_version` does.
    """
    if not policies.may_change_task(by, task):
        raise Forbidden(_("Cannot update a task that is not yours"))
    plain = {name: value for name, value in facts.items() if name != "shared_with"}
    if plain:
        _record_task(task, by, {name: getattr(task, name) for name in plain}, plain)
        Task.objects.filter(pk=task.pk).update(**plain)
    if "shared_with" in facts:
        _share(task, by, facts["shared_with"])
    new_version(task=task, by=by, changes=changes)
    task.refresh_from_db()
    return task


def _share(task: Task, by: User, people: Iterable[User]) -> None:
    before, after = ({person.pk: person for person in each} for each in (task.shared_with.all(), people))
    task.shared_with.set(after.values())
    for action, come, there in ((Action.TASK_SHARED, after, before), (Action.TASK_UNSHARED, before, after)):
        for person in (person for pk, person in come.items() if pk not in there):
            record(action, by=by, on=person, after={"task": task.name}, about=person)


@transaction.atomic
def create_checked_task(*, user: User, name: str, parts: Mapping[str, Dataset], **facts: Any) -> Task:
    """Make a task of datasets that are looked into first.

    parts: by their names in `TaskVersion.PARTS`. facts: as of `create_task`. Raises Refused for one that does not fit.
    """
    checked: dict[str, Any] = {part: _part(part, parts.get(part)) for part in TaskVersion.PARTS}
    program = checked.pop("scoring_program")
    assert program is not None  # noqa: S101 - refused above
    made = create_task(user=user, name=name, scoring_program=program, **checked, **facts)
    record(Action.TASK_CREATED, by=user, on=made, after={"scoring_program": program.name, "is_public": made.is_public})
    return made


@transaction.atomic
def add_solution(*, task: Task, data: Dataset, by: User) -> Solution:
    """Give a sample submission with a task, by which it can be validated.

    Raises Forbidden, and Refused for what is no solution or is there already.
    """
    if not policies.may_change_task(by, task):
        raise Forbidden(_("Cannot update a task that is not yours"))
    if data.type != DatasetType.SOLUTION or data.data_file is None:
        raise Refused(_("Choose a dataset of the type solution."), field="solution")
    if task.solutions.filter(data=data).exists():
        raise Refused(_("The task has this solution already."), field="solution")
    made = Solution.objects.create(name=data.name or data.file_name, data=data)
    made.tasks.add(task)
    _record_task(task, by, {}, {"solution": made.name})
    return made


@transaction.atomic
def take_out_solution(*, task: Task, solution: Solution, by: User) -> None:
    """Give a solution with a task no more; its file stays, and other tasks that have it keep it. Raises Forbidden."""
    if not policies.may_change_task(by, task):
        raise Forbidden(_("Cannot update a task that is not yours"))
    solution.tasks.remove(task)
    if not solution.tasks.exists():
        solution.delete()
    _record_task(task, by, {"solution": solution.name}, {})


NOT_YOUR_TASK = gettext_noop("Cannot delete a task that is not yours")


@transaction.atomic
def delete_tasks(*, found: Sequence[Task], by: User) -> None:
    """Delete tasks, all or none; their datasets stay.

    Raises Refused with every fault in `faults` when one is not `by`'s, a phase has it, or submissions ran on it, whose
    scores say what made them.
    """
    rows = list(Task.objects.select_for_update(of=("self",)).filter(pk__in=[one.pk for one in found]).order_by("pk"))
    found_faults = faults_of_task_deletion(rows, by)
    faults = {task.name: found_faults[task.pk] for task in rows if task.pk in found_faults}
    for task in rows:
        try:
            if task.pk not in found_faults:
                with transaction.atomic():
                    record(Action.TASK_DELETED, by=by, on=task)
                    task.delete()
        except ProtectedError:  # something ran on it just now
            faults[task.name] = _(EVALUATED)
    if faults:
        raise Refused(next(iter(faults.values())), field="error", code="in_use", faults=faults)


EVALUATED = gettext_noop("Cannot delete task: submissions were evaluated on it")


def faults_of_task_deletion(found: Sequence[Task], by: User) -> dict[int, str]:
    """Why `by` cannot delete tasks, by their numbers; those that can be deleted are not in it."""
    from podium.site.evaluation.models import Submission  # noqa: PLC0415 - stands on this

    keys = [task.pk for task in found]
    in_phase = set(Task.objects.filter(pk__in=keys, phase_tasks__isnull=False).values_list("pk", flat=True))
    ran = Submission.objects.filter(task_version__task__in=keys).order_by()
    evaluated = set(ran.values_list("task_version__task", flat=True).distinct())
    faults: dict[int, str] = {}
    for task in found:
        if task.created_by_id != by.pk:
            faults[task.pk] = _(NOT_YOUR_TASK)
        elif task.pk in in_phase:
            faults[task.pk] = _("Cannot delete task: task is being used by a phase")
        elif task.pk in evaluated:
            faults[task.pk] = _(EVALUATED)
    return faults
