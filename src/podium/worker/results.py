"""What comes out of a step: the output folder, the detailed results. All of it was written by strangers."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
from pathlib import Path
from typing import NamedTuple

from podium.worker.transfer import Files, TransferError

log = logging.getLogger("podium.worker")

METADATA = "metadata"
PRIVATE = "private"
"""The folder of a scoring program's output that is for organizers only, as in CodaLab 1.5."""
DETAILED_RESULTS = "detailed_results.html"
MAX_DETAILED_BYTES = 50 * 2**20
_POLL_SECONDS = 1.0
_MAX_LISTED = 10_000
_CHUNK = 1024 * 1024
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_step_metadata(
    output: Path, *, program: tuple[int | None, float] | None, ingestion: tuple[int | None, float] | None
) -> bool:
    """Add the file `metadata` that scoring programs of CodaLab 1.5 read; False when the program wrote its own.

    Args:
        output: the step's output folder, taken back from the sandbox.
        program, ingestion: exit code and wall seconds of each, None when it did not run.

    The keys are Codabench's; elapsedTime is the ingestion's where no program ran, and never null.
    """
    elapsed = (program or ingestion or (None, 0.0))[1]
    lines = [
        f"exitCode: {_yaml(program[0] if program else None)}",
        f"elapsedTime: {elapsed:.6f}",
        f"ingestionExitCode: {_yaml(ingestion[0] if ingestion else None)}",
        f"ingestionElapsedTime: {_yaml(round(ingestion[1], 6) if ingestion else None)}",
    ]
    try:
        # O_EXCL: a link of this name, wherever it leads, counts as the program's own file.
        descriptor = os.open(output / METADATA, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    return True


def take_private(output: Path, target: Path) -> bool:
    """Move the folder `private` out of a scoring program's output to `target`; whether there was one."""
    private = output / PRIVATE
    if private.is_symlink() or not private.is_dir():
        return False
    private.rename(target)
    return True


def _yaml(value: float | None) -> str:
    return "null" if value is None else str(value)


class _Version(NamedTuple):
    """Tells one state of a file from another."""

    name: str
    inode: int
    changed: int
    size: int


class DetailedResults:
    """Hands over detailed_results.html, else the first .html by name, whenever it has changed.

    The folder is read while programs write it: links are never followed, pipes never waited for, and at most
    `MAX_DETAILED_BYTES` are taken.

    Args:
        output: the scoring program's output folder.
        url: where it goes.
        files: hands it over.
        scratch: a file of the worker's own for the copy that is sent.
    """

    def __init__(self, output: Path, url: str, files: Files, scratch: Path) -> None:
        self._output = output
        self._url = url
        self._files = files
        self._scratch = scratch
        self._sent: _Version | None = None
        self._copying = threading.Lock()  # a cancelled watch may leave a thread behind that still copies
        self.notes: list[str] = []

    @property
    def uploaded(self) -> bool:
        """Whether the platform has some version of it."""
        return self._sent is not None

    async def watch(self) -> None:
        """Send each version until cancelled; what cannot be sent now is left to `finish`."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self._send_if_changed()
            except (OSError, TransferError) as error:
                log.warning("Detailed results could not be sent while the program runs: %s", error)

    async def finish(self) -> None:
        """Send the last version; a failure is a note, for scores do not depend on it."""
        try:
            await self._send_if_changed()
        except (OSError, TransferError) as error:
            self.notes.append(f"The detailed results were not stored: {error}")

    async def _send_if_changed(self) -> None:
        version = await asyncio.to_thread(self._copy_if_changed)
        if version is not None:
            await self._files.store(self._scratch, self._url, "text/html", "The detailed results")
            self._sent = version

    def _copy_if_changed(self) -> _Version | None:
        with self._copying:
            return self._copy()

    def _copy(self) -> _Version | None:
        for name in _html_names(self._output):
            descriptor = _open_regular(self._output / name)
            if descriptor is None:
                continue
            with os.fdopen(descriptor, "rb") as source:
                info = os.fstat(source.fileno())
                version = _Version(name, info.st_ino, info.st_mtime_ns, info.st_size)
                if version == self._sent:
                    return None
                if info.st_size > MAX_DETAILED_BYTES:
                    note = f"{name} is larger than {MAX_DETAILED_BYTES // 2**20} MB, so it is not shown."
                    self.notes.append(note) if note not in self.notes else None
                    return None
                left = info.st_size  # it may still grow
                with self._scratch.open("wb") as copy:
                    while left and (chunk := source.read(min(left, _CHUNK))):
                        copy.write(chunk)
                        left -= len(chunk)
            return version
        return None


def find_detailed_results(output: Path) -> Path | None:
    """Return detailed_results.html, else the first .html by name, if it is a plain file."""
    for name in _html_names(output):
        descriptor = _open_regular(output / name)
        if descriptor is not None:
            os.close(descriptor)
            return output / name
    return None


def _html_names(output: Path) -> list[str]:
    """The candidates in Codabench's order."""
    names = []
    try:
        with os.scandir(output) as entries:
            for seen, entry in enumerate(entries):
                if entry.name.lower().endswith((".html", ".htm")):
                    names.append(entry.name)
                if seen >= _MAX_LISTED:
                    break
    except OSError:
        return []
    return sorted(names, key=lambda name: (name != DETAILED_RESULTS, not name.endswith(".html"), name))


def _open_regular(path: Path) -> int | None:
    """Open a plain file without following a link or waiting for a pipe; None for anything else."""
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except OSError:  # a link, a socket, gone meanwhile, or closed to us until the folder is taken back
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None
