"""Datasets kept by digest, unpacked, shared between jobs and between worker processes.

States of an entry, in prose once, beside the locks: an entry is *absent*, *being made*, *present* or *in use*. Each
key has a lock file. Whoever makes or removes the entry holds it exclusively; whoever uses the entry holds it shared;
so an entry in use is never removed and is made once however many ask. An entry is made in `incoming/<key>` and comes
into sight by one rename, so a half-made one is never seen, and what a killed process left in `incoming` belongs to
nobody once its lock is free (the kernel frees it). Lock files are removed together with their entry, under the
exclusive lock; whoever got hold of a removed one notices by its inode and starts again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

log = logging.getLogger("podium.worker")

_POLL_SECONDS = 0.05
_SIZE_FILE = "size"
_TREE = "tree"


class DatasetCache:
    """A folder of unpacked datasets with a size cap; the least recently used go first, never one in use.

    Args:
        root: the cache's folder; several processes may share it.
        max_bytes: the most it holds when nothing larger is in use.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._entries = root / "entries"
        self._incoming = root / "incoming"
        self._trash = root / "trash"
        self._locks = root / "locks"
        self.max_bytes = max_bytes
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._crowded = False
        for folder in (root, self._entries, self._incoming, self._trash, self._locks):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711)  # passable for the sandbox's user, who mounts trees by their full path

    @asynccontextmanager
    async def borrow(self, key: str, make: Callable[[Path], Awaitable[None]]) -> AsyncIterator[Path]:
        """Give the tree of `key`, made by `make(folder)` when it is absent; it stays while the context is open.

        Args:
            key: digest (and variant) that names the content; a file name.
            make: fills an empty folder; whatever it raises is raised here, and nothing is kept.
        """
        lock = await self._pin(key, make)
        try:
            yield self._entries / key / _TREE
        finally:
            os.close(lock)
            if self._crowded:
                await asyncio.to_thread(self.evict)

    async def _pin(self, key: str, make: Callable[[Path], Awaitable[None]]) -> int:
        """Return a descriptor that holds the shared lock of a present entry."""
        making = self._making.setdefault(key, asyncio.Lock())  # within this process nobody has to poll
        async with making:
            while True:
                shared = self._try_lock(key, fcntl.LOCK_SH)
                if shared is not None:
                    if self._touch(key):
                        return shared
                    os.close(shared)
                exclusive = self._try_lock(key, fcntl.LOCK_EX)
                if exclusive is None:  # another process makes or removes it
                    await asyncio.sleep(_POLL_SECONDS)
                    continue
                try:
                    if not self._touch(key):
                        await self._make(key, make)
                finally:
                    os.close(exclusive)

    async def _make(self, key: str, make: Callable[[Path], Awaitable[None]]) -> None:
        folder = self._incoming / key
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        tree = folder / _TREE
        tree.mkdir(parents=True)
        folder.chmod(0o711)
        tree.chmod(0o755)
        try:
            await make(tree)
            size = await asyncio.to_thread(_bytes_below, tree)
            (folder / _SIZE_FILE).write_text(str(size))
            folder.rename(self._entries / key)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            raise
        await asyncio.to_thread(self.evict)

    def _touch(self, key: str) -> bool:
        """Note that the entry was used now; False when it is absent."""
        try:
            os.utime(self._entries / key / _SIZE_FILE)
        except FileNotFoundError:
            return False
        return True

    def evict(self, most: int | None = None) -> int:
        """Remove least recently used entries until no more than `most` bytes (None: the cap) are left.

        Return how many bytes remain.
        """
        most = self.max_bytes if most is None else most
        used = []
        for entry in self._entries.iterdir():
            with contextlib.suppress(FileNotFoundError, ValueError):  # another process was quicker
                stamp = entry / _SIZE_FILE
                used.append((stamp.stat().st_mtime_ns, int(stamp.read_text()), entry.name))
        total = sum(size for _, size, _ in used)
        for _, size, key in sorted(used):
            if total <= most:
                break
            if self._remove(key):
                log.info("The cache dropped %s (%d bytes)", key[:12], size)
                total -= size
        self._crowded = total > self.max_bytes
        return total

    def _remove(self, key: str) -> bool:
        with self._exclusively(key) as held:
            if not held:
                return False
            gone = self._trash / uuid.uuid4().hex
            with contextlib.suppress(FileNotFoundError):
                (self._entries / key).rename(gone)
            (self._locks / key).unlink(missing_ok=True)
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def sweep(self) -> None:
        """Remove what killed processes left half made or half removed."""
        for folder in self._incoming.iterdir():
            with self._exclusively(folder.name) as held:
                if held:
                    shutil.rmtree(folder, ignore_errors=True)
        for folder in self._trash.iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        self.evict()

    @contextmanager
    def _exclusively(self, key: str) -> Iterator[bool]:
        lock = self._try_lock(key, fcntl.LOCK_EX)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def _try_lock(self, key: str, mode: int) -> int | None:
        """Take the key's lock without waiting; None when somebody holds it otherwise."""
        path = self._locks / key
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except FileNotFoundError:
                pass  # removed between opening and locking: take the new one
            os.close(descriptor)


def _bytes_below(tree: Path) -> int:
    total = 0
    for folder, _, names in os.walk(tree):
        for name in names:
            total += max(os.lstat(os.path.join(folder, name)).st_blocks * 512, 1)  # noqa: PTH118 - many files
    return total
