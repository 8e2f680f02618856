"""The live stream of a submission: status, output and report, replayed from the start and then followed.

The stored rows are the truth; a wake-up only says that it is worth looking again. An event's id says how far a reader
has come in every stream of output, in bytes, so a reader that comes back continues there.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from podium.protocol import Cause, Stream, advice_for
from podium.site.accounts.callers import Caller
from podium.site.evaluation import logs, policies, reports, wakeups
from podium.site.evaluation.following import Event, Look, follow, topics_of
from podium.site.evaluation.models import Attempt, Submission
from podium.site.evaluation.states import TERMINAL, AttemptState
from podium.site.evaluation.tries import counted

BATCH_BYTES = 256 * 1024
"""About how much output one look reads."""
MOST_PLACES = 100
"""How many places an event's id holds; a reader of more streams that comes back is told from the start."""

_FOR_ITS_PEOPLE = ("status_details", "limit", "measured", "program")


def status_data(submission: Submission, rights: policies.OutputRights, *, told_all: bool) -> dict[str, Any]:
    """What a status event says.

    rights: to its output. told_all: to the owner and the organizers; others are told its state, not what its owner was
    told about it.
    """
    data: dict[str, Any] = {
        "submission": submission.pk,
        "status": submission.status,
        "status_details": rights.reason(submission),
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


_STREAMS = list(Stream)
_PLACE = re.compile(r"(\d{1,18})\.(\d)\.(\d{1,18})")


class _Places:
    """How far a reader has come: bytes by attempt and stream."""

    def __init__(self, last_event_id: str = "") -> None:
        parts = [_PLACE.fullmatch(part) for part in last_event_id[: MOST_PLACES * 48].split("_")]
        self._read = {
            (int(part[1]), _STREAMS[int(part[2])].value): int(part[3])
            for part in parts
            if part is not None and int(part[2]) < len(_STREAMS)
        }

    def of(self, attempt: Attempt, stream: str) -> int:
        return self._read.get((attempt.pk, stream), 0)

    def move(self, attempt: Attempt, stream: str, to: int) -> None:
        self._read[attempt.pk, stream] = to

    def __str__(self) -> str:
        if len(self._read) > MOST_PLACES:
            return ""
        return "_".join(f"{pk}.{_STREAMS.index(Stream(stream))}.{to}" for (pk, stream), to in self._read.items())


@dataclass
class _Reader:
    """What one reader has been told."""

    caller: Caller
    submission_id: int
    competition_id: int
    places: _Places
    seen: dict[int, str] = field(default_factory=dict)
    reports: dict[int, str] = field(default_factory=dict)
    announced: bool = False
    pace: float = 0.0

    @property
    def topics(self) -> list[str]:
        """Whose wake-ups it listens to."""
        return topics_of(self.caller, self.competition_id, wakeups.submission_topic(self.submission_id))

    def look(self) -> Look:
        """New events, whether more output waits, and whether all is over."""
        user = self.caller.now()
        seen = policies.visible_to(user) if user is not None else Submission.objects.none()
        root = seen.select_related("phase__competition", "phase__leaderboard").filter(pk=self.submission_id).first()
        if root is None:  # not let in any more, or not to be seen, or deleted meanwhile: who asks again is told
            return Look(over=True)
        told_all = policies.is_told_all(user, root)
        children = list(Submission.objects.filter(parent=root).order_by("pk")) if root.has_children else []
        events: list[Event] = []
        if children and not self.announced:
            self.announced = True
            events += [self._event("child", {"child_id": child.pk, "task": child.task_id}) for child in children]
        rights = policies.output_rights(user, root)
        output, more = self._output(children or [root], rights)
        events += output
        for one in [root, *children]:
            data = status_data(one, rights, told_all=told_all)
            if self.seen.get(one.pk) != (mark := json.dumps(data)):
                self.seen[one.pk] = mark
                events.append(self._event("status", data))
        over = root.status in TERMINAL and not more
        if over:
            events.append(self._event("end", {"status": root.status}))
        return Look(events, more, over)

    def _output(self, leaves: list[Submission], rights: policies.OutputRights) -> tuple[list[Event], bool]:
        """New output of all attempts, about `BATCH_BYTES` of it, and whether there is more; new reports."""
        events: list[Event] = []
        room = BATCH_BYTES
        attempts = Attempt.objects.filter(run__submission__in=leaves).select_related("run", "log").order_by("pk")
        for attempt in attempts:
            for stream in _STREAMS:
                if logs.size(attempt, stream) <= self.places.of(attempt, stream):
                    continue
                if not rights.logs_of(attempt.run.step):
                    continue  # not even how much there is
                if room <= 0:
                    return events, True
                for event, size in self._text(attempt, stream, room):
                    events.append(event)
                    room -= size
            if rights.detailed_results and attempt.state == AttemptState.ACTIVE:
                events += self._report(attempt)
        return events, room <= 0

    def _text(self, attempt: Attempt, stream: str, room: int) -> Iterator[tuple[Event, int]]:
        """What a stream has printed since, and how many bytes that is; half a character waits for its other half."""
        start = self.places.of(attempt, stream)
        data = logs.read(attempt, stream, start, room)
        whole = attempt.state != AttemptState.ACTIVE and start + len(data) >= logs.size(attempt, stream)
        text, size = logs.decoded(data, whole=whole)
        if not text:
            return
        self.places.move(attempt, stream, start + size)
        facts = {
            "submission": attempt.run.submission_id,
            "step": attempt.run.step,
            "stream": stream,
            "attempt": attempt.number,
            "offset": start,
            "text": text,
        }
        yield self._event("log", facts), size

    def _report(self, attempt: Attempt) -> Iterator[Event]:
        report = reports.growing(attempt)
        if report is not None and self.reports.get(attempt.pk) != report.version:
            self.reports[attempt.pk] = report.version
            facts = {"submission": attempt.run.submission_id, "version": report.version, "url": report.url()}
            yield self._event("detailed_results", facts)

    def _event(self, name: str, data: dict[str, Any]) -> Event:
        return Event(str(self.places), name, data)


def events(caller: Caller, submission: Submission, last_event_id: str = "") -> AsyncIterator[Event | None]:
    """The events of a submission that the caller sees, from the start or from `last_event_id`, until it has ended.

    It also ends when the caller is not let in any more, or does not see the submission any more. Yields None now and
    then while nothing happens, so that a connection is seen to be alive.

    submission: with its phase.
    """
    return follow(_Reader(caller, submission.pk, submission.phase.competition_id, _Places(last_event_id)))
