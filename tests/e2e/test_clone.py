"""A stranger's first minutes: clone, `make run`, the leaderboard, Ctrl-C, and again."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from .running import clean_environment, free_port
from .waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400.0
_NOT_A_STRANGERS = {"PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"}


class Run:
    """`make run` in a terminal of its own."""

    def __init__(self, clone: Path, port: int, environment: Path) -> None:
        mine = {name: value for name, value in clean_environment().items() if name not in _NOT_A_STRANGERS}
        env = {
            **mine,
            "PORT": str(port),
            "PODIUM_WORKER_DEFAULT_ENVIRONMENT": str(environment),
            "PODIUM_WORKER_ENGINE": "bubblewrap",
        }
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def wait_for(self, words: str) -> None:
        """Read on until a line has these words."""
        deadline = time.monotonic() + PATIENCE
        while not any(words in line for line in self.lines):
            line = self._new.get(timeout=max(0.1, deadline - time.monotonic()))
            assert line is not None, f"make run ended without {words!r}:\n" + "\n".join(self.lines)
            self.lines.append(line)

    def family(self) -> list[psutil.Process]:
        """make and every process below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal sends it to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> None:
        """Leave nothing behind, whatever the test came to."""
        if self.process.poll() is None:
            everybody = self.family()
            for process in everybody:
                process.kill()
            psutil.wait_procs(everybody, timeout=10)
        self.process.wait(10)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The last commit, cloned into an empty folder."""
    target = tmp_path_factory.mktemp("stranger") / "podium"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
    yield target
    subprocess.run(["rm", "-rf", "--", str(target)], check=True)


def test_make_run_in_a_clone_twice(clone: Path, environment: Path) -> None:
    for again in (False, True):
        port = free_port()
        run = Run(clone, port, environment)
        try:
            run.wait_for(f"Podium is ready: http://127.0.0.1:{port}")
            printed = "\n".join(run.lines)
            assert "Leaderboard of Iris" in printed
            assert "pat" in printed[printed.index("Leaderboard of Iris") :]
            assert ("olivia uploads" in printed) is not again, "the second run must find what the first one made"
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).is_success
            everybody = run.family()
            run.interrupt()
            _, left = psutil.wait_procs(everybody[1:], timeout=5)
            assert not left, f"still there 5 s after Ctrl-C: {[process.cmdline() for process in left]}"
            eventually(lambda run=run: run.process.poll() is not None, "the end of make", within=5)  # type: ignore[misc]
        finally:
            run.end()
