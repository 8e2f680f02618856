"""Why one row of a board stands above another, as facts that a page can put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from podium.ranking.columns import Column
from podium.ranking.keys import encode

Totals = Mapping[str, float | None]
"""The one value per column that an entry is ranked by, see `columns.totals`."""


@dataclass(frozen=True)
class Decision:
    """What put the upper of two rows there.

    column: the first ordering column in which they differ; None when they are equal in all of them, and then
    `by_time` says whether the earlier submission decided, and not the smaller number. equal: the columns before it.
    """

    column: Column | None
    equal: tuple[Column, ...]
    by_time: bool = False


def decision(
    ordering: Sequence[Column], upper: Totals, lower: Totals, upper_when: datetime, lower_when: datetime
) -> Decision:
    """Return what decides between two neighbours of a board.

    ordering: `columns.ordering_columns` of the board. upper, lower: their totals. The two are told apart exactly as
    their sort keys are.
    """
    for place, column in enumerate(ordering):
        if encode(upper[column.key], column.sorting) != encode(lower[column.key], column.sorting):
            return Decision(column, tuple(ordering[:place]))
    return Decision(None, tuple(ordering), by_time=upper_when != lower_when)


def to_pass(ordering: Sequence[Column], upper: Totals) -> tuple[Column, float | None]:
    """Return the primary column and the value there that a submission must beat to pass a row.

    The same value does not pass by itself: the columns after it decide, and at last the row that was there first. None
    means that any score passes.
    """
    return ordering[0], upper[ordering[0].key]
