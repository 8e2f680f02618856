"""The cells of a board: which columns it shows, and the score of each row in each of them.

The page, the answer of get_leaderboard and the exports all get their cells here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from podium.ranking.display import format_interval, format_score
from podium.ranking.uncertainty import Interval
from podium.site.leaderboards.models import Column, Score
from podium.site.resources.models import Task


@dataclass(frozen=True, slots=True)
class Cell:
    """A score on the board; `value` and `score_id` are None where it is missing, `text` is as it was given."""

    column: Column
    task: Task | None
    value: float | None
    text: str
    interval: Interval | None = None
    score_id: int | None = None

    @property
    def uncertainty(self) -> str:
        """What stands beside the score for its interval, "" without one."""
        if self.value is None or self.interval is None:
            return ""
        return format_interval(self.value, self.interval.low, self.interval.high, self.column.precision)

    @property
    def shown(self) -> str:
        """The score rounded for display."""
        return format_score(self.value, self.column.precision)


@dataclass(frozen=True)
class Group:
    """The columns of one task; the last group, without a task, holds the computed columns of several tasks."""

    task: Task | None
    columns: list[Column]


def groups_of(tasks: Sequence[Task], columns: Sequence[Column]) -> list[Group]:
    """The columns of a board by task, in their order."""
    if len(tasks) <= 1:
        return [Group(tasks[0] if tasks else None, list(columns))]
    own = [c for c in columns if not c.computation]
    computed = [c for c in columns if c.computation]
    groups = [Group(task, own) for task in tasks]
    return [*groups, Group(None, computed)] if computed else groups


_Key = tuple[int, int | None, int]
"""Submission, task and column."""
_Score = tuple[int, float, str, float | None, float | None, str]
_SCORE = ("pk", "value", "text", "low", "high", "interval_source")


def cells_of(
    submissions: Sequence[int], groups: Sequence[Group], *, single: bool | None = None
) -> dict[int, list[Cell]]:
    """The cells of each of these submissions, column by column; two queries for all.

    The scores of a task belong to the child that ran it, those of computed columns to the whole.
    single: whether the phase has one task; None to see it in the groups.
    """
    found: dict[_Key, _Score] = {}
    single = len(groups) == 1 if single is None else single
    # Not narrowed to the columns: a database without statistics would then read whole columns (measured on SQLite).
    scores = Score.objects.order_by()
    own = scores.filter(submission__in=submissions)
    for submission, task, column, *score in own.values_list(
        "submission_id", "submission__task_id", "column_id", *_SCORE
    ):
        found[submission, task, column] = found[submission, None, column] = cast("_Score", tuple(score))
    parts = scores.filter(submission__parent__in=submissions)
    for submission, task, column, *score in parts.values_list(
        "submission__parent_id", "submission__task_id", "column_id", *_SCORE
    ):
        found[submission, task, column] = cast("_Score", tuple(score))
    places = [
        (column, group.task, group.task.pk if group.task else None) for group in groups for column in group.columns
    ]
    return {
        submission: [_cell(found, submission, column, task, task_id, single=single) for column, task, task_id in places]
        for submission in submissions
    }


def _cell(
    found: dict[_Key, _Score], submission: int, column: Column, task: Task | None, task_id: int | None, *, single: bool
) -> Cell:
    score = found.get((submission, task_id, column.pk))
    if score is None and single:
        score = found.get((submission, None, column.pk))
    if score is None:
        return Cell(column, task, None, "")
    pk, value, text, low, high, source = score
    interval = None if low is None or high is None else Interval(low, high, source)
    return Cell(column, task, value, text, interval, pk)
