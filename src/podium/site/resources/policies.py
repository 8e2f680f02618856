"""Who may see and change datasets and tasks."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from podium.site.resources.models import Dataset, Task


def datasets_visible_to(user: Any) -> QuerySet[Dataset]:
    """Own and public datasets; administrators see all."""
    if not user.is_authenticated:
        return Dataset.objects.filter(is_public=True)
    if user.is_superuser:
        return Dataset.objects.all()
    return Dataset.objects.filter(Q(created_by=user) | Q(is_public=True))


def datasets_usable_by(user: Any) -> QuerySet[Dataset]:
    """Datasets that a person may submit or build tasks of: their own."""
    return Dataset.objects.filter(created_by=user)


def tasks_visible_to(user: Any) -> QuerySet[Task]:
    """Own, shared and public tasks; administrators see all."""
    if not user.is_authenticated:
        return Task.objects.none()
    if user.is_superuser:
        return Task.objects.all()
    return Task.objects.filter(Q(created_by=user) | Q(shared_with=user) | Q(is_public=True)).distinct()


def may_change_task(user: Any, task: Task) -> bool:
    """Whoever made a task, and administrators (Codabench's rule)."""
    return user.is_authenticated and (user.is_superuser or task.created_by_id == user.pk)
