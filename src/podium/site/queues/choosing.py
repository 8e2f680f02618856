"""The queues that somebody can choose for a competition."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from podium.site.choosing import Kind
from podium.site.queues import policies
from podium.site.queues.models import Queue


def _groups(user: Any) -> list[QuerySet[Queue]]:
    """One's own and those that one organizes, then the others; the default one is chosen by choosing none."""
    own = policies.owned_or_organized_by(user)
    others = policies.visible_to(user).exclude(pk__in=own.values("pk"))
    return [rows.filter(is_default=False).select_related("owner") for rows in (own, others)]


def _label(queue: Queue, user: Any) -> str:
    shown = pgettext("queue", "public") if queue.is_public else pgettext("queue", "private")
    return f"{queue.name} ({', '.join([shown, *([queue.owner.username] if queue.owner else [])])})"


QUEUES: Final = Kind(
    "queue",
    _groups,
    _label,
    ("name", "owner__username"),
    lambda: _("You may use no queue like that. Choose one that the list offers."),
)
