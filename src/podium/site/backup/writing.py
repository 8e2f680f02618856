"""Writing a backup while the site runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from podium.site.backup.databases import Known, database_of
from podium.site.backup.manifest import (
    FOLDERS,
    MANIFEST,
    PARTIAL,
    SUMS,
    BackupError,
    Manifest,
    Progress,
    backups_in,
    free_name,
    make_private,
    read_sums,
)
from podium.site.buckets import BadAddress, StorageAway, Store, opened
from podium.site.buckets.remote import RemoteFile

_PIECE: Final = 1 << 20


@dataclass
class Report:
    """What was written. `shared` files lay in the backup before already. `missing` and `damaged` are files that the
    database names and that were not there, or are not what they were when they were stored: faults of the
    installation, not of the backup."""

    path: Path
    manifest: Manifest
    shared: int
    removed: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def write(
    *,
    data: Path,
    database_url: str,
    folder: Path,
    storage_url: str = "",
    keep: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write a backup of an installation into a folder of backups.

    data: the installation's data folder. database_url: of PostgreSQL, "" for the file in the data folder.
    storage_url: of the bucket that has the files, "" for those in the data folder. keep: how many backups stay in the
    folder, this one included; the oldest go when it is written.

    Raises BackupError when there is no such installation, another backup is being written, or the copy fails; then
    nothing is left of it and the earlier ones are untouched.
    """
    if not (data / FOLDERS[1 if storage_url else 0]).is_dir():
        raise BackupError(f"There is no installation in {data}: name its data folder with --data.")
    if folder.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"{folder} lies in the data folder itself; choose a place that does not go with it.")
    try:
        with _alone_in(folder):
            report = _Writing(data, folder, storage_url, progress).write(database_url)
            report.removed = _remove_all_but(keep, folder)
            return report
    except (OSError, StorageAway, BadAddress) as error:
        raise BackupError(f"The backup could not be written: {error}") from error


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    make_private(folder)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being written to {folder}.") from None
        for left in folder.glob(f"{PARTIAL}*"):
            shutil.rmtree(left)
        yield


def _remove_all_but(keep: int | None, folder: Path) -> list[Path]:
    if keep is None:
        return []
    removed = backups_in(folder)[: -max(keep, 1)]
    for path in removed:
        # First no backup any more, then gone: what is interrupted here is not taken for a whole one.
        hidden = path.rename(folder / f"{PARTIAL}{path.name}")
        shutil.rmtree(hidden)
    return removed


class _Writing:
    """One backup on its way."""

    def __init__(self, data: Path, folder: Path, storage_url: str, progress: Progress | None) -> None:
        self.bucket = opened(storage_url) if storage_url else None
        self.data = data
        self.folder = folder
        self.progress = progress or (lambda done, total: None)
        self.now = datetime.now(UTC)
        self.name = free_name(folder, self.now)
        self.target = folder / f"{PARTIAL}{self.name}"
        self.sums: dict[str, str] = {}
        self.bytes = 0
        self.shared = 0
        earlier = backups_in(folder)
        self.before = earlier[-1] if earlier else None
        self.sums_before = read_sums(self.before) if self.before else {}

    def write(self, database_url: str) -> Report:
        self.target.mkdir(mode=0o700)
        try:
            database = database_of(self.data, database_url)
            copy = self.target / database.copy_name
            with database.copy(copy, bucket=self.bucket is not None) as known:
                self._copy_files()
                missing, damaged = self._compare(known) if self.bucket is None else self._copy_out(self.bucket, known)
            self.sums[database.copy_name] = _digest(copy)
            manifest = Manifest(
                podium=version("podium"),
                made_when=self.now,
                database=database.kind,
                files=len(self.sums) - 1,
                bytes=self.bytes,
            )
            self._write_text(SUMS, "".join(f"{digest}  {path}\n" for path, digest in sorted(self.sums.items())))
            self._write_text(MANIFEST, manifest.model_dump_json(indent=2) + "\n")
            os.sync()
            path = self.target.rename(self.folder / self.name)
        except BaseException:
            shutil.rmtree(self.target, ignore_errors=True)
            raise
        return Report(path, manifest, self.shared, missing=missing, damaged=damaged)

    def _write_text(self, name: str, text: str) -> None:
        (self.target / name).write_text(text, encoding="utf-8")
        (self.target / name).chmod(0o600)

    def _copy_files(self) -> None:
        """Copy what lies in the folders. Files that vanish meanwhile were deleted after the database's moment."""
        total = sum(path.stat().st_size for path in self._found() if path.exists())
        for path in self._found():
            relative = path.relative_to(self.data)
            with contextlib.suppress(FileNotFoundError):
                self._copy_file(path, str(relative))
            self.progress(self.bytes, total)

    def _found(self) -> Iterator[Path]:
        for name in FOLDERS if self.bucket is None else FOLDERS[1:]:
            for place, folders, files in os.walk(self.data / name):
                folders.sort()
                for file in sorted(files):
                    yield Path(place, file)

    def _copy_file(self, path: Path, relative: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as source:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                return
            if "\n" in relative:
                raise BackupError(f"The name of {relative!r} has a line end, which no list of digests can hold.")
            target = self.target / relative
            make_private(target.parent)
            self.bytes += info.st_size
            if self._share(relative, info.st_size, info.st_mtime_ns, target):
                return
            digest = hashlib.sha256()
            with target.open("xb") as copy:
                target.chmod(0o600)
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    copy.write(piece)
            os.utime(target, ns=(info.st_mtime_ns, info.st_mtime_ns))
            self.sums[relative] = digest.hexdigest()

    def _share(self, relative: str, size: int, changed: int, target: Path) -> bool:
        """Whether the backup before has this very file, which then has one more name."""
        digest = self.sums_before.get(relative)
        if self.before is None or digest is None:
            return False
        try:
            old = (self.before / relative).lstat()
            if (old.st_size, old.st_mtime_ns) != (size, changed) or not stat.S_ISREG(old.st_mode):
                return False
            target.hardlink_to(self.before / relative)
        except OSError:  # gone, or a file system without hard links: it is copied
            return False
        self.sums[relative] = digest
        self.shared += 1
        return True

    def _copy_out(self, bucket: Store, known: Known) -> tuple[list[str], list[str]]:
        """Copy what the database knows out of a bucket; returns what is missing there and what is damaged."""
        missing, damaged = [], []
        wanted = list(known)
        for number, (key, stored) in enumerate(wanted, start=1):
            relative = f"{FOLDERS[0]}/{key}"
            target = self.target / relative
            make_private(target.parent)
            if not self._share_known(relative, stored, target):
                try:
                    self.sums[relative] = self._fetch(bucket, key, target)
                except FileNotFoundError:
                    missing.append(key)
                    continue
            self.bytes += target.stat().st_size
            if self.sums[relative] != stored:
                damaged.append(key)
            self.progress(number, len(wanted))
        return sorted(missing), sorted(damaged)

    def _share_known(self, relative: str, stored: str, target: Path) -> bool:
        """The same of a file in a bucket: under its key nothing else ever lies."""
        if self.before is None or self.sums_before.get(relative) != stored:
            return False
        try:
            old = (self.before / relative).lstat()
        except OSError:
            return False
        return self._share(relative, old.st_size, old.st_mtime_ns, target)

    @staticmethod
    def _fetch(bucket: Store, key: str, target: Path) -> str:
        digest = hashlib.sha256()
        with RemoteFile(bucket, key) as source, target.open("xb") as copy:
            target.chmod(0o600)
            while piece := source.read1(_PIECE):
                digest.update(piece)
                copy.write(piece)
        os.utime(target, (source.changed, source.changed))
        return digest.hexdigest()

    def _compare(self, known: Known) -> tuple[list[str], list[str]]:
        """Which of the files that the database knows are missing, and which are not what was stored."""
        missing, damaged = [], []
        for key, stored in known:
            found = self.sums.get(f"{FOLDERS[0]}/{key}")
            if found is None:
                missing.append(key)
            elif found != stored:
                damaged.append(key)
        return sorted(missing), sorted(damaged)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
