"""Waking those who wait for news, in this process and in others: long polls and live pages.

A wake-up is only a hint; the rows are the truth. Whoever waits looks again when woken and every `fallback()` seconds,
so a lost hint costs that long at most, and so does news of another process where nothing carries wake-ups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction

from podium.site.evaluation.wakeups import carriers
from podium.site.evaluation.wakeups.hub import Hub

__all__ = [
    "Wakeups",
    "access_topic",
    "competition_topic",
    "fallback",
    "listening",
    "notify",
    "person_topic",
    "queue_topic",
    "submission_topic",
    "tell",
    "use",
    "wait",
]


def queue_topic(queue_id: int) -> str:
    """News: a run waits in the queue."""
    return f"queue:{queue_id}"


def submission_topic(submission_id: int) -> str:
    """News: a submission's status or output changed."""
    return f"submission:{submission_id}"


def competition_topic(competition_id: int) -> str:
    """News: something that is told of a competition has happened."""
    return f"competition:{competition_id}"


def access_topic(competition_id: int) -> str:
    """News: who may see a competition, and take part in it, has changed."""
    return f"access:{competition_id}"


def person_topic(user_id: int) -> str:
    """News: something that lets a person in has ended, or they were shut out."""
    return f"person:{user_id}"


class Wakeups:
    """The wake-ups of one process: a hub for its own listeners and a carrier to and from the others."""

    def __init__(self, hub: Hub, carrier: carriers.Carrier) -> None:
        self._hub = hub
        self.carrier = carrier

    def notify(self, topic: str) -> None:
        """Wake the listeners of `topic` everywhere once the current transaction has committed."""
        transaction.on_commit(lambda: self.tell(topic))

    def tell(self, topic: str) -> None:
        """Wake the listeners of `topic` everywhere at once, whatever the current transaction comes to."""
        self._hub.wake([topic])
        self.carrier.send([topic])

    @contextmanager
    def listening(self, *topics: str) -> Iterator[asyncio.Event]:
        """Listen to the topics; clear the event before looking at the rows, then wait for it with `wait`."""
        self.carrier.receive()
        with self._hub.listening(*topics) as event:
            yield event

    def close(self) -> None:
        """Stop carrying."""
        self.carrier.close()


def _made() -> Wakeups:
    """As the site's settings say: Redis where it is named, else PostgreSQL where that is the database."""
    hub = Hub()
    url = settings.CONFIG.redis_url
    if settings.TESTING:
        return Wakeups(hub, carriers.InProcess())
    if url is not None:
        return Wakeups(hub, carriers.redis(hub, url.get_secret_value(), settings.SECRET_KEY))
    if connection.vendor == "postgresql":
        return Wakeups(hub, carriers.postgresql(hub, connection.get_connection_params()))
    return Wakeups(hub, carriers.InProcess())


_current: Wakeups | None = None


def _wakeups() -> Wakeups:
    global _current  # noqa: PLW0603 - one for the process, made when the settings are there
    if _current is None:
        _current = _made()
    return _current


@contextmanager
def use(other: Wakeups) -> Iterator[None]:
    """Let this process use other wake-ups while the block lasts, for tests."""
    global _current  # noqa: PLW0603
    before, _current = _current, other
    try:
        yield
    finally:
        _current = before


def notify(topic: str) -> None:
    """Wake the listeners of `topic` everywhere once the current transaction has committed."""
    _wakeups().notify(topic)


def tell(topic: str) -> None:
    """Wake the listeners of `topic` everywhere at once, whatever the current transaction comes to."""
    _wakeups().tell(topic)


@contextmanager
def listening(*topics: str) -> Iterator[asyncio.Event]:
    """Listen to the topics; clear the event before looking at the rows, then wait for it with `wait`."""
    with _wakeups().listening(*topics) as event:
        yield event


def fallback() -> float:
    """After how many seconds those who wait look again unasked."""
    return float(settings.CONFIG.wakeup_fallback_seconds)


async def wait(event: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until woken, at most `seconds`; without them as long as the fallback."""
    try:
        async with asyncio.timeout(max(0.0, fallback() if seconds is None else seconds)):
            await event.wait()
    except TimeoutError:
        return
