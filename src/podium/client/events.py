"""Watching a submission: an event stream while it holds, questions at intervals when it does not."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from podium.client.errors import ApiError, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from podium.client.models import Event, Submission

if TYPE_CHECKING:
    from podium.client.api import Podium

POLL_SECONDS = 0.5
SILENCE_SECONDS = 45.0
MAX_EVENT_BYTES = 4 * 1024 * 1024
MAX_POLLED_LOG_BYTES = 16 * 1024 * 1024
_NO_STREAM = frozenset({404, 405, 406, 429, 501})  # 429: as many streams are open as may be


@dataclass
class ServerEvent:
    """One message of a text/event-stream: its type, its data and the id to go on from."""

    kind: str
    data: str
    id: str | None


def parse_stream(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Read server-sent events from lines without their ends (the rules of the HTML standard, section 9.2.6).

    Raises UnexpectedAnswerError when one event is larger than 4 MB.
    """
    kind, last_id = "", None
    data: list[str] = []
    size = 0
    for line in lines:
        if not line:
            if data:
                yield ServerEvent(kind or "message", "\n".join(data), last_id)
            kind, data, size = "", [], 0
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            size += len(value)
            if size > MAX_EVENT_BYTES:
                raise UnexpectedAnswerError("The server sent an event of more than 4 MB.")
            data.append(value)
        elif name == "id" and "\0" not in value:
            last_id = value


@dataclass
class _Seen:
    """What was already told, so that nothing is told twice after a break.

    `status` is by submission, `starts` (of frames) by submission, attempt, step and stream, `ends` (of texts that
    were asked for) by submission, step and stream.
    """

    status: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    starts: dict[tuple[int, int, str, str], int] = field(default_factory=dict)
    ends: dict[tuple[int, str, str], int] = field(default_factory=dict)
    children: set[int] = field(default_factory=set)
    last_id: str | None = None
    stream_refused: bool = False
    ended: bool = False


class Watcher:
    """Tells what happens to one submission and its children (one per task), from the start to the end."""

    def __init__(self, podium: Podium, submission: int, stop: threading.Event | None = None) -> None:
        self._podium = podium
        self._id = submission
        self._stop = stop or threading.Event()
        self._seen = _Seen()

    def __iter__(self) -> Iterator[Event]:
        """Yield events until the submission has ended.

        The stream is read while it holds; when it breaks, the submission is asked for every half second and the
        stream is tried again from the last event. Raises ApiError or UnreachableError when that fails as well.
        """
        while not self._seen.ended and not self._stop.is_set():
            if not self._seen.stream_refused:
                yield from self._from_stream()
            if not self._seen.ended:
                yield from self._from_question()
            if not self._seen.ended:
                self._podium.transport.pause(POLL_SECONDS)

    def _from_stream(self) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self._seen.last_id is not None:
            headers["Last-Event-ID"] = self._seen.last_id
        try:
            with self._podium.transport.stream(
                f"api/submissions/{self._id}/events/", headers=headers, timeout=SILENCE_SECONDS
            ) as response:
                if "text/event-stream" not in response.headers.get("Content-Type", ""):
                    self._seen.stream_refused = True
                    return
                for message in parse_stream(response.iter_lines()):
                    self._seen.last_id = message.id or self._seen.last_id
                    yield from self._told(message)
                    if self._seen.ended:
                        return
        except ApiError as error:
            if error.status not in _NO_STREAM:
                raise
            self._seen.stream_refused = True
        except (httpx.TransportError, httpx.StreamError, UnreachableError):
            return  # the question that follows says whether the server is gone or only the stream broke

    def _told(self, message: ServerEvent) -> Iterator[Event]:
        try:
            data = json.loads(message.data)
        except ValueError as error:
            raise UnexpectedAnswerError("The server sent an event that is no JSON.") from error
        if isinstance(data, dict):
            about = data.get("submission")
            yield from self._news(message.kind, about if isinstance(about, int) else self._id, data, message.id)

    def _news(self, kind: str, about: int, data: dict[str, Any], event_id: str | None = None) -> Iterator[Event]:
        """The event, unless it was told before."""
        seen = self._seen
        if kind == "status":
            now = (str(data.get("status")), data.get("status_details"))
            if now == seen.status.get(about):
                return
            seen.status[about] = now
        elif kind == "log":
            if not self._is_new_frame(about, data):
                return
        elif kind == "child":
            child = data.get("child_id")
            if not isinstance(child, int) or child in seen.children:
                return
            seen.children.add(child)
        elif kind == "end":
            seen.ended = True
        yield Event(kind=kind, submission=about, data=data, id=event_id)

    def _is_new_frame(self, about: int, data: dict[str, Any]) -> bool:
        """Whether a log frame starts behind every frame of its stream told so far.

        Offsets count the program's bytes; where those were no UTF-8 the text has another length, so only the places
        where frames start are compared. A further attempt starts anew.
        """
        step, stream = str(data.get("step")), str(data.get("stream"))
        key = (about, int(data.get("attempt") or 0), step, stream)
        start = int(data.get("offset") or 0)
        if start <= self._seen.starts.get(key, -1):
            return False
        self._seen.starts[key] = start
        self._seen.ends[about, step, stream] = start + len(str(data.get("text", "")).encode())
        return True

    def _from_question(self) -> Iterator[Event]:
        root = self._podium.submission(self._id)
        for child in root.children:
            yield from self._news("child", self._id, {"child_id": child})
            if self._seen.stream_refused:
                yield from self._state_and_logs(self._podium.submission(child))
        yield from self._state_and_logs(root)
        if root.ended:
            yield from self._news("end", root.id, _status_of(root))

    def _state_and_logs(self, submission: Submission) -> Iterator[Event]:
        yield from self._news("status", submission.id, _status_of(submission))
        if self._seen.stream_refused and not submission.children:
            yield from self._polled_logs(submission.id)

    def _polled_logs(self, about: int) -> Iterator[Event]:
        try:
            files = self._podium.details(about).logs
        except ApiError as error:
            if error.status in {403, 404}:
                return  # the phase hides outputs; the status is still told
            raise
        for file in files:
            key = (about, file.step, file.stream)
            known = self._seen.ends.get(key, 0)
            raw = self._podium.read(file.data_file, limit=MAX_POLLED_LOG_BYTES) if file.data_file else b""
            if len(raw) > known:
                text = raw[known:].decode(errors="replace")
                self._seen.ends[key] = len(raw)
                data = {"step": file.step, "stream": file.stream, "offset": known, "text": text}
                yield Event(kind="log", submission=about, data=data)


def _status_of(submission: Submission) -> dict[str, Any]:
    return {
        "status": submission.status,
        "status_details": submission.status_details,
        "cause": submission.cause,
        "message": submission.message,
        "fault": submission.fault,
        "limit": submission.limit,
        "measured": submission.measured,
        "advice": submission.advice,
    }


def watch(podium: Podium, submission: int, *, timeout: float | None = None) -> Iterator[Event]:
    """Tell what happens to a submission and its children, as it happens.

    Ends when the submission has ended. Raises what the watcher raises, and WaitTimeoutError after `timeout` seconds.
    """
    events: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
    stop = threading.Event()

    def follow() -> None:
        try:
            for event in Watcher(podium, submission, stop):
                events.put(event)
        except Exception as error:  # noqa: BLE001 - raised again where the events are read, if they still are
            events.put(error)
        else:
            events.put(None)

    # Read in a thread of its own, so that silence of the server cannot hold up the end of the waiting.
    threading.Thread(target=follow, daemon=True, name=f"watch-{submission}").start()
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while (item := _next(events, deadline, timeout)) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()


def _next(
    events: queue.SimpleQueue[Event | Exception | None], deadline: float | None, timeout: float | None
) -> Event | Exception | None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        return events.get(timeout=left)
    except queue.Empty:
        raise WaitTimeoutError(
            f"The submission did not end within {timeout:g} s.", hint="It goes on; look again with `podium logs`."
        ) from None
