"""Computed columns and the value an entry has in each column."""

import math
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.ranking.columns import Column, ColumnsError, Computation, compute, ordering_columns, primary_column, totals

finite = st.floats(allow_nan=False, allow_infinity=False)


def board(computation: Computation, *indexes: int) -> list[Column]:
    return [
        Column(key="first", index=0),
        Column(key="second", index=1),
        Column(key="made", index=2, computation=computation, computation_indexes=indexes or (0, 1)),
    ]


@pytest.mark.parametrize(
    ("computation", "expected"),
    [(Computation.AVG, 0.625), (Computation.SUM, 1.25), (Computation.MIN, 0.5), (Computation.MAX, 0.75)],
)
def test_each_computation_aggregates_the_columns_it_names(computation: Computation, expected: float) -> None:
    assert compute(board(computation), {"first": 0.5, "second": 0.75}) == {"made": expected}


@pytest.mark.parametrize(
    ("computation", "expected"),
    [(Computation.AVG, 3.5), (Computation.SUM, 14.0), (Computation.MIN, 1.0), (Computation.MAX, 8.0)],
)
def test_an_entry_over_several_tasks_aggregates_tasks_and_columns_together(
    computation: Computation, expected: float
) -> None:
    tasks = [{"first": 1.0, "second": 2.0}, {"first": 3.0, "second": 8.0}]
    assert compute(board(computation), tasks) == {"made": expected}


@pytest.mark.parametrize("computation", list(Computation))
@pytest.mark.parametrize(
    "scores",
    [
        {"first": 0.5},
        {"first": 0.5, "second": None},
        {},
        [],
        [{"first": 1.0, "second": 1.0}, {}],
        [{"first": 1.0, "second": 1.0}, {"first": 1.0}],
    ],
)
def test_one_missing_operand_makes_the_computed_value_missing(computation: Computation, scores: object) -> None:
    assert compute(board(computation), scores) == {"made": None}  # type: ignore[arg-type]


def test_a_score_written_under_a_computed_columns_key_is_not_read() -> None:
    scores = {"first": 1.0, "second": 3.0, "made": 99.0}
    assert compute(board(Computation.AVG), scores) == {"made": 2.0}
    assert compute(board(Computation.AVG), {"made": 99.0}) == {"made": None}


def test_sums_are_those_of_the_decimal_numerals() -> None:
    assert totals([Column(key="s", index=0)], [{"s": 0.1}, {"s": 0.2}]) == {"s": 0.3}
    assert compute(board(Computation.AVG), {"first": 0.1, "second": 0.5})["made"] == 0.3


def test_a_computed_column_may_use_a_computed_column_that_stands_after_it() -> None:
    columns = [
        Column(key="total", index=0, computation=Computation.SUM, computation_indexes=(1, 2)),
        Column(key="a", index=1),
        Column(key="best", index=2, computation=Computation.MAX, computation_indexes=(1, 3)),
        Column(key="b", index=3),
    ]
    assert compute(columns, {"a": 1.0, "b": 5.0}) == {"total": 6.0, "best": 5.0}


def test_a_circle_of_computed_columns_is_refused_by_its_names() -> None:
    columns = [
        Column(key="egg", index=0, computation=Computation.SUM, computation_indexes=(1,)),
        Column(key="hen", index=1, computation=Computation.SUM, computation_indexes=(0,)),
    ]
    with pytest.raises(ColumnsError, match="egg -> hen -> egg"):
        compute(columns, {})


def test_an_unknown_index_is_refused_even_where_scores_are_missing() -> None:
    with pytest.raises(ColumnsError, match=r"'made'.*index 7"):
        compute(board(Computation.AVG, 0, 7), {})


def test_a_computation_of_no_column_is_refused() -> None:
    with pytest.raises(ColumnsError, match=r"'made'.*computation_indexes"):
        compute([Column(key="made", index=0, computation=Computation.AVG)], {})


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_finite_number_is_refused_by_its_key(score: float) -> None:
    with pytest.raises(ValueError, match="'second'"):
        totals(board(Computation.AVG), {"first": 1.0, "second": score})


def test_a_sum_beyond_the_doubles_becomes_the_largest_double() -> None:
    huge = {"first": 1.7e308, "second": 1.7e308}
    assert compute(board(Computation.SUM), huge) == {"made": sys.float_info.max}
    assert compute(board(Computation.AVG), huge) == {"made": 1.7e308}
    assert totals([Column(key="s", index=0)], [{"s": -1.7e308}] * 2) == {"s": -sys.float_info.max}


def test_a_total_is_missing_when_one_task_has_no_score() -> None:
    columns = [Column(key="s", index=0)]
    assert totals(columns, [{"s": 0.9}, {"s": 0.8}]) == {"s": 1.7}
    assert totals(columns, [{"s": 0.9}, {}]) == {"s": None}
    assert totals(columns, []) == {"s": None}


@given(finite)
def test_a_single_score_is_its_own_total_to_the_last_bit(score: float) -> None:
    assert totals([Column(key="s", index=0)], {"s": score}) == {"s": score}


@given(st.lists(finite, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_total_does_not_depend_on_the_order_of_the_tasks(scores: list[float], random: object) -> None:
    shuffled = list(scores)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    columns = [Column(key="s", index=0)]
    assert totals(columns, [{"s": s} for s in scores]) == totals(columns, [{"s": s} for s in shuffled])


@given(st.lists(finite, min_size=1, max_size=8), st.sampled_from([Computation.MIN, Computation.MAX]))
def test_a_minimum_or_maximum_is_one_of_the_scores(scores: list[float], computation: Computation) -> None:
    columns = [
        Column(key="s", index=0),
        Column(key="made", index=1, computation=computation, computation_indexes=(0,)),
    ]
    pick: Callable[..., float] = min if computation is Computation.MIN else max
    assert compute(columns, [{"s": s} for s in scores]) == {"made": pick(scores)}


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=8))
def test_an_average_lies_between_the_smallest_and_the_largest_score(cents: list[int]) -> None:
    scores = [cent / 100 for cent in cents]
    columns = [
        Column(key="s", index=0),
        Column(key="made", index=1, computation=Computation.AVG, computation_indexes=(0,)),
    ]
    value = compute(columns, [{"s": s} for s in scores])["made"]
    assert value is not None
    assert min(scores) <= value <= max(scores)
    assert value == pytest.approx(sum(cents) / len(cents) / 100)


def test_the_primary_column_is_found_by_its_index_and_its_absence_is_said() -> None:
    columns = [Column(key="a", index=3), Column(key="b", index=5)]
    assert primary_column(columns, 5).key == "b"
    with pytest.raises(ColumnsError, match=r"index 0.*3, 5"):
        primary_column(columns, 0)
    with pytest.raises(ColumnsError, match="none"):
        primary_column([], 0)


def test_the_primary_column_leads_and_the_visible_others_follow_by_index() -> None:
    columns = [
        Column(key="d", index=3),
        Column(key="b", index=1, hidden=True),
        Column(key="a", index=0),
        Column(key="c", index=2, hidden=True),
    ]
    assert [column.key for column in ordering_columns(columns, 2)] == ["c", "a", "d"]
