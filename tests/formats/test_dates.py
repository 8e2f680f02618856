"""Dates: every style found in real bundles, as an instant in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.formats.dates import DateError, parse_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-12-31", "2024-12-31T00:00:00"),
        ("2024-12-31 14:30:00", "2024-12-31T14:30:00"),
        ("2024-12-31 14:30", "2024-12-31T14:30:00"),
        ("2024-12-31T23:59:59Z", "2024-12-31T23:59:59"),
        ("2024-12-31T14:30:00+02:00", "2024-12-31T12:30:00"),
        ("2024-12-31 14:30:00 -0530", "2024-12-31T20:00:00"),
        ("2024-12-31 14:30:00 +2", "2024-12-31T12:30:00"),
        ("2013-11-07 08:00:00.250000", "2013-11-07T08:00:00.250000"),
        ("2013-11-07 08:00:00.123456789", "2013-11-07T08:00:00.123456"),
        ("8-7-2019", "2019-08-07T00:00:00"),
        ("08/07/2019 11:59 PM", "2019-08-07T23:59:00"),
        ("12/31/2024 12:00 am", "2024-12-31T00:00:00"),
        ("2012-10-1", "2012-10-01T00:00:00"),
        ("2024-12-31 24:00:00", "2025-01-01T00:00:00"),
        ("Dec 31 2024 14:30 UTC", "2024-12-31T14:30:00"),
        ("31 December 2024", "2024-12-31T00:00:00"),
        (" 2024-12-31 ", "2024-12-31T00:00:00"),
    ],
)
def test_a_date_is_read_in_utc_with_its_time_of_day(text: str, expected: str) -> None:
    assert parse_date(text) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert parse_date(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", '"" is not a date'),
        ("soon", "the year is missing"),
        ("Monday", "the year is missing"),
        ("10:30", "the year is missing"),
        ("Dec 31", "the year is missing"),
        ("May 2024", "does not name day, month and year"),
        ("31-12-2024", "there is no month 31"),
        ("2024-13-01", "there is no month 13"),
        ("2023-02-29", "out of range"),
        ("2024-12-31 25:00", "hour must be"),
        ("2024-12-31 10:61", "minute must be"),
        ("2024-12-31 13:00 pm", "there is no hour 13 pm"),
        ("2024-12-31 noon", "not a time of day"),
        ("Dec 31 2024 10:00 EST", "time zone"),
        ("0001-01-01 00:00:00+05:00", "outside the years"),
        ("2024-12-31 10:00 +01:99", "not a time zone"),
        ("x" * 500, "is not a date"),
    ],
)
def test_what_is_no_date_is_refused_by_name_with_an_example(text: str, said: str) -> None:
    with pytest.raises(DateError, match="is not a date") as refused:
        parse_date(text)
    assert said in str(refused.value)
    assert text[:50] in str(refused.value)


# Bounds of hypothesis' strategies carry no zone; the zones are drawn apart.
FIRST, LAST = datetime(1000, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
ZONES = st.integers(-12 * 60, 12 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(FIRST, LAST, timezones=ZONES))
def test_every_iso_date_comes_back_exactly(instant: datetime) -> None:
    assert parse_date(instant.isoformat()) == instant
    assert parse_date(instant.isoformat(" ")) == instant


@given(st.dates(FIRST.date()))
def test_month_day_year_is_the_order_of_dates_that_end_with_the_year(day: object) -> None:
    parsed = parse_date(f"{day.month}-{day.day}-{day.year}")  # type: ignore[attr-defined]
    assert parsed.date() == day


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,3}[-/.][0-9]{1,5}( [0-9:.+-]{1,12}( ?[apAP]m)?)?"))
def test_any_text_is_a_date_in_utc_or_a_date_error(text: str) -> None:
    try:
        parsed = parse_date(text)
    except DateError:
        return
    assert parsed.utcoffset() == timedelta(0)
