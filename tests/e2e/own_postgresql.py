"""A PostgreSQL server of the tests' own, which they may stop in the middle of everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from .running import free_port

DATABASE = "podium"


def _programs() -> Path:
    """Where initdb and pg_ctl are; Debian keeps them out of the PATH."""
    found = shutil.which("pg_ctl")
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *([Path(found).resolve().parent] if found else [])]
    complete = [folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    assert complete, "PostgreSQL's server programs are not installed"
    return complete[-1]


class OwnPostgresql:
    """A server in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs()
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", f"{folder}/data")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        log = f"{self._folder}/log"
        self._run("pg_ctl", "start", "-w", "-D", f"{self._folder}/data", "-l", log, "-o", options)

    def stop_at_once(self) -> None:
        """Stop it as a crash would: no session is ended in peace, and the next start recovers from the log."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", f"{self._folder}/data")

    def make_database(self) -> None:
        """Make the database that `url` names."""
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # Not a pipe: the server would inherit it, and its end would be waited for.
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False, cwd="/")
        told = Path(log.name).read_text(errors="replace")[-2000:]
        assert done.returncode == 0, f"{program} failed:\n{told}"


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
