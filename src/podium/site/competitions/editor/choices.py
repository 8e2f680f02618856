"""What organizers can choose from in the editor: tasks and files that they may use."""

from __future__ import annotations

from django.db.models import Case, IntegerField, Value, When
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.resources import policies
from podium.site.resources.models import DatasetType

MOST = 200
"""Choices of a field at most: one's own first, the newest first."""


def tasks(user: User) -> list[tuple[str, str]]:
    """Key and name of tasks that `user` may use; others' with their owner."""
    own = Case(When(created_by=user, then=Value(0)), default=Value(1), output_field=IntegerField())
    found = policies.tasks_visible_to(user).select_related("created_by").order_by(own, "-pk")[:MOST]
    return [(str(task.key), _named(task.name, task.created_by, user)) for task in found]


def files(user: User, kind: DatasetType) -> list[tuple[str, str]]:
    """Key and name of finished uploads of a kind that `user` may use."""
    own = Case(When(created_by=user, then=Value(0)), default=Value(1), output_field=IntegerField())
    usable = policies.datasets_visible_to(user).filter(type=kind, data_file__isnull=False)
    found = usable.select_related("created_by").order_by(own, "-pk")[:MOST]
    return [(str(one.key), _named(one.name or one.file_name, one.created_by, user)) for one in found]


def _named(name: str, owner: User | None, user: User) -> str:
    if owner is None or owner.pk == user.pk:
        return name
    return _("%(name)s (of %(owner)s)") % {"name": name, "owner": owner.username}
