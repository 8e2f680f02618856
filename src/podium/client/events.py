"""Watching a submission: an event stream while it holds, questions at intervals when it does not."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from podium.client.downloads import read_file
from podium.client.errors import ApiError, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from podium.client.models import Event, Submission
from podium.client.rules import opened
from podium.client.steps import Close, Emit, Limited, Pause, Reply, Request, Stream, read_piece
from podium.client.submissions import details, submission

POLL_SECONDS = 0.5
SILENCE_SECONDS = 45.0
MAX_EVENT_BYTES = 4 * 1024 * 1024
MAX_POLLED_LOG_BYTES = 16 * 1024 * 1024
_LINE_ENDS = re.compile("\r\n|\n|\r")
_NO_STREAM = frozenset({404, 405, 406, 429, 501})  # 429: as many streams are open as may be


@dataclass
class ServerEvent:
    """One message of a text/event-stream: its type, its data and the id to go on from."""

    kind: str
    data: str
    id: str | None


class EventParser:
    """Reads server-sent events from pieces of a stream (the rules of the HTML standard, section 9.2.6)."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0
        self._last_id: str | None = None

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """Take a piece and give the events that it completes.

        Raises UnexpectedAnswerError when one event is larger than 4 MB.
        """
        text = self._rest + self._decoder.decode(piece)
        held = "\r" if text.endswith("\r") else ""  # its newline may be in the next piece
        *lines, rest = _LINE_ENDS.split(text.removesuffix(held))
        self._rest = rest + held
        if len(rest) > MAX_EVENT_BYTES:
            raise _too_large()
        for line in lines:
            if event := self._line(line):
                yield event

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            kind, data = self._kind or "message", self._data
            self._kind, self._data, self._size = "", [], 0
            return ServerEvent(kind, "\n".join(data), self._last_id) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._size += len(value)
            if self._size > MAX_EVENT_BYTES:
                raise _too_large()
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._last_id = value
        return None


def _too_large() -> UnexpectedAnswerError:
    return UnexpectedAnswerError("The server sent an event of more than 4 MB.")


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


class _Watcher:
    """Tells what happens to one submission and its children (one per task), from the start to the end."""

    def __init__(self, submission: int) -> None:
        self._id = submission
        self._seen = _Seen()

    def events(self) -> Stream[Event]:
        """Yield events until the submission has ended.

        The stream is read while it holds; when it breaks, the submission is asked for every half second and the
        stream is tried again from the last event. Raises ApiError or UnreachableError when that fails as well.
        """
        while not self._seen.ended:
            if not self._seen.stream_refused:
                yield from self._from_stream()
            if not self._seen.ended:
                yield from self._from_question()
            if not self._seen.ended:
                yield Pause(POLL_SECONDS)

    def _from_stream(self) -> Stream[Event]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if self._seen.last_id is not None:
            headers["Last-Event-ID"] = self._seen.last_id
        path = f"api/submissions/{self._id}/events/"
        try:
            reply = yield from opened(Request("GET", path, headers=headers, follow=True, timeout=SILENCE_SECONDS))
            if "text/event-stream" not in reply.headers.get("Content-Type", ""):
                self._seen.stream_refused = True
            else:
                yield from self._read(reply)
            yield Close(reply)
        except ApiError as error:
            if error.status not in _NO_STREAM:
                raise
            self._seen.stream_refused = True
        except (httpx.TransportError, httpx.StreamError, UnreachableError):
            return  # the question that follows says whether the server is gone or only the stream broke

    def _read(self, reply: Reply) -> Stream[Event]:
        parser = EventParser()
        while not self._seen.ended and (piece := (yield from read_piece(reply))) is not None:
            for message in parser.feed(piece):
                self._seen.last_id = message.id or self._seen.last_id
                yield from self._told(message)
                if self._seen.ended:
                    break

    def _told(self, message: ServerEvent) -> Stream[Event]:
        try:
            data = json.loads(message.data)
        except ValueError as error:
            raise UnexpectedAnswerError("The server sent an event that is no JSON.") from error
        if isinstance(data, dict):
            about = data.get("submission")
            yield from self._news(message.kind, about if isinstance(about, int) else self._id, data, message.id)

    def _news(self, kind: str, about: int, data: dict[str, Any], event_id: str | None = None) -> Stream[Event]:
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
        yield Emit(Event(kind=kind, submission=about, data=data, id=event_id))

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

    def _from_question(self) -> Stream[Event]:
        root = yield from submission(self._id)
        for child in root.children:
            yield from self._news("child", self._id, {"child_id": child})
            if self._seen.stream_refused:
                yield from self._state_and_logs((yield from submission(child)))
        yield from self._state_and_logs(root)
        if root.ended:
            yield from self._news("end", root.id, _status_of(root))

    def _state_and_logs(self, now: Submission) -> Stream[Event]:
        yield from self._news("status", now.id, _status_of(now))
        if self._seen.stream_refused and not now.children:
            yield from self._polled_logs(now.id)

    def _polled_logs(self, about: int) -> Stream[Event]:
        try:
            files = (yield from details(about)).logs
        except ApiError as error:
            if error.status in {403, 404}:
                return  # the phase hides outputs; the status is still told
            raise
        for file in files:
            key = (about, file.step, file.stream)
            known = self._seen.ends.get(key, 0)
            raw = b""
            if file.data_file:
                raw = yield from read_file(file.data_file, limit=MAX_POLLED_LOG_BYTES)
            if len(raw) > known:
                text = raw[known:].decode(errors="replace")
                self._seen.ends[key] = len(raw)
                data = {"step": file.step, "stream": file.stream, "offset": known, "text": text}
                yield Emit(Event(kind="log", submission=about, data=data))


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


def watch(submission: int, *, timeout: float | None = None) -> Limited[Event]:
    """What happens to a submission, status and log as they come, until it has ended.

    The submissions that a submission to several tasks consists of are told with it. The server's event stream is
    used while it holds, questions every half second when it does not. Raises WaitTimeoutError after `timeout`
    seconds.
    """
    late = WaitTimeoutError(
        f"The submission did not end within {timeout or 0:g} s.", hint="It goes on; look again with `podium logs`."
    )
    return Limited(_Watcher(submission).events(), timeout, late)
