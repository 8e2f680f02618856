"""What Django knows of a request, for the lines that it leaves in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from podium.site.monitoring.requests import FACTS


class RequestFactsMiddleware:
    """Names the user in every line that is logged meanwhile, and tells `requests` the route and the user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with structlog.contextvars.bound_contextvars(**_user(request.user)):
            response = self.get_response(request)
        return _noted(request, response)


def _user(user: Any) -> dict[str, int]:
    return {"user_id": user.pk} if user.is_authenticated else {}


def _noted(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    facts = getattr(request, "scope", {}).get(FACTS)
    if facts is not None:
        facts.update(_user(request.user))  # who came with an API token is known only now
        if request.resolver_match is not None:
            facts["route"] = f"/{request.resolver_match.route}"
    return response
