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
_NO_STREAM = frozenset({404, 405, 406, 501})


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
    """What of one submission was already told, so that nothing is told twice after a break."""

    status: tuple[str, str | None] | None = None
    starts: dict[tuple[str, str], int] = field(default_factory=dict)
    ends: dict[tuple[str, str], int] = field(default_factory=dict)
    children: set[int] = field(default_factory=set)
    last_id: str | None = None
    stream_refused: bool = False
    ended: bool = False


class Watcher:
    """Tells what happens to one submission, from its start to its end."""

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
            yield from self._news(message.kind, data, message.id)

    def _news(self, kind: str, data: dict[str, Any], event_id: str | None = None) -> Iterator[Event]:
        """The event, unless it was told before."""
        seen = self._seen
        if kind == "status":
            now = (str(data.get("status")), data.get("status_details"))
            if now == seen.status:
                return
            seen.status = now
        elif kind == "log":
            if not self._is_new_frame(data):
                return
        elif kind == "child":
            child = data.get("child_id")
            if not isinstance(child, int) or child in seen.children:
                return
            seen.children.add(child)
        elif kind == "end":
            seen.ended = True
        yield Event(kind=kind, submission=self._id, data=data, id=event_id)

    def _is_new_frame(self, data: dict[str, Any]) -> bool:
        """Whether a log frame starts behind every frame of its stream told so far.

        Offsets count the program's bytes; where those were no UTF-8 the text has another length, so only the places
        where frames start are compared.
        """
        key = (str(data.get("step")), str(data.get("stream")))
        start = int(data.get("offset") or 0)
        if start <= self._seen.starts.get(key, -1):
            return False
        self._seen.starts[key] = start
        self._seen.ends[key] = start + len(str(data.get("text", "")).encode())
        return True

    def _from_question(self) -> Iterator[Event]:
        submission = self._podium.submission(self._id)
        yield from self._news("status", _status_of(submission))
        for child in submission.children:
            yield from self._news("child", {"child_id": child})
        if self._seen.stream_refused and not submission.has_children:
            yield from self._polled_logs()
        if submission.ended:
            yield from self._news("end", _status_of(submission))

    def _polled_logs(self) -> Iterator[Event]:
        try:
            files = self._podium.details(self._id).logs
        except ApiError as error:
            if error.status in {403, 404}:
                return  # the phase hides outputs; the status is still told
            raise
        for file in files:
            known = self._seen.ends.get((file.step, file.stream), 0)
            raw = self._podium.read(file.data_file, limit=MAX_POLLED_LOG_BYTES) if file.data_file else b""
            if len(raw) > known:
                text = raw[known:].decode(errors="replace")
                self._seen.ends[file.step, file.stream] = len(raw)
                data = {"step": file.step, "stream": file.stream, "offset": known, "text": text}
                yield Event(kind="log", submission=self._id, data=data)


def _status_of(submission: Submission) -> dict[str, Any]:
    return {
        "status": submission.status,
        "status_details": submission.status_details,
        "cause": submission.cause,
        "message": submission.message,
        "advice": submission.advice,
    }


def watch_family(
    podium: Podium, submission: int, *, children: bool = True, timeout: float | None = None
) -> Iterator[Event]:
    """Tell what happens to a submission and, with `children`, to its children (one per task), as it happens.

    Ends when the submission has ended. A fault while watching a child is raised here, and WaitTimeoutError after
    `timeout` seconds.
    """
    events: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
    stop = threading.Event()
    followed: list[threading.Thread] = []

    def follow(number: int, *, parent: bool) -> None:
        try:
            for event in Watcher(podium, number, stop):
                events.put(event)
                if event.kind == "child" and children:
                    start(event.data["child_id"], parent=False)
        except Exception as error:  # noqa: BLE001 - raised again where the events are read, if they still are
            events.put(error)
        finally:
            if parent:
                for thread in followed[1:]:
                    thread.join(timeout=SILENCE_SECONDS)
                events.put(None)

    def start(number: int, *, parent: bool) -> None:
        thread = threading.Thread(target=follow, args=(number,), kwargs={"parent": parent}, daemon=True)
        followed.append(thread)
        thread.start()

    start(submission, parent=True)
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
