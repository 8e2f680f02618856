"""The history as CSV, in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from podium.site.audit.models import AuditEntry
from podium.site.pages.times import iso
from podium.site.spreadsheets import csv_of

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
    heading = [*HEADINGS, *(["Address"] if addresses else [])]
    entries = rows.iterator(chunk_size=PIECE)
    return csv_of(heading, ([*_line(one), *([one.address or ""] if addresses else [])] for one in entries))


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
