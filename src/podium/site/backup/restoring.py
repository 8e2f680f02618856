"""Bringing an installation back from a backup."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Final

from podium.site.backup.databases import database_of
from podium.site.backup.manifest import FOLDERS, SUMS, BackupError, Manifest, Progress, make_private, read_sums
from podium.site.buckets import BadAddress, StorageAway, opened

_PIECE: Final = 1 << 20
_TOLD: Final = 10
_FILES: Final = f"{FOLDERS[0]}/"
_SLASHES: Final = 3
"""In the key of a file that is sealed."""


def check(backup: Path, progress: Progress | None = None) -> Manifest:
    """Read a whole backup and compare it with its digests. Raises BackupError that names what is missing or changed."""
    _Reading(backup, progress).check()
    return Manifest.read(backup)


def restore(
    backup: Path, *, data: Path, database_url: str, storage_url: str = "", progress: Progress | None = None
) -> Manifest:
    """Make an installation from a backup: its data folder, its database, and the files in its bucket.

    data: a folder that is not there yet, or empty. database_url: of an empty database of PostgreSQL, "" for a backup
    with SQLite. storage_url: of an empty bucket for the files, "" for the data folder, wherever they lay before.

    Every byte is compared with its digest. Raises BackupError when the backup is damaged, or the folder, the
    database or the bucket holds something; then neither has changed.
    """
    manifest = Manifest.read(backup)
    _check_kind(manifest, database_url)
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data} is not empty. Restore into a new folder, or move this one away first.")
    # Beside the folder, so that it takes its place at once or not at all.
    partial = data.absolute().with_name(f".{data.absolute().name}-restoring-{uuid.uuid4().hex[:8]}")
    database = database_of(partial, database_url)
    database.check_empty()
    bucket = _InBucket(storage_url) if storage_url else None
    try:
        make_private(partial)
        _Reading(backup, progress).copy_to(partial, bucket, without=database.copy_name)
        database.bring_back(backup / database.copy_name)
        partial.chmod(0o711)  # as `podium up` makes it: programs in sandboxes pass through, and see nothing
        if data.exists():
            data.rmdir()
        partial.rename(data)
        if bucket is not None:
            bucket.keep()
    except (OSError, StorageAway) as error:
        raise BackupError(f"{data} could not be restored: {error}") from error
    finally:
        if bucket is not None:
            bucket.undo()
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


class _InBucket:
    """The files of an installation on their way into a bucket."""

    def __init__(self, url: str) -> None:
        try:
            self._store = opened(url)
            held = next(iter(self._store.listing("")), None)
        except (BadAddress, StorageAway) as error:
            raise BackupError(f"The bucket of STORAGE_URL cannot be used: {error}") from error
        if held is not None:
            raise BackupError(
                f"{self._store.name} is not empty. Restore into an empty bucket, or below another prefix in it."
            )
        self._taken: list[str] = []

    def take(self, key: str, source: Path) -> None:
        """Take a file that has been compared with its digest; what is not sealed yet has to be sent again."""
        if key.count("/") == _SLASHES:
            self._taken.append(key)
            self._store.put(key, source)

    def keep(self) -> None:
        """All went well."""
        self._taken.clear()

    def undo(self) -> None:
        """Remove what was taken, unless it is kept."""
        with contextlib.suppress(StorageAway):
            for key in self._taken:
                self._store.delete(key)


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

    def copy_to(self, target: Path, bucket: _InBucket | None, *, without: str) -> None:
        """Copy everything but the database, whose bytes are compared all the same."""
        for path, digest in self.sums.items():
            taken = bucket is not None and path.startswith(_FILES)
            if self._read(path, None if taken or path == without else target / path) != digest:
                raise BackupError(f"Not what was written: {path}. Check the whole backup: podium restore --check")
            if bucket is not None and taken:
                bucket.take(path.removeprefix(_FILES), self.backup / path)

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
