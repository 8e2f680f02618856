"""A worker takes no job where the disk would fill up, says why, makes what room it can, and comes back by itself."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.protocol import Step
from podium.sandbox import Sandbox, SandboxConfig, create
from podium.worker.admission import Admission
from podium.worker.cache import DatasetCache

from .fake_platform import Platform
from .worker_running import StartWorker

MIB = 2**20
SIZE = 96 * MIB


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder on a file system whose free space hardly changes but by this test."""
    folder = Path("/dev/shm") / f"podium-test-{uuid.uuid4().hex}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


def fill(path: Path) -> None:
    path.write_bytes(bytes(SIZE))


def floor_below_what_is_free(folder: Path) -> int:
    """So much that one more file of the test's size is too much."""
    return shutil.disk_usage(folder).free - SIZE // 2


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return create("process", SandboxConfig(state_folder=tmp_path, unsafe=True))


async def test_with_too_little_disk_there_is_a_reason_with_both_figures(memory: Path, sandbox: Sandbox) -> None:
    floor = floor_below_what_is_free(memory)
    admission = Admission(memory, floor, DatasetCache(memory / "cache", SIZE), sandbox)
    assert await admission.reason_against() == ""
    fill(memory / "filler")
    reason = await admission.reason_against()
    assert "GiB of disk are free" in reason
    assert "PODIUM_WORKER_MIN_FREE_DISK_GB" in reason
    (memory / "filler").unlink()
    assert await admission.reason_against() == ""


async def test_the_cache_gives_way_but_what_is_in_use_stays(memory: Path, sandbox: Sandbox) -> None:
    floor = floor_below_what_is_free(memory)
    cache = DatasetCache(memory / "cache", 10 * SIZE)
    admission = Admission(memory, floor, cache, sandbox)

    async def make(folder: Path) -> None:
        fill(folder / "data")

    async with cache.borrow("in-use", make) as tree:
        assert await admission.reason_against() != ""
        assert (tree / "data").exists()
    assert await admission.reason_against() == ""
    assert not list((memory / "cache" / "entries").iterdir())


@pytest.mark.bwrap
async def test_a_worker_with_a_full_disk_leaves_the_jobs_to_others_until_there_is_room(
    platform: Platform, start_worker: StartWorker, memory: Path
) -> None:
    floor = floor_below_what_is_free(memory)
    fill(memory / "filler")
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: true"})
    await start_worker(work=memory, min_free_bytes=floor, recheck_seconds=0.01)
    await platform.until(lambda: len(platform.claims) >= 2)
    assert row.worker is None
    assert {claim.wait for claim in platform.claims} == {0}
    assert all("PODIUM_WORKER_MIN_FREE_DISK_GB" in claim.not_ready for claim in platform.claims)
    (memory / "filler").unlink()
    assert (await platform.finished(row)).failure is None
