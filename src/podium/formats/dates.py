"""The dates of a bundle: every style found in real ones, always as an instant in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from dateutil import parser as dateutil_parser

MAX_LENGTH: Final = 100
_EXAMPLE: Final = "2026-05-31 14:30:00"
# Month, day, year with dashes, slashes or dots; the rest is the time of day.
_MONTH_DAY_YEAR: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)(.*)", re.DOTALL)
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)(.*)", re.DOTALL)
_TIME: Final = re.compile(
    r"[Tt\s]?\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(am|pm|AM|PM)?\s*"
    r"(Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?\s*"
)
_HAS_YEAR: Final = re.compile(r"\d{4}")


class DateError(ValueError):
    """A value is no date; the message names it, `hint` shows how to write one."""

    hint: Final = f"Write it like {_EXAMPLE} (in UTC)."


def parse_date(value: str) -> datetime:
    """Return the instant that a date of a bundle means, in UTC.

    Read are ISO dates and times (with zone or fractions), month-day-year ("8-7-2019" is 7 August, CodaLab's rule),
    and written dates with a four-digit year. A time of day is kept, a zone is converted, and a value without zone is
    UTC. A date alone is its first instant.

    Raises DateError.
    """
    text = value.strip()
    if not text or len(text) > MAX_LENGTH:
        raise DateError(_message(text))
    try:
        found = _numeric(text)
        if found is None:
            found = _written(text)
    except (ValueError, OverflowError, ArithmeticError, TypeError) as problem:
        raise DateError(_message(text, str(problem))) from problem
    try:
        return found.astimezone(UTC)
    except OverflowError as problem:
        raise DateError(_message(text, "outside the years that a calendar has")) from problem


def with_day_first(value: str) -> str | None:
    """Return the day that a month-day-year date is when its day stands first; None where that is the same or none."""
    match = _MONTH_DAY_YEAR.fullmatch(value.strip())
    if match is None or int(match[1]) == int(match[3]) or int(match[3]) > 12:
        return None
    return f"{match[4]}-{int(match[3]):02}-{int(match[1]):02}"


def _message(text: str, why: str = "") -> str:
    shown = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}..."
    reason = f" ({why})" if why else ""
    return f'"{shown}" is not a date{reason}.'


def _numeric(text: str) -> datetime | None:
    """Read the two orders of numbers; None when the text is neither."""
    match = _YEAR_FIRST.fullmatch(text)
    if match is not None:
        year, month, day, rest = match[1], match[3], match[4], match[5]
    else:
        match = _MONTH_DAY_YEAR.fullmatch(text)
        if match is None:
            return None
        month, day, year, rest = match[1], match[3], match[4], match[5]
    if int(month) > 12:
        raise ValueError(f"there is no month {int(month)}; the order is year-month-day or month-day-year")
    date = datetime(int(year), int(month), int(day), tzinfo=UTC)
    if not rest.strip():
        return date
    time = _TIME.fullmatch(rest)
    if time is None:
        raise ValueError(f'"{rest.strip()}" is not a time of day')
    return _at(date, time)


def _at(date: datetime, time: re.Match[str]) -> datetime:
    hour = int(time[1])
    half = (time[5] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"there is no hour {hour} {half}")
        hour = hour % 12 + (12 if half == "pm" else 0)
    fraction = int(((time[4] or "") + "000000")[:6])
    day_later = hour == 24 and int(time[2]) == 0 and int(time[3] or 0) == 0
    naive = date.replace(hour=0 if day_later else hour, minute=int(time[2]), second=int(time[3] or 0))
    instant = naive.replace(microsecond=fraction)
    if day_later:
        instant = datetime.fromordinal(date.toordinal() + 1).replace(tzinfo=UTC)
    zone = time[6]
    if zone is None or zone.upper() in ("Z", "UTC", "GMT"):
        return instant
    digits = zone[1:].replace(":", "").rjust(2, "0").ljust(4, "0") if len(zone) <= 3 else zone[1:].replace(":", "")
    digits = digits.rjust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError(f'"{zone}" is not a time zone')
    return datetime.strptime(
        f"{instant.replace(tzinfo=None).isoformat(timespec='microseconds')}{zone[0]}{digits}", "%Y-%m-%dT%H:%M:%S.%f%z"
    )


def _written(text: str) -> datetime:
    """Read dates with month names; the year must be there, because nothing may depend on today's date."""
    if _HAS_YEAR.search(text) is None or not any(c.isalpha() for c in text):
        raise ValueError("the year is missing or the order is unknown")
    first = dateutil_parser.parse(text, default=datetime(2000, 1, 1), tzinfos=_zone)  # noqa: DTZ001 - probes, not times
    other = dateutil_parser.parse(text, default=datetime(2001, 2, 2), tzinfos=_zone)  # noqa: DTZ001
    if first != other:
        raise ValueError("it does not name day, month and year")
    return first if first.tzinfo is not None else first.replace(tzinfo=UTC)


def _zone(name: str | None, offset: int | None) -> timezone | None:
    """Accept zones by number and UTC by name; other names mean different things in different countries."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is None or name.upper() in ("UTC", "GMT", "Z"):
        return UTC if name else None
    raise ValueError(f'the time zone "{name}" is not known; write it as +02:00')
