"""How tests read boards: the cells of a page, and answers that stream."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from html.parser import HTMLParser
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpResponse


def content(answer: Any) -> bytes:
    """The whole body of an answer, whether it streams or not."""
    if not answer.streaming:
        assert isinstance(answer, HttpResponse)
        return answer.content

    async def read() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(read)()


def csv_rows(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV by their headings."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def csvs_of(data: bytes) -> dict[str, list[dict[str, str]]]:
    """The CSVs in a zip by their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: csv_rows(archive.read(name)) for name in archive.namelist()}


class BoardOnPage(HTMLParser):
    """The table of a results page: `head` and `rows` of texts, as a reader sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.head: list[str] = []
        self._in_table = False
        self._cell: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._in_table = "table--board" in (dict(attrs).get("class") or "")
        elif self._in_table and tag == "tr":
            self.rows.append([])
        elif self._in_table and tag in {"td", "th"}:
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self.rows[-1].append(re.sub(r"\s+", " ", "".join(self._cell)).strip())
            self._cell = None
        elif tag == "thead" and self._in_table:
            self.head, self.rows = self.rows[-1], []
        elif tag == "table":
            self._in_table = False
