"""What the benches share: a platform started as an operator would, a small competition on it, and a table."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import queue
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podium.client import Competition, Podium, Submission
from podium.sandbox.make_environment import make_default_environment
from tests.images.podman import podman_service

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
ADMIN, PASSWORD = "ada", "correct horse battery"
READY = "Podium is ready: "

_LIBC = ctypes.CDLL(None)


def environment() -> Path:
    """A scientific environment: what PODIUM_TEST_ENVIRONMENT names, else one made once and kept."""
    given = os.environ.get("PODIUM_TEST_ENVIRONMENT")
    return Path(given) if given else make_default_environment(Path(tempfile.gettempdir()) / "podium-test-environment")


def _die_with_parent() -> None:
    _LIBC.prctl(1, signal.SIGKILL)


@dataclass
class Up:
    """`podium up` in a data folder: `start` returns the seconds until it says that it is ready."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[str] = ()
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("PODIUM_", "DATABASE_URL", "CONTAINER_"))}
        limits = {f"PODIUM_RATE_LIMIT_{of}": "0" for of in ("PERSON", "ADDRESS", "CREATE")}
        env = {**clean, **limits, "PODIUM_ADMIN_USERNAME": ADMIN, "PODIUM_ADMIN_PASSWORD": PASSWORD, **self.settings}
        command = [sys.executable, "-m", "podium.cli", "up", "--port", "0", "--data", str(self.data), *self.words]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - a plain system call; the benches start it from one thread
        )
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(self.process, lines), daemon=True).start()
        while True:
            line = lines.get(timeout=180)
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                return time.perf_counter() - began
            assert line, f"podium up ended; see {self.data}/logs"

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put("")

    def stop(self) -> float:
        """End it; returns the seconds that took."""
        assert self.process is not None
        began = time.perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        return time.perf_counter() - began

    def administrator(self) -> Podium:
        """The administrator, logged in."""
        client = Podium(self.url, timeout=120)
        client.login(ADMIN, PASSWORD)
        return client

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/podium.sqlite3?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()


@contextlib.contextmanager
def platform(*words: str, **settings: str) -> Iterator[Up]:
    """A platform in a folder of its own, with two slots and a ready environment; removed in the end.

    words: more words for `podium up`. settings: environment variables.
    """
    data = Path(tempfile.mkdtemp(prefix="podium-bench-"))
    data.chmod(0o711)
    up = Up(
        data, {"PODIUM_WORKER_SLOTS": "2", "PODIUM_WORKER_DEFAULT_ENVIRONMENT": str(environment()), **settings}, words
    )
    try:
        up.start()
        yield up
    finally:
        if up.process is not None and up.process.poll() is None:
            up.stop()
        if kept := os.environ.get("BENCH_KEEP_LOGS"):
            shutil.copytree(data / "logs", kept, dirs_exist_ok=True)
        shutil.rmtree(data)


def trivial_bundle(folder: Path, image: str) -> Path:
    """Result submissions, one scoring program that reads a number, no limit on tries."""
    program = folder / "scoring_program"
    program.mkdir(parents=True)
    (program / "metadata").write_text("command: python3 $program/score.py\n")
    (program / "score.py").write_text(
        "print('scoring')\nanswer = open('/app/input/res/answer.txt').read()\n"
        "open('/app/output/scores.txt', 'w').write('score: ' + answer)\n"
    )
    (folder / "terms.md").write_text("Be fair.\n")
    shutil.copy(ROOT / "examples" / "pi" / "logo.png", folder / "logo.png")
    column = {"title": "Score", "key": "score", "index": 0}
    competition = {
        "version": 2,
        "title": "Trivial",
        "image": "logo.png",
        "terms": "terms.md",
        "docker_image": image,
        "registration_auto_approve": True,
        "pages": [{"title": "Overview", "file": "terms.md"}],
        "tasks": [{"index": 0, "name": "Task", "scoring_program": "scoring_program"}],
        "phases": [
            {
                "index": 0,
                "name": "Open",
                "start": "2024-01-01",
                "tasks": [0],
                "max_submissions_per_day": 0,
                "max_submissions": 0,
            }
        ],
        "leaderboards": [{"title": "Results", "key": "results", "columns": [column]}],
    }
    (folder / "competition.yaml").write_text(json.dumps(competition))  # JSON is YAML
    return folder


def trivial_competition(up: Up, client: Podium, image: str = "codalab/codalab-legacy:py37") -> Competition:
    """The trivial competition on a platform, with the administrator taking part."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = trivial_bundle(Path(folder) / "trivial", image)
        number = client.wait_for_competition(client.upload_bundle(bundle), timeout=120)
    client.publish(number)
    competition = client.competition(number)
    if competition.participant_status != "approved":
        client.register(number)
    return competition


def uploaded_answers(client: Podium, count: int) -> list[str]:
    """Upload one small submission file several times; returns their keys."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("answer.txt", "0.5")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.zip"
        file.write_bytes(content.getvalue())
        return [client.upload_dataset(file, "submission") for _ in range(count)]


def finished(client: Podium, submission: int) -> Submission:
    """Follow a submission's event stream to its end."""
    for _ in client.watch(submission, timeout=120):
        pass
    ended = client.submission(submission)
    assert ended.status == "Finished", f"submission {submission}: {ended}"
    return ended


@contextlib.contextmanager
def podman() -> Iterator[str]:
    """Podman's Docker-compatible service on a socket of its own, with the tests' image."""
    with tempfile.TemporaryDirectory() as name, podman_service(Path(name)) as address:
        yield address


def wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not appear within a minute"
        time.sleep(0.05)


def spread(values: Sequence[float], unit: float = 1.0) -> dict[str, float]:
    """Median, smallest and largest of some figures."""
    scaled = [value * unit for value in values]
    return {"median": statistics.median(scaled), "min": min(scaled), "max": max(scaled)}


def machine() -> dict[str, object]:
    """What it was measured on, and how busy that was."""
    models = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {"cpus": os.cpu_count(), "cpu": models[0] if models else "", "load": os.getloadavg()[0]}


def report(name: str, rows: Sequence[tuple[str, str, str]], figures: Mapping[str, object]) -> None:
    """Print a table of what, measured and target, and write the figures."""
    heads = ("What", "Measured", "Target")
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(3)]
    print(f"\n{name}")
    for row in (heads, tuple("-" * width for width in widths), *rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n")
    sys.stdout.flush()
