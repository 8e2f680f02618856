"""Following something live: look at the rows, tell what is new, wait to be woken, look again.

The stored rows are the truth; a wake-up only says that it is worth looking again. An event's id says what its reader
knows by then, so one that comes back with it goes on there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from podium.site.accounts.callers import Caller
from podium.site.evaluation import wakeups
from podium.site.threads import in_thread

KEEPALIVE_SECONDS = 15.0


@dataclass(frozen=True)
class Event:
    """One event: its id, its name, its data."""

    id: str
    name: str
    data: dict[str, Any]

    def encode(self) -> bytes:
        """As text/event-stream."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n".encode()


@dataclass(frozen=True)
class Look:
    """What one look has found.

    more: whether there is more to read at once. over: whether nothing will follow. turn: seconds until something
    changes by the clock alone, None where nothing will.
    """

    events: list[Event] = field(default_factory=list)
    more: bool = False
    over: bool = False
    turn: float | None = None


class Reader(Protocol):
    """What one reader has been told, and how it finds out what it has not."""

    @property
    def topics(self) -> Sequence[str]:
        """Whose wake-ups it listens to."""
        ...

    @property
    def pace(self) -> float:
        """Seconds between two looks at least, however often it is woken."""
        ...

    def look(self) -> Look:
        """Read the rows; runs in a thread."""
        ...


def topics_of(caller: Caller, competition_id: int, topic: str) -> list[str]:
    """What wakes somebody who follows something of a competition: its news, and news of their rights."""
    own = [] if caller.key is None else [wakeups.person_topic(caller.key)]
    return [topic, wakeups.access_topic(competition_id), *own]


async def follow(reader: Reader) -> AsyncIterator[Event | None]:
    """The events of a reader until it is over.

    Yields None now and then while nothing happens, so that a connection is seen to be alive.
    """
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    with wakeups.listening(*reader.topics) as news:
        while True:
            news.clear()
            found = await in_thread(reader.look)
            for event in found.events:
                yield event
            if found.over:
                return
            if found.events:
                quiet_since = loop.time()
            elif loop.time() - quiet_since > KEEPALIVE_SECONDS:
                quiet_since = loop.time()
                yield None
            if not found.more:
                await asyncio.sleep(reader.pace)
                await wakeups.wait(news, min(wakeups.fallback(), max(0.0, found.turn or wakeups.fallback())))
