"""Copies of a bucket's objects on this machine, bounded by size; several processes may share a folder of them.

Objects never change under their keys, so a copy is right for as long as it lies there. Who uses one holds a shared lock
on it; who makes room removes only what nobody holds, the longest unused first. Drafts, files on their way into the
bucket, are locked as long as they are written. Locks go with the process that held them, so nothing is left behind for
good by one that dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from podium.site.buckets.remote import RemoteFile
from podium.site.buckets.store import Store

_PIECE: Final = 1024 * 1024
_LEFT_SECONDS: Final = 3600
"""How long nothing is written to a draft before it is asked whose it is."""


class Draft:
    """A file on this machine that is on its way into the bucket, or out of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(12)
        self.stream = cast("BinaryIO", self.path.open("x+b"))
        # Kept open for its lock until the draft has gone or is a copy.
        self._lock = os.dup(self.stream.fileno())
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def abandon(self) -> None:
        """Remove it; harmless when that was done, or when it has become a copy."""
        self.stream.close()
        if self._lock >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    @contextmanager
    def given_to(self, target: Path) -> Iterator[Path]:
        """Become the file `target`, or stay this one where that is there; nobody removes it while the block runs."""
        self.stream.close()
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        try:
            target.hardlink_to(self.path)  # and never replaces one that somebody holds
        except FileExistsError:
            yield self.path
        else:
            self.path.unlink()
            yield target
        finally:
            self.abandon()


_SHARE: Final = 64
"""Room is made when a process has added that part of the whole, since looking at all copies takes its time."""


class Cache:
    """A folder of copies. most: how many bytes of them are kept, beside those in use and those just added."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self._added = most  # what others have left is looked at first
        self._copies, self._drafts = folder / "copies", folder / "drafts"

    def draft(self) -> Draft:
        """Begin a draft."""
        self._drafts.mkdir(parents=True, exist_ok=True)
        return Draft(self._drafts)

    def _path(self, key: str) -> Path:
        return self._copies / hashlib.sha256(key.encode()).hexdigest()

    def keep(self, key: str, draft: Draft) -> None:
        """Let a draft be the copy of an object that was made of it."""
        size = draft.path.stat().st_size
        if size > self.most:
            draft.abandon()
            return
        self._copies.mkdir(parents=True, exist_ok=True)
        with draft.given_to(self._path(key)):
            self._make_room(size)

    def open(self, key: str) -> BinaryIO | None:
        """Open the copy of an object, None where there is none; it may be read to its end whatever becomes of it."""
        try:
            stream = self._path(key).open("rb")
        except FileNotFoundError:
            return None
        with contextlib.suppress(OSError):
            os.utime(stream.fileno())
        return stream

    @contextmanager
    def local(self, key: str, store: Store) -> Iterator[Path]:
        """The path of a copy, fetched if need be, for as long as the block runs; nothing is there for what is nowhere.

        Raises StorageAway.
        """
        with self._held(key) as held:
            if held is not None:
                yield held
                return
        draft = self.draft()
        try:
            try:
                self._fetch(key, store, draft)
            except FileNotFoundError:
                draft.abandon()
                yield draft.path
                return
            self._copies.mkdir(parents=True, exist_ok=True)
            size = draft.path.stat().st_size
            with draft.given_to(self._path(key)) as path:
                self._make_room(size)
                yield path
            if size > self.most:
                _removed(self._path(key))
        finally:
            draft.abandon()

    @contextmanager
    def _held(self, key: str) -> Iterator[Path | None]:
        path = self._path(key)
        stream = self.open(key)
        if stream is None:
            yield None
            return
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                same = os.fstat(stream.fileno()).st_ino == path.stat().st_ino
            except (BlockingIOError, FileNotFoundError):
                same = False  # somebody removes it, or has
            yield path if same else None

    @staticmethod
    def _fetch(key: str, store: Store, draft: Draft) -> None:
        with RemoteFile(store, key) as source:
            while data := source.read1(_PIECE):
                draft.stream.write(data)
            draft.stream.flush()
            if draft.stream.tell() != source.size:
                raise AssertionError(f"{key} is not as long as it is said to be")

    def forget(self, key: str) -> None:
        """Remove the copy of an object that is no more."""
        self._path(key).unlink(missing_ok=True)

    def _make_room(self, added: int) -> None:
        self._added += added
        if self._added * _SHARE < self.most:
            return
        self._added = 0
        found = []
        with os.scandir(self._copies) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    stat = entry.stat()
                    found.append((stat.st_mtime, stat.st_size, Path(entry.path)))
        taken = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if taken <= self.most:
                return
            if _removed(path):
                taken -= size

    def discard_left(self) -> int:
        """Remove the drafts of processes that died; returns how many there were."""
        if not self._drafts.is_dir():
            return 0
        limit = time.time() - _LEFT_SECONDS
        return sum(_removed(path) for path in self._drafts.iterdir() if _older(path, limit))


def _older(path: Path, limit: float) -> bool:
    try:
        return path.stat().st_mtime < limit
    except FileNotFoundError:
        return False


def _removed(path: Path) -> bool:
    """Remove a file that nobody holds; returns whether it is gone."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
