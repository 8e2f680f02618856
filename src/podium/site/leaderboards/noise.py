"""Which rows of a page are within noise of a neighbour in the primary column (the rule is `ranking.uncertainty`'s)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from podium.ranking.uncertainty import Interval, noise_groups
from podium.site.leaderboards.cells import Group, cells_of
from podium.site.leaderboards.models import Entry
from podium.site.leaderboards.queries import Board, Row


def within_noise(board: Board, rows: Sequence[Row] | None = None) -> set[int]:
    """The submissions that are within noise of the row above or below on the board, also where that is not shown.

    Only where the board is ordered by scores as they are: not for several tasks, whose sums have no interval, nor for a
    computed or a hidden primary column. Rows that do not follow each other on the board (a search, another order) have
    no marks. Asks nothing of the database where no row has an interval, and else for the two rows beyond.

    rows: those of the page unless given.
    """
    rows = board.rows if rows is None else rows
    primary = board.leaderboard.primary_index
    plain = [c for group in board.groups for c in group.columns if c.index == primary and not c.computation]
    follow_each_other = all(lower.rank == upper.rank + 1 for upper, lower in pairwise(rows))
    if len(plain) != 1 or not rows or not follow_each_other:
        return set()
    intervals = [_primary(row, primary) for row in rows]
    if not any(intervals):
        return set()
    entries = Entry.objects.filter(phase=board.phase)
    above = entries.filter(sort_key__lt=rows[0].entry.sort_key).order_by("-sort_key")
    below = entries.filter(sort_key__gt=rows[-1].entry.sort_key).order_by("sort_key")
    beyond = [next(iter(some.values_list("submission_id", flat=True)[:1]), 0) for some in (above, below)]
    cells = cells_of(beyond, [Group(board.groups[0].task, plain)])
    before, after = (cells[pk][0].interval for pk in beyond)
    groups = noise_groups([before, *intervals, after])[1:-1]
    return {row.submission_id for row, group in zip(rows, groups, strict=True) if group is not None}


def _primary(row: Row, index: int) -> Interval | None:
    return next((cell.interval for cell in row.cells if cell.column.index == index), None)
