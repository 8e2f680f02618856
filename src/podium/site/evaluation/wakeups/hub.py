"""Who waits for which news in this process."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Hub:
    """Waiting events by topic; every method may be called from any thread, `listening` from an event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)

    @contextmanager
    def listening(self, *topics: str) -> Iterator[asyncio.Event]:
        """An event that is set by every wake-up of one of the topics while the block lasts."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            for topic in topics:
                self._waiting[topic].add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                for topic in topics:
                    self._waiting[topic].discard(entry)
                    if not self._waiting[topic]:
                        del self._waiting[topic]

    def wake(self, topics: Iterable[str]) -> None:
        """Wake whoever listens to one of the topics."""
        with self._lock:
            entries = [entry for topic in topics for entry in self._waiting.get(topic, ())]
        self._set(entries)

    def wake_all(self) -> None:
        """Wake everybody: nobody knows what was missed."""
        with self._lock:
            entries = [entry for waiting in self._waiting.values() for entry in waiting]
        self._set(entries)

    @staticmethod
    def _set(entries: Iterable[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        for loop, event in entries:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits there any more
                continue
