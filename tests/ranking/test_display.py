"""Scores as people read them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.ranking.display import format_score, round_score


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (0.5, 2, "0.50"),
        (None, 2, "n/a"),
        (0.0, 2, "0.00"),
        (-0.0, 2, "0.00"),
        (-0.001, 2, "0.00"),
        (-0.005, 2, "-0.01"),
        (0.125, 2, "0.13"),
        (2.675, 2, "2.68"),
        (2.5, 0, "3"),
        (3.0, 0, "3"),
        (0.9999, 2, "1.00"),
        (1234567.891, 1, "1234567.9"),
        (5e-324, 3, "0.000"),
        (9999999999999998.0, 2, "9999999999999998.00"),
        (1e16, 2, "1.00e+16"),
        (-1.5e300, 2, "-1.50e+300"),
        (9.999e20, 1, "1.0e+21"),
        (0.1, 20, "0.10000000000000000000"),
    ],
)
def test_a_score_is_shown_with_its_columns_precision(value: float | None, precision: int, text: str) -> None:
    assert format_score(value, precision) == text


def test_rounded_numbers_are_those_that_are_shown() -> None:
    assert round_score(0.125, 2) == 0.13
    assert str(round_score(0.5, 2)) == "0.5"
    assert str(round_score(3.2, 0)) == "3.0"


def test_a_negative_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        format_score(0.5, -1)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 40))
def test_every_double_has_a_short_text_near_its_value(value: float, precision: int) -> None:
    text = format_score(value, precision)
    assert len(text) < 60
    step = Decimal(1).scaleb(-min(precision, 30))
    room = step if abs(value) < 1e16 else abs(Decimal(value)) * step
    assert abs(Decimal(text) - Decimal(repr(value))) <= room / 2 + abs(Decimal(value)) * Decimal("1e-30")
