"""The history as CSV, in pieces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from podium.site.audit.models import AuditEntry
from podium.site.leaderboards.exports import plain
from podium.site.pages.times import iso

HEADINGS = (
    "When",
    "Who",
    "Via",
    "Token",
    "Action",
    "Kind",
    "Number",
    "Name",
    "Competition",
    "Title",
    "Before",
    "After",
)
PIECE = 500


def as_csv(rows: QuerySet[AuditEntry], *, addresses: bool) -> Iterator[bytes]:
    """Every entry with a heading; times are UTC, before and after are JSON. addresses: whether to tell the clients'."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*HEADINGS, *(["Address"] if addresses else [])])
    for number, entry in enumerate(rows.iterator(chunk_size=PIECE), start=1):
        line = [*_line(entry), *([entry.address or ""] if addresses else [])]
        writer.writerow([plain(str(cell)) for cell in line])
        if not number % PIECE:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content


def _line(entry: AuditEntry) -> list[Any]:
    sides = [json.dumps(side, ensure_ascii=False) if side else "" for side in (entry.before, entry.after)]
    return [
        iso(entry.when),
        entry.who,
        entry.via,
        entry.token_name,
        entry.action,
        entry.kind,
        "" if entry.object_id is None else entry.object_id,
        entry.object_name,
        "" if entry.competition is None else entry.competition,
        entry.competition_title,
        *sides,
    ]
