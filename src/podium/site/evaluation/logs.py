"""Reads of what programs printed, wherever it lies: in chunks while the attempt is under way, in its sealed file after.

Places in a stream are counted in bytes from its beginning, and stay what they are when the chunks are sealed. So a
reader that knows its place continues there, whatever has become of the rows meanwhile.
"""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Iterator

from django.db.models import Max
from django.db.models.functions import Coalesce

from podium.site.evaluation.models import Attempt, LogChunk
from podium.site.resources import storage

PIECE = 256 * 1024
"""How many bytes of a sealed stream are held at a time."""


def size(attempt: Attempt, stream: str) -> int:
    """How many bytes of a stream there are."""
    return int(attempt.log_ends.get(stream, 0))


def member(stream: str) -> str:
    """The name of a stream in the sealed file, a zip."""
    return f"{stream}.txt"


def read(attempt: Attempt, stream: str, start: int = 0, most: int | None = None) -> bytes:
    """Bytes of a stream from the place `start` on, about `most` at most, all of them without it."""
    found = bytearray()
    for piece in pieces(attempt, stream, start):
        found += piece
        if most is not None and len(found) >= most:
            break
    return bytes(found)


def pieces(attempt: Attempt, stream: str, start: int = 0) -> Iterator[bytes]:
    """The bytes of a stream from the place `start` on, piece by piece."""
    if size(attempt, stream) <= start:
        return
    if attempt.log_id is None:
        place = start
        for piece in _chunks(attempt, stream, start):
            place += len(piece)
            yield piece
        if place >= size(attempt, stream):
            return
        attempt.refresh_from_db(fields=["log"])  # sealed meanwhile
        start = place
    if attempt.log is not None:
        yield from _sealed(attempt, stream, start)


def _chunks(attempt: Attempt, stream: str, start: int) -> Iterator[bytes]:
    rows = LogChunk.objects.filter(attempt=attempt, stream=stream)
    # The chunk that `start` lies in; by the index on (attempt, stream, offset).
    first = rows.filter(offset__lte=start).order_by().values("stream").values(last=Max("offset"))
    found = rows.filter(offset__gte=Coalesce(first, 0)).order_by("offset").values_list("offset", "data")
    for offset, data in found.iterator(chunk_size=8):
        piece = bytes(data)[max(0, start - offset) :]
        if piece:
            yield piece


def _sealed(attempt: Attempt, stream: str, start: int) -> Iterator[bytes]:
    assert attempt.log is not None  # noqa: S101 - the caller has looked
    with (
        storage.open_file(attempt.log) as file,
        zipfile.ZipFile(file) as archive,
        archive.open(member(stream)) as text,
    ):
        text.seek(start)
        while piece := text.read(PIECE):
            yield piece


def tail(attempt: Attempt, stream: str, most: int) -> tuple[str, bool]:
    """The end of a stream as text, at most `most` bytes of it, and whether something is before it."""
    start = max(0, size(attempt, stream) - most)
    data = read(attempt, stream, start)
    if start:
        # Begin at a whole line, or at least at a whole character.
        line = data.find(b"\n", 0, 2000) + 1
        data = data[line or next((n for n, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0) :]
    return data.decode("utf-8", errors="replace"), start > 0


def decoded(data: bytes, *, whole: bool) -> tuple[str, int]:
    """Bytes as text, and how many of them it took: the last character may still be incomplete.

    whole: nothing follows, so what is incomplete is no character.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(data, final=whole)
    return text, len(data) - len(decoder.getstate()[0])
