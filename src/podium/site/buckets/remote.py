"""An object of a bucket as a file that can be read and sought."""

from __future__ import annotations

import io
import time
from typing import Any, Final

from podium.site.buckets.store import Body, Entry, StorageAway, Store

WINDOW: Final = 8 * 1024 * 1024
"""Bytes that are asked for at a time, so that no connection waits for a slow reader for long."""
PAUSES: Final = (0.5, 1.0, 2.0)
"""How long to wait, in seconds, before going on where a connection has broken."""


class _Raw(io.RawIOBase):
    """Opens the object where it is read, and again where it is read elsewhere or the connection breaks."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store, self._entry = store, entry
        self._place = 0
        self._body: Body | None = None
        self._left = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._entry.size}[whence]
        place = base + offset
        if place < 0:
            raise ValueError("a file begins at 0")
        if place != self._place:
            self._hang_up()
        self._place = place
        return place

    def readinto(self, buffer: Any) -> int:
        most = min(len(buffer), self._entry.size - self._place)
        if most <= 0:
            return 0
        data = self._some(most)
        buffer[: len(data)] = data
        self._place += len(data)
        self._left -= len(data)
        return len(data)

    def _some(self, most: int) -> bytes:
        for pause in PAUSES:
            try:
                return self._next(most)
            except StorageAway:
                self._hang_up()
                time.sleep(pause)
        return self._next(most)

    def _next(self, most: int) -> bytes:
        if self._body is None or self._left <= 0:
            self._hang_up()
            self._left = min(WINDOW, self._entry.size - self._place)
            self._body = self._store.read(self._entry.key, self._place, self._left)
        data = self._body.read(min(most, self._left))
        if not data:
            raise StorageAway(f"{self._store.name} ends {self._entry.key} before its end")
        return data

    def _hang_up(self) -> None:
        body, self._body = self._body, None
        self._left = 0
        if body is not None:
            body.close()

    def close(self) -> None:
        self._hang_up()
        super().close()


class RemoteFile(io.BufferedReader):
    """An object that is read as it is asked for. `size` in bytes, `changed` in seconds of POSIX."""

    def __init__(self, store: Store, key: str, buffer: int = 1024 * 1024) -> None:
        """Raises FileNotFoundError where there is no such object, StorageAway."""
        entry = store.head(key)
        self.size, self.changed = entry.size, entry.changed
        super().__init__(_Raw(store, entry), buffer)
