"""Which neighbours on a board their uncertainty does not tell apart. No rank follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from podium.formats.intervals import Interval as Interval  # noqa: PLC0414  re-exported: one word, one thing


def overlap(upper: Interval | None, lower: Interval | None) -> bool:
    """Return whether two scores are within noise of each other: both have an interval, and the intervals meet.

    Paired differences would tell more scores apart, but need both submissions' examples at once; this rule errs on the
    side of saying that a difference may be noise.
    """
    return upper is not None and lower is not None and upper.low <= lower.high and lower.low <= upper.high


def noise_groups(intervals: Sequence[Interval | None]) -> list[int | None]:
    """Return the number of the group that each row of a board belongs to, None for rows that are in none.

    intervals: of the primary column, in the order of the board. A row joins the group of the row above when the two
    `overlap`. Neighbours decide, so the first and the last row of a long group may well differ.
    """
    groups: list[int | None] = [None] * len(intervals)
    last = -1
    for place in range(1, len(intervals)):
        if not overlap(intervals[place - 1], intervals[place]):
            continue
        if groups[place - 1] is None:
            last += 1
            groups[place - 1] = last
        groups[place] = groups[place - 1]
    return groups
