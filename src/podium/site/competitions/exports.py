"""Participants as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from podium.site.competitions.models import Participant
from podium.site.pages.times import iso
from podium.site.spreadsheets import csv_of

HEADINGS = ("Username", "Name", "E-mail", "Status", "Asked", "Note")
PIECE = 500


def participants_as_csv(rows: QuerySet[Participant]) -> Iterator[bytes]:
    """Participants with a heading; of addresses those that the people let organizers see. Times are UTC."""
    return csv_of(HEADINGS, (_line(one) for one in rows.iterator(chunk_size=PIECE)))


def _line(one: Participant) -> tuple[str, ...]:
    person = one.user
    asked = iso(one.created_when)
    return person.username, person.display_name, one.told_address or "", one.status, asked, one.reason
