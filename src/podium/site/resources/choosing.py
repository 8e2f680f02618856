"""The tasks and files that somebody can choose in forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from podium.site.choosing import Kind
from podium.site.resources import policies
from podium.site.resources.models import DatasetType, Task, TaskVersion

_Groups = Callable[[Any], Sequence[QuerySet[Any]]]


def _own_first(rows: QuerySet[Any], user: Any) -> list[QuerySet[Any]]:
    return [part.select_related("created_by") for part in (rows.filter(created_by=user), rows.exclude(created_by=user))]


def _label(row: Any, user: Any) -> str:
    """The name; of what is somebody else's also whose it is."""
    name = row.name or row.file_name
    if row.created_by is None or row.created_by_id == user.pk:
        return str(name)
    return _("%(name)s (of %(owner)s)") % {"name": name, "owner": row.created_by.username}


def _own(kind: str) -> _Groups:
    """One's own finished uploads of a type."""

    def groups(user: Any) -> list[QuerySet[Any]]:
        rows = policies.datasets_usable_by(user).filter(type=kind, data_file__isnull=False)
        return [rows.select_related("data_file", "created_by")]

    return groups


def _visible(kind: str) -> _Groups:
    """The finished uploads of a type that somebody sees."""
    return lambda user: _own_first(policies.datasets_visible_to(user).filter(type=kind, data_file__isnull=False), user)


def _missing(kind: str) -> Callable[[], str]:
    return lambda: (
        _("You have no %(kind)s like that. Choose one that the list offers, or upload it.")
        % {"kind": str(DatasetType(kind).label).lower()}
    )


def _dataset(kind: str, groups: _Groups) -> Kind:
    return Kind(kind, groups, _label, ("name", "file_name"), _missing(kind), key="key")


TASKS: Final = Kind(
    "task",
    lambda user: _own_first(policies.tasks_visible_to(user).defer("description"), user),
    _label,
    ("name", "created_by__username"),
    lambda: _("You may use no task like that. Choose one that the list offers."),
    key="key",
)
PARTS: Final = {part: _dataset(part, _own(part)) for part in TaskVersion.PARTS}
"""What tasks are made of: one's own."""
SOLUTION: Final = _dataset(DatasetType.SOLUTION.value, _own(DatasetType.SOLUTION.value))
"""What shows that a task works: one's own."""
FILES: Final = {
    kind: _dataset(kind, _visible(kind)) for kind in (DatasetType.PUBLIC_DATA.value, DatasetType.STARTING_KIT.value)
}
"""What phases give to participants: one's own and public ones."""


def has_task(user: Any) -> bool:
    """Whether there is any task that `user` may use."""
    return policies.tasks_visible_to(user).exists()


def only_task(user: Any) -> Task | None:
    """The one task that `user` has made, None where there are more or none."""
    found = list(Task.objects.filter(created_by=user)[:2])
    return found[0] if len(found) == 1 else None
