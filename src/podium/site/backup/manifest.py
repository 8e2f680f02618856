"""What a backup says of itself, and how backups are found in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

MANIFEST: Final = "backup.json"
SUMS: Final = "SHA256SUMS"
PARTIAL: Final = ".partial-"
"""How the name of a backup begins that is still being written."""
FORMAT: Final = 1
FOLDERS: Final = ("files", "secrets")
"""What of the data folder is kept beside the database; workers, logs and environments can be made anew."""

Progress = Callable[[int, int], None]
"""Told of bytes done and bytes in all."""

_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?")


class BackupError(Exception):
    """A backup cannot be written or restored; the text says why and what to do."""


class Manifest(BaseModel):
    """The facts of a backup. database: which kind. files, bytes: of all but the database and this."""

    model_config = ConfigDict(extra="ignore")

    format: int = FORMAT
    podium: str
    made_when: datetime
    database: Literal["sqlite", "postgresql"]
    files: int
    bytes: int

    @classmethod
    def read(cls, backup: Path) -> Manifest:
        """The manifest of a backup. Raises BackupError when it has none, or one of a later Podium."""
        try:
            found = cls.model_validate_json((backup / MANIFEST).read_bytes())
        except FileNotFoundError:
            raise BackupError(f"{backup} is no backup: it has no {MANIFEST}.") from None
        except (OSError, ValidationError) as error:
            raise BackupError(f"{backup / MANIFEST} cannot be read: {error}") from error
        if found.format > FORMAT:
            raise BackupError(f"{backup} was written by Podium {found.podium}, which is newer than this one. Upgrade.")
        return found


def backups_in(folder: Path) -> list[Path]:
    """The whole backups in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    named = (path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return sorted((path for path in named if (path / MANIFEST).is_file()), key=_age)


def newest(place: Path) -> Path:
    """The backup that lies at `place`, or the newest of those in it. Raises BackupError when there is none."""
    if (place / MANIFEST).is_file():
        return place
    found = backups_in(place)
    if not found:
        raise BackupError(f"There is no backup in {place}.")
    return found[-1]


def free_name(folder: Path, now: datetime) -> str:
    """A name for a backup of this moment, in UTC, that no other in the folder has."""
    name = f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    taken = {path.name for path in backups_in(folder)}
    return next(text for text in _numbered(name) if text not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _age(path: Path) -> tuple[str, int]:
    name, _, number = path.name.partition("Z")
    return name, int(number.lstrip("-") or 1)


def read_sums(backup: Path) -> dict[str, str]:
    """The SHA-256 of every file of a backup by its path in it. Raises BackupError when the list cannot be read."""
    sums = {}
    try:
        with (backup / SUMS).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                digest, blanks, path = line.rstrip("\n").partition("  ")
                if not blanks or len(digest) != 64 or not _is_inside(path):
                    raise BackupError(f"{backup / SUMS}, line {number}: this is not a digest and a path.")
                sums[path] = digest
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{backup / SUMS} cannot be read: {error}") from error
    return sums


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and "\0" not in path and not any(part in ("", ".", "..") for part in parts)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone; no error where it is there."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
