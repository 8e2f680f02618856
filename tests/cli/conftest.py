"""Stand-ins for the roles that `podium up` starts, and ways to wait for what they do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 30.0

RUNNER = """
import json, sys
from podium.cli import supervisor
from podium.cli.up import Commands, main
supervisor.FIRST_PAUSE = 0.02
commands = json.loads(sys.argv[1])
sys.exit(main(sys.argv[2:], Commands(**{name: tuple(argv) for name, argv in commands.items()})))
"""

SETUP = """
import json, os, pathlib
token = pathlib.Path(os.environ["PODIUM_DATA"]) / "token"
token.write_text("queue-token\\n")
print("a line that is no JSON")
account = {"admin_created": True, "admin_username": "ada", "admin_password": "pa55"}
print(json.dumps({**account, "worker_token_file": str(token)}))
"""

WEB = """
import http.server, os, pathlib, sys
data = pathlib.Path(os.environ["PODIUM_DATA"])
with (data / "web.pids").open("a") as file:
    file.write(f"{os.getpid()}\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
print("web listens on", sys.argv[1], sys.argv[2], os.environ["PODIUM_PUBLIC_URL"], flush=True)
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""

IDLE = """
import json, os, pathlib, signal, sys
data, name = pathlib.Path(os.environ["PODIUM_DATA"]), sys.argv[1]
given = {key: value for key, value in os.environ.items() if key.startswith(("PODIUM_", "DATABASE_"))}
(data / f"{name}.new").write_text(json.dumps({"pid": os.getpid(), "env": given}))
(data / f"{name}.new").rename(data / f"{name}.json")
while True:
    signal.pause()
"""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, and fail with its name when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never happened: {what}")
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Started:
    """A running `podium up` with stand-ins."""

    def __init__(self, process: subprocess.Popen[str], data: Path, output: Path) -> None:
        self.process = process
        self.data = data
        self._output = output

    @property
    def printed(self) -> str:
        """What it has printed so far, on both streams."""
        return self._output.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until a text is printed."""
        wait_until(lambda: text in self.printed or self.process.poll() is not None, f"{text!r} in {self.printed!r}")
        assert text in self.printed

    def pids(self, role: str) -> list[int]:
        """The processes that a role has had so far."""
        if role == "web":
            file = self.data / "web.pids"
            return [int(line) for line in file.read_text().split()] if file.exists() else []
        file = self.data / f"{role}.json"
        return [json.loads(file.read_text())["pid"]] if file.exists() else []

    def env(self, role: str) -> dict[str, str]:
        """The variables that an idle role was given."""
        wait_until(lambda: self.pids(role), f"{role} started")
        found: dict[str, str] = json.loads((self.data / f"{role}.json").read_text())["env"]
        return found

    def log(self, role: str) -> str:
        """What a role has printed."""
        file = self.data / "logs" / f"{role}.log"
        return file.read_text() if file.exists() else ""

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


Start = Callable[..., Started]


def python(code: str, *words: str) -> list[str]:
    """A command that runs some Python quickly."""
    return [sys.executable, "-S", "-c", textwrap.dedent(code), *words]


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `podium up` with stand-ins; whatever is left of it is killed at the end."""
    running: list[subprocess.Popen[str]] = []

    def begin(
        port: int = 0,
        *,
        data: Path | None = None,
        with_worker: bool = True,
        env: dict[str, str] | None = None,
        **commands: list[str],
    ) -> Started:
        folder = data or tmp_path / "data"
        every = {
            "setup": python(SETUP),
            "web": python(WEB, "{host}", "{port}"),
            "site_worker": python(IDLE, "site-worker"),
            "worker": python(IDLE, "worker"),
            "environment": python("pass"),
            **commands,
        }
        output = tmp_path / f"printed-{len(running)}"
        words = ["127.0.0.1", str(port), str(folder), "worker" if with_worker else "no-worker"]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PODIUM_", "CONTAINER_"))}
        with output.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-c", RUNNER, json.dumps(every), *words],
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                env={**clean, **(env or {})},
                start_new_session=True,
            )
        running.append(process)
        return Started(process, folder, output)

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


@pytest.fixture
def system_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that is nothing but the system's Python, in a place that every user can read."""
    environment = Path("/usr")
    monkeypatch.setenv("PODIUM_WORKER_DEFAULT_ENVIRONMENT", str(environment))
    for name in ("CONTAINER_SOCKET", "PODIUM_WORKER_CONTAINER_SOCKET", "PODIUM_WORKER_ENGINE"):
        monkeypatch.delenv(name, raising=False)
