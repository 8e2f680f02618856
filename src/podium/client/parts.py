"""Sending large files in parts: several at a time, each with its checksum, gone on with after an interruption."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from podium.client.errors import ApiError, WaitTimeoutError
from podium.client.rules import RETRIES, call, pause_before, put_file
from podium.client.steps import Pause, Plan, Request, together, work
from podium.client.uploads import PIECE, Progress

IN_PARTS = 32 * 1024 * 1024
"""Files of so many bytes and more go in parts."""
AT_A_TIME = 4
"""How many parts are under way at a time."""
PATIENCE = 3600.0
"""How many seconds the server may take to put the parts together."""


def send(path: Path, type: str, *, name: str | None, progress: Progress | None) -> Plan[dict[str, Any]]:
    """Send a file and return what the server says when it has it: its `key`, and a bundle's `status_id`.

    An upload of the same content that was broken off, on this machine or another, is gone on with: the server knows
    which parts it has. Parts are read when they are sent, so memory does not grow with the file.

    Raises ApiError when the server refuses, UnreachableError without a connection.
    """
    size = path.stat().st_size
    sha256 = yield from work(partial(_sha256_of, path))
    upload = yield from _open_one(type, sha256, size)
    if upload is None:
        facts = {"type": type, "file_name": path.name, "file_size": size, "sha256": sha256}
        upload = yield from call("POST", "api/uploads/", json={**facts, **({"name": name} if name else {})})
    sender = _Sender(path, size, upload, progress)
    yield from together([sender.part(number) for number in sender.missing], at_most=AT_A_TIME)
    return (yield from _completed(upload["key"]))


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_one(type: str, sha256: str, size: int) -> Plan[dict[str, Any] | None]:
    """The upload of this content that is still open, if there is one."""
    found = yield from call("GET", "api/uploads/", params={"sha256": sha256, "type": type})
    for one in found["results"]:
        if one["file_size"] == size:
            upload: dict[str, Any] = yield from call("GET", f"api/uploads/{one['key']}/")
            return upload
    return None


class _Sender:
    """Sends the parts of one upload; several threads may do so at once."""

    def __init__(self, path: Path, size: int, upload: dict[str, Any], progress: Progress | None) -> None:
        self._path, self._size, self._progress = path, size, progress
        self._part_size, self._url = int(upload["part_size"]), str(upload["part_url"])
        self.missing = [int(number) for number in upload["missing"]]
        self._lock = threading.Lock()
        self._sent = size - sum(self._bounds(number)[1] for number in self.missing)
        self._told(0)

    def _bounds(self, number: int) -> tuple[int, int]:
        """Where a part begins, and how many bytes it has."""
        start = (number - 1) * self._part_size
        return start, min(self._part_size, self._size - start)

    def part(self, number: int) -> Plan[None]:
        """Send a part; what did not arrive as it was sent is sent again, everything else would be refused again."""
        start, size = self._bounds(number)
        digest = yield from work(partial(self._digest, start, size))
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        }
        url, body = self._url.replace("{part}", str(number)), partial(self._pieces, start, size)
        for attempt in range(RETRIES + 1):
            try:
                yield from put_file(Request("PUT", url, headers=headers, body=body, signed=True, timeout=300))
                break
            except ApiError as refused:
                if refused.code not in {"checksum_mismatch", "wrong_size"} or attempt == RETRIES:
                    raise
            yield Pause(pause_before(attempt))
        self._told(size)

    def _digest(self, start: int, size: int) -> bytes:
        hasher = hashlib.sha256()
        for piece in self._pieces(start, size):
            hasher.update(piece)
        return hasher.digest()

    def _pieces(self, start: int, size: int) -> Iterator[bytes]:
        with self._path.open("rb") as stream:
            stream.seek(start)
            while size > 0 and (piece := stream.read(min(4 * PIECE, size))):
                size -= len(piece)
                yield piece

    def _told(self, size: int) -> None:
        with self._lock:
            self._sent += size
            if self._progress:
                self._progress(self._sent, self._size)


def _completed(key: str) -> Plan[dict[str, Any]]:
    waited = 0.0
    while True:
        try:
            answer = yield from call("POST", f"api/uploads/{key}/complete/")
        except ApiError as refused:
            if refused.code != "joining":
                raise
            answer = {"code": refused.code}
        if answer.get("code") != "joining":
            return dict(answer)
        if waited > PATIENCE:
            raise WaitTimeoutError("The server has not put the file together yet.", hint="Send it again later.")
        waited += 2.0
        yield Pause(2.0)
