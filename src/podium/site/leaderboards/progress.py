"""The best score of a board over time, as points and as the lines of a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from podium.ranking.display import format_score
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Participant, ParticipantStatus, Phase
from podium.site.leaderboards.models import Column, Standing
from podium.site.leaderboards.queries import visible_board

MAX_POINTS = 200
"""Steps that a line has; of more, some between the first and the last are left out."""
WIDTH, HEIGHT = 1000, 300
"""Of the drawing, in its own units; it is stretched to the page."""


@dataclass(frozen=True)
class Point:
    """A moment at which the best score became better."""

    when: datetime
    value: float
    owner_name: str
    shown: str


@dataclass(frozen=True)
class Progress:
    """Both lines of a board: everybody's best and the viewer's own; `begin` and `end` are those of the drawing."""

    column: Column
    best: list[Point]
    own: list[Point]
    entries: int
    begin: datetime
    end: datetime

    @property
    def low(self) -> float:
        """The smallest value that is drawn."""
        return min(point.value for point in (*self.best, *self.own))

    @property
    def high(self) -> float:
        """The largest value that is drawn."""
        return max(point.value for point in (*self.best, *self.own))

    @property
    def low_shown(self) -> str:
        """The smallest value as the column shows it."""
        return format_score(self.low, self.column.precision)

    @property
    def high_shown(self) -> str:
        """The largest value as the column shows it."""
        return format_score(self.high, self.column.precision)

    @property
    def best_line(self) -> str:
        """Everybody's best as the points of a polyline."""
        return self._line(self.best)

    @property
    def own_line(self) -> str:
        """The viewer's best as the points of a polyline."""
        return self._line(self.own)

    def _line(self, points: Sequence[Point]) -> str:
        """A staircase: level until the next point, and the last one to the end."""
        steps: list[str] = []
        for point, after in zip(points, [*points[1:], None], strict=True):
            level = self._level(point.value)
            steps += [
                f"{self._across(point.when)},{level}",
                f"{self._across(after.when if after else self.end)},{level}",
            ]
        return " ".join(steps)

    def _across(self, when: datetime) -> float:
        span = (self.end - self.begin).total_seconds()
        return round(WIDTH * (when - self.begin).total_seconds() / span, 1) if span > 0 else 0.0

    def _level(self, value: float) -> float:
        span = self.high / 2 - self.low / 2  # halves, since the difference of two doubles may be too large for one
        share = (value / 2 - self.low / 2) / span if span > 0 else 0.5
        return round(HEIGHT * (0.95 - 0.9 * share), 1)


def progress(phase: Phase, user: Any) -> Progress | None:
    """How the best score on the board of `phase` has grown, as `user` may see it; None where they may not.

    Drawn is what stood on the board at some time, in the present primary column, from when it came there. Whoever was
    banned, deleted or turned away is left out. The number of queries is fixed; rows are read once, in their order.
    """
    board = visible_board(user, phase)
    if board is None:
        return None
    administers = competitions.can_administer(user, phase.competition)
    primary = next((column for column in board.columns.all() if column.index == board.primary_index), None)
    if primary is None or (primary.hidden and not administers):
        return None
    rows = Standing.objects.filter(
        phase=phase,
        column=primary,
        value__isnull=False,
        submission__is_soft_deleted=False,
        owner__is_banned=False,
        owner__is_deleted=False,
    )
    denied = Participant.objects.filter(competition=phase.competition_id, status=ParticipantStatus.DENIED)
    rows = rows.exclude(owner__in=denied.values("user"))
    facts = rows.order_by("since", "pk").values_list(
        "since", "value", "owner", "owner__display_name", "owner__username"
    )
    best: list[Point] = []
    own: list[Point] = []
    entries = 0
    for since, value, owner, display_name, username in facts.iterator():
        if value is None:
            continue
        entries += 1
        point = Point(since, value, display_name or username, format_score(value, primary.precision))
        for line in (best, own) if owner == getattr(user, "pk", None) else (best,):
            if not line or (value > line[-1].value if primary.sorting == "desc" else value < line[-1].value):
                line.append(point)
    now = timezone.now()
    begin, last = (best[0].when, best[-1].when) if best else (phase.start, phase.start)
    end = max(last, min(now, phase.end) if phase.end else now)
    return Progress(primary, _thin(best), _thin(own), entries, begin, end)


def _thin(points: list[Point]) -> list[Point]:
    """At most MAX_POINTS of them, the first and the last among them."""
    if len(points) <= MAX_POINTS:
        return points
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return [points[round(place * step)] for place in range(MAX_POINTS)]
