"""Sort keys and ranks against a naive reference: pairwise comparison, written as the rule is spoken."""

import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.ranking.columns import Column, Computation, Sorting
from podium.ranking.keys import MISSING, encode, score_part, sort_key, sort_key_hex
from podium.ranking.order import Entry, rank

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)

awkward = st.sampled_from(
    [
        *(0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.30000000000000004, 0.3, 1e16, 1e16 + 2),
        *(5e-324, -5e-324, 2.2250738585072014e-308, 1e-300, sys.float_info.max, -sys.float_info.max),
    ]
)
numbers = st.one_of(awkward, st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3).map(float))
scores = st.one_of(st.none(), numbers)
moments = st.one_of(
    st.integers(-2, 2).map(lambda second: NOON + timedelta(seconds=second)),
    st.integers(-2, 2).map(lambda microsecond: NOON + timedelta(microseconds=microsecond)),
    st.datetimes(timezones=st.just(UTC)),
)


def sign(left: object, right: object) -> int:
    return int(left > right) - int(left < right)  # type: ignore[operator]


def naive_column(left: float | None, right: float | None, sorting: Sorting) -> int:
    if left is None or right is None:
        return (left is None) - (right is None)
    return sign(left, right) if sorting is Sorting.ASC else sign(right, left)


Row = tuple[dict[str, float | None], datetime, int]


def naive_order(columns: list[Column], rows: list[Row]) -> list[int]:
    """Ids from best to worst: column after column as listed, then the earlier submission, then the smaller id."""

    def compare(left: Row, right: Row) -> int:
        for column in columns:
            verdict = naive_column(left[0].get(column.key), right[0].get(column.key), column.sorting)
            if verdict:
                return verdict
        return sign(left[1], right[1]) or sign(left[2], right[2])

    return [row[2] for row in sorted(rows, key=cmp_to_key(compare))]


@st.composite
def boards(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    directions = draw(st.lists(st.sampled_from(list(Sorting)), min_size=1, max_size=4))
    columns = [Column(key=f"c{i}", index=i, sorting=sorting) for i, sorting in enumerate(directions)]
    row = st.tuples(st.fixed_dictionaries({column.key: scores for column in columns}), moments)
    rows = draw(st.lists(row, max_size=12))
    ids = draw(st.permutations(range(len(rows))))
    return columns, [(values, moment, entry_id) for (values, moment), entry_id in zip(rows, ids, strict=True)]


@given(boards())
def test_keys_order_a_board_as_the_naive_reference_does(board: tuple[list[Column], list[Row]]) -> None:
    columns, rows = board
    by_bytes = sorted(rows, key=lambda row: sort_key(columns, 0, *row))
    by_text = sorted(rows, key=lambda row: sort_key_hex(columns, 0, *row))
    assert [row[2] for row in by_bytes] == naive_order(columns, rows)
    assert [row[2] for row in by_text] == naive_order(columns, rows)


@given(boards())
def test_ranks_are_positions_and_ties_are_equal_scores(board: tuple[list[Column], list[Row]]) -> None:
    columns, rows = board
    entries = [
        Entry(id=row[2], owner=row[2], submitted_at=row[1], sort_key=sort_key_hex(columns, 0, *row)) for row in rows
    ]
    ranked = rank(entries)
    assert [place.rank for place in ranked] == list(range(1, len(rows) + 1))
    assert [place.entry.id for place in ranked] == naive_order(columns, rows)
    values = {row[2]: tuple(row[0].get(column.key) for column in columns) for row in rows}
    for place in ranked:
        same = [entry_id for entry_id in values if values[entry_id] == values[place.entry.id]]
        assert place.tied == (len(same) > 1)


@given(numbers, numbers, st.sampled_from(list(Sorting)))
def test_encoded_scores_compare_as_the_scores_rank(left: float, right: float, sorting: Sorting) -> None:
    assert sign(encode(left, sorting), encode(right, sorting)) == naive_column(left, right, sorting)


@given(numbers, st.sampled_from(list(Sorting)))
def test_a_missing_score_is_behind_every_number_in_both_directions(number: float, sorting: Sorting) -> None:
    assert encode(None, sorting) == MISSING > encode(number, sorting)


@pytest.mark.parametrize("sorting", list(Sorting))
def test_a_score_of_zero_is_a_score_and_minus_zero_is_the_same(sorting: Sorting) -> None:
    assert encode(0.0, sorting) == encode(-0.0, sorting) != MISSING


@pytest.mark.parametrize("sorting", list(Sorting))
def test_a_direction_read_as_plain_text_means_the_same(sorting: Sorting) -> None:
    assert encode(0.5, str(sorting.value)) == encode(0.5, sorting)  # type: ignore[arg-type]


def test_nan_has_no_key() -> None:
    with pytest.raises(ValueError, match="NaN"):
        encode(float("nan"), Sorting.ASC)


def test_the_primary_column_decides_before_the_columns_left_of_it() -> None:
    columns = [Column(key="a", index=0), Column(key="b", index=1), Column(key="best", index=2, sorting=Sorting.ASC)]
    good = sort_key(columns, 2, {"a": 0.0, "b": 0.0, "best": 1.0}, NOON, 2)
    bad = sort_key(columns, 2, {"a": 9.0, "b": 9.0, "best": 2.0}, NOON, 1)
    assert good < bad
    left = sort_key(columns, 2, {"a": 5.0, "b": 0.0, "best": 1.0}, NOON, 3)
    assert left < good


def test_the_documented_example_of_max_accuracy_comes_out_in_its_order() -> None:
    columns = [
        Column(key="accuracy_1", index=0),
        Column(key="accuracy_2", index=1),
        Column(key="max", index=2, computation=Computation.MAX, computation_indexes=(0, 1)),
        Column(key="duration", index=3, sorting=Sorting.ASC),
    ]
    rows = [
        ({"accuracy_1": 0.5, "accuracy_2": 0.75, "duration": 123.45}, NOON, 4),
        ({"accuracy_1": 0.43, "accuracy_2": 0.75, "duration": 123.45}, NOON, 3),
        ({"accuracy_1": 0.6, "accuracy_2": 0.6, "duration": 100.0}, NOON, 2),
        ({"accuracy_1": 0.6, "accuracy_2": 0.6, "duration": 100.0}, NOON + timedelta(days=1), 1),
    ]
    assert [row[2] for row in sorted(rows, key=lambda row: sort_key(columns, 2, *row))] == [4, 3, 2, 1]


def test_a_hidden_column_breaks_no_tie_but_ranks_when_it_is_primary() -> None:
    columns = [Column(key="seen", index=0), Column(key="secret", index=1, hidden=True)]
    early = sort_key(columns, 0, {"seen": 1.0, "secret": 0.0}, NOON, 1)
    late = sort_key(columns, 0, {"seen": 1.0, "secret": 9.0}, NOON + timedelta(seconds=1), 2)
    assert early < late
    early = sort_key(columns, 1, {"seen": 1.0, "secret": 0.0}, NOON, 1)
    late = sort_key(columns, 1, {"seen": 1.0, "secret": 9.0}, NOON + timedelta(seconds=1), 2)
    assert late < early


def test_an_entry_that_leaves_out_a_task_ranks_behind_one_that_is_worse_in_all() -> None:
    columns = [Column(key="s", index=0)]
    half = sort_key(columns, 0, [{"s": 1.0}, {}], NOON, 1)
    whole = sort_key(columns, 0, [{"s": 0.1}, {"s": 0.1}], NOON, 2)
    assert whole < half


def test_sums_over_tasks_tie_when_their_decimals_do() -> None:
    columns = [Column(key="s", index=0)]
    left = sort_key_hex(columns, 0, [{"s": 0.1}, {"s": 0.2}], NOON, 1)
    right = sort_key_hex(columns, 0, [{"s": 0.15}, {"s": 0.15}], NOON, 2)
    assert score_part(left) == score_part(right)


def test_precision_takes_no_part_in_the_order() -> None:
    columns = [Column(key="s", index=0, precision=0)]
    assert sort_key(columns, 0, {"s": 0.52}, NOON, 2) < sort_key(columns, 0, {"s": 0.51}, NOON, 1)


def test_the_same_moment_in_another_zone_gives_the_same_key() -> None:
    columns = [Column(key="s", index=0)]
    paris = NOON.astimezone(timezone(timedelta(hours=2)))
    assert sort_key(columns, 0, {}, paris, 1) == sort_key(columns, 0, {}, NOON, 1)


def test_a_time_without_zone_and_an_id_beyond_64_bits_are_refused() -> None:
    columns = [Column(key="s", index=0)]
    with pytest.raises(ValueError, match="time zone"):
        sort_key(columns, 0, {}, NOON.replace(tzinfo=None), 1)
    with pytest.raises(ValueError, match="64 bits"):
        sort_key(columns, 0, {}, NOON, 2**63)


def test_keys_are_of_one_width_in_plain_lower_case_hexadecimal() -> None:
    columns = [Column(key="s", index=0), Column(key="t", index=1)]
    keys = [sort_key_hex(columns, 0, values, NOON, 1) for values in ({}, {"s": -1e300}, {"s": 1.0, "t": 5e-324})]
    assert {len(key) for key in keys} == {64}
    assert all(set(key) <= set("0123456789abcdef") for key in keys)
