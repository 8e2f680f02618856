"""The live stream of a competition: what state its submissions come to, which boards change, phases, publication.

An event says how something is, not how it came to it, and only what its reader may see: submissions as in the list of
submissions, boards as on the page of results. A reader that comes back is told what differs from what it knew, which
the last event's id holds: the moment up to which it has read, whether the competition was published, and of each phase
its status and the moment of its board's last change.

Changes are read in the order of their moments. A change is committed some time after its moment, and clocks of several
servers differ, so what lies less than `LATE` before the reader's moment is read again each time and compared with what
was told; only who comes back is told of it twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from podium.site.accounts.callers import Caller
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Phase, PhaseStatus
from podium.site.evaluation import policies, wakeups
from podium.site.evaluation.following import Event, Look, follow, topics_of
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Block

LATE = timedelta(seconds=30)
PIECE = 500
"""How many changed submissions one look reads."""
MOST_PHASES = 100
"""How many phases an event's id holds; who comes back to more is told of each."""
PACE_SECONDS = 0.2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS = {PhaseStatus.NEXT: "N", PhaseStatus.CURRENT: "C", PhaseStatus.PREVIOUS: "P"}
_KNOWN = re.compile(r"(\d{1,17})\.([01])\.(.*)")
_PHASE = re.compile(r"(\d{1,18})([NCP])(\d{1,17})")


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass
class _Known:
    """What a reader knows, as its last event's id says; of who comes for the first time only the moment.

    phases: the letter of the status and the moment of the board's last change, 0 for none that the reader may see.
    """

    moment: datetime
    published: bool | None = None
    phases: dict[int, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, last_event_id: str) -> _Known:
        """What an id says; one that makes no sense is none."""
        now = timezone.now()
        found = _KNOWN.fullmatch(last_event_id[: MOST_PHASES * 48])
        if found is None:
            return cls(now)
        phases = [_PHASE.fullmatch(part) for part in found[3].split("_")]
        return cls(
            min(now, _EPOCH + timedelta(microseconds=int(found[1]))),
            found[2] == "1",
            {int(part[1]): (part[2], int(part[3])) for part in phases if part is not None},
        )

    def __str__(self) -> str:
        phases = [f"{pk}{letter}{mark}" for pk, (letter, mark) in self.phases.items()]
        told = "_".join(phases) if len(phases) <= MOST_PHASES else ""
        return f"{_micros(self.moment)}.{int(bool(self.published))}.{told}"


@dataclass
class _Reader:
    """What one reader has been told."""

    caller: Caller
    competition_id: int
    known: _Known
    secret_key: str = ""
    told: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    """Of submissions that changed lately: when, and to what."""
    place: tuple[datetime, int] | None = None
    """Where a look has stopped that found more than a piece."""
    pace: float = PACE_SECONDS

    @property
    def topics(self) -> list[str]:
        """Whose wake-ups it listens to."""
        return topics_of(self.caller, self.competition_id, wakeups.competition_topic(self.competition_id))

    def look(self) -> Look:
        """What is new, in a number of queries that does not grow with it."""
        user = self.caller.now()
        if user is None:
            return Look([self._event("end", {"reason": "logged_out"})], over=True)
        seen = competitions.visible_to(user, self.secret_key)
        competition = seen.filter(pk=self.competition_id).first()
        if competition is None:
            return Look([self._event("end", {"reason": "not_visible"})], over=True)
        now = timezone.now()
        phases = _phases(competition)
        events = [*self._publication(competition), *self._turns(user, competition, phases, now)]
        changed, more = self._submissions(user, phases)
        turns = [at for phase in phases for at in (phase.start, phase.end) if at is not None and at > now]
        turn = (min(turns) - now).total_seconds() if turns else None
        return Look([*events, *changed], more=more, turn=turn)

    def _publication(self, competition: Competition) -> Iterator[Event]:
        if self.known.published is not competition.published:
            self.known.published = competition.published
            yield self._event("competition", {"title": competition.title, "published": competition.published})

    def _turns(self, user: Any, competition: Competition, phases: list[Phase], now: datetime) -> Iterator[Event]:
        """Phases that have started or ended, and those whose board has changed."""
        hides = any(phase.leaderboard is not None and phase.leaderboard.hidden for phase in phases)
        organizes = hides and competitions.can_administer(user, competition)
        known = {phase.pk: self.known.phases[phase.pk] for phase in phases if phase.pk in self.known.phases}
        self.known.phases = known
        for phase in phases:
            board = phase.leaderboard
            shown = board is not None and (organizes or not board.hidden)
            changed = phase.board_changed if shown else None  # type: ignore[attr-defined]
            mark, status = _micros(changed) if changed is not None else 0, phase.status_at(now)
            letter, seen = known.get(phase.pk, ("", mark))
            known[phase.pk] = (_LETTERS[status], seen)
            if letter != _LETTERS[status]:
                yield self._event("phase", _phase_data(phase, status))
            known[phase.pk] = (_LETTERS[status], mark)
            if mark not in {0, seen}:
                yield self._event("leaderboard", {"phase": phase.pk})

    def _submissions(self, user: Any, phases: list[Phase]) -> tuple[list[Event], bool]:
        """Submissions that came to another state, some at a time, and whether there are more."""
        since = self.known.moment - LATE
        self.told = {pk: told for pk, told in self.told.items() if told[0] >= since}
        rows = list(_changed(user, phases, self.place or (since, 0))[:PIECE])
        events = []
        for pk, phase, owner, status, changed in rows:
            if self.told.get(pk) == (changed, status):
                continue
            self.told[pk] = (changed, status)
            self.known.moment = max(self.known.moment, changed)
            facts = {"submission": pk, "phase": phase, "owner": owner, "status": status}
            events.append(self._event("submission", {**facts, "changed_when": changed.isoformat()}))
        more = len(rows) == PIECE
        self.place = (rows[-1][4], rows[-1][0]) if more else None
        return events, more

    def _event(self, name: str, data: dict[str, Any]) -> Event:
        return Event(str(self.known), name, {"competition": self.competition_id, **data})


def _phases(competition: Competition) -> list[Phase]:
    """The phases with their boards and the moments of the boards' last changes."""
    first = Block.objects.filter(phase=OuterRef("pk"), first_key="").values("changed_when")[:1]
    rows = Phase.objects.filter(competition=competition).select_related("leaderboard")
    return list(rows.annotate(board_changed=Subquery(first)).order_by("index", "pk"))


def _phase_data(phase: Phase, status: PhaseStatus) -> dict[str, Any]:
    return {
        "phase": phase.pk,
        "name": phase.name,
        "status": status.value,
        "start": phase.start.isoformat(),
        "end": phase.end.isoformat() if phase.end else None,
    }


def _changed(user: Any, phases: list[Phase], place: tuple[datetime, int]) -> QuerySet[Submission, tuple[Any, ...]]:
    """What `user` sees of whole submissions that changed after a place, in the order of their changes."""
    after = Q(changed_when__gt=place[0]) | Q(changed_when=place[0], pk__gt=place[1])
    rows = policies.visible_to(user).filter(phase__in=[phase.pk for phase in phases], parent__isnull=True)
    rows = rows.filter(after, changed_when__gte=place[0]).order_by("changed_when", "pk")
    return rows.values_list("pk", "phase_id", "owner__username", "status", "changed_when")


def events(
    caller: Caller, competition: Competition, last_event_id: str = "", *, secret_key: str = ""
) -> AsyncIterator[Event | None]:
    """The events of a competition that the caller may see, from now or from `last_event_id`, as long as they see it.

    Begins with how things stand. Yields None now and then while nothing happens, so that a connection is seen to be
    alive. secret_key: what the competition is seen by where it is not published.
    """
    return follow(_Reader(caller, competition.pk, _Known.of(last_event_id), secret_key))
