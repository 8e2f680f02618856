"""Who may see and change datasets and tasks."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from podium.site.resources.models import Dataset, DatasetType, Task


def datasets_visible_to(user: Any) -> QuerySet[Dataset]:
    """Own and public datasets; administrators see all.

    The file of a public submission is none of these: it is shown with the submission, to whoever sees that.
    """
    public = Q(is_public=True) & ~Q(type=DatasetType.SUBMISSION)
    if not user.is_authenticated:
        return Dataset.objects.filter(public)
    if user.is_superuser:
        return Dataset.objects.all()
    return Dataset.objects.filter(Q(created_by=user) | public)


def datasets_usable_by(user: Any) -> QuerySet[Dataset]:
    """Datasets that a person may submit or build tasks of: their own."""
    return Dataset.objects.filter(created_by=user)


def may_change_dataset(user: Any, dataset: Dataset) -> bool:
    """Its owner, and administrators."""
    return user.is_authenticated and (user.is_superuser or dataset.created_by_id == user.pk)


def tasks_visible_to(user: Any) -> QuerySet[Task]:
    """Own, shared and public tasks; administrators see all."""
    if not user.is_authenticated:
        return Task.objects.filter(is_public=True)
    if user.is_superuser:
        return Task.objects.all()
    shared = Task.shared_with.through.objects.filter(user=user)
    return Task.objects.filter(Q(created_by=user) | Q(pk__in=shared.values("task")) | Q(is_public=True))


def may_change_task(user: Any, task: Task) -> bool:
    """Whoever made a task, and administrators (Codabench's rule)."""
    return user.is_authenticated and (user.is_superuser or task.created_by_id == user.pk)
