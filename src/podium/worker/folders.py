"""The worker's own folder on disk: who it belongs to, where jobs live, what a killed worker left."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from podium.sandbox.contract import SandboxError
from podium.sandbox.folders import remove

log = logging.getLogger("podium.worker")

_MAX_PROCESSES = 1000


@dataclass(frozen=True)
class WorkerFolder:
    """One worker process's part of a work folder that several may share.

    Attributes:
        root: the shared work folder; the cache lies in it.
        number: which of the processes on this folder this is; free again when the process ends.
        identity: the same after a restart, different on another folder or machine.
        jobs: where this process's job folders are made.
    """

    root: Path
    number: int
    identity: str
    jobs: Path
    _lock: int

    def new_job(self, label: str) -> Path:
        """Make an empty job folder that the sandbox's user can pass through."""
        folder = self.jobs / f"{plain_name(label)}-{uuid.uuid4().hex[:8]}"
        make_folder(folder, 0o711)
        return folder

    def leftovers(self) -> list[Path]:
        """Name the job folders that an earlier process of this number left behind."""
        return list(self.jobs.iterdir())

    def release(self) -> None:
        """Give the number back."""
        os.close(self._lock)


def open_worker_folder(root: Path) -> WorkerFolder:
    """Take the lowest free number of the work folder `root`, made if absent.

    The lock is the kernel's and ends with the process, however it ends; so whoever holds number n may sweep what is
    left in its job folder, and nobody sweeps a living neighbour's.

    Raises:
        OSError: the folder cannot be made or written.
    """
    make_folder(root, 0o711, parents=True)
    make_folder(root / "workers", 0o711)
    identity = _identity(root)
    for number in range(_MAX_PROCESSES):
        own = root / "workers" / str(number)
        make_folder(own, 0o711)
        lock = os.open(own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        make_folder(own / "jobs", 0o711)
        return WorkerFolder(root=root, number=number, identity=identity, jobs=own / "jobs", _lock=lock)
    raise OSError(f"{root} is already used by {_MAX_PROCESSES} workers; give this one a work folder of its own.")


def plain_name(label: str) -> str:
    """Return `label` as a name that folders and containers may have."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in label)[:80].lstrip("-_") or "job"


def _identity(root: Path) -> str:
    path = root / "identity"
    if not path.exists():
        fresh = path.with_name(f"identity.{uuid.uuid4().hex}")
        fresh.write_text(secrets.token_hex(3))
        try:
            os.link(fresh, path)  # of two that start at once, the first one's stands
        except FileExistsError:
            log.debug("Another worker named %s first", root)
        fresh.unlink()
    return path.read_text().strip()


def make_folder(path: Path, mode: int, *, parents: bool = False) -> None:
    """Make `path` with exactly `mode`, whatever the umask."""
    path.mkdir(parents=parents, exist_ok=True)
    path.chmod(mode)


def remove_job(folder: Path) -> None:
    """Remove a job folder, whatever the programs made of its owners, modes and depth.

    What cannot be removed is logged and left for the next start's sweep.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):  # closed folders of another user, or thousands of levels
        try:
            remove(folder)
        except SandboxError:
            log.exception("The job folder %s could not be removed; the next start tries again", folder.name)
