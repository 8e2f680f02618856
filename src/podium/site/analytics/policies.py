"""Who may read the numbers of the site: administrators. Those of a competition are for whoever runs it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from podium.site.errors import Forbidden


def may_read_all(user: Any) -> bool:
    """Whether `user` reads what the site stores and who uses it, and cleans up."""
    return bool(user.is_authenticated and user.is_superuser)


def require_administrator(user: Any) -> None:
    """Raises Forbidden for all but administrators, in Codabench's words."""
    if not may_read_all(user):
        raise Forbidden(_("Admin only"))
