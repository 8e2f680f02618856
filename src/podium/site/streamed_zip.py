"""Zips that are sent while they are made: no file in between, and no more in memory than a piece."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""A zip knows no time before."""


@dataclass(frozen=True)
class Member:
    """A file of the zip; `packed` content, such as a zip, is not compressed again."""

    name: str
    when: datetime
    content: Iterable[bytes]
    packed: bool = False


class _Pipe(io.RawIOBase):
    """Takes what the zip writes and gives it on; it cannot go back."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))  # of bytes, no copy
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)


def zipped(members: Iterable[Member]) -> Iterator[bytes]:
    """A zip of the members in pieces; each member's content is asked for when its turn comes."""
    pipe = _Pipe()
    with zipfile.ZipFile(cast("Any", pipe), "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            about = zipfile.ZipInfo(member.name, max(member.when.timetuple()[:6], _EARLIEST))
            about.compress_type = zipfile.ZIP_STORED if member.packed else zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            with archive.open(about, "w", force_zip64=True) as writing:  # their sizes are not known yet
                for piece in member.content:
                    writing.write(piece)
                    yield pipe.taken()
    yield pipe.taken()


def safe_name(text: str, *, otherwise: str) -> str:
    """A text as the name of a file: nothing that leads to another folder or that a file system refuses."""
    kept = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in text).strip(" .")
    return kept[:150] or otherwise
