"""A worker takes no job where the disk would fill up, says why, makes what room it can, and comes back by itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from podium.protocol import Step
from podium.sandbox import Sandbox, SandboxConfig, create
from podium.worker.admission import Admission
from podium.worker.cache import DatasetCache

from .fake_platform import Platform
from .worker_running import StartWorker

MIB = 2**20
SIZE = 8 * MIB
TOTAL = 2**34


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a disk that nobody else writes to: what is free there is what this test leaves of so many bytes."""
    folder = tmp_path / "disk"
    folder.mkdir(mode=0o755)

    def usage(asked: Path) -> shutil._ntuple_diskusage:
        assert Path(asked).is_relative_to(folder)
        used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return shutil._ntuple_diskusage(TOTAL, used, TOTAL - used)

    monkeypatch.setattr("podium.worker.admission.shutil.disk_usage", usage)
    return folder


def fill(path: Path) -> None:
    path.write_bytes(bytes(SIZE))


def floor_below_what_is_free(folder: Path) -> int:
    """So much that one more file of the test's size is too much."""
    return shutil.disk_usage(folder).free - SIZE // 2


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return create("process", SandboxConfig(state_folder=tmp_path, unsafe=True))


async def test_with_too_little_disk_there_is_a_reason_with_both_figures(disk: Path, sandbox: Sandbox) -> None:
    floor = floor_below_what_is_free(disk)
    admission = Admission(disk, floor, DatasetCache(disk / "cache", SIZE), sandbox)
    assert await admission.reason_against() == ""
    fill(disk / "filler")
    reason = await admission.reason_against()
    assert "GiB of disk are free" in reason
    assert "PODIUM_WORKER_MIN_FREE_DISK_GB" in reason
    (disk / "filler").unlink()
    assert await admission.reason_against() == ""


async def test_the_cache_gives_way_but_what_is_in_use_stays(disk: Path, sandbox: Sandbox) -> None:
    floor = floor_below_what_is_free(disk)
    cache = DatasetCache(disk / "cache", 10 * SIZE)
    admission = Admission(disk, floor, cache, sandbox)

    async def make(folder: Path) -> None:
        fill(folder / "data")

    async with cache.borrow("in-use", make) as tree:
        assert await admission.reason_against() != ""
        assert (tree / "data").exists()
    assert await admission.reason_against() == ""
    assert not list((disk / "cache" / "entries").iterdir())


@pytest.mark.bwrap
async def test_a_worker_with_a_full_disk_leaves_the_jobs_to_others_until_there_is_room(
    platform: Platform, start_worker: StartWorker, disk: Path
) -> None:
    floor = floor_below_what_is_free(disk)
    fill(disk / "filler")
    row = await platform.send(Step.PREDICTION, program={"metadata": "command: true"})
    await start_worker(work=disk, min_free_bytes=floor, recheck_seconds=0.01)
    await platform.until(lambda: len(platform.claims) >= 2)
    assert row.worker is None
    assert {claim.wait for claim in platform.claims} == {0}
    assert all("PODIUM_WORKER_MIN_FREE_DISK_GB" in claim.not_ready for claim in platform.claims)
    (disk / "filler").unlink()
    assert (await platform.finished(row)).failure is None
