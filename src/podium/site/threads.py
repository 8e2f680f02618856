"""Database work of the asynchronous parts: threads of one pool, each with a connection of its own that it keeps.

A fixed number of threads bounds the connections; that a thread keeps its connection saves making one per request,
which on SQLite was a tenth of a request's processor time (measured).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

THREADS = 12
"""As many as the pool of connections to PostgreSQL holds."""

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="site")
Answer = TypeVar("Answer")


async def in_thread(work: Callable[[], Answer]) -> Answer:
    """Run `work` in a thread of the pool; a connection that has become unusable is closed before and after."""

    def worked() -> Answer:
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return await sync_to_async(worked, thread_sensitive=False, executor=_pool)()


async def pieces(work: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What an iterator that reads the database makes, each piece in a thread and none before it can be sent."""
    while (piece := await in_thread(lambda: next(work, None))) is not None:
        yield piece
