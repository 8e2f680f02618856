"""Growing pauses between attempts, spread so that a fleet does not knock at the same moment."""

from __future__ import annotations

import asyncio
import random
import time

from podium.worker.settings import Retries


class Backoff:
    """Pauses that double from `first_seconds` to `longest_seconds`, each shortened at random by up to a third."""

    def __init__(self, retries: Retries, *, patience_seconds: float | None = None) -> None:
        self._retries = retries
        self._next = retries.first_seconds
        self._ends = None if patience_seconds is None else time.monotonic() + patience_seconds
        self.tries = 0

    @property
    def exhausted(self) -> bool:
        """Whether the patience is used up."""
        return self._ends is not None and time.monotonic() >= self._ends

    async def pause(self) -> None:
        """Wait before the next attempt."""
        self.tries += 1
        delay = self._next * random.uniform(0.67, 1.0)  # noqa: S311 - spreads load, guards nothing
        self._next = min(self._next * 2, self._retries.longest_seconds)
        await asyncio.sleep(delay)

    def reset(self) -> None:
        """Start again with the shortest pause: the other side has answered."""
        self._next = self._retries.first_seconds
        self.tries = 0
