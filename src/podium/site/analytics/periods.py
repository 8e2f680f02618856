"""Spans of days and how they are divided. Days are those of UTC, weeks begin on Monday; both ends count whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import models
from django.db.models import DateTimeField
from django.db.models.functions import Trunc
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

FOUR_WEEKS = timedelta(weeks=4)
LAST_DAY = date(9990, 12, 31)
"""The last day that may be asked for; behind it dates end."""


class Unit(models.TextChoices):
    """What a span is divided into."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


def today() -> date:
    """The day that it is in UTC."""
    return timezone.now().astimezone(UTC).date()


def first_of(unit: str, day: date) -> date:
    """The first day of the day, week or month that a day lies in."""
    if unit == Unit.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == Unit.MONTH else day


def _next(unit: str, first: date) -> date:
    if unit == Unit.MONTH:
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=7 if unit == Unit.WEEK else 1)


@dataclass(frozen=True)
class Span:
    """From the first day to the last, both of them whole."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        """The moment at which it begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The moment at which it is over: midnight behind its last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    def within(self, field: str) -> dict[str, datetime]:
        """A filter: what a field says lies in the span."""
        return {f"{field}__gte": self.begin, f"{field}__lt": self.end}

    def count(self, unit: str) -> int:
        """How many periods there are."""
        if unit == Unit.MONTH:
            return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        days = (first_of(unit, self.last) - first_of(unit, self.first)).days
        return days // (7 if unit == Unit.WEEK else 1) + 1

    def periods(self, unit: str) -> Iterator[date]:
        """The first day of each period; that of the first one may lie before the span."""
        first = first_of(unit, self.first)
        while first <= self.last:
            yield first
            first = _next(unit, first)


def last_four_weeks() -> Span:
    """Up to today (Codabench's default)."""
    return Span(today() - FOUR_WEEKS, today())


def truncated(field: str, unit: str) -> Trunc:
    """The beginning of the period in which a moment lies."""
    return Trunc(field, unit, output_field=DateTimeField(), tzinfo=UTC)
