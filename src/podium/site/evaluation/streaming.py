"""The live stream of a submission as text/event-stream, for pages, scripts and the command line."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from rest_framework import exceptions

from podium.site.accounts.authentication import TokenAuthentication
from podium.site.evaluation import policies
from podium.site.evaluation.events import events
from podium.site.evaluation.models import Submission


class OpenStreams:
    """How many streams are open in this process, by person; strangers without a session are told apart by address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many are open now."""
        return self._open.total()

    def enter(self, person: str) -> Callable[[], None] | str:
        """Count one more stream; returns what ends it, or why it is one too many."""
        with self._lock:
            if self._open[person] >= settings.CONFIG.max_streams_per_person:
                return (
                    f"You follow {self._open[person]} submissions already, as many as one person may at a time. "
                    "Close some of those pages, then reload this one."
                )
            if self.total >= settings.CONFIG.max_streams:
                return "As many people follow submissions as this server can serve. Reload the page in a while."
            self._open[person] += 1
        left = threading.Event()

        def leave() -> None:
            with self._lock:
                if not left.is_set():
                    left.set()
                    self._open[person] -= 1
                    self._open += Counter()  # forgets those who are at nought

        return leave


open_streams = OpenStreams()


def _person(request: HttpRequest, user: Any) -> str:
    return f"user {user.pk}" if user.is_authenticated else f"address {request.META.get('REMOTE_ADDR', '')}"


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
    leave = open_streams.enter(_person(request, user))
    if isinstance(leave, str):
        return JsonResponse({"detail": leave}, status=429, headers={"Retry-After": "30"})

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"retry: 1000\n\n"
            async for event in events(user, submission, last):
                yield event.encode() if event else b": still here\n\n"
        finally:
            leave()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = StreamingHttpResponse(stream(), content_type="text/event-stream", headers=headers)
    weakref.finalize(response, leave)  # also of a stream that nobody began to read
    return response
