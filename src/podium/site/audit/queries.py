"""Reading the history."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from podium.site.accounts.models import User
from podium.site.audit.models import AuditEntry


def chosen(
    rows: QuerySet[AuditEntry],
    *,
    user: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """The entries of `rows` that are asked for, newest first, with whoever did it.

    user: a user name; that nobody has finds nothing. action: of `Action`. since, until: moments; the first counts.
    """
    if user:
        person = User.objects.filter(username__iexact=user).first()
        rows = rows.filter(actor=person) if person is not None else rows.none()
    if action:
        rows = rows.filter(action=action)
    if since:
        rows = rows.filter(when__gte=since)
    if until:
        rows = rows.filter(when__lt=until)
    return rows.select_related("actor").order_by("-pk")
