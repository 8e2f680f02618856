"""Copying a database as of one moment while it is in use, and bringing such a copy back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg

from podium.site.backup.manifest import BackupError

SQLITE_NAME: Final = "podium.sqlite3"
_KNOWN: Final = "SELECT key, sha256 FROM resources_storedfile"
_ARRIVED: Final = "SELECT key, sha256 FROM resources_storedfile UNION ALL SELECT key, sha256 FROM resources_arrivedfile"
"""With what has arrived in a bucket and is not sealed; a folder has it elsewhere."""
_BUSY_SECONDS: Final = 60


Known = Iterator[tuple[str, str]]
"""Key and SHA-256 of every file that a database knows."""


class Database(Protocol):
    """A kind of database. `copy_name` is what its copy is called in a backup."""

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]: ...

    @property
    def copy_name(self) -> str: ...

    def copy(self, target: Path, *, bucket: bool = False) -> AbstractContextManager[Known]:
        """Write a copy, and give the files that are known at its moment; raises BackupError when that fails.

        bucket: whether the files are kept in one.
        """

    def check_empty(self) -> None:
        """Raises BackupError when it holds something, or is not there."""

    def bring_back(self, copy: Path) -> None:
        """Fill it from a copy, wholly or not at all; raises BackupError when that fails."""


def database_of(data: Path, url: str) -> Database:
    """The database of an installation: of its address, or in its data folder where there is none."""
    return Postgresql(url) if url else Sqlite(data / SQLITE_NAME)


class Sqlite:
    """A database in a file."""

    kind: Literal["sqlite"] = "sqlite"
    copy_name = SQLITE_NAME

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def copy(self, target: Path, *, bucket: bool = False) -> Iterator[Known]:
        """See Database. The site goes on writing meanwhile."""
        if not self.path.is_file():
            raise BackupError(
                f"There is no database {self.path}. Name the data folder with --data; if the site has a DATABASE_URL, "
                "this command needs the same."
            )
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=_BUSY_SECONDS)) as source:
                source.execute("VACUUM INTO ?", (str(target),))
            target.chmod(0o600)
            with closing(sqlite3.connect(f"file:{target}?mode=ro&immutable=1", uri=True)) as found:
                yield iter(found.execute(_ARRIVED if bucket else _KNOWN))
        except sqlite3.Error as error:
            raise BackupError(f"The database {self.path} cannot be copied: {error}") from error

    def check_empty(self) -> None:
        """See Database."""
        if self.path.exists():
            raise BackupError(f"There is a database {self.path} already.")

    def bring_back(self, copy: Path) -> None:
        """See Database."""
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as found:
            (verdict,) = found.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise BackupError(f"{copy} is damaged: {verdict}")
        shutil.copyfile(copy, self.path)
        self.path.chmod(0o600)


class Postgresql:
    """A database on a server; PostgreSQL's own programs copy it, in the version of the server or a later one."""

    kind: Literal["postgresql"] = "postgresql"
    copy_name = "podium.dump"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.name = unquote(parts.path.lstrip("/"))
        self._facts = {
            "PGDATABASE": self.name,
            "PGUSER": unquote(parts.username or ""),
            "PGPASSWORD": unquote(parts.password or ""),
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port or ""),
            **{f"PG{name.upper()}": value for name, value in parse_qsl(parts.query)},
        }
        self._url = url

    @contextmanager
    def copy(self, target: Path, *, bucket: bool = False) -> Iterator[Known]:
        """See Database. The dump and what is asked afterwards are of the same snapshot."""
        with self._connected() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchall()[0]
            options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
            self._call("pg_dump", *options)
            target.chmod(0o600)
            with connection.cursor("known") as cursor:
                yield iter(cursor.execute(_ARRIVED if bucket else _KNOWN))

    def check_empty(self) -> None:
        """See Database."""
        with self._connected() as connection:
            (tables,) = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall()[0]
        if tables:
            raise BackupError(
                f"The database {self.name} holds {tables} tables. Restore into an empty one: make it with createdb and "
                "name it in DATABASE_URL."
            )

    def bring_back(self, copy: Path) -> None:
        """See Database."""
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        self._call("pg_restore", *options, f"--dbname={self.name}", str(copy))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        try:
            with psycopg.connect(self._url) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise BackupError(f"The database {self.name} cannot be reached: {str(error).strip()}") from error

    def _call(self, program: str, *options: str) -> None:
        """Run one of PostgreSQL's programs; the password goes by its environment, where nobody else can read it."""
        env = {**os.environ, **{name: value for name, value in self._facts.items() if value}}
        try:
            done = subprocess.run([program, *options], env=env, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise BackupError(
                f"{program} is not installed here. It comes with PostgreSQL's client programs (Debian: "
                "postgresql-client), in the version of the server or a later one."
            ) from None
        if done.returncode:
            raise BackupError(f"{program} failed: {done.stderr.strip()[-2000:]}")
