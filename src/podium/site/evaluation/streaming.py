"""The live streams of a submission and of a competition as text/event-stream, for pages, scripts and terminals."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from rest_framework import exceptions

from podium.site.accounts.callers import Caller, caller_of
from podium.site.competitions import policies as competitions
from podium.site.errors import refusal
from podium.site.evaluation import policies
from podium.site.evaluation.competition_events import events as of_competition
from podium.site.evaluation.events import events
from podium.site.evaluation.following import Event
from podium.site.throttling import network_of


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
                    f"You follow {self._open[person]} things live already, as many as one person may at a time. "
                    "Close some of those pages, then reload this one."
                )
            if self.total >= settings.CONFIG.max_streams:
                return "As much is followed live as this server can serve. Try again in a while."
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


def _name(caller: Caller, request: HttpRequest) -> str:
    return f"user {caller.key}" if caller.key is not None else f"address {network_of(request)}"


def _answer(
    request: HttpRequest, open_for: Callable[[Caller, Any], AsyncIterator[Event | None] | None], what: str
) -> HttpResponse | StreamingHttpResponse:
    """Stream what `open_for` gives the caller, None where they may not see it."""
    if request.method != "GET":
        return refusal(f'Method "{request.method}" not allowed.', status=405, headers={"Allow": "GET"})
    try:
        caller = caller_of(request)
    except exceptions.APIException as refused:
        return refusal(str(refused.detail), status=403)
    user = caller.now()
    events = None if user is None else open_for(caller, user)
    if events is None:
        return refusal(f"No {what} matches the given query.", status=404)
    leave = open_streams.enter(_name(caller, request))
    if isinstance(leave, str):
        return refusal(leave, status=429, headers={"Retry-After": "30"})

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"retry: 1000\n\n"
            async for event in events:
                yield event.encode() if event else b": still here\n\n"
        finally:
            leave()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = StreamingHttpResponse(stream(), content_type="text/event-stream", headers=headers)
    weakref.finalize(response, leave)  # also of a stream that nobody began to read
    return response


def submission_events(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """Status and output of a submission as server-sent events, from the start or from Last-Event-ID."""
    last = request.headers.get("Last-Event-ID", "")

    def open_for(caller: Caller, user: Any) -> AsyncIterator[Event | None] | None:
        rows = policies.visible_to(user).select_related("phase__competition", "owner")
        submission = rows.filter(pk=pk).first()
        return None if submission is None else events(caller, submission, last)

    return _answer(request, open_for, "Submission")


def competition_events(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """What happens in a competition as server-sent events, from now or from Last-Event-ID."""
    last, secret = request.headers.get("Last-Event-ID", ""), request.GET.get("secret_key", "")

    def open_for(caller: Caller, user: Any) -> AsyncIterator[Event | None] | None:
        competition = competitions.visible_to(user, secret).filter(pk=pk).first()
        return None if competition is None else of_competition(caller, competition, last, secret_key=secret)

    return _answer(request, open_for, "Competition")
