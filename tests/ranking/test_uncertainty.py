"""Which neighbours are within noise of each other, and what decides between two rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from podium.ranking.columns import Column, Sorting, ordering_columns, totals
from podium.ranking.explanation import decision, to_pass
from podium.ranking.keys import score_part, sort_key_hex
from podium.ranking.uncertainty import Interval, noise_groups, overlap

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def around(value: float, half: float) -> Interval:
    return Interval(value - half, value + half, "ci")


def test_rows_whose_intervals_meet_form_a_group_and_a_gap_ends_it() -> None:
    board = [around(0.9, 0.02), around(0.88, 0.01), around(0.8, 0.01), None, around(0.7, 0.1), around(0.65, 0.01)]
    assert noise_groups(board) == [0, 0, None, None, 1, 1]


def test_a_group_goes_on_by_neighbours_though_its_ends_differ() -> None:
    assert noise_groups([around(3.0, 0.6), around(2.0, 0.6), around(1.0, 0.6)]) == [0, 0, 0]


def test_intervals_that_touch_meet_and_a_missing_one_meets_nothing() -> None:
    assert overlap(Interval(1, 2, "ci"), Interval(0, 1, "ci"))
    assert not overlap(Interval(1, 2, "ci"), None)
    assert not overlap(None, None)


intervals = st.one_of(
    st.none(), st.tuples(st.integers(0, 9), st.integers(0, 3)).map(lambda pair: around(float(pair[0]), pair[1] / 2))
)


@given(st.lists(intervals, max_size=10))
def test_two_neighbours_are_in_one_group_exactly_when_they_overlap(board: list[Interval | None]) -> None:
    groups = noise_groups(board)
    for place in range(1, len(board)):
        together = groups[place] is not None and groups[place] == groups[place - 1]
        assert together == overlap(board[place - 1], board[place])


values = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.0]))
rows = st.fixed_dictionaries({"a": values, "b": values})


@given(rows, rows, st.integers(0, 1), st.sampled_from(Sorting))
def test_what_is_said_to_decide_is_where_the_keys_differ(
    left: dict[str, float | None], right: dict[str, float | None], later: int, sorting: Sorting
) -> None:
    columns = [Column(key="a", index=0, sorting=sorting), Column(key="b", index=1)]
    ordering = ordering_columns(columns, 0)
    moments = [NOON, NOON + timedelta(seconds=later)]
    keys = [sort_key_hex(columns, 0, left, moments[0], 0), sort_key_hex(columns, 0, right, moments[1], 1)]
    found = decision(ordering, totals(columns, left), totals(columns, right), *moments)
    assert (found.column is None) == (score_part(keys[0]) == score_part(keys[1]))
    if found.column is None:
        assert found.by_time == bool(later)
    else:
        place = ordering.index(found.column)
        assert keys[0][: 16 * place] == keys[1][: 16 * place]
        assert keys[0][16 * place : 16 * (place + 1)] != keys[1][16 * place : 16 * (place + 1)]


def test_to_pass_a_row_its_primary_value_must_be_beaten() -> None:
    columns = [Column(key="a", index=0, sorting=Sorting.ASC), Column(key="b", index=1)]
    assert to_pass(columns, {"a": 3.0, "b": None}) == (columns[0], 3.0)
