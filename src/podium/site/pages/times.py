"""Points in time and spans of time, in words."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from functools import cache

from django.utils.formats import date_format, number_format
from django.utils.translation import get_language, ngettext, ngettext_lazy
from django.utils.translation import gettext as _

_YEARS, _MONTHS, _DAYS, _HOURS, _MINUTES = 365 * 86400, 30 * 86400, 86400, 3600, 60
_AHEAD = {
    _YEARS: ngettext_lazy("in %(count)d year", "in %(count)d years", "count"),
    _MONTHS: ngettext_lazy("in %(count)d month", "in %(count)d months", "count"),
    _DAYS: ngettext_lazy("in %(count)d day", "in %(count)d days", "count"),
    _HOURS: ngettext_lazy("in %(count)d hour", "in %(count)d hours", "count"),
    _MINUTES: ngettext_lazy("in %(count)d minute", "in %(count)d minutes", "count"),
}
_AGO = {
    _YEARS: ngettext_lazy("%(count)d year ago", "%(count)d years ago", "count"),
    _MONTHS: ngettext_lazy("%(count)d month ago", "%(count)d months ago", "count"),
    _DAYS: ngettext_lazy("%(count)d day ago", "%(count)d days ago", "count"),
    _HOURS: ngettext_lazy("%(count)d hour ago", "%(count)d hours ago", "count"),
    _MINUTES: ngettext_lazy("%(count)d minute ago", "%(count)d minutes ago", "count"),
}
"""By the seconds of a unit, the largest first."""


@cache
def months(language: str | None) -> tuple[str, ...]:
    """The short names of the months in `language`, the present one; kept, since a page has hundreds of moments.

    Django cuts all of them to three letters with a capital, which only English does: "Jui" is no month of French.
    """
    if not language or language.startswith("en"):
        return tuple(date_format(date(2000, number, 1), "M") for number in range(1, 13))
    return tuple(date_format(date(2000, number, 1), "N").lower() for number in range(1, 13))


def day_text(day: date) -> str:
    """A day, or that of a moment in UTC, as "22 Nov 2026"."""
    return f"{day.day} {months(get_language())[day.month - 1]} {day.year}"


def utc_text(moment: datetime) -> str:
    """A moment as "22 Nov 2026, 05:00 UTC"."""
    there = moment.astimezone(UTC)
    return f"{day_text(there)}, {there:%H:%M} UTC"


def exact_text(moment: datetime) -> str:
    """A moment as "22 Nov 2026, 05:00:01.250000 UTC", where two must be told apart."""
    there = moment.astimezone(UTC)
    return f"{day_text(there)}, {there:%H:%M:%S.%f} UTC"


def iso(moment: datetime) -> str:
    """A moment for `<time datetime>`, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def relative(moment: datetime, now: datetime) -> str:
    """How far a moment is from now, in the largest whole unit: "in 3 days", "2 hours ago", "just now"."""
    distance = (moment - now).total_seconds()
    for size, words in (_AHEAD if distance > 0 else _AGO).items():
        if abs(distance) >= size:
            return str(words % {"count": int(abs(distance) // size)})
    return _("in less than a minute") if distance > 0 else _("just now")


def seconds_text(seconds: float) -> str:
    """A limit or a measurement in seconds: "0.42 s", "45 s", "10 min", "2 h 30 min"."""
    if seconds < 10 and seconds != int(seconds):
        return f"{number_format(seconds, 2)} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 72:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return ngettext("%(count)d day", "%(count)d days", hours // 24) % {"count": hours // 24}


def wait_text(low: float, high: float) -> str:
    """A range of seconds until something starts: "it starts in 2 to 5 min", honest about what it does not know."""
    if high < 60:
        return _("it starts within a minute") if high > 0 else _("it starts as soon as a worker asks, in seconds")
    size = 60 if high < 2 * 3600 else 3600
    least, most = int(low // size), math.ceil(high / size)
    if size == 60:
        text = _("it starts in %(least)d to %(most)d min") if least else _("it starts within %(most)d min")
    else:
        text = _("it starts in %(least)d to %(most)d h") if least else _("it starts within %(most)d h")
    return text % {"least": least, "most": most}
