"""Fetching files: resumed where they broke off, checked against their digest, there as a whole or not at all."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx

from podium.client.errors import PodiumError, UnexpectedAnswerError
from podium.client.rules import RETRIES, opened, pause_before, unreachable
from podium.client.steps import Close, Pause, Plan, Reply, Request, Work, read, read_piece
from podium.client.uploads import Progress

_SILENCE = 60.0


def read_file(url: str, *, limit: int) -> Plan[bytes]:
    """The content of a file that an answer names, at most `limit` bytes of it."""
    for attempt in range(RETRIES + 1):
        reply = yield from opened(_request(url))
        try:
            content = yield from read(reply, limit)
        except httpx.TransportError as error:
            if attempt == RETRIES:
                raise unreachable(error) from error
            yield Pause(pause_before(attempt))
            continue
        yield Close(reply)
        return content
    raise AssertionError("the last try returns or raises")


def download(url: str, target: Path, *, sha256: str | None = None, progress: Progress | None = None) -> Plan[int]:
    """Store a file that an answer names at `target` and return its size in bytes; a half file is never left.

    A connection that breaks is taken up again where it broke. With `sha256`, hex, what arrived is compared with it.
    Raises PodiumError when the disk does not take it.
    """
    half = target.with_name(target.name + ".part")
    try:
        with half.open("wb") as stream:
            transfer = _Transfer(stream, progress)
            yield from transfer.fetch(url)
        if sha256 is not None and transfer.sha256 != sha256.lower():
            raise UnexpectedAnswerError(
                "What arrived is not what the server has; it was deleted.", hint="Download it again."
            )
        half.replace(target)
    except OSError as error:
        raise PodiumError(
            f"{target} cannot be written: {error.strerror or error}.",
            hint="Check the folder and how much space is free on the disk.",
        ) from error
    finally:
        half.unlink(missing_ok=True)
    return transfer.size


def _request(url: str, **headers: str) -> Request:
    # Ranges are of the bytes as they are stored, so no encoding on the way.
    every = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
    return Request("GET", url, headers=every, follow=True, timeout=_SILENCE)


class _Transfer:
    """A file on its way to `stream`: `size` bytes are there."""

    def __init__(self, stream: BinaryIO, progress: Progress | None) -> None:
        self._stream, self._progress = stream, progress
        self._hasher = hashlib.sha256()
        self._total = 0
        self._tag = ""
        self.size = 0

    @property
    def sha256(self) -> str:
        """The digest of what is there, in hex."""
        return self._hasher.hexdigest()

    def fetch(self, url: str) -> Plan[None]:
        """Read the file to its end; breaks in a row without a single byte in between end it."""
        breaks = 0
        while True:
            before = self.size
            # Without a strong tag nobody can tell whether the rest belongs to what is there.
            rest = {"Range": f"bytes={self.size}-", "If-Range": self._tag} if self.size and self._tag else {}
            reply = yield from opened(_request(url, **rest))
            self._begin(reply)
            try:
                yield from self._take(reply)
            except httpx.TransportError as error:
                if self._total and self.size == self._total:
                    return
                breaks = 1 if self.size > before else breaks + 1
                if breaks > RETRIES:
                    raise unreachable(error) from error
                yield Close(reply)
                yield Pause(pause_before(breaks - 1))
                continue
            yield Close(reply)
            return

    def _begin(self, reply: Reply) -> None:
        length = int(reply.headers.get("Content-Length") or 0)
        if reply.status == 206:
            if not reply.headers.get("Content-Range", "").startswith(f"bytes {self.size}-"):
                raise UnexpectedAnswerError("The server sent another part of the file than the one asked for.")
            self._total = self.size + length
            return
        self._stream.seek(0)
        self._stream.truncate()
        self._hasher = hashlib.sha256()
        self.size, self._total = 0, length
        tag = reply.headers.get("ETag", "")
        self._tag = "" if tag.startswith("W/") else tag

    def _take(self, reply: Reply) -> Plan[None]:
        while (piece := (yield from read_piece(reply))) is not None:
            yield Work(partial(self._store, piece))
            self.size += len(piece)
            if self._progress:
                self._progress(self.size, self._total)

    def _store(self, piece: bytes) -> None:
        self._stream.write(piece)
        self._hasher.update(piece)
