"""A PostgreSQL server of the tests' own, which they may stop in the middle of everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from .running import die_with_parent, free_port
from .waiting import eventually

DATABASE = "podium"


def _programs() -> Path:
    """Where initdb and postgres are; Debian keeps them out of the PATH."""
    found = shutil.which("postgres")
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *([Path(found).resolve().parent] if found else [])]
    complete = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    assert complete, "PostgreSQL's server programs are not installed"
    return complete[-1]


class OwnPostgresql:
    """A server in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder.parent / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = _programs()
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", f"{folder}/data")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        options += ["-c", f"unix_socket_directories={self._folder}"]
        options += ["-c", "fsync=off"]  # it may be killed, but the machine goes on and keeps what was written
        command = [str(self._programs / "postgres"), "-D", f"{self._folder}/data", *options]
        # Even when the tests are killed, it does not live on.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*(self._as_postgres("--pdeathsig=KILL")), *command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - a plain system call, in a process of one thread
            )
        eventually(self._answers, f"connections to the tests' own PostgreSQL; see {self._log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL ended:\n{self._told()}"
        try:
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop_at_once(self) -> None:
        """Stop it as a crash would: no session is ended in peace, and the next start recovers from the log."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def make_database(self) -> None:
        """Make the database that `url` names."""
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def _as_postgres(self, *options: str) -> list[str]:
        """What comes before a command, for PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *options]

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_postgres(), str(self._programs / program), *words]
        with self._log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False, cwd="/")
        assert done.returncode == 0, f"{program} failed:\n{self._told()}"

    def _told(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


@contextmanager
def own_postgresql() -> Iterator[OwnPostgresql]:
    """A running server with an empty database, removed in the end."""
    outer = Path(tempfile.mkdtemp(prefix="podium-postgresql-"))
    outer.chmod(0o755)
    folder = outer / "server"
    folder.mkdir()
    try:
        server = OwnPostgresql(folder)
        server.start()
        try:
            server.make_database()
            yield server
        finally:
            server.stop_at_once()
    finally:
        shutil.rmtree(outer)
