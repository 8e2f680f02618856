"""Participants as CSV, in pieces."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from django.db.models import QuerySet

from podium.site.competitions.models import Participant
from podium.site.leaderboards.exports import plain
from podium.site.pages.times import iso

HEADINGS = ("Username", "Name", "E-mail", "Status", "Asked", "Note")
PIECE = 500


def participants_as_csv(rows: QuerySet[Participant]) -> Iterator[bytes]:
    """Participants with a heading; of addresses those that the people let organizers see. Times are UTC."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for one in rows.iterator(chunk_size=PIECE):
        cells = (one.user.username, one.user.display_name, one.told_address or "", one.status)
        writer.writerow([plain(cell) for cell in (*cells, iso(one.created_when), one.reason)])
        if text.tell() > PIECE * 100:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content
