"""A Podium of real processes: database, web server, site-worker and compute workers, each started and killed alone."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from podium.client import Podium

from .waiting import alive, eventually

ADMIN = "ada"
PASSWORD = "correct horse battery"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_STOP_SECONDS = 10.0
_LINES, _LONGEST_LINE = 40, 300


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """This process's environment without what configures a Podium, so that only what a test says counts."""
    ours = ("PODIUM_", "DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_URL", "CONTAINER_", "DJANGO_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def podium_command(*words: str) -> list[str]:
    """The command line of `podium`, run by this Python."""
    return [sys.executable, "-m", "podium.cli", *words]


def die_with_parent() -> None:
    """Even when the tests are killed, nothing that they started lives on."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Role:
    """One process of a platform, with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """Ask it to end, and make it end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return int(self.process.returncode)

    def freeze(self) -> None:
        """Stop its clock: it answers nobody but does not die."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass
class Platform:
    """A platform in a data folder of its own.

    settings: environment variables of the site (PODIUM_LEASE_SECONDS, ...).
    worker_settings: environment variables of every compute worker.
    """

    data: Path
    database_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    worker_settings: Mapping[str, str] = field(default_factory=dict)
    image: str = "codalab/codalab-legacy:py37"
    port: int = field(default_factory=free_port)
    roles: dict[str, Role] = field(default_factory=dict)
    _log_numbers: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What the site's processes are told."""
        return {
            **clean_environment(),
            "PODIUM_DATA": str(self.data),
            "PODIUM_PUBLIC_URL": self.url,
            "PODIUM_ADMIN_USERNAME": ADMIN,
            "PODIUM_RATE_LIMIT_PERSON": "0",  # the tests have their own
            "PODIUM_RATE_LIMIT_ADDRESS": "0",
            "PODIUM_RATE_LIMIT_CREATE": "0",
            "PODIUM_ADMIN_PASSWORD": PASSWORD,
            "PYTHONUNBUFFERED": "1",
            **({"DATABASE_URL": self.database_url} if self.database_url else {}),
            **self.settings,
        }

    # Starting and stopping

    def set_up(self) -> None:
        """Make database, administrator and queue, as the first start of `podium up` does."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o711)
        done = subprocess.run(
            podium_command("manage", "setup_instance"), env=self.environment(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self, workers: int = 1) -> None:
        """Start everything."""
        self.set_up()
        self.start_web()
        self.start_site_worker()
        for number in range(workers):
            self.start_worker(f"worker-{number}")

    def start_web(self, name: str = "web", port: int | None = None) -> Role:
        """Start a web server and wait until it answers; a second one has a name and a port of its own."""
        port = port or self.port
        web = self._spawn(name, ["web", "--host", "127.0.0.1", "--port", str(port), "--data", str(self.data)])
        eventually(lambda: self._answers(web, port), f"a page from the web server; see {web.log}")
        return web

    def _answers(self, web: Role, port: int) -> bool:
        assert web.process.poll() is None, f"the web server ended:\n{web.log.read_text()}"
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", timeout=10).is_success
        except httpx.TransportError:
            return False

    def start_site_worker(self) -> Role:
        """Start the site's background work."""
        return self._spawn("site-worker", ["site-worker", "--data", str(self.data)])

    def start_worker(self, name: str = "worker-0", *, slots: int = 2) -> Role:
        """Start a compute worker of that name."""
        env = {
            **self.environment(),
            "PODIUM_WORKER_SERVER": self.url,
            "PODIUM_WORKER_TOKEN": self.worker_token,
            "PODIUM_WORKER_NAME": name,
            "PODIUM_WORKER_SLOTS": str(slots),
            "PODIUM_WORKER_FOLDER": str(self.data / "worker"),
            **self.worker_settings,
        }
        return self._spawn(name, ["worker"], env)

    def start_amqp_worker(self, name: str = "worker-amqp", *, slots: int = 2) -> Role:
        """Start a compute worker of Podium's that takes its jobs from RabbitMQ."""
        env = {
            **clean_environment(),
            "BROKER_URL": self.broker_url(),
            "PODIUM_WORKER_NAME": name,
            "PODIUM_WORKER_SLOTS": str(slots),
            "PODIUM_WORKER_FOLDER": str(self.data / "worker"),
            **self.worker_settings,
        }
        return self._spawn(name, ["worker"], env)

    def start_foreign_worker(self, name: str = "worker-foreign") -> Role:
        """Start a compute worker of somebody else's that takes its jobs from RabbitMQ."""
        folder = self.data / "worker" / name
        folder.mkdir(parents=True, exist_ok=True)
        env = {
            **clean_environment(),
            "BROKER_URL": self.broker_url(),
            "HOST_DIRECTORY": str(folder),
            "WORKER_HOST": name,
        }
        program = Path(__file__).with_name("foreign_worker.py")
        return self._spawn(name, [], env, argv=[sys.executable, str(program)])

    def broker_url(self) -> str:
        """The default queue's address on RabbitMQ, once it is made."""
        ask = (
            "from podium.site.queues import broker, services;print('URL', broker.broker_url(services.default_queue()))"
        )

        def look() -> str | None:
            done = subprocess.run(
                podium_command("manage", "shell", "-v", "0", "-c", ask),
                env=self.environment(),
                capture_output=True,
                check=True,
            )
            found = done.stdout.decode().rpartition("URL ")[2].strip()
            return found if found != "None" else None

        return eventually(look, "a vhost for the default queue")

    @property
    def worker_token(self) -> str:
        """The default queue's token."""
        (file,) = (self.data / "secrets").glob("*token*")
        return file.read_text().strip()

    def _spawn(
        self, name: str, words: list[str], env: dict[str, str] | None = None, argv: list[str] | None = None
    ) -> Role:
        self._log_numbers += 1
        log = self.data / "logs" / f"{self._log_numbers:03d}-{name}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                argv or podium_command(*words),
                env=env or self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - a plain system call, in a process of one thread
            )
        self.roles[name] = Role(name, process, log)
        return self.roles[name]

    def stop(self) -> None:
        """End every process, compute workers first, so that no sandbox outlives its worker."""
        for role in sorted(self.roles.values(), key=lambda role: not role.name.startswith("worker")):
            with contextlib.suppress(ProcessLookupError):
                role.thaw()
            role.stop()

    def logs(self) -> str:
        """What every process has written of late, without the requests that went well, for a test that fails."""

        def told(log: Path) -> str:
            lines = [line for line in log.read_text().splitlines() if "podium.requests" not in line]
            return "\n".join(line[:_LONGEST_LINE] for line in lines[-_LINES:])

        return "\n".join(f"== {log.name}\n{told(log)}" for log in sorted(self.data.glob("logs/*.log")))

    def dead(self) -> str:
        """Which of its processes have ended, and their last words."""
        gone = [role for role in self.roles.values() if role.process.poll() is not None]
        words = (f"{role.name} ended with {role.process.returncode}: {role.log.read_text()[-1000:]}" for role in gone)
        return "\n".join(words) or "all of its processes run"

    # Looking inside

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read the database itself; parameters are written as ?."""
        if self.database_url:
            with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
                return connection.execute(query.replace("?", "%s"), values).fetchall()
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/podium.sqlite3?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def sandboxes(self) -> list[int]:
        """Processes of this platform's programs: bubblewrap shows the job's folder on its command line."""
        folder = str(self.data / "worker").encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = (entry / "cmdline").read_bytes()
                    if b"bwrap" in command.split(b"\0")[0] + command[:64] and folder in command:
                        found.append(int(entry.name))
        return [pid for pid in found if alive(pid)]

    # People

    def administrator(self) -> Podium:
        """The administrator, logged in."""
        client = Podium(self.url, timeout=60)
        client.login(ADMIN, PASSWORD)
        return client


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """A new PostgreSQL database on this machine, removed in the end."""
    name = f"podium_e2e_{uuid.uuid4().hex[:12]}"
    server = os.environ.get("PODIUM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def json_lines(text: str) -> list[Any]:
    """The lines of a text that hold JSON objects."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
