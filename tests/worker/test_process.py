"""The worker as a process of its own: told to stop, killed, started again, started twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from podium.protocol import Step

from .fake_platform import QUEUE_TOKEN, Platform, Tree
from .worker_running import UID_BASE, Gate, processes_of_users

pytestmark = pytest.mark.bwrap

Process = asyncio.subprocess.Process
Launch = Callable[[], Awaitable[Process]]


@pytest.fixture
async def launch(platform: Platform, work_folder: Path, gate: Gate) -> AsyncIterator[Launch]:
    """Start `python -m podium.worker`; what still runs at the end is killed."""
    started: list[Process] = []

    async def start() -> Process:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "PODIUM_WORKER_SERVER": platform.url,
            "PODIUM_WORKER_TOKEN": QUEUE_TOKEN,
            "PODIUM_WORKER_SLOTS": "1",
            "PODIUM_WORKER_FOLDER": str(work_folder),
            "PODIUM_WORKER_DATA": str(gate.folder),
            "PODIUM_WORKER_UID_BASE": str(UID_BASE),
        }
        started.append(await asyncio.create_subprocess_exec(sys.executable, "-m", "podium.worker", env=environment))
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


def program(code: str) -> Tree:
    return {"metadata": "command: python3 run.py", "run.py": code}


async def no_sandbox_lives() -> None:
    """The kernel ends a sandbox with its worker; wait until it has."""
    async with asyncio.timeout(10):
        while processes_of_users(UID_BASE):
            await asyncio.sleep(0.01)


async def test_a_killed_worker_leaves_no_sandbox_and_the_next_one_sweeps(
    platform: Platform, launch: Launch, work_folder: Path, gate: Gate
) -> None:
    first = await launch()
    row = await platform.send(Step.PREDICTION, program=program("print('up')\n" + gate.wait))
    await platform.until(lambda: row.output == "up\n")
    assert processes_of_users(UID_BASE)
    first.kill()
    await first.wait()
    await no_sandbox_lives()
    assert len(list(work_folder.glob("workers/0/jobs/*"))) == 1

    row.over = True
    await launch()
    following = await platform.send(Step.PREDICTION, program=program("pass"))
    assert (await platform.finished(following)).failure is None
    await platform.until(lambda: len(platform.claims) >= 3)  # it asks again only when the last job is cleaned up
    assert list(work_folder.glob("workers/0/jobs/*")) == []


async def test_a_worker_told_to_stop_abandons_its_job_and_goes(
    platform: Platform, launch: Launch, work_folder: Path, gate: Gate
) -> None:
    process = await launch()
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\n"
    row = await platform.send(Step.PREDICTION, program=program(stubborn + gate.wait))
    await platform.until(lambda: row.output == "up\n")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert processes_of_users(UID_BASE) == []
    assert row.outcome is None
    assert list(work_folder.glob("workers/0/jobs/*")) == []


async def test_an_idle_worker_told_to_stop_goes(platform: Platform, launch: Launch) -> None:
    process = await launch()
    await platform.until(lambda: platform.claims)
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_two_workers_on_one_folder_do_not_sweep_each_other(
    platform: Platform, launch: Launch, work_folder: Path, gate: Gate
) -> None:
    await launch()
    first = await platform.send(Step.PREDICTION, program=program("print('up')\n" + gate.wait))
    await platform.until(lambda: first.output == "up\n")
    await launch()
    second = await platform.send(Step.PREDICTION, program=program("print('next')"))
    assert (await platform.finished(second)).failure is None
    assert first.worker != second.worker
    gate.open()
    assert (await platform.finished(first)).failure is None
    assert {path.name for path in work_folder.glob("workers/*")} == {"0", "1"}


async def test_a_worker_keeps_its_name_over_a_restart(platform: Platform, launch: Launch) -> None:
    for number in (1, 2):
        process = await launch()
        await platform.until(lambda wanted=number: len(platform.claims) == wanted)
        process.send_signal(signal.SIGTERM)
        await process.wait()
    assert platform.claims[0].worker == platform.claims[1].worker


async def test_a_worker_without_a_token_says_so(platform: Platform) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "podium.worker",
        env={"PATH": os.environ["PATH"], "PODIUM_WORKER_SERVER": platform.url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"PODIUM_WORKER_TOKEN" in errors
    assert b"Traceback" not in errors


async def test_an_idle_worker_is_small(platform: Platform, launch: Launch) -> None:
    process = await launch()
    await platform.until(lambda: platform.claims)
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss < 60 * 1024, f"{pss} kB"
