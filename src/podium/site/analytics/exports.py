"""The numbers as CSV. Moments and days are those of UTC; what a person wrote cannot become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

from podium.site.analytics.queries import Made
from podium.site.evaluation.downloads import attached
from podium.site.spreadsheets import plain

PIECE = 200
Row = Sequence[Any]


def table(heading: Row, rows: Iterable[Row], *, delimiter: str = ",") -> Iterator[bytes]:
    """A heading and rows, in pieces."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(heading)
    for number, row in enumerate(rows, start=1):
        writer.writerow([plain(cell) if isinstance(cell, str) else cell for cell in row])
        if not number % PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def answer(content: Iterator[bytes], name: str) -> StreamingHttpResponse:
    """A table as a file of a name."""
    return attached(content, "text/csv; charset=utf-8", name)


def of_made(made: Made) -> Iterator[bytes]:
    """What came to be in each period that had anything, by the first day of it."""
    names = ("users", "competitions", "submissions")
    series = [made.by_period(name) for name in names]
    periods = sorted({period for one in series for period in one})
    rows = ([period.isoformat(), *(one.get(period, 0) for one in series)] for period in periods)
    return table([made.unit, *names], rows)
