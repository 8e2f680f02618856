"""The numbers of one competition, for whoever runs it: counted by the database, in a fixed number of queries.

Counted are whole submissions, those that were deleted too, since they were made; parts for several tasks only where
runs are timed. What is counted of a competition with many submissions is kept for a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.core.cache import caches
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from podium.protocol import Cause, Fault, Step
from podium.site.analytics.periods import Span, Unit, today, truncated
from podium.site.competitions.counts import not_organizing
from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase
from podium.site.evaluation.models import Run, Submission
from podium.site.evaluation.states import RunState, SubmissionStatus
from podium.site.pages.causes import CAUSE_TITLES
from podium.site.words import Words

LARGE = 1000
"""With more submissions than this the numbers are kept for `KEPT` seconds."""
KEPT = 60
BELOW = (
    (10, _("under 10 s")),
    (60, _("10 s to 1 min")),
    (300, _("1 to 5 min")),
    (1800, _("5 to 30 min")),
    (7200, _("30 min to 2 h")),
)
LONGER = _("over 2 h")
MOST_DAYS = 180
"""Of a longer time weeks are shown, and of one longer than three years months."""


@dataclass(frozen=True)
class Times:
    """How long the runs of a step took in seconds, if they ended by themselves; `spread`: how many were how long."""

    step: Words
    runs: int
    mean: float
    longest: float
    spread: list[tuple[Words, int]]


@dataclass(frozen=True)
class Statistics:
    """What was counted; of a phase, or of all phases together.

    per_day, joined: by the day (UTC). statuses, failures: with how many, most first; a failure is cause and whose fault
    it was. waited: seconds from a submission to its start, on average and at most, None where none has started.
    """

    per_day: dict[date, int]
    joined: dict[date, int]
    participants: dict[str, int]
    submitters: int
    statuses: list[tuple[str, int]]
    failures: list[tuple[Words, Words, int]]
    waited: tuple[float, float] | None
    times: list[Times] = field(default_factory=list)

    @property
    def submissions(self) -> int:
        """How many there are."""
        return sum(self.per_day.values())

    @property
    def first(self) -> date | None:
        """The day of the first thing that is counted."""
        return min([*self.per_day, *self.joined], default=None)


def statistics(competition: Competition, phase: Phase | None = None) -> Statistics:
    """The numbers of a competition, or of one of its phases; participants are always those of the competition."""
    key = f"competition-statistics-{competition.pk}-{phase.pk if phase else 0}"
    kept: Statistics | None = caches["local"].get(key)
    if kept is None:
        kept = _counted(competition, phase)
        if kept.submissions > LARGE:
            caches["local"].set(key, kept, KEPT)
    return kept


def _counted(competition: Competition, phase: Phase | None) -> Statistics:
    chosen: dict[str, Any] = {"phase": phase} if phase else {"phase__competition": competition}
    rows = Submission.objects.filter(**chosen, parent__isnull=True).order_by()
    people = not_organizing(Participant.objects.filter(competition=competition)).order_by()
    facts = rows.aggregate(people=Count("owner", distinct=True))
    waited = ExpressionWrapper(F("started_when") - F("created_when"), output_field=DurationField())
    # Not of reruns and migrated copies: their wait is the organizers', not the participants'.
    begun = rows.filter(started_when__isnull=False, original__isnull=True, created_by_migration__isnull=True)
    wait = begun.annotate(wait=waited).aggregate(mean=Avg("wait"), most=Max("wait"))
    failed = rows.filter(status=SubmissionStatus.FAILED).values_list("cause", "fault").annotate(number=Count("pk"))
    runs = Run.objects.filter(**{f"submission__{name}": value for name, value in chosen.items()})
    return Statistics(
        per_day=_by_day(rows, "created_when"),
        joined=_by_day(people.filter(status=ParticipantStatus.APPROVED), "created_when"),
        participants=dict(people.values_list("status").annotate(number=Count("pk"))),
        submitters=facts["people"],
        statuses=_most_first(rows.values_list("status").annotate(number=Count("pk"))),
        failures=[
            (CAUSE_TITLES[Cause(cause)], _FAULTS[Fault(fault)] if fault else "", number)
            for cause, fault, number in _most_first(failed)
        ],
        waited=(_seconds(wait["mean"]), _seconds(wait["most"])) if wait["mean"] is not None else None,
        times=[_times(row) for row in _timed(runs)],
    )


_FAULTS = {
    Fault.PARTICIPANT: _("the participant's"),
    Fault.ORGANIZER: _("the organizers'"),
    Fault.PLATFORM: _("the platform's"),
    Fault.NOBODY: _("nobody's"),
}


def _seconds(length: timedelta) -> float:
    return max(0.0, length.total_seconds())


def _most_first(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: (-row[-1], row[:-1]))


def _by_day(rows: QuerySet[Any], name: str) -> dict[date, int]:
    counted = rows.annotate(period=truncated(name, Unit.DAY)).values_list("period").annotate(number=Count("pk"))
    return {begin.astimezone(UTC).date(): number for begin, number in counted.order_by("period")}


def _timed(runs: QuerySet[Run]) -> Any:
    """Of each step how many runs took how long; of those that were cancelled or lost no time tells anything."""
    limits = [0, *(seconds for seconds, _label in BELOW)]
    within = {
        f"below_{seconds}": Count("pk", filter=Q(sandbox_seconds__gte=low, sandbox_seconds__lt=seconds))
        for low, seconds in pairwise(limits)
    }
    ended = runs.filter(state__in=[RunState.SUCCEEDED, RunState.FAILED], sandbox_seconds__gt=0).order_by()
    return ended.values("step").annotate(
        runs=Count("pk"), mean=Avg("sandbox_seconds"), longest=Max("sandbox_seconds"), **within
    )


def _times(row: dict[str, Any]) -> Times:
    spread: list[tuple[Words, int]] = [(label, row[f"below_{seconds}"]) for seconds, label in BELOW]
    spread.append((LONGER, row["runs"] - sum(number for _label, number in spread)))
    return Times(_STEPS[row["step"]], row["runs"], row["mean"], row["longest"], spread)


_STEPS = {Step.PREDICTION.value: _("Prediction"), Step.SCORING.value: _("Scoring")}


def shown_span(found: Statistics, phases: Sequence[Phase]) -> tuple[Span, str]:
    """The days that a drawing shows, from the first thing to today or the end of the last phase, and by which unit."""
    last = today()
    ends = [phase.end for phase in phases]
    if ends and all(end is not None and end.astimezone(UTC).date() < last for end in ends):
        latest: datetime = max(end for end in ends if end is not None)
        last = max([latest.astimezone(UTC).date(), *found.per_day, *found.joined])
    first = min(found.first or last, last)
    span = Span(first, last)
    if span.count(Unit.DAY) <= MOST_DAYS:
        return span, Unit.DAY
    return span, Unit.WEEK if span.count(Unit.DAY) <= 3 * 366 else Unit.MONTH
