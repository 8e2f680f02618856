"""Fixtures of the worker's tests: a platform on a loopback port, and real workers that serve it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podium.worker.settings import WorkerSettings

from .fake_platform import QUEUE_TOKEN, Platform, serving
from .worker_running import QUICK, UID_BASE, Gate, RunningWorker, StartWorker


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with serving() as running:
        yield running


@pytest.fixture
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder that the sandbox's host user can reach: pytest's own are closed to others."""
    folder = tmp_path_factory.mktemp("work")
    for step in (folder, *folder.parents):
        if step == Path("/tmp"):
            break
        step.chmod(step.stat().st_mode | 0o011)
    return folder


@pytest.fixture
def gate(work_folder: Path) -> Gate:
    """A gate that programs wait at; every worker of `start_worker` shows it to them."""
    return Gate(work_folder / "data")


@pytest.fixture
async def start_worker(platform: Platform, work_folder: Path, gate: Gate) -> AsyncIterator[StartWorker]:
    """Start workers that serve the platform; they are stopped at the end, and must have cleaned up."""
    workers: list[RunningWorker] = []

    async def start(**changed: Any) -> RunningWorker:
        values: dict[str, Any] = {
            "server": platform.url,
            "token": QUEUE_TOKEN,
            "slots": 1,
            "work": work_folder,
            "engine": "bubblewrap",
            "retries": QUICK,
            "uid_base": UID_BASE,
            "data": gate.folder,
        }
        workers.append(RunningWorker(WorkerSettings(**{**values, **changed})))
        return workers[-1]

    yield start
    for worker in workers:
        await worker.stop()
        assert worker.job_folders() == []


@pytest.fixture
async def worker(start_worker: StartWorker) -> RunningWorker:
    """One worker with one slot."""
    return await start_worker()
