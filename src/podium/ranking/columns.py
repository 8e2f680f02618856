"""Leaderboard columns, and the value that an entry has in each of them."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from podium.formats.model import Computation as Computation  # noqa: PLC0414  re-exported: one word, one thing
from podium.formats.model import Sorting as Sorting  # noqa: PLC0414

TaskScores = Mapping[str, float | None]
"""The scores of one task by column key; a key that is absent or None is a missing score."""

EntryScores = TaskScores | Sequence[TaskScores]
"""The scores of one entry: those of its only task, or one mapping per task of the phase (empty when it has none)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a leaderboard: a score that the scoring program writes, or a value computed of other columns.

    `computation_indexes` holds the `index` of each operand; it is empty unless `computation` is set.
    `precision` is the number of decimals shown; it never takes part in the order.
    """

    key: str
    index: int
    sorting: Sorting = Sorting.DESC
    computation: Computation | None = None
    computation_indexes: tuple[int, ...] = ()
    hidden: bool = False
    precision: int = 2


class ColumnsError(ValueError):
    """The columns of a leaderboard contradict each other; the message says which and how to mend it."""


def compute(columns: Sequence[Column], scores: EntryScores) -> dict[str, float | None]:
    """Return the value of every computed column of one entry, by column key.

    The operands are the entry's scores in the referenced columns; an entry over several tasks contributes each
    operand once per task (Codabench's rule: the parent aggregates over tasks and columns together). An operand that is
    computed itself contributes its one value. What a scoring program wrote under a computed column's key is not read.

    One missing operand makes the value missing, for all four computations: otherwise leaving out a bad score would
    raise an average or a minimum, lower a sum of errors, and win the rank.

    Operands are added as the decimal numerals that they are written with (0.1 + 0.2 is 0.3), exactly, and rounded once
    at the end, so the value depends on no order of addition; one too large for a double becomes the largest double.

    Raises ColumnsError when a computation refers to no column, to an unknown column or in a circle, and ValueError when
    a score is NaN or infinite.
    """
    values = _Values(columns, scores)
    return {column.key: values.computed(column) for column in columns if column.computation is not None}


def totals(columns: Sequence[Column], scores: EntryScores) -> dict[str, float | None]:
    """Return the one value per column that an entry is ranked by, by column key.

    A computed column's is `compute`'s. Another column's is its score, over several tasks the sum of the tasks' scores
    (Codabench's rule), added as in `compute`; it is missing when one task's score is, so that an entry which leaves out
    a task ranks behind those that have all of them.

    Raises as `compute` does.
    """
    values = _Values(columns, scores)
    return {column.key: values.total(column) for column in columns}


def primary_column(columns: Sequence[Column], primary_index: int) -> Column:
    """Return the column whose `index` is `primary_index`; raises ColumnsError when there is none."""
    for column in columns:
        if column.index == primary_index:
            return column
    indexes = ", ".join(str(column.index) for column in columns) or "none"
    raise ColumnsError(
        f"The leaderboard has no column with index {primary_index}, so nothing says what to rank by. "
        f"Set primary_index to the index of one of its columns (there is: {indexes})."
    )


def ordering_columns(columns: Sequence[Column], primary_index: int) -> tuple[Column, ...]:
    """Return the columns that decide the order, first things first: the primary one, then the visible ones by index.

    A hidden primary column still ranks (Codabench's rule); other hidden columns do not, since a tie broken by them
    could not be explained to anyone and would tell what they hide. Stored sort keys stay valid for as long as this
    list, its directions and its computations stay the same.
    """
    primary = primary_column(columns, primary_index)
    rest = (column for column in columns if column.key != primary.key and not column.hidden)
    return (primary, *sorted(rest, key=lambda column: column.index))


_AGGREGATES: dict[Computation, Callable[[Sequence[Fraction]], Fraction]] = {
    Computation.AVG: lambda operands: sum(operands, Fraction()) / len(operands),
    Computation.SUM: lambda operands: sum(operands, Fraction()),
    Computation.MIN: min,
    Computation.MAX: max,
}


class _Values:
    """The scores of one entry with the columns they belong to; computed columns are worked out once."""

    def __init__(self, columns: Sequence[Column], scores: EntryScores) -> None:
        self._by_index = {column.index: column for column in columns}
        self._tasks: Sequence[TaskScores] = [scores] if isinstance(scores, Mapping) else scores
        self._computed: dict[str, float | None] = {}
        self._open: list[str] = []

    def total(self, column: Column) -> float | None:
        if column.computation is not None:
            return self.computed(column)
        operands = self._operands(column)
        return None if operands is None else _to_double(sum(operands, Fraction()))

    def computed(self, column: Column) -> float | None:
        if column.key in self._computed:
            return self._computed[column.key]
        if column.key in self._open:
            circle = " -> ".join([*self._open[self._open.index(column.key) :], column.key])
            raise ColumnsError(f"Computed columns refer to each other in a circle: {circle}. Take one reference out.")
        self._open.append(column.key)
        value = self._aggregate(column)
        self._open.pop()
        self._computed[column.key] = value
        return value

    def _aggregate(self, column: Column) -> float | None:
        if column.computation is None or not column.computation_indexes:
            raise ColumnsError(
                f"Column '{column.key}' is computed of no column. Name the columns in its computation_indexes."
            )
        every: list[Fraction] | None = []
        for index in column.computation_indexes:
            if index not in self._by_index:
                raise ColumnsError(
                    f"Column '{column.key}' is computed of the column with index {index}, which does not exist. "
                    "Correct its computation_indexes."
                )
            operands = self._operands(self._by_index[index])
            # Go on after a missing operand: a fault of the columns is reported for every entry alike.
            every = None if every is None or operands is None else every + operands
        return _to_double(_AGGREGATES[column.computation](every)) if every else None

    def _operands(self, column: Column) -> list[Fraction] | None:
        """Return what a column contributes to a computation, or None when some of it is missing."""
        if column.computation is not None:
            value = self.computed(column)
            return None if value is None else [_exact(column.key, value)]
        values = [task.get(column.key) for task in self._tasks]
        present = [_exact(column.key, value) for value in values if value is not None]
        return present if present and len(present) == len(values) else None


def _exact(key: str, value: float) -> Fraction:
    """Return the score as the decimal numeral that is written for it (the shortest that reads back as this double)."""
    if not math.isfinite(value):
        raise ValueError(f"The score '{key}' is {value}; a score must be a finite number.")
    return Fraction(repr(float(value)))


def _to_double(value: Fraction) -> float:
    """Return the nearest double, the largest one for what is beyond: values on a board are always finite."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max
