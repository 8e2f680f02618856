"""The live stream of a submission as text/event-stream, for pages, scripts and the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from rest_framework import exceptions

from podium.site.accounts.authentication import TokenAuthentication
from podium.site.evaluation import policies
from podium.site.evaluation.events import events
from podium.site.evaluation.models import Submission


def _user(request: HttpRequest) -> Any:
    """The caller, by token where one is sent, else by session."""
    if request.headers.get("Authorization"):
        authenticated = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]
        if authenticated is not None:
            return authenticated[0]
    return request.user


def _find(request: HttpRequest, pk: int) -> tuple[Any, Submission | None]:
    user = _user(request)
    rows = policies.visible_to(user).select_related("phase__competition", "owner")
    return user, rows.filter(pk=pk).first()


def submission_events(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """Status and output of a submission as server-sent events, from the start or from Last-Event-ID."""
    if request.method != "GET":
        return JsonResponse({"detail": f'Method "{request.method}" not allowed.'}, status=405)
    try:
        user, submission = _find(request, pk)
    except exceptions.APIException as refusal:
        return JsonResponse({"detail": str(refusal.detail)}, status=403)
    if submission is None:
        return JsonResponse({"detail": "No Submission matches the given query."}, status=404)
    last = request.headers.get("Last-Event-ID", "")

    async def stream() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async for event in events(user, submission, last):
            yield event.encode() if event else b": still here\n\n"

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(stream(), content_type="text/event-stream", headers=headers)
