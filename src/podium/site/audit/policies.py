"""Who may read the history: of a competition whoever runs it, of the site administrators."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from podium.site.audit.models import AuditEntry
from podium.site.competitions import policies as competitions


def may_read_all(user: Any) -> bool:
    """Whether `user` reads the history of the whole site, and from which addresses people came."""
    return bool(user.is_authenticated and user.is_superuser)


def visible_to(user: Any) -> QuerySet[AuditEntry]:
    """The entries that `user` may read."""
    if may_read_all(user):
        return AuditEntry.objects.all()
    return AuditEntry.objects.filter(competition__in=competitions.administered_by(user).values("pk"))


def of_competition(user: Any, competition: int) -> QuerySet[AuditEntry]:
    """The entries of a competition that `user` may read: all or none."""
    if may_read_all(user) or competitions.administered_by(user).filter(pk=competition).exists():
        return AuditEntry.objects.filter(competition=competition)
    return AuditEntry.objects.none()
