"""Tables that people open in a spreadsheet: CSV in pieces, in which no text is taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""
PIECE = 64 * 1024
"""Characters after which a piece is sent."""


def plain(text: str) -> str:
    """A text as a cell; one that a spreadsheet would take for a formula has an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_of(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """A table with a heading, in pieces."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heading)
    for row in rows:
        writer.writerow([plain(str(cell)) for cell in row])
        if text.tell() > PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
