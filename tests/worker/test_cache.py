"""The dataset cache: made once, never half, never removed while in use."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podium.worker.cache import DatasetCache

BLOCK = 4096


class Maker:
    """Fills folders and counts how often."""

    def __init__(self, size: int = BLOCK) -> None:
        self.calls = 0
        self.size = size

    async def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "data").write_bytes(os.urandom(self.size))


def entries(root: Path) -> set[str]:
    return {path.name for path in (root / "entries").iterdir()}


@pytest.fixture
def cache(tmp_path: Path) -> DatasetCache:
    return DatasetCache(tmp_path, 3 * BLOCK)


async def use(cache: DatasetCache, key: str, size: int = BLOCK) -> None:
    async with cache.borrow(key, Maker(size)) as tree:
        assert (tree / "data").stat().st_size == size


async def test_many_that_ask_at_once_cause_one_download(cache: DatasetCache) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    calls = 0

    async def make(folder: Path) -> None:
        nonlocal calls
        calls += 1
        begun.set()
        await may_end.wait()
        (folder / "data").write_text("x")

    async def ask() -> str:
        async with cache.borrow("a", make) as tree:
            return (tree / "data").read_text()

    asking = [asyncio.create_task(ask()) for _ in range(10)]
    await begun.wait()
    assert entries(cache._entries.parent) == set()  # half made is not in sight
    may_end.set()
    assert await asyncio.gather(*asking) == ["x"] * 10
    assert calls == 1


async def test_what_is_there_is_not_made_again(cache: DatasetCache) -> None:
    maker = Maker()
    for _ in range(3):
        async with cache.borrow("a", maker):
            pass
    assert maker.calls == 1


async def test_a_making_that_fails_leaves_nothing_and_is_tried_again(cache: DatasetCache, tmp_path: Path) -> None:
    async def broken(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("the line was cut")

    with pytest.raises(RuntimeError, match="the line was cut"):
        async with cache.borrow("a", broken):
            pass
    assert entries(tmp_path) == set()
    assert not list((tmp_path / "incoming").iterdir())
    async with cache.borrow("a", Maker()) as tree:
        assert [path.name for path in tree.iterdir()] == ["data"]


async def test_one_who_gives_up_does_not_harm_those_who_wait(cache: DatasetCache) -> None:
    begun = asyncio.Event()

    async def endless(folder: Path) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def first() -> None:
        async with cache.borrow("a", endless):
            raise AssertionError("never made")

    waiting = asyncio.create_task(first())
    await begun.wait()
    second = asyncio.create_task(use(cache, "a"))
    waiting.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_least_recently_used_go_first(cache: DatasetCache, tmp_path: Path) -> None:
    for key in ("a", "b", "c"):
        await use(cache, key)
    os.utime(tmp_path / "entries" / "a" / "size", ns=(1, 1))  # long ago
    await use(cache, "a")  # and now again
    os.utime(tmp_path / "entries" / "b" / "size", ns=(2, 2))
    await use(cache, "d")
    assert entries(tmp_path) == {"a", "c", "d"}
    assert not list((tmp_path / "trash").iterdir())
    assert {path.name for path in (tmp_path / "locks").iterdir()} == {"a", "c", "d"}


async def test_what_is_in_use_is_never_removed(cache: DatasetCache, tmp_path: Path) -> None:
    async with cache.borrow("a", Maker()) as tree:
        os.utime(tmp_path / "entries" / "a" / "size", ns=(1, 1))
        for key in ("b", "c", "d", "e"):
            await use(cache, key)
        assert (tree / "data").exists()
    assert "a" in entries(tmp_path)
    await use(cache, "f")
    assert len(entries(tmp_path)) == 3


async def test_what_is_larger_than_the_cache_goes_when_it_is_no_longer_used(
    cache: DatasetCache, tmp_path: Path
) -> None:
    async with cache.borrow("large", Maker(10 * BLOCK)) as tree:
        assert (tree / "data").exists()
    assert entries(tmp_path) == set()


@contextlib.asynccontextmanager
async def neighbour(root: Path, how: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that makes (or has made) the entry "a"; killed at the end."""
    script = Path(__file__).with_name("cache_user.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(root), "a", how, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"made\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_process_killed_while_making_leaves_nothing_in_sight(tmp_path: Path) -> None:
    async with neighbour(tmp_path, "half") as process:
        process.kill()
    assert list((tmp_path / "incoming").iterdir())
    cache = DatasetCache(tmp_path, BLOCK)
    cache.sweep()
    assert not list((tmp_path / "incoming").iterdir())
    await use(cache, "a")


async def test_a_neighbours_half_made_entry_is_waited_for_and_taken_over(tmp_path: Path) -> None:
    refused = asyncio.Event()

    class Watched(DatasetCache):
        def _try_lock(self, key: str, mode: int) -> int | None:
            lock = super()._try_lock(key, mode)
            if lock is None:
                refused.set()
            return lock

    async with neighbour(tmp_path, "half") as process:
        cache = Watched(tmp_path, BLOCK)
        cache.sweep()
        assert list((tmp_path / "incoming").iterdir())  # its maker lives, so it is not swept
        refused.clear()
        waiting = asyncio.create_task(use(cache, "a"))
        await refused.wait()
        assert not waiting.done()
        process.kill()
        await asyncio.wait_for(waiting, 30)


async def test_what_a_neighbour_uses_is_not_removed(tmp_path: Path) -> None:
    async with neighbour(tmp_path, "whole"):
        cache = DatasetCache(tmp_path, 1)
        os.utime(tmp_path / "entries" / "a" / "size", ns=(1, 1))
        await use(cache, "b")
        assert entries(tmp_path) == {"a"}
    cache.evict()
    assert entries(tmp_path) == set()
