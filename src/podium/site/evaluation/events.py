"""The live stream of a submission: status and output, replayed from the start and then followed.

The stored rows are the truth; a wake-up only says that it is worth looking again. An event's id says how far a reader
has come ("<last chunk>.<status>"), so a reader that comes back continues there.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from podium.protocol import Cause, advice_for
from podium.site.evaluation import policies, wakeups
from podium.site.evaluation.models import LogChunk, Submission
from podium.site.evaluation.states import TERMINAL
from podium.site.evaluation.tries import counted
from podium.site.threads import in_thread

BATCH = 200
KEEPALIVE_SECONDS = 15.0


@dataclass(frozen=True)
class Event:
    """One event: its id, its name, its data."""

    id: str
    name: str
    data: dict[str, Any]

    def encode(self) -> bytes:
        """As text/event-stream."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n".encode()


_FOR_ITS_PEOPLE = ("status_details", "limit", "measured", "program")


def status_data(submission: Submission, *, told_all: bool = True) -> dict[str, Any]:
    """What a status event says.

    told_all: to the owner and the organizers; others are told its state, not what its owner was told about it.
    """
    data: dict[str, Any] = {
        "submission": submission.pk,
        "status": submission.status,
        "status_details": submission.status_details,
        "started_when": submission.started_when.isoformat() if submission.started_when else None,
        "finished_when": submission.finished_when.isoformat() if submission.finished_when else None,
        "cancelling": submission.cancel_requested_when is not None and not submission.is_terminal,
    }
    if submission.cause:
        data |= {
            "cause": submission.cause,
            "fault": submission.fault,
            "step": submission.failed_step,
            "program": submission.failed_program,
            "limit": submission.limit,
            "measured": submission.measured,
            "advice": advice_for(Cause(submission.cause)),
            "counted": counted(submission),
        }
    if not told_all:
        data |= {name: None for name in _FOR_ITS_PEOPLE if name in data}
    return data


@dataclass
class _Reader:
    """How far one reader has come."""

    submission_id: int
    last_chunk: int
    seen: dict[int, str] = field(default_factory=dict)
    decoders: dict[tuple[int, str], codecs.IncrementalDecoder] = field(default_factory=dict)
    announced: bool = False

    def look(self, user: Any) -> tuple[list[Event], bool, bool]:
        """New events, whether more output waits, and whether all is over."""
        root = Submission.objects.select_related("phase__competition").filter(pk=self.submission_id).first()
        if root is None:  # deleted meanwhile
            return [], False, True
        told_all = policies.is_told_all(user, root)
        children = list(Submission.objects.filter(parent=root).order_by("pk")) if root.has_children else []
        leaves = children or [root]
        rights = policies.output_rights(user, root)
        events: list[Event] = []
        if children and not self.announced:
            self.announced = True
            events += [Event(self._id(), "child", {"child_id": child.pk, "task": child.task_id}) for child in children]
        chunks = list(
            LogChunk.objects.filter(attempt__run__submission__in=leaves, pk__gt=self.last_chunk)
            .select_related("attempt__run")
            .order_by("pk")[:BATCH]
        )
        for chunk in chunks:
            self.last_chunk = chunk.pk
            if rights.logs_of(chunk.attempt.run.step):
                events.append(self._log(chunk))
        more = len(chunks) == BATCH
        for one in [root, *children]:
            data = status_data(one, told_all=told_all)
            if self.seen.get(one.pk) != (mark := json.dumps(data)):
                self.seen[one.pk] = mark
                events.append(Event(self._id(), "status", data))
        over = root.status in TERMINAL and not more
        if over:
            events.append(Event(self._id(), "end", {"status": root.status}))
        return events, more, over

    def _log(self, chunk: LogChunk) -> Event:
        run = chunk.attempt.run
        decoder = self.decoders.setdefault(
            (chunk.attempt_id, chunk.stream), codecs.getincrementaldecoder("utf-8")(errors="replace")
        )
        data = {
            "submission": run.submission_id,
            "step": run.step,
            "stream": chunk.stream,
            "attempt": chunk.attempt.number,
            "offset": chunk.offset,
            "text": decoder.decode(bytes(chunk.data)),
        }
        return Event(self._id(), "log", data)

    def _id(self) -> str:
        return str(self.last_chunk)


async def events(user: Any, submission: Submission, last_event_id: str = "") -> AsyncIterator[Event | None]:
    """The events of a submission that `user` may see, from the start or from `last_event_id`, until it has ended.

    Yields None now and then while nothing happens, so that a connection is seen to be alive.
    """
    known = last_event_id.isdecimal() and len(last_event_id) <= 18  # as far as the database's numbers go
    reader = _Reader(submission.pk, int(last_event_id) if known else 0)

    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    with wakeups.listening(wakeups.submission_topic(submission.pk)) as news:
        while True:
            news.clear()
            found, more, over = await in_thread(lambda: reader.look(user))
            for event in found:
                yield event
            if over:
                return
            if found:
                quiet_since = loop.time()
            elif loop.time() - quiet_since > KEEPALIVE_SECONDS:
                quiet_since = loop.time()
                yield None
            if not more:
                await wakeups.wait(news)
