"""The ranking once more, written as its rules are spoken and without regard to speed: what the real one is held to."""

from __future__ import annotations

import decimal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cmp_to_key

from podium.ranking.columns import Column

Tasks = Sequence[dict[str, float | None]]
_EXACT = decimal.Context(prec=5000)
SINGLE = {"Add", "Add_And_Delete", "Force_Last", "Force_Best"}


@dataclass(frozen=True)
class Fact:
    """A submission that has a verdict: its number, when it was submitted, and its scores by task."""

    id: int
    when: datetime
    tasks: Tasks

    @property
    def scored(self) -> bool:
        """Whether there is any score at all."""
        return any(value is not None for task in self.tasks for value in task.values())


def _operands(columns: Sequence[Column], column: Column, tasks: Tasks) -> list[Decimal | None]:
    if column.computation is not None:
        value = value_of(columns, column, tasks)
        return [None if value is None else Decimal(repr(value))]
    given = [task.get(column.key) for task in tasks]
    return [None if value is None else Decimal(repr(float(value))) for value in given] or [None]


def _double(value: Decimal) -> float:
    nearest = float(value)
    return max(-sys.float_info.max, min(sys.float_info.max, nearest))


def value_of(columns: Sequence[Column], column: Column, tasks: Tasks) -> float | None:
    """The one value of an entry in a column: a sum over the tasks, or what is computed of other columns."""
    if column.computation is None:
        parts = _operands(columns, column, tasks)
        kind = "sum"
    else:
        by_index = {other.index: other for other in columns}
        parts = [part for index in column.computation_indexes for part in _operands(columns, by_index[index], tasks)]
        kind = column.computation.value
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(parts):
        return None
    if kind in {"min", "max"}:
        return _double(sorted(numbers)[0 if kind == "min" else -1])
    total = Decimal(0)
    for number in numbers:
        total = _EXACT.add(total, number)
    return _double(total if kind == "sum" else _EXACT.divide(total, Decimal(len(numbers))))


def order(columns: Sequence[Column], primary_index: int, facts: Sequence[Fact]) -> list[int]:
    """Ids from best to worst, by comparing two at a time."""
    (primary,) = [column for column in columns if column.index == primary_index]
    others = [column for column in columns if column is not primary and not column.hidden]
    deciding = [primary, *sorted(others, key=lambda column: column.index)]
    values = {fact.id: {c.key: value_of(columns, c, fact.tasks) for c in deciding} for fact in facts}

    def compare(left: Fact, right: Fact) -> int:
        for column in deciding:
            a, b = values[left.id][column.key], values[right.id][column.key]
            if a is None and b is None:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            if a != b:
                better = a > b if column.sorting == "desc" else a < b
                return -1 if better else 1
        return -1 if (left.when, left.id) < (right.when, right.id) else 1

    return [fact.id for fact in sorted(facts, key=cmp_to_key(compare))]


@dataclass
class NaiveBoard:
    """One person's part of a board: which of their submissions stand there, from what happened."""

    rule: str
    columns: Sequence[Column]
    primary_index: int = 0
    facts: dict[int, Fact] = field(default_factory=dict)
    chosen: list[int] = field(default_factory=list)
    """Of the manual rules: what was put there and not taken away."""

    def stands(self) -> set[int]:
        """What the rule makes of the facts."""
        scored = [fact for fact in self.facts.values() if fact.scored]
        if not self.rule.startswith("Force"):
            return set(self.chosen)
        if not scored or self.rule == "Force_Latest_Multiple":
            return {fact.id for fact in scored}
        if self.rule == "Force_Last":
            return {sorted((fact.when, fact.id) for fact in scored)[-1][1]}
        return {order(self.columns, self.primary_index, scored)[0]}

    def may_add(self, number: int) -> bool:
        """Whether its owner may put a submission there."""
        return not self.rule.startswith("Force") and self.facts[number].scored

    def may_remove(self, number: int) -> bool:
        """Whether its owner may take a submission from there."""
        return "Delete" in self.rule and number in self.chosen

    def add(self, number: int) -> None:
        """The owner puts a submission there."""
        kept = [] if self.rule in SINGLE else [other for other in self.chosen if other != number]
        self.chosen = [*kept, number]

    def remove(self, number: int) -> None:
        """The owner takes a submission from there."""
        self.chosen.remove(number)

    def forget(self, number: int) -> None:
        """A submission is deleted."""
        del self.facts[number]
        self.chosen = [other for other in self.chosen if other != number]

    def change_rule(self, rule: str) -> None:
        """What stands goes on standing; where one may, it is the one submitted last."""
        self.chosen = list(self.stands())
        if rule in SINGLE and len(self.chosen) > 1:
            self.chosen = [max(self.chosen, key=lambda number: (self.facts[number].when, number))]
        self.rule = rule
