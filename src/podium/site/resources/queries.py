"""Reads of tasks and datasets that join."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from podium.site.resources.models import Task, TaskVersion


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
