"""Who may see how the site does."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


def may_read_metrics(request: HttpRequest) -> bool:
    """An administrator by session, or whoever has the scrape token; nobody else, so that closed is the default."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.CONFIG.metrics_token
    if scheme.lower() == "bearer" and token is not None and token.get_secret_value():
        return constant_time_compare(given.strip(), token.get_secret_value())
    return bool(getattr(request.user, "is_active", False) and getattr(request.user, "is_superuser", False))
