"""The workers' long polls wait in line, and one look a second serves all of a queue.

A thousand idle workers must not ask the database a thousand times a second whether something waits. So polls do not
look by themselves: each queue with polls in line has one task that listens for news and, because news may be lost,
looks every `wakeups.fallback()` seconds. When something waits it tells the first in line, who claims.

Whoever was told passes it on: after a claim because more may wait, and without one if something waits all the same
(this worker may not take it, another may). So one piece of news wakes as many polls as there are runs, and one more,
instead of all of them. The states of a poll: *in line*; *told*, from then on it has to look or pass it on, also when
it leaves; *looking*, when it may be told once more. What gets lost nevertheless (a look that ends in an error) is found
by the next shared look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import structlog

from podium.site.evaluation import wakeups
from podium.site.evaluation.services import order
from podium.site.threads import in_thread

log = structlog.get_logger(__name__)


class Place:
    """One poll's place in the line of its queue."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._told = asyncio.Event()
        self._looking = False

    @property
    def busy(self) -> bool:
        """Whether this poll looks, or is about to."""
        return self._told.is_set() or self._looking

    def tell(self) -> None:
        """It is this poll's turn to look."""
        self._told.set()

    @contextmanager
    def look(self) -> Iterator[bool]:
        """While the poll looks; says whether it was told to, and so has to pass it on if more waits."""
        told = self._told.is_set()
        self._told.clear()
        self._looking = True
        try:
            yield told
        finally:
            self._looking = False

    async def turn(self, seconds: float) -> bool:
        """Wait until it is this poll's turn to look, at most `seconds`; returns whether it is."""
        await wakeups.wait(self._told, seconds)
        return self._told.is_set()

    def pass_on(self) -> None:
        """Let the next in line look."""
        self._line.tell_after(self)

    def leave(self) -> None:
        """Give up the place; whoever was told and has not looked passes it on."""
        if self._told.is_set():
            self.pass_on()
        self._line.remove(self)


class _Line:
    """The polls of one queue in one process, first come first."""

    def __init__(self, queue_id: int, closed: Callable[[], None]) -> None:
        self._queue_id = queue_id
        self._closed = closed
        self._places: dict[Place, None] = {}
        self._open = ExitStack()
        # Before the first poll looks, or news that comes while it looks would be missed.
        self._news = self._open.enter_context(wakeups.listening(wakeups.queue_topic(queue_id)))
        self._watch = asyncio.create_task(self._watching(), name=f"polls of queue {queue_id}")

    def join(self) -> Place:
        place = Place(self)
        self._places[place] = None
        return place

    def remove(self, place: Place) -> None:
        del self._places[place]
        if not self._places:
            self._watch.cancel()
            self._open.close()
            self._closed()

    def tell_after(self, place: Place | None) -> None:
        """Tell the one behind `place`, or the first."""
        places = iter(self._places)
        if place is not None:
            for one in places:
                if one is place:
                    break
        if (following := next(places, None)) is not None:
            following.tell()

    async def _watching(self) -> None:
        while True:
            await wakeups.wait(self._news, wakeups.fallback())
            told = self._news.is_set()
            self._news.clear()
            if told or await self._something_waits():
                self.tell_after(None)

    async def _something_waits(self) -> bool:
        """The shared look; without it while the last news is still being passed along the line."""
        if any(place.busy for place in self._places):
            return False
        try:
            return await in_thread(lambda: order.something_waits(self._queue_id))
        except Exception:
            log.exception("look at a queue failed", queue=self._queue_id)
            return False


_lines: dict[tuple[asyncio.AbstractEventLoop, int], _Line] = {}


@contextmanager
def in_line(queue_id: int) -> Iterator[Place]:
    """A place in the line of a queue for as long as a poll waits."""
    key = (asyncio.get_running_loop(), queue_id)
    line = _lines.get(key)
    if line is None:

        def forget() -> None:
            del _lines[key]

        line = _lines[key] = _Line(queue_id, forget)
    place = line.join()
    try:
        yield place
    finally:
        place.leave()


def waiting() -> int:
    """How many polls wait in this process."""
    return sum(len(line._places) for line in list(_lines.values()))
