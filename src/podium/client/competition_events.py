"""Watching a competition: its event stream, taken up where it broke."""

from __future__ import annotations

import json

import httpx

from podium.client.errors import UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from podium.client.events import SILENCE_SECONDS, EventParser, ServerEvent
from podium.client.models import CompetitionEvent
from podium.client.rules import named, opened, pause_before
from podium.client.steps import Close, Emit, Limited, Pause, Reply, Request, Stream, read_piece

ROUNDS = 10
"""How often in a row a stream that tells nothing is opened again, with growing pauses."""
MOST_REMEMBERED = 10_000


class _CompetitionWatcher:
    """Tells what happens in one competition, each thing once however often the stream breaks."""

    def __init__(self, competition: int, secret_key: str | None, last_event_id: str | None) -> None:
        self._id = competition
        self._secret_key = secret_key
        self._last_id = last_event_id
        self._told: dict[object, object] = {}
        self._ended = False
        self._idle = 0

    def events(self) -> Stream[CompetitionEvent]:
        """Yield events until the competition cannot be seen any more."""
        while not self._ended:
            self._idle += 1
            try:
                yield from self._from_stream()
            except (httpx.TransportError, httpx.StreamError, UnreachableError) as error:
                if self._idle >= ROUNDS:
                    raise UnreachableError(
                        f"The stream of competition {self._id} broke {ROUNDS} times in a row.",
                        hint="Check that the server is running.",
                    ) from error
            if not self._ended:
                yield Pause(pause_before(self._idle))

    def _from_stream(self) -> Stream[CompetitionEvent]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        params = {"secret_key": self._secret_key} if self._secret_key else {}
        path = f"api/competitions/{self._id}/events/"
        with named(f"competition {self._id}"):
            reply = yield from opened(
                Request("GET", path, params=params, headers=headers, follow=True, timeout=SILENCE_SECONDS)
            )
        if "text/event-stream" not in reply.headers.get("Content-Type", ""):
            raise UnexpectedAnswerError(
                "The server has no event stream of competitions.", hint="It may be older than this client."
            )
        yield from self._read(reply)
        yield Close(reply)

    def _read(self, reply: Reply) -> Stream[CompetitionEvent]:
        parser = EventParser()
        while not self._ended and (piece := (yield from read_piece(reply))) is not None:
            self._idle = 0  # a sign of life
            for message in parser.feed(piece):
                self._last_id = message.id or self._last_id
                event = self._event(message)
                if event is not None:
                    yield Emit(event)

    def _event(self, message: ServerEvent) -> CompetitionEvent | None:
        try:
            data = json.loads(message.data)
        except ValueError as error:
            raise UnexpectedAnswerError("The server sent an event that is no JSON.") from error
        if not isinstance(data, dict):
            return None
        self._ended = message.kind == "end"
        if message.kind == "submission":
            about, now = data.get("submission"), (data.get("status"), data.get("changed_when"))
            if self._told.get(about) == now:
                return None
            self._told[about] = now
            while len(self._told) > MOST_REMEMBERED:
                self._told.pop(next(iter(self._told)))
        return CompetitionEvent(kind=message.kind, competition=self._id, data=data, id=message.id)


def watch_competition(
    competition: int,
    *,
    secret_key: str | None = None,
    last_event_id: str | None = None,
    timeout: float | None = None,
) -> Limited[CompetitionEvent]:
    """What happens in a competition, as it comes: states of submissions, boards, phases, publication.

    It begins with how things stand, or goes on behind `last_event_id`, the `id` of an event that was told before, and
    ends when you may not see the competition any more. Raises WaitTimeoutError after `timeout` seconds.
    """
    late = WaitTimeoutError(f"The {timeout or 0:g} s of watching are over.")
    return Limited(_CompetitionWatcher(competition, secret_key, last_event_id).events(), timeout, late)
