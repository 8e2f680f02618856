"""Reads of tasks and datasets that join."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, Count, Exists, OuterRef, Prefetch, Q, QuerySet, Sum, Value, When

from podium.site.resources import policies
from podium.site.resources.models import Dataset, DatasetType, Solution, Task, TaskVersion
from podium.site.searching import matching

FAMILIES: dict[str, list[DatasetType]] = {
    "submission": [DatasetType.SUBMISSION],
    "bundle": [DatasetType.COMPETITION_BUNDLE],
    "dataset": [t for t in DatasetType if t not in {DatasetType.SUBMISSION, DatasetType.COMPETITION_BUNDLE}],
}
"""Codabench's families of types, which its lists are of."""


def listed_datasets(
    user: Any, visible: QuerySet[Any], *, types: Collection[str] = (), public: bool = True, search: str = ""
) -> QuerySet[Dataset]:
    """A person's list of datasets, newest first: their own, with `public` everybody's public ones too.

    visible: the competitions that they see. types: of these alone. search: in file name, name, description, key and
    the title of the competition. An administrator's list is a person's own too.
    """
    mine = Q(created_by=user)
    rows = policies.datasets_visible_to(user).filter(mine | Q(is_public=True) if public else mine).exclude(name="")
    if types:
        rows = rows.filter(type__in=types)
    if not search:
        return rows
    title = Case(When(competition__in=visible, then="competition__title"), default=Value(""))
    fields = ("file_name", "name", "description", "key", "competition_title")
    return matching(rows.annotate(competition_title=title), search, *fields)


def public_datasets(
    *, search: str = "", ordering: str = "", has_license: bool = False, is_verified: bool = False
) -> QuerySet[Dataset]:
    """Public data for everybody, with owner and file, newest first.

    search: in name and description. ordering: `most_downloaded`, or any.
    """
    rows = Dataset.objects.filter(is_public=True, type=DatasetType.PUBLIC_DATA, data_file__isnull=False)
    rows = matching(rows, search, "name", "description").select_related("created_by", "data_file")
    if has_license:
        rows = rows.exclude(license="")
    if is_verified:
        rows = rows.filter(is_verified=True)
    first = "-downloads" if ordering == "most_downloaded" else "-created_when"
    return rows.order_by(first, "-pk")


def listed_tasks(user: Any, *, public: bool = False, search: str = "") -> QuerySet[Task]:
    """A person's list of tasks, newest first: made by them or shared with them, with `public` all public ones too.

    search: in name and description. An administrator's list is a person's own too.
    """
    wanted = Q(created_by=user) | Q(pk__in=Task.shared_with.through.objects.filter(user=user).values("task"))
    if public:
        wanted |= Q(is_public=True)
    return matching(policies.tasks_visible_to(user).filter(wanted), search, "name", "description").order_by("-pk")


def public_tasks(*, search: str = "") -> QuerySet[Task]:
    """Public tasks for everybody, newest first; search: in name and description."""
    rows = Task.objects.filter(is_public=True)
    return matching(rows, search, "name", "description").order_by("-created_when", "-pk")


def tasks_with(datasets: Iterable[Dataset], visible: QuerySet[Task]) -> dict[int, dict[int, str]]:
    """Of each dataset the names of the tasks whose versions, old ones too, or solutions it is in, by their number.

    visible: the tasks that may be told.
    """
    keys = {one.pk for one in datasets}
    found: dict[int, dict[int, str]] = {key: {} for key in keys}
    # Each by its index: tasks joined to all of these would be read whole.
    wanted = Q(pk__in=Solution.tasks.through.objects.filter(solution__data__in=keys).values("task"))
    for part in TaskVersion.PARTS:
        wanted |= Q(pk__in=TaskVersion.objects.filter(**{f"{part}__in": keys}).order_by().values("task"))
    parts = [*(f"versions__{part}" for part in TaskVersion.PARTS), "solutions__data"]
    rows = visible.filter(pk__in=list(Task.objects.filter(wanted).order_by().values_list("pk", flat=True)))
    rows = rows.order_by("pk")
    for pk, name, *used in rows.values_list("pk", "name", *parts):
        for key in keys.intersection(used):
            found[key][pk] = name
    return found


def with_use(datasets: QuerySet[Dataset]) -> QuerySet[Any]:
    """Datasets with `is_in_use`: whether a task, solution, phase, submission or creation under way needs them."""
    from podium.site.competitions.models import CreationState, CreationStatus, Phase  # noqa: PLC0415 - stands on this
    from podium.site.evaluation.models import Submission  # noqa: PLC0415 - stands on this

    this = OuterRef("pk")
    under_way = CreationStatus.objects.exclude(status__in=[CreationState.FINISHED, CreationState.FAILED])
    # One for each column: of columns joined by OR, SQLite reads the whole table for each dataset.
    parts = [When(Exists(TaskVersion.objects.filter(**{name: this})), then=True) for name in TaskVersion.PARTS]
    given = [When(Exists(Phase.objects.filter(**{name: this})), then=True) for name in ("public_data", "starting_kit")]
    return datasets.annotate(
        is_in_use=Case(
            *parts,
            When(Exists(Solution.objects.filter(data=this)), then=True),
            *given,
            When(Exists(Submission.objects.filter(data=this)), then=True),
            When(Exists(under_way.filter(dataset=this)), then=True),
            default=False,
            output_field=BooleanField(),
        )
    )


def competitions_using(datasets: Iterable[Dataset]) -> dict[int, set[int]]:
    """Of each dataset the competitions that use it: in a task or a phase, as a solution, submitted, as its bundle."""
    from podium.site.competitions.models import Competition, Phase  # noqa: PLC0415 - stands on this
    from podium.site.evaluation.models import Submission  # noqa: PLC0415 - stands on this

    keys = {one.pk for one in datasets}
    found: dict[int, set[int]] = {key: set() for key in keys}

    def note(rows: QuerySet[Any], of: Iterable[str], competition: str) -> None:
        wanted = Q()
        for name in of:
            wanted |= Q(**{f"{name}__in": keys})
        for *used, number in rows.filter(wanted).order_by().values_list(*of, competition).distinct():
            for key in keys.intersection(used):
                if number is not None:
                    found[key].add(number)

    note(TaskVersion.objects.all(), TaskVersion.PARTS, "task__phase_tasks__phase__competition")
    note(Solution.objects.all(), ["data"], "tasks__phase_tasks__phase__competition")
    note(Phase.objects.all(), ["public_data", "starting_kit"], "competition")
    note(Competition.objects.all(), ["bundle"], "pk")
    note(Submission.objects.all(), ["data"], "phase__competition")
    return found


@dataclass(frozen=True)
class Uses:
    """What some datasets are used for, as somebody sees it.

    titles: of the competitions that they see. result_sizes: of each submitted dataset, bytes by kind of result.
    """

    titles: dict[int, str]
    used_by: dict[int, set[int]]
    result_sizes: dict[int, dict[str, int]]

    def competitions_of(self, dataset: Dataset) -> list[int]:
        """The competitions that use a dataset, in order."""
        return sorted(self.used_by.get(dataset.pk, set()) & set(self.titles))


def uses(datasets: Sequence[Dataset], visible: QuerySet[Any]) -> Uses:
    """What some datasets are used for; the same number of queries for few as for many.

    visible: the competitions that may be told.
    """
    from podium.site.evaluation.models import Run  # noqa: PLC0415 - stands on this

    used_by = competitions_using(datasets)
    wanted = {one.competition_id for one in datasets} | set().union(*used_by.values())
    titles = dict(visible.filter(pk__in=wanted - {None}).values_list("pk", "title"))
    runs = Run.objects.filter(submission__data__in=[one.pk for one in datasets]).order_by()
    sizes: dict[int, dict[str, int]] = {}
    for row in runs.values("submission__data", "step").annotate(
        out=Sum("output__size"), told=Sum("detailed_results__size")
    ):
        of = sizes.setdefault(row["submission__data"], {})
        of[f"{row['step']}_result"] = int(row["out"] or 0)
        of["detailed_result"] = of.get("detailed_result", 0) + int(row["told"] or 0)
    return Uses(titles, used_by, sizes)


def competitions_with(tasks: Iterable[Task], visible: QuerySet[Any]) -> dict[int, list[tuple[int, str]]]:
    """Of each task the competitions that have it in a phase, with their titles; visible: those that may be told."""
    keys = [task.pk for task in tasks]
    found: dict[int, list[tuple[int, str]]] = {key: [] for key in keys}
    rows = visible.filter(phases__phase_tasks__task__in=keys).order_by("pk").distinct()
    for task, pk, title in rows.values_list("phases__phase_tasks__task", "pk", "title"):
        if task in found:
            found[task].append((pk, title))
    return found


def shares_of(tasks: Iterable[Task]) -> dict[int, int]:
    """With how many people each task is shared, where it is; for those who may know."""
    rows = Task.shared_with.through.objects.filter(task__in=[task.pk for task in tasks]).order_by()
    return {row["task"]: row["people"] for row in rows.values("task").annotate(people=Count("user"))}


def validated(tasks: Iterable[Task]) -> set[int]:
    """The tasks that a solution has proved: on the newest version a submission of the very file has finished."""
    from podium.site.evaluation.models import Submission  # noqa: PLC0415 - stands on this
    from podium.site.evaluation.states import SubmissionStatus  # noqa: PLC0415 - stands on this

    keys = [task.pk for task in tasks]
    solutions = Solution.objects.filter(tasks__in=keys, data__data_file__isnull=False).order_by()
    files = set(solutions.values_list("tasks", "data__data_file__sha256"))
    newer = TaskVersion.objects.filter(task=OuterRef("task_version__task"), number__gt=OuterRef("task_version__number"))
    done = Submission.objects.filter(
        ~Exists(newer),
        status=SubmissionStatus.FINISHED,
        task_version__task__in=keys,
        data__data_file__sha256__in={sha256 for _, sha256 in files},
    )
    rows = done.order_by().values_list("task_version__task", "data__data_file__sha256").distinct()
    return {task for task, sha256 in rows if (task, sha256) in files}


def current_version(task: Task) -> TaskVersion:
    """The newest version of a task, from the prefetch of `with_versions` where there is one."""
    versions = list(task.versions.all())
    return max(versions, key=lambda version: version.number)


def version_prefetch(prefix: str = "") -> Prefetch:
    """Versions with their parts, and of each its file, owner and competition; newest first."""
    joins = [f"{part}__{of}" for part in TaskVersion.PARTS for of in ("data_file", "created_by", "competition")]
    queryset = TaskVersion.objects.select_related(*TaskVersion.PARTS, *joins).order_by("-number")
    return Prefetch(f"{prefix}versions", queryset=queryset)


def with_versions(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Tasks with their versions, in two queries."""
    return tasks.prefetch_related(version_prefetch())


def current_versions(task_ids: Iterable[int]) -> dict[int, TaskVersion]:
    """The newest version of each task."""
    newer = TaskVersion.objects.filter(task=OuterRef("task"), number__gt=OuterRef("number"))
    newest = TaskVersion.objects.filter(~Exists(newer), task__in=task_ids)
    return {version.task_id: version for version in newest}
