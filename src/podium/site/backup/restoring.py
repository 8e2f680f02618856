"""Bringing an installation back from a backup."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Final

from podium.site.backup.databases import database_of
from podium.site.backup.manifest import SUMS, BackupError, Manifest, Progress, make_private, read_sums

_PIECE: Final = 1 << 20
_TOLD: Final = 10


def check(backup: Path, progress: Progress | None = None) -> Manifest:
    """Read a whole backup and compare it with its digests. Raises BackupError that names what is missing or changed."""
    _Reading(backup, progress).check()
    return Manifest.read(backup)


def restore(backup: Path, *, data: Path, database_url: str, progress: Progress | None = None) -> Manifest:
    """Make an installation from a backup: its data folder, and its database.

    data: a folder that is not there yet, or empty. database_url: of an empty database of PostgreSQL, "" for a backup
    with SQLite.

    Every byte is compared with its digest. Raises BackupError when the backup is damaged, or the folder or the
    database holds something; then neither has changed.
    """
    manifest = Manifest.read(backup)
    _check_kind(manifest, database_url)
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data} is not empty. Restore into a new folder, or move this one away first.")
    # Beside the folder, so that it takes its place at once or not at all.
    partial = data.absolute().with_name(f".{data.absolute().name}-restoring-{uuid.uuid4().hex[:8]}")
    database = database_of(partial, database_url)
    database.check_empty()
    try:
        make_private(partial)
        _Reading(backup, progress).copy_to(partial, without=database.copy_name)
        database.bring_back(backup / database.copy_name)
        partial.chmod(0o711)  # as `podium up` makes it: programs in sandboxes pass through, and see nothing
        if data.exists():
            data.rmdir()
        partial.rename(data)
    except OSError as error:
        raise BackupError(f"{data} could not be restored: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _check_kind(manifest: Manifest, database_url: str) -> None:
    if manifest.database == "postgresql" and not database_url:
        raise BackupError(
            "This backup has a database of PostgreSQL. Make an empty one with createdb, and name it: "
            "DATABASE_URL=postgresql://user:password@host/name"
        )
    if manifest.database == "sqlite" and database_url:
        raise BackupError("This backup has a database of SQLite, and DATABASE_URL names another. Unset it.")


class _Reading:
    """A backup whose bytes are compared with their digests while they are read."""

    def __init__(self, backup: Path, progress: Progress | None) -> None:
        self.backup = backup
        self.progress = progress or (lambda done, total: None)
        self.sums = read_sums(backup)
        sizes = {path: _size(backup / path) for path in self.sums}
        missing = sorted(path for path, size in sizes.items() if size is None)
        if missing:
            raise BackupError(f"Of {SUMS} are missing: {_listed(missing)}")
        self.total = sum(size or 0 for size in sizes.values())
        self.done = 0

    def check(self) -> None:
        changed = [path for path, digest in self.sums.items() if self._read(path, None) != digest]
        if changed:
            raise BackupError(f"Not what was written: {_listed(changed)}")

    def copy_to(self, target: Path, *, without: str) -> None:
        """Copy everything but the database, whose bytes are compared all the same."""
        for path, digest in self.sums.items():
            if self._read(path, None if path == without else target / path) != digest:
                raise BackupError(f"Not what was written: {path}. Check the whole backup: podium restore --check")

    def _read(self, path: str, target: Path | None) -> str:
        digest = hashlib.sha256()
        with (self.backup / path).open("rb") as source:
            if target is not None:
                make_private(target.parent)
                target.touch(mode=0o600, exist_ok=False)
            with (target or Path(os.devnull)).open("wb") as copy:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    copy.write(piece)
                    self.done += len(piece)
                    self.progress(self.done, self.total)
        if target is not None:
            shutil.copystat(self.backup / path, target)
        return digest.hexdigest()


def _size(path: Path) -> int | None:
    return path.lstat().st_size if path.is_file() and not path.is_symlink() else None


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _TOLD} more" if len(paths) > _TOLD else ""
    return ", ".join(paths[:_TOLD]) + more
