"""The whole of the ranking against a naive one: values, order, and rules over random histories."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from podium.ranking.columns import Column, Computation, Sorting, compute, totals
from podium.ranking.keys import decode, encode, sort_key_hex
from podium.ranking.order import Entry, rank
from podium.ranking.rules import (
    Change,
    Refusal,
    SubmissionRule,
    on_manual_add,
    on_manual_remove,
    on_verdict,
    recompute,
)
from tests.ranking.naive import Fact, NaiveBoard, Tasks, order, value_of

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
HUGE, TINY, SMALLEST = sys.float_info.max, sys.float_info.min, 5e-324

numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 0.1 + 0.2, HUGE, -HUGE, TINY, -TINY, SMALLEST, -SMALLEST]),
    st.sampled_from([TINY / 2, -TINY / 4, 1e16, 1e16 + 2, 0.5, 0.25]),
    st.floats(allow_nan=False, allow_infinity=False),
)
scores = st.one_of(st.none(), numbers, numbers)


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """Plain columns in both directions, some hidden, and computed ones of them and of each other."""
    plain = draw(st.integers(1, 3))
    made = [
        Column(key=f"c{i}", index=i, sorting=draw(st.sampled_from(Sorting)), hidden=draw(st.booleans()))
        for i in range(plain)
    ]
    for i in range(plain, plain + draw(st.integers(0, 2))):
        made.append(
            Column(
                key=f"c{i}",
                index=i,
                sorting=draw(st.sampled_from(Sorting)),
                hidden=draw(st.booleans()),
                computation=draw(st.sampled_from(Computation)),
                computation_indexes=tuple(draw(st.lists(st.integers(0, i - 1), min_size=1, max_size=3))),
            )
        )
    return list(draw(st.permutations(made)))


def tasks_of(given_columns: list[Column]) -> st.SearchStrategy[Tasks]:
    """The scores of up to three tasks: missing, None, and sometimes written under a computed column's key."""
    keys = [column.key for column in given_columns]
    task = st.dictionaries(st.sampled_from(keys), scores, max_size=len(keys))
    return st.lists(task, max_size=3)


@given(st.data())
def test_every_value_is_the_naive_one(data: st.DataObject) -> None:
    board = data.draw(columns())
    tasks = data.draw(tasks_of(board))
    expected = {column.key: value_of(board, column, tasks) for column in board}
    assert totals(board, tasks) == expected
    assert compute(board, tasks) == {c.key: expected[c.key] for c in board if c.computation is not None}


@given(st.data())
def test_the_order_over_tasks_and_computed_columns_is_the_naive_one(data: st.DataObject) -> None:
    board = data.draw(columns())
    primary = data.draw(st.sampled_from([column.index for column in board]))
    moments = st.integers(-2, 2).map(lambda second: NOON + timedelta(seconds=second))
    rows = data.draw(st.lists(st.tuples(moments, tasks_of(board)), max_size=8))
    facts = [Fact(number, when, tasks) for number, (when, tasks) in enumerate(rows)]
    entries = [
        Entry(
            id=fact.id,
            owner="pat",
            submitted_at=fact.when,
            sort_key=sort_key_hex(board, primary, fact.tasks, fact.when, fact.id),
        )
        for fact in facts
    ]
    assert [place.entry.id for place in rank(entries)] == order(board, primary, facts)


@given(scores, st.sampled_from(Sorting))
def test_what_was_encoded_is_decoded_to_the_last_bit(score: float | None, sorting: Sorting) -> None:
    assert decode(encode(score, sorting), sorting) == score


PLAIN = [Column(key="a", index=0), Column(key="b", index=1, sorting=Sorting.ASC)]
_TASK = st.fixed_dictionaries({"a": scores, "b": scores})
_SUBMISSIONS = st.lists(st.tuples(st.integers(0, 3), st.lists(_TASK, min_size=1, max_size=2)), min_size=1, max_size=6)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["verdict", "verdict", "add", "add", "remove", "delete", "rule"]), st.integers(0, 99)),
    max_size=20,
)


class RealBoard:
    """The same part of a board by `podium.ranking.rules`, as a caller applies it."""

    def __init__(self, rule: SubmissionRule) -> None:
        self.rule = rule
        self.known: dict[int, Entry] = {}
        self.standing: set[int] = set()

    def current(self) -> list[Entry]:
        return [self.known[number] for number in sorted(self.standing)]

    def apply(self, change: Change) -> None:
        assert change.remove <= self.standing
        assert not change.add & self.standing
        self.standing = (self.standing - change.remove) | change.add

    def follow_rule(self) -> None:
        self.apply(recompute(self.rule, list(self.known.values()), self.standing))


@settings(max_examples=150)
@given(st.sampled_from(SubmissionRule), _SUBMISSIONS, _STEPS)
def test_after_any_history_the_board_is_what_the_facts_make_it(
    rule: SubmissionRule, submissions: list[tuple[int, list[dict[str, float | None]]]], steps: list[tuple[str, int]]
) -> None:
    waiting = {
        number: Fact(number, NOON + timedelta(minutes=minute), tasks)
        for number, (minute, tasks) in enumerate(submissions)
    }
    naive, real = NaiveBoard(rule.value, PLAIN), RealBoard(rule)
    for step, choice in steps:
        known = sorted(naive.facts)
        if step == "verdict" and waiting:
            fact = waiting.pop(sorted(waiting)[choice % len(waiting)])
            naive.facts[fact.id] = fact
            key = sort_key_hex(PLAIN, 0, fact.tasks, fact.when, fact.id)
            new = Entry(id=fact.id, owner="pat", submitted_at=fact.when, sort_key=key, scored=fact.scored)
            real.known[fact.id] = new
            real.apply(on_verdict(real.rule, real.current(), new))
        elif step == "rule":
            real.rule = list(SubmissionRule)[choice % 6]
            naive.change_rule(real.rule.value)
            real.follow_rule()
        elif step == "delete" and known:
            number = known[choice % len(known)]
            naive.forget(number)
            del real.known[number]
            real.standing.discard(number)  # its entry went with it
            real.follow_rule()
        elif step in {"add", "remove"} and known:
            number = known[choice % len(known)]
            act, may = (on_manual_add, naive.may_add) if step == "add" else (on_manual_remove, naive.may_remove)
            answer = act(real.rule, real.current(), real.known[number])
            assert isinstance(answer, Refusal) is not may(number)
            if isinstance(answer, Change):
                real.apply(answer)
                (naive.add if step == "add" else naive.remove)(number)
        assert real.standing == naive.stands()
