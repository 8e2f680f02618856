"""`make run` from an empty data folder: a platform, a competition, a scored submission, and a clean end."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from demo_story import StoryError, sign_up

from podium.client import Podium
from podium.sandbox.make_environment import make_default_environment

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 150.0
pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.timeout(600)]


class Demo:
    """A running demonstration whose output can be waited for."""

    def __init__(self, data: Path, port: int, environment: Path) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PODIUM_", "DJANGO_", "DATABASE_"))}
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "demo.py")],
            env={
                **clean,
                "PODIUM_DATA": str(data),
                "PORT": str(port),
                "PODIUM_WORKER_DEFAULT_ENVIRONMENT": str(environment),
                "PODIUM_WORKER_ENGINE": "bubblewrap",
            },
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, text: str) -> None:
        """Wait for a line that holds a text."""
        end = time.monotonic() + PATIENCE
        while not any(text in line for line in self.lines):
            line = self._queue.get(timeout=max(0.1, end - time.monotonic()))
            if line is None:
                raise AssertionError(f"It ended without {text!r}:\n" + "\n".join(self.lines))
            self.lines.append(line)

    @property
    def output(self) -> str:
        """What was printed until now."""
        return "\n".join(self.lines)

    def family(self) -> list[psutil.Process]:
        """It and every process below it."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def end(self, number: int) -> None:
        """Send a signal to it alone and wait until none of its processes is left."""
        family = self.family()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        _gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []

    def close(self) -> None:
        """Read to the end of the output of a process that has ended."""
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)


@pytest.fixture(scope="module")
def environment() -> Path:
    return make_default_environment(Path(tempfile.gettempdir()) / "podium-test-environment")


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory, environment: Path) -> Iterator[Callable[[], Demo]]:
    """Starts the demonstration, again and again on the same data."""
    started: list[Demo] = []
    with open_folder() as data:

        def begin() -> Demo:
            started.append(Demo(data, free_port(), environment))
            return started[-1]

        yield begin
        for demo in started:
            if demo.process.poll() is None:
                demo.end(signal.SIGTERM)
            demo.close()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the sandbox's user can pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="podium-run-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_make_run_plays_the_story_once_keeps_the_data_and_ends_every_process(start: Callable[[], Demo]) -> None:
    first = start()
    first.wait_for("Podium is ready: ")
    assert first.lines[-1] == f"Podium is ready: {first.url}"
    for said in ("olivia signs up", "olivia uploads iris", "pat registers: approved", "Finished", "27 of 30 flowers"):
        assert said in first.output
    assert "Leaderboard of Iris" in first.output
    assert (first.data / "demo-accounts.json").stat().st_mode & 0o777 == 0o600
    assert httpx.get(first.url, timeout=30).status_code == httpx.codes.OK
    with pytest.raises(StoryError, match=r"The sign-up page refused pat: .*already"):
        sign_up(first.url, "pat", "another long password")
    first.end(signal.SIGINT)

    second = start()
    second.wait_for("Podium is ready: ")
    assert "Leaderboard of Iris" in second.output
    for done_before in ("signs up", "uploads", "registers", "submits"):
        assert done_before not in second.output
    administrator = [line.split() for line in second.lines if line.endswith("administrator")]
    with Podium(second.url) as client:
        client.login(administrator[0][0], administrator[0][1])
        (competition,) = client.competitions()
    assert competition.submissions_count == 1
    second.end(signal.SIGTERM)


def test_when_it_is_killed_the_platform_ends_as_well(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.wait_for("Podium is ready: ")
    demo.end(signal.SIGKILL)


def test_a_start_that_fails_says_why_and_ends_with_an_error(start: Callable[[], Demo]) -> None:
    first = start()
    first.wait_for("Podium is ready: ")
    second = start()
    assert second.process.wait(PATIENCE) == 1
    with pytest.raises(AssertionError, match="Podium already runs on"):
        second.wait_for("never")
