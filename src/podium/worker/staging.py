"""A job's files on the worker's disk: fetched, unpacked, copied where programs may write, and mounted.

Programs, input data and results are private copies of the job, since real bundles write into all of them. Reference
data is mounted read-only straight from the cache, and only beside a scoring program.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from podium.formats.archives import DEFAULT_CAPS, ArchiveError, Caps, Listing, unpack
from podium.protocol import Cause, Fault, FileRef, Step
from podium.worker.cache import DatasetCache
from podium.worker.failing import StepFailedError
from podium.worker.folders import make_folder
from podium.worker.transfer import Files, TransferError

_FICLONE = 0x40049409  # linux/fs.h: share the blocks until one side writes
_NO_CLONE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EPERM, errno.ENOSYS}


@dataclass(frozen=True)
class Part:
    """One file of a job: how people call it, whose it is, and how it is unpacked.

    Attributes:
        name: where it lies within the job's folder.
        title: how a sentence about it begins.
        fault: whose fault it is when it cannot be unpacked.
        cached: whether it is used by more than one submission.
        alias: whether a single wrapper folder's files also appear at the top.
        caps: what its archive may cost.
    """

    name: str
    title: str
    fault: Fault
    cached: bool = False
    alias: bool = False
    caps: Caps = DEFAULT_CAPS


SUBMISSION = Part("submission", "The submission", Fault.PARTICIPANT, alias=True)
SUBMITTED_RESULTS = Part("input/res", "The submission", Fault.PARTICIPANT, alias=True)
# A worker packed it under the disk limit; zeros shrink a thousandfold, which makes no bomb of honest predictions.
PREDICTION_OUTPUT = Part(
    "input/res", "The prediction step's output", Fault.PLATFORM, caps=replace(DEFAULT_CAPS, max_ratio=10_000)
)
INGESTION_PROGRAM = Part("ingestion_program", "The ingestion program", Fault.ORGANIZER, cached=True, alias=True)
SCORING_PROGRAM = Part("scoring_program", "The scoring program", Fault.ORGANIZER, cached=True, alias=True)
INPUT_DATA = Part("input_data", "The input data", Fault.ORGANIZER, cached=True)
REFERENCE_DATA = Part("input/ref", "The reference data", Fault.ORGANIZER, cached=True)


class Stage:
    """Brings the files of one attempt into its job folder; closing it unpins what it borrowed from the cache.

    Args:
        folder: the attempt's own, empty folder.
        step: for the failures that this raises.
        files: where files come from.
        cache: where datasets and organizers' programs are kept; None fetches everything anew.
    """

    def __init__(self, folder: Path, step: Step, files: Files, cache: DatasetCache | None) -> None:
        self.folder = folder
        self.step = step
        self.notes: list[str] = []
        self._files = files
        self._cache = cache
        self._pins = AsyncExitStack()

    async def close(self) -> None:
        """Unpin what is borrowed."""
        await self._pins.aclose()

    def new_folder(self, name: str) -> Path:
        """Make an empty folder within the job."""
        path = self.folder / name
        make_folder(path, 0o755)
        return path

    async def private(self, part: Part, ref: FileRef) -> Path:
        """Unpack `ref` into a folder of the job that programs may write.

        Raises:
            StepFailedError: it could not be fetched or unpacked.
        """
        target = self.folder / part.name
        if not part.cached or self._cache is None or ref.sha256 is None:
            make_folder(target, 0o755)
            await self._fill(part, ref, target)
        else:
            async with self._cache.borrow(_key(part, ref), self._maker(part, ref)) as tree:
                await copy_tree(tree, target)
        return target

    async def shared(self, part: Part, ref: FileRef) -> Path:
        """Give the unpacked tree of `ref` for reading only; it stays until the stage is closed.

        Raises:
            StepFailedError: it could not be fetched or unpacked.
        """
        if self._cache is None or ref.sha256 is None:
            return await self.private(part, ref)
        return await self._pins.enter_async_context(self._cache.borrow(_key(part, ref), self._maker(part, ref)))

    def _maker(self, part: Part, ref: FileRef) -> Callable[[Path], Awaitable[None]]:
        async def make(folder: Path) -> None:
            await self._fill(part, ref, folder)

        return make

    async def _fill(self, part: Part, ref: FileRef, target: Path) -> None:
        """Fetch `ref` and unpack it into the empty folder `target`."""
        archive = target.with_name(f"{target.name}.download")
        try:
            await self._files.fetch(ref, archive, part.title)
            listing = await asyncio.to_thread(_unpack, archive, target, part, ref)
        except TransferError as error:
            raise StepFailedError(Cause.PLATFORM, self.step, str(error)) from error
        except ArchiveError as error:
            raise self._unpackable(part, error) from error
        finally:
            archive.unlink(missing_ok=True)
        if part.fault is Fault.PARTICIPANT and listing is not None:
            self.notes.extend(listing.notes)

    def _unpackable(self, part: Part, error: ArchiveError) -> StepFailedError:
        cause = Cause.PLATFORM if part.fault is Fault.PLATFORM else Cause.UNPACK
        return StepFailedError(cause, self.step, f"{part.title} could not be unpacked. {error}", fault=part.fault)


def _key(part: Part, ref: FileRef) -> str:
    if part.alias:
        return f"{ref.sha256}-program"
    # A file that is no zip is kept under its name, so the name belongs to the key.
    return f"{ref.sha256}-data" if _is_zip_name(ref.name) else f"{ref.sha256}-data-{_safe_name(ref.name)}"


def _is_zip_name(name: str) -> bool:
    return not name or name.lower().endswith(".zip")


def _safe_name(name: str) -> str:
    safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)
    # File systems count bytes, and its end says what it is.
    return safe.encode()[-100:].decode(errors="ignore").lstrip(".") or "data"


def _unpack(archive: Path, target: Path, part: Part, ref: FileRef) -> Listing | None:
    try:
        return unpack(archive, target, part.caps, alias_top_folder=part.alias)
    except ArchiveError as error:
        # Codabench takes any file as data; a program then finds it in the folder under its own name.
        if error.code != "not_a_zip" or part.alias or _is_zip_name(ref.name):
            raise
    copy = target / _safe_name(ref.name)
    shutil.copyfile(archive, copy)
    copy.chmod(0o644)
    return None


async def copy_tree(source: Path, target: Path, *, keep_links: bool = True) -> None:
    """Copy a tree that we unpacked ourselves (its only links are our aliases); blocks are shared where possible.

    Args:
        source: the tree.
        target: a folder, empty or absent.
        keep_links: copy aliases as links; else what they lead to.
    """
    await asyncio.to_thread(
        shutil.copytree, source, target, symlinks=keep_links, copy_function=_copy_file, dirs_exist_ok=True
    )


def _copy_file(source: str, target: str) -> str:
    with open(source, "rb") as reading, open(target, "xb") as writing:  # noqa: PTH123 - copytree gives strings
        try:
            fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
        except OSError as error:
            if error.errno not in _NO_CLONE:
                raise
            shutil.copyfileobj(reading, writing, 1024 * 1024)
        os.fchmod(writing.fileno(), os.fstat(reading.fileno()).st_mode & 0o777)
    # Contents count by their times in some programs (AutoWSL reads start.txt's age), so times are kept.
    shutil.copystat(source, target)
    return target


async def all_or_first_error(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run all at once; when one fails, cancel and await the others, then raise that failure."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
