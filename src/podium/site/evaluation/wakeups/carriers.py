"""How wake-ups reach the other processes of a site: one contract, three implementations.

    in-process   the other processes find their news by the fallback
    PostgreSQL   LISTEN and NOTIFY on the site's own database
    Redis        publish and subscribe, where REDIS_URL is set

A carrier is allowed to lose everything: rows are the truth. So it never makes its caller wait or fail: what is to be
told is put into a bag that one thread empties, as one message however much is in it, and another thread listens.
Each is started when it is first needed; the site-worker, where nobody listens, has no listener. After a broken
connection everybody is woken once, because nobody knows what was missed.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
import structlog

from podium.site.evaluation.wakeups.hub import Hub

log = structlog.get_logger(__name__)

CHANNEL = "podium_wakeups"
MOST_TOPICS = 200
"""How many topics one message names; PostgreSQL takes 8,000 bytes."""
LISTEN_SECONDS = 1.0
"""How long a listener waits at a time before it looks whether it is to end."""
LONGEST_PAUSE_SECONDS = 10.0


class Carrier(Protocol):
    """Takes wake-ups to whoever listens in other processes, and brings theirs to this one's hub."""

    def send(self, topics: Iterable[str]) -> None:
        """Tell the other processes soon; never waits, never fails."""
        ...

    def receive(self) -> None:
        """Make sure that what others send reaches the hub from now on."""
        ...

    def close(self) -> None:
        """Stop carrying."""
        ...


class InProcess:
    """Carries nothing: one process, or others that are content with the fallback."""

    def send(self, topics: Iterable[str]) -> None:
        """Nobody else is told."""

    def receive(self) -> None:
        """Nothing comes."""

    def close(self) -> None:
        """Nothing is open."""


class Wire(Protocol):
    """One open connection of a carrier."""

    def publish(self, message: str) -> None:
        """Send a message to all processes, this one included."""
        ...

    def messages(self, seconds: float) -> Iterable[str]:
        """The messages that arrive within so many seconds."""
        ...


class Threaded:
    """A carrier over a wire that may break: a thread that sends, one that listens, each with a wire of its own.

    hub: of this process.
    connect: opens a wire. Whatever it raises counts as a broken wire; it is opened again after a growing pause.
    """

    def __init__(self, hub: Hub, connect: Callable[[bool], AbstractContextManager[Wire]]) -> None:
        self._hub = hub
        self._connect = connect
        self._origin = uuid.uuid4().hex[:12]
        self._bag: set[str] = set()
        self._filled = threading.Condition()
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self.listening = threading.Event()
        """Set while the listener's connection stands."""

    def send(self, topics: Iterable[str]) -> None:
        """Put the topics into the bag; the same topic twice in the bag is one wake-up."""
        with self._filled:
            self._bag.update(topics)
            self._filled.notify()
        self._start("wakeups-sender", self._send_all)

    def receive(self) -> None:
        """Start the listener, once."""
        self._start("wakeups-listener", self._listen)

    def close(self) -> None:
        """End both threads."""
        self._closed.set()
        with self._filled:
            self._filled.notify_all()
        for thread in list(self._threads.values()):
            thread.join(timeout=2 * LISTEN_SECONDS)

    def _start(self, name: str, work: Callable[[Wire], None]) -> None:
        if name in self._threads:
            return
        with self._starting:
            if name not in self._threads:
                listens = work == self._listen
                thread = threading.Thread(target=self._keep, args=(work, listens), name=name, daemon=True)
                self._threads[name] = thread
                thread.start()

    def _keep(self, work: Callable[[Wire], None], listens: bool) -> None:
        """Do the work on a wire, on a new one when it breaks, until closed."""
        pause = 0.1
        while not self._closed.is_set():
            try:
                with self._connect(listens) as wire:
                    pause = 0.1
                    work(wire)
            except Exception as error:  # noqa: BLE001 - whatever breaks a wire, it is opened again
                log.warning("wake-ups are interrupted; news takes the fallback", reason=str(error).strip()[:200])
            if listens:
                self.listening.clear()
            self._closed.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _send_all(self, wire: Wire) -> None:
        while not self._closed.is_set():
            with self._filled:
                while not self._bag and not self._closed.is_set():
                    self._filled.wait()
                topics, self._bag = sorted(self._bag), set()
            for start in range(0, len(topics), MOST_TOPICS):
                wire.publish(json.dumps([self._origin, *topics[start : start + MOST_TOPICS]]))

    def _listen(self, wire: Wire) -> None:
        self._hub.wake_all()
        self.listening.set()
        while not self._closed.is_set():
            for message in wire.messages(LISTEN_SECONDS):
                origin, *topics = json.loads(message)
                if origin != self._origin:  # its own have woken their listeners already
                    self._hub.wake(topics)


class _PostgresqlWire:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def publish(self, message: str) -> None:
        self._connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, message])

    def messages(self, seconds: float) -> Iterator[str]:
        return (notice.payload for notice in self._connection.notifies(timeout=seconds))


def postgresql(hub: Hub, parameters: dict[str, Any]) -> Threaded:
    """A carrier on a PostgreSQL database; parameters: psycopg's, of a connection that no pool in between shares."""

    @contextmanager
    def connect(listens: bool) -> Iterator[Wire]:
        with psycopg.connect(**{**parameters, "autocommit": True}) as connection:
            if listens:
                connection.execute(f"LISTEN {CHANNEL}")
            yield _PostgresqlWire(connection)

    return Threaded(hub, connect)


class _RedisWire:
    def __init__(self, client: Any, channel: str, subscription: Any | None) -> None:
        self._client = client
        self._channel = channel
        self._subscription = subscription

    def publish(self, message: str) -> None:
        self._client.publish(self._channel, message)

    def messages(self, seconds: float) -> Iterator[str]:
        assert self._subscription is not None  # noqa: S101 - this wire was opened to listen
        found = self._subscription.get_message(ignore_subscribe_messages=True, timeout=seconds)
        if found is not None and found["type"] == "message":
            yield found["data"]


def redis(hub: Hub, url: str, secret_key: str) -> Threaded:
    """A carrier on Redis; several sites may share one, the channel's name is made of the site's key."""
    from redis import Redis  # noqa: PLC0415 - loaded only where it is used

    channel = f"{CHANNEL}:{hashlib.sha256(f'{CHANNEL}:{secret_key}'.encode()).hexdigest()[:16]}"

    @contextmanager
    def connect(listens: bool) -> Iterator[Wire]:
        client = Redis.from_url(url, decode_responses=True, socket_connect_timeout=5, socket_timeout=5)
        try:
            if not listens:
                client.ping()
                yield _RedisWire(client, channel, None)
                return
            with client.pubsub() as subscription:
                subscription.subscribe(channel)
                confirmed = subscription.get_message(timeout=5)
                if confirmed is None or confirmed["type"] != "subscribe":
                    raise ConnectionError("Redis did not confirm the subscription")
                yield _RedisWire(client, channel, subscription)
        finally:
            client.close()

    return Threaded(hub, connect)
