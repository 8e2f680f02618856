"""`podium up`: everything on one machine under one supervisor.

Run as `python -m podium.cli.up HOST PORT DATA worker|no-worker`; `podium up` becomes this process, so that what stays
in memory is small. No Django, no HTTP library is imported here.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podium.cli.places import open_folder
from podium.cli.probe import Probe
from podium.cli.remembered import keep, recall
from podium.cli.supervisor import Program, Supervisor, describe_exit

SLOW_SECONDS = 30.0
WEB_STARTS = 3
SITE_SECRETS = frozenset(
    {
        "PODIUM_ADMIN_PASSWORD",
        "PODIUM_SECRET_KEY",
        "PODIUM_EMAIL_URL",
        "DATABASE_URL",
        "BROKER_URL",
        "REDIS_URL",
        "STORAGE_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
"""Variables that the process beside untrusted programs does not get: it needs nothing but its queue's token."""
_ANY_HOST = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, not bound to


class UpError(Exception):
    """Podium cannot be started; the text says why and what to do."""


def _podium(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "podium.cli", *words)


@dataclass(frozen=True)
class Commands:
    """How each role is started; `{host}`, `{port}` and `{data}` are filled in."""

    setup: tuple[str, ...] = field(default_factory=lambda: _podium("manage", "setup_instance"))
    web: tuple[str, ...] = field(
        default_factory=lambda: _podium("web", "--host", "{host}", "--port", "{port}", "--data", "{data}")
    )
    site_worker: tuple[str, ...] = field(default_factory=lambda: _podium("site-worker", "--data", "{data}"))
    worker: tuple[str, ...] = field(default_factory=lambda: _podium("worker"))
    environment: tuple[str, ...] = field(default_factory=lambda: _podium("environment"))


@dataclass(frozen=True)
class Options:
    """What the operator asked for."""

    host: str
    port: int
    data: Path
    worker: bool = True


class Up:
    """One start of everything, from the first line printed to the last process ended."""

    def __init__(self, options: Options, commands: Commands | None = None) -> None:
        self.data = options.data.resolve()
        self._host = options.host
        self._port = options.port
        self._with_worker = options.worker
        self._commands = commands or Commands()
        self._supervisor = Supervisor(say)
        self._account: dict[str, Any] | None = None
        self._answers = False
        self._web_deaths = 0
        self._environment_done = False
        self._worker_env: dict[str, str] = {}
        self._lock: int | None = None

    @property
    def url(self) -> str:
        """The address that this machine reaches it by."""
        return f"http://{bracketed(near_host(self._host))}:{self._port}"

    def run(self) -> int:
        """Start everything, stay until told to stop, and return the exit code.

        Raises UpError when the data folder is in use or cannot be used, or the port is taken.
        """
        self._take_data_folder()
        self._port = free_port(self._host, self._port)
        code = self._supervisor.run(self._begin)
        say("Podium has stopped.")
        return code

    def _begin(self) -> None:
        account = recall(self.data)
        if account is None:
            self._supervisor.start(self._program("setup", self._commands.setup, on_end=self._setup_ended))
        else:
            self._set_up(account)
        if self._with_worker:
            self._start_environment()

    def _take_data_folder(self) -> None:
        """Make the data folder, and be the only `podium up` on it for as long as this process lives."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._lock = os.open(self.data / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UpError(
                f"The data folder {self.data} cannot be used: {error.strerror}. Choose another with --data."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 20, 0).decode().strip() or "unknown"
            raise UpError(
                f"Podium already runs on {self.data} (process {holder}). Stop it first (kill {holder}), or choose "
                "another folder with --data."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    # The roles

    def _program(self, name: str, argv: tuple[str, ...], **more: Any) -> Program:
        values = {"{host}": self._host, "{port}": str(self._port), "{data}": str(self.data)}
        without = more.pop("without", frozenset())
        env = {
            **{name: value for name, value in os.environ.items() if name not in without},
            "PODIUM_DATA": str(self.data),
            "PODIUM_PUBLIC_URL": os.environ.get("PODIUM_PUBLIC_URL") or self.url,
            "PYTHONUNBUFFERED": "1",
            **more.pop("env", {}),
        }
        filled = tuple(values.get(word, word) for word in argv)
        return Program(name, filled, env, self.data / "logs" / f"{name}.log", **more)

    def _setup_ended(self, code: int, printed: str) -> None:
        lines = [line for line in printed.splitlines() if line.startswith("{")]
        if code != 0 or not lines:
            log = self.data / "logs" / "setup.log"
            say(f"Podium could not be set up. The end of {log}:\n{self._supervisor.log_tail('setup')}")
            self._supervisor.stop(1)
            return
        account = json.loads(lines[-1])
        keep(self.data, account)
        self._set_up(account)

    def _set_up(self, account: dict[str, Any]) -> None:
        """The data folder is ready: start the web server and wait for its first answer."""
        self._account = account
        self._supervisor.start(self._program("web", self._commands.web, give_up=self._web_ended))
        host = near_host(self._host)
        header = f"{bracketed(host)}:{self._port}"
        Probe(self._supervisor, host, self._port, header, on_ready=self._ready, on_failing=self._web_fails).ask()
        self._supervisor.later(SLOW_SECONDS, self._still_waiting)

    def _web_ended(self, code: int) -> bool:
        """Whether to give up: a web server that has never answered and ends for the third time will not get better."""
        self._web_deaths += 1
        if self._answers or self._web_deaths < WEB_STARTS:
            return False
        self._give_up(f"it ended {WEB_STARTS} times before it answered, at last with {describe_exit(code)}")
        return True

    def _web_fails(self, status: str) -> None:
        self._give_up(f"it answers its first page with error {status} again and again")

    def _give_up(self, why: str) -> None:
        """End everything, with the web server's own last words on the terminal."""
        log = self.data / "logs" / "web.log"
        say(f"The web server does not start: {why}. The end of {log}:\n{self._supervisor.log_tail('web')}")
        self._supervisor.stop(1)

    def _still_waiting(self) -> None:
        if not self._answers:
            log = self.data / "logs" / "web.log"
            say(f"The web server has not answered in {SLOW_SECONDS:g} s; it is still waited for. Its log: {log}")

    def _start_environment(self) -> None:
        """Programs of competitions need an environment where there is no container engine; it is made once."""
        given = os.environ.get("PODIUM_WORKER_DEFAULT_ENVIRONMENT")
        engine = os.environ.get("PODIUM_WORKER_ENGINE", "auto")
        if given or engine in {"docker", "process"} or (engine == "auto" and os.environ.get("CONTAINER_SOCKET")):
            self._environment_done = True
            return
        folder = open_folder(self.data, "environment")
        program = self._program(
            "environment", (*self._commands.environment, str(folder)), on_line=say, on_end=self._environment_ended
        )
        self._worker_env["PODIUM_WORKER_DEFAULT_ENVIRONMENT"] = str(folder)
        self._supervisor.start(program)

    def _environment_ended(self, code: int, _printed: str) -> None:
        if code != 0:
            del self._worker_env["PODIUM_WORKER_DEFAULT_ENVIRONMENT"]
            say(
                "The scientific environment could not be made: programs find Python's standard library only. "
                f"See {self.data / 'logs' / 'environment.log'}; its end:\n{self._supervisor.log_tail('environment')}"
            )
        self._environment_done = True
        self._start_worker()

    def _start_worker(self) -> None:
        """Start the compute worker as soon as both its platform and its environment are there."""
        if not (self._with_worker and self._account and self._answers and self._environment_done):
            return
        token_file = self._account.get("worker_token_file")
        if not token_file:
            say("The set-up named no worker token; no compute worker is started.")
            return
        env = {
            "PODIUM_WORKER_SERVER": self.url,
            "PODIUM_WORKER_TOKEN": Path(token_file).read_text(encoding="utf-8").strip(),
            "PODIUM_WORKER_FOLDER": os.environ.get("PODIUM_WORKER_FOLDER") or str(open_folder(self.data, "worker")),
            **self._worker_env,
        }
        self._supervisor.start(self._program("worker", self._commands.worker, env=env, without=SITE_SECRETS))

    def _ready(self) -> None:
        """The page answers: the others start now, when they are no longer in the web server's way."""
        self._answers = True
        self._supervisor.start(self._program("site-worker", self._commands.site_worker))
        self._start_worker()
        account = self._account or {}
        say(f"Podium is ready: {self.url}")
        name = account.get("admin_username", "admin")
        if account.get("admin_password"):
            say(f"Log in as {name} with the password {account['admin_password']} (it is shown only this once).")
        else:
            say(f"Log in as {name} with the password that was set at the first start.")
        if self._host in _ANY_HOST and not os.environ.get("PODIUM_PUBLIC_URL"):
            say("Others can reach it only when PODIUM_PUBLIC_URL names the address that they use.")
        say(f"Logs: {self.data / 'logs'}. Stop with Ctrl-C.")


def say(text: str) -> None:
    """Print a line at once; an operator who has closed the terminal is no reason to stop."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def near_host(host: str) -> str:
    """The address by which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with


def bracketed(host: str) -> str:
    """A host as it is written in a web address."""
    return f"[{host}]" if ":" in host else host


def free_port(host: str, port: int) -> int:
    """Make sure that nobody listens on a port, and return it; 0 stands for any free one.

    Raises UpError when the port is taken or may not be used.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            return int(trial.getsockname()[1])
    except socket.gaierror as error:
        raise UpError(f"{host!r} is no address of this machine: {error.strerror}. Try --host 127.0.0.1.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UpError(
                f"Port {port} on {host} is in use by another program. Stop that, or choose another port: "
                f"podium up --port {port + 1}"
            ) from error
        raise UpError(f"Port {port} on {host} cannot be used: {error.strerror}. Choose another with --port.") from error


def main(argv: list[str], commands: Commands | None = None) -> int:
    """Run `podium up` with HOST PORT DATA worker|no-worker."""
    host, port, data, worker = argv
    try:
        return Up(Options(host, int(port), Path(data), worker == "worker"), commands).run()
    except UpError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
