"""Idle workers wait in line: one look serves them all, and one piece of news wakes as many as there is work for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from podium.site.evaluation import polls, wakeups
from podium.site.evaluation.services import order

QUEUE = 7


class Rows:
    """What waits in the queue; counts who asks."""

    def __init__(self) -> None:
        self.waiting = 0
        self.looks = 0
        self.claims = 0
        self.broken = 0

    def something_waits(self, queue_id: int) -> bool:
        assert queue_id == QUEUE
        self.looks += 1
        if self.broken:
            self.broken -= 1
            raise ConnectionError("the database is away")
        return self.waiting > 0

    def claim(self, *, able: bool = True) -> bool:
        self.claims += 1
        if not self.waiting or not able:
            return False
        self.waiting -= 1
        return True


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    rows = Rows()
    monkeypatch.setattr(order, "something_waits", rows.something_waits)
    monkeypatch.setattr(wakeups, "fallback", lambda: 3600.0)
    return rows


async def poll(rows: Rows, *, able: bool = True) -> bool:
    """A worker's poll, as the intake does it; returns whether it got a job."""
    with polls.in_line(QUEUE) as place:
        while True:
            with place.look() as told:
                got = rows.claim(able=able)
                more = told and (got or rows.waiting > 0)
            if more:
                place.pass_on()
            if got:
                return True
            if not await place.turn(60):
                return False


def news() -> None:
    wakeups.tell(wakeups.queue_topic(QUEUE))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


@contextmanager
def in_line(*waiting: Awaitable[bool]) -> Iterator[list[asyncio.Task[bool]]]:
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def test_idle_polls_share_one_look(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "fallback", lambda: 0.01)
    with in_line(*(poll(rows) for _ in range(100))):
        await until(lambda: rows.looks >= 5)
        assert rows.claims == 100, "each has looked once, when it came, and never again"
        assert polls.waiting() == 100


async def test_news_of_one_run_wakes_two_of_a_hundred(rows: Rows) -> None:
    with in_line(*(poll(rows) for _ in range(100))) as tasks:
        await until(lambda: rows.claims == 100)
        rows.waiting = 1
        news()
        await until(lambda: sum(task.done() for task in tasks) == 1)
        await until(lambda: rows.claims == 102)
        for _ in range(100):
            await asyncio.sleep(0)
        assert rows.claims == 102, "the one who got it, and the next, who found nothing more"
        assert [task.done() for task in tasks] == [True] + [False] * 99


async def test_one_piece_of_news_serves_all_runs_in_the_order_of_the_line(rows: Rows) -> None:
    with in_line(*(poll(rows) for _ in range(10))) as tasks:
        await until(lambda: rows.claims == 10)
        rows.waiting = 4
        news()
        await until(lambda: rows.waiting == 0 and sum(task.done() for task in tasks) == 4)
        assert [task.done() for task in tasks] == [True] * 4 + [False] * 6


async def test_a_worker_that_may_not_take_the_run_passes_it_on(rows: Rows) -> None:
    with in_line(poll(rows, able=False), poll(rows, able=False), poll(rows)) as tasks:
        await until(lambda: rows.claims == 3)
        rows.waiting = 1
        news()
        await until(tasks[2].done)


async def test_a_poll_that_leaves_before_it_looks_passes_it_on(rows: Rows) -> None:
    with ExitStack() as leaving:
        place = leaving.enter_context(polls.in_line(QUEUE))
        with in_line(poll(rows)) as tasks:
            await until(lambda: rows.claims == 1)
            rows.waiting = 1
            news()
            await until(lambda: place.busy)
            leaving.close()
            await until(tasks[0].done)


async def test_a_run_that_nobody_told_of_is_found_by_the_shared_look(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "fallback", lambda: 0.01)
    with in_line(poll(rows)) as tasks:
        await until(lambda: rows.claims == 1)
        rows.waiting = 1
        await until(tasks[0].done)


async def test_a_shared_look_that_fails_is_made_again(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "fallback", lambda: 0.01)
    rows.broken = 3
    with in_line(poll(rows)) as tasks:
        await until(lambda: rows.claims == 1)
        rows.waiting = 1
        await until(tasks[0].done)
    assert rows.broken == 0


async def test_news_while_the_first_poll_looks_is_not_missed(rows: Rows) -> None:
    """The line listens before its first poll looks."""
    with polls.in_line(QUEUE) as place:
        with place.look():
            rows.waiting = 1
            news()
        assert await place.turn(20)


async def test_an_empty_line_is_gone(rows: Rows) -> None:
    with in_line(poll(rows)):
        await until(lambda: polls.waiting() == 1)
    await until(lambda: polls.waiting() == 0)
    assert not polls._lines
