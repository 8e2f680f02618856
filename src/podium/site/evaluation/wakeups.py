"""Waking those who wait for news: long polls and live pages.

A wake-up is only a hint; the rows are the truth. Whoever waits looks again when woken and every `FALLBACK` seconds,
so news from another process (the site-worker's sweeper) or a lost hint costs that long at most.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

FALLBACK = 1.0


class _Topics:
    """Waiting events by topic; `notify` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)

    @contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting[topic].add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiting[topic].discard(entry)
                if not self._waiting[topic]:
                    del self._waiting[topic]

    def notify(self, topic: str) -> None:
        with self._lock:
            entries = list(self._waiting.get(topic, ()))
        for loop, event in entries:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


_topics = _Topics()


def queue_topic(queue_id: int) -> str:
    """News: a run waits in the queue."""
    return f"queue:{queue_id}"


def submission_topic(submission_id: int) -> str:
    """News: a submission's status or output changed."""
    return f"submission:{submission_id}"


def notify(topic: str) -> None:
    """Wake the listeners of `topic` once the current transaction has committed."""
    transaction.on_commit(lambda: _topics.notify(topic))


@contextmanager
def listening(topic: str) -> Iterator[asyncio.Event]:
    """Listen to `topic`; clear the event before looking at the rows, then wait for it with `wait`."""
    with _topics.listening(topic) as event:
        yield event


async def wait(event: asyncio.Event, seconds: float = FALLBACK) -> None:
    """Wait until woken, at most `seconds`."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
