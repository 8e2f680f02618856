"""Wake-ups: one suite over all carriers, with two processes' ends in one, and what happens when a wire breaks."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from django.db import transaction
from redis import Redis

from podium.site.evaluation import wakeups
from podium.site.evaluation.wakeups import Wakeups, carriers
from podium.site.evaluation.wakeups.hub import Hub

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]

POSTGRESQL = os.environ.get("PODIUM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432") + "/postgres"
REDIS = os.environ.get("PODIUM_TEST_REDIS", "redis://127.0.0.1:6379")
PATIENCE = 30.0
LAST = "z"
"""A topic that the carriers, which sort what they carry together, tell after all others."""


@dataclass
class Ends:
    """Where news is made and where it is waited for: two processes, or one for the carrier that carries nothing."""

    sender: Wakeups
    listener: Wakeups
    cut: Callable[[], int]


def _threaded(make: Callable[[Hub], carriers.Threaded]) -> Wakeups:
    hub = Hub()
    return Wakeups(hub, make(hub))


@contextmanager
def _in_process() -> Iterator[Ends]:
    one = Wakeups(Hub(), carriers.InProcess())
    yield Ends(one, one, lambda: 0)


@contextmanager
def _on_postgresql() -> Iterator[Ends]:
    name = f"podium-test-{uuid.uuid4().hex[:12]}"
    parameters = {"conninfo": POSTGRESQL, "application_name": name}

    def cut() -> int:
        with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name]
            )
            return len(rows.fetchall())

    ends = Ends(*(_threaded(lambda hub: carriers.postgresql(hub, parameters)) for _ in range(2)), cut)  # type: ignore[arg-type, misc]
    yield ends
    ends.sender.close()
    ends.listener.close()


@contextmanager
def _on_redis() -> Iterator[Ends]:
    secret, name = uuid.uuid4().hex, f"podium-test-{uuid.uuid4().hex[:12]}"

    def cut() -> int:
        with Redis.from_url(REDIS, decode_responses=True) as client:
            ours = [one for kind in ("normal", "pubsub") for one in client.client_list(kind) if one["name"] == name]
            for one in ours:
                client.client_kill_filter(_id=one["id"])
            return len(ours)

    url = f"{REDIS}?client_name={name}"
    ends = Ends(*(_threaded(lambda hub: carriers.redis(hub, url, secret)) for _ in range(2)), cut)  # type: ignore[arg-type, misc]
    yield ends
    ends.sender.close()
    ends.listener.close()


@pytest.fixture(params=[_in_process, _on_postgresql, _on_redis], ids=["in-process", "postgresql", "redis"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    with request.param() as made:
        yield made


async def _ready(end: Wakeups) -> None:
    """Wait until what others send is heard."""
    if isinstance(end.carrier, carriers.Threaded):
        assert await asyncio.to_thread(end.carrier.listening.wait, PATIENCE)


async def _woken(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


async def _listening_and_sent(ends: Ends, work: Callable[[], None], topic: str = "queue:1") -> bool:
    """Whether a listener of the topic is woken by the work, which a wake-up of the topic LAST follows."""
    with ends.listener.listening(topic) as event, ends.listener.listening(LAST) as last:
        await _ready(ends.listener)
        event.clear()
        last.clear()
        await asyncio.to_thread(work)
        await asyncio.to_thread(ends.sender.notify, LAST)
        await _woken(last)
        return event.is_set()


async def test_a_listener_is_woken(ends: Ends) -> None:
    assert await _listening_and_sent(ends, lambda: ends.sender.notify("queue:1"))


async def test_a_listener_of_another_topic_is_not(ends: Ends) -> None:
    assert not await _listening_and_sent(ends, lambda: ends.sender.notify("queue:1"), topic="queue:2")


async def test_what_is_rolled_back_wakes_nobody(ends: Ends) -> None:
    def work() -> None:
        with transaction.atomic():
            ends.sender.notify("queue:1")
            transaction.set_rollback(True)

    assert not await _listening_and_sent(ends, work)


async def test_everybody_who_listens_is_woken(ends: Ends) -> None:
    with ends.listener.listening("queue:1") as one, ends.listener.listening("queue:1") as other:
        await _ready(ends.listener)
        one.clear()
        other.clear()
        await asyncio.to_thread(ends.sender.notify, "queue:1")
        await _woken(one)
        await _woken(other)


async def test_more_topics_than_one_message_names_all_arrive(ends: Ends) -> None:
    topics = [f"submission:{n}" for n in range(3 * carriers.MOST_TOPICS)]

    def work() -> None:
        with transaction.atomic():
            for topic in topics:
                ends.sender.notify(topic)

    with ends.listener.listening(topics[0]) as first, ends.listener.listening(topics[-1]) as last:
        await _ready(ends.listener)
        first.clear()
        last.clear()
        await asyncio.to_thread(work)
        await _woken(first)
        await _woken(last)


async def test_a_listener_is_woken_by_its_own_process_too(ends: Ends) -> None:
    with ends.listener.listening("queue:1") as event:
        await _ready(ends.listener)
        event.clear()
        await asyncio.to_thread(ends.listener.notify, "queue:1")
        await _woken(event)


async def test_a_broken_connection_wakes_everybody_and_is_made_again(ends: Ends) -> None:
    if isinstance(ends.listener.carrier, carriers.InProcess):
        return  # there is nothing to break
    with ends.listener.listening("queue:1") as event:
        await _ready(ends.listener)
        await asyncio.to_thread(ends.sender.notify, "queue:1")
        await _woken(event)
        event.clear()
        assert await asyncio.to_thread(ends.cut)
        await _woken(event)  # nobody knows what was missed
        await _ready(ends.listener)

        def sent_until_heard() -> None:
            for _ in range(300):  # what is told while the sender's own wire is down may be lost
                ends.sender.notify("queue:1")
                if heard.wait(0.1):
                    return

        event.clear()
        heard = threading.Event()
        sending = asyncio.create_task(asyncio.to_thread(sent_until_heard))
        await _woken(event)
        heard.set()
        await sending


@pytest.mark.parametrize(
    "make",
    [
        lambda hub: carriers.postgresql(hub, {"conninfo": "postgresql://nobody@127.0.0.1:1/none"}),
        lambda hub: carriers.redis(hub, "redis://127.0.0.1:1", "secret"),
    ],
    ids=["postgresql", "redis"],
)
async def test_a_carrier_that_cannot_connect_disturbs_nobody(make: Callable[[Hub], carriers.Threaded]) -> None:
    one = _threaded(make)
    with one.listening("queue:1") as event:
        await asyncio.to_thread(one.notify, "queue:1")
        await _woken(event)
    await asyncio.to_thread(one.close)


async def test_two_sites_on_one_redis_do_not_wake_each_other() -> None:
    secrets = [uuid.uuid4().hex, uuid.uuid4().hex]
    mine, same, other, like_other = (
        _threaded(lambda hub, secret=secret: carriers.redis(hub, REDIS, secret))  # type: ignore[misc]
        for secret in (secrets[0], secrets[0], secrets[1], secrets[1])
    )
    with same.listening("queue:1") as heard, other.listening("queue:1") as foreign, other.listening(LAST) as last:
        await _ready(same)
        await _ready(other)
        for event in (heard, foreign, last):
            event.clear()
        await asyncio.to_thread(mine.notify, "queue:1")
        await _woken(heard)
        await asyncio.to_thread(like_other.notify, LAST)
        await _woken(last)
        assert not foreign.is_set()
    for one in (mine, same, other, like_other):
        await asyncio.to_thread(one.close)


async def test_the_sites_own_wake_ups_carry_nothing_while_tests_run() -> None:
    with wakeups.listening("queue:1") as event:
        await asyncio.to_thread(wakeups.notify, "queue:1")
        await _woken(event)
