"""Drawings of numbers over time: their geometry, in units of the drawing, which is stretched to the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

from podium.site.analytics.periods import Span
from podium.site.pages.times import day_text

WIDTH, HEIGHT = 1000, 240
MOST_BARS = 400
"""More would be thinner than what a screen shows."""
_WIDEST = 48
"""A bar of one of few periods is no wider than this, in the middle of its place."""
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """One number: where it stands, how high it is, and what is told of it."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: int


@dataclass(frozen=True)
class Bars:
    """Numbers of periods one after the other, those without anything among them, on a scale from 0 to `top`."""

    bars: list[Bar]
    top: int
    first: date
    last: date

    width, height = WIDTH, HEIGHT

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(bar.value for bar in self.bars)

    @property
    def listed(self) -> list[Bar]:
        """Those that are not 0, the newest first."""
        return [bar for bar in reversed(self.bars) if bar.value]

    @property
    def most(self) -> Bar | None:
        """The highest one, None where all are 0."""
        return max(self.listed, key=lambda bar: bar.value, default=None)


def bars(span: Span, unit: str, numbers: Mapping[date, int]) -> Bars:
    """Bars of the periods of a span. numbers: by the first day of the period; others count as 0."""
    periods = list(span.periods(unit))
    top = _round_up(max(numbers.values(), default=0))
    step = WIDTH / len(periods)
    width = round(min(step * 0.8, _WIDEST), 2)
    found = []
    for place, first in enumerate(periods):
        value = numbers.get(first, 0)
        height = round(HEIGHT * value / top, 1)
        label = date_format(first, "F Y") if unit == "month" else day_text(first)
        found.append(Bar(round(place * step + (step - width) / 2, 2), HEIGHT - height, width, height, label, value))
    return Bars(found, top, periods[0], periods[-1])


def _round_up(value: int) -> int:
    """The end of a scale: the next of 1, 2, 5, 10, 20, 50, ..."""
    size = 1
    while True:
        for step in _STEPS:
            if step * size >= value:
                return step * size
        size *= 10


@dataclass(frozen=True)
class Lines:
    """Sizes over days as lines on one scale from 0 to `top`."""

    lines: list[tuple[str, str]]
    top: int
    first: date
    last: date

    width, height = WIDTH, HEIGHT


def lines(days: Sequence[date], series: Mapping[str, Sequence[int]]) -> Lines:
    """A line for each series, as the points of a polyline. days: rising; each series has a value for each of them."""
    top = max((value for values in series.values() for value in values), default=0) or 1
    span = (days[-1] - days[0]).days

    def across(day: date) -> float:
        return round(WIDTH * (day - days[0]).days / span, 1) if span else 0.0

    def points(values: Sequence[int]) -> str:
        found = [
            f"{across(day)},{round(HEIGHT * (1 - 0.95 * value / top), 1)}"
            for day, value in zip(days, values, strict=True)
        ]
        return " ".join([*found, f"{WIDTH},{found[-1].partition(',')[2]}"] if not span else found)

    return Lines([(name, points(values)) for name, values in series.items()], top, days[0], days[-1])
