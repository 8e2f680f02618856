"""Scores as people read them. Nothing here takes part in an order."""

from decimal import ROUND_HALF_UP, Context, Decimal

NOT_AVAILABLE = "n/a"
"""What is shown in place of a missing score."""

_PLAIN_UP_TO = Decimal("1e16")  # beyond it, digits that a double does not have would be made up
_MAX_PRECISION = 30
_CONTEXT = Context(prec=64, rounding=ROUND_HALF_UP)


def format_score(value: float | None, precision: int) -> str:
    """Return a score with `precision` decimals ("0.50"), or "n/a" when it is missing.

    A tie is rounded away from zero, on the decimal numeral that the score is written with, as people do it by hand:
    0.125 and 2.675 read 0.13 and 2.68. Nothing is shown as minus zero. From 1e16 on the form is "1.00e+16".

    Raises ValueError when the precision is negative.
    """
    if value is None:
        return NOT_AVAILABLE
    rounded = _rounded(value, precision)
    return f"{rounded:.{min(precision, _MAX_PRECISION)}{'f' if abs(rounded) < _PLAIN_UP_TO else 'e'}}"


def round_score(value: float, precision: int) -> float:
    """Return the score rounded as `format_score` shows it, as a number (for JSON that carries rounded scores)."""
    return float(_rounded(value, precision))


def full_text(value: float) -> str:
    """Return the score as a plain decimal numeral with every digit it has, ten decimals at least.

    Codabench's form in exports, "0.5000000000"; what needs more decimals gets them, so that it reads back as the same
    double.
    """
    exact = Decimal(repr(float(value)))
    decimals = max(10, -int(exact.as_tuple().exponent))
    return f"{exact:.{decimals}f}"


def _rounded(value: float, precision: int) -> Decimal:
    if precision < 0:
        raise ValueError(f"A precision is the number of decimals to show; it cannot be {precision}.")
    exact = Decimal(repr(float(value)))
    if abs(exact) >= _PLAIN_UP_TO:
        digits = Context(prec=min(precision, _MAX_PRECISION) + 1, rounding=ROUND_HALF_UP)
        return digits.plus(exact)
    rounded = exact.quantize(Decimal(1).scaleb(-min(precision, _MAX_PRECISION)), context=_CONTEXT)
    return abs(rounded) if rounded == 0 else rounded


def format_interval(value: float, low: float, high: float, precision: int) -> str:
    """Return what stands beside a score for its interval: "± 0.02", or "-0.03 +0.01" where its sides differ as shown.

    An interval that would read ± 0.00 gets more decimals, at most six.
    """
    below, above = max(0.0, value - low), max(0.0, high - value)
    for decimals in range(precision, precision + 6):
        if round_score(max(below, above), decimals) or not max(below, above):
            precision = decimals
            break
    down, up = format_score(below, precision), format_score(above, precision)
    return f"± {up}" if down == up else f"-{down} +{up}"
