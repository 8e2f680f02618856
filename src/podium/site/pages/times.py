"""Points in time and spans of time, in words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

_UNITS = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def utc_text(moment: datetime) -> str:
    """A moment as "22 Nov 2026, 05:00 UTC"."""
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%b %Y, %H:%M} UTC"


def iso(moment: datetime) -> str:
    """A moment for `<time datetime>`, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(length: timedelta) -> str:
    """A length of time in its largest whole unit: "3 days", "1 hour", "less than a minute"."""
    seconds = abs(length.total_seconds())
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "less than a minute"


def relative(moment: datetime, now: datetime) -> str:
    """How far a moment is from now: "in 3 days", "2 hours ago", "just now"."""
    distance = moment - now
    if abs(distance) < timedelta(minutes=1):
        return "just now" if distance <= timedelta(0) else "in less than a minute"
    return f"in {span(distance)}" if distance > timedelta(0) else f"{span(distance)} ago"


def seconds_text(seconds: float) -> str:
    """A limit or a measurement in seconds: "0.42 s", "45 s", "10 min", "2 h 30 min"."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 72:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def wait_text(low: float, high: float) -> str:
    """A range of seconds until something starts: "it starts in 2 to 5 min", honest about what it does not know."""
    if high < 60:
        return "it starts within a minute" if high > 0 else "it starts as soon as a worker asks, in seconds"
    size, unit = (60, "min") if high < 2 * 3600 else (3600, "h")
    least, most = int(low // size), math.ceil(high / size)
    return f"it starts in {least} to {most} {unit}" if least else f"it starts within {most} {unit}"
