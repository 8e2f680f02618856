"""Parts of an upload: each kept by itself, verified before it counts, put together at the end.

`Parts` is the contract: begin, parts in any order and any number of times, list, put together, give up. `LocalParts`
keeps it in the files folder, `BucketParts` (`bucket_parts`) in a bucket.

A part is a file that carries its number and digest in its name, and gets that name only when every byte has arrived and
the digest is right. So what is listed is whole, after a restart as before it, and no row is written for a part.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.places import Digest

MIB = 1024 * 1024
SMALLEST_PART = 8 * MIB
MOST_PARTS = 10_000
"""S3's limit as well."""
_BUFFER = 4 * MIB
NAME = re.compile(r"(\d{1,5})-([0-9a-f]{64})")
"""What a part is called: its number and its SHA-256."""


class PartRefused(Exception):
    """A part that is not what was announced; `code` says which way."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class NoSuchUpload(Exception):
    """The upload was never begun, is finished, or was given up."""


@dataclass(frozen=True)
class Part:
    """A part that has arrived: its number from 1, its bytes, its SHA-256 in hex."""

    number: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Plan:
    """How a file is cut: `size` bytes in parts of `part_size`, the last one shorter."""

    size: int
    part_size: int

    @classmethod
    def of(cls, size: int) -> Plan:
        """The usual plan for a file of `size` bytes: parts of 8 MiB, larger ones where there would be too many."""
        least = -(-size // MOST_PARTS)
        return cls(size, max(SMALLEST_PART, -(-least // MIB) * MIB))

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size // self.part_size)

    def size_of(self, number: int) -> int:
        """How many bytes part `number` has; 0 for one that is not in the plan."""
        if not 1 <= number <= self.count:
            return 0
        return min(self.part_size, self.size - (number - 1) * self.part_size)


class Incoming(Protocol):
    """A part while it arrives."""

    size: int

    def write(self, data: bytes) -> None: ...

    def commit(self, *, size: int, sha256: str) -> Part:
        """Let the part count. Raises PartRefused when it is not `size` bytes with this digest, NoSuchUpload."""
        ...

    def abandon(self) -> None:
        """Forget it; harmless after `commit`."""
        ...


class Parts(Protocol):
    """Where the parts of uploads are kept, by upload."""

    def begin(self, upload: str) -> None:
        """Take parts of `upload` from now on."""
        ...

    def receive(self, upload: str, number: int) -> Incoming:
        """Begin to take a part. Raises NoSuchUpload."""
        ...

    def listed(self, upload: str) -> dict[int, Part]:
        """The parts that have arrived, by number."""
        ...

    def join(self, upload: str, plan: Plan, key: str, alive: Callable[[], None]) -> Digest:
        """Write the whole file under `key` and measure it; the parts stay. Raises NoSuchUpload for a missing part.

        alive: called now and then meanwhile.
        """
        ...

    def discard(self, upload: str) -> None:
        """Forget the upload and its parts."""
        ...

    def stale(self, *, older_than_seconds: float) -> Iterator[str]:
        """The uploads to which nothing has come for so long."""
        ...


def refuse_wrong(number: int, found: Part, *, size: int, sha256: str) -> None:
    """Raises PartRefused where a part that has arrived is not what was announced."""
    if found.size != size:
        raise PartRefused(f"Part {number} has {size} bytes; {found.size} have arrived. Send it again.", "wrong_size")
    if found.sha256 != sha256:
        raise PartRefused(
            f"Part {number} did not arrive as it was sent: its SHA-256 differs from the one in "
            "Content-Digest. Send it again.",
            "checksum_mismatch",
        )


class _LocalIncoming:
    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number
        self._draft = folder / f"{number}.{secrets.token_hex(6)}.part"
        try:
            self._stream = self._draft.open("xb")
        except FileNotFoundError:
            raise NoSuchUpload from None
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._stream.write(data)
        self.size += len(data)

    def commit(self, *, size: int, sha256: str) -> Part:
        self._stream.close()
        found = Part(self._number, self.size, self._sha256.hexdigest())
        refuse_wrong(self._number, found, size=size, sha256=sha256)
        target = self._folder / f"{self._number}-{sha256}"
        try:
            self._draft.replace(target)
        except FileNotFoundError:
            raise NoSuchUpload from None
        # A part that was sent with other content before is replaced; two such at once may both go, and are asked for.
        for other in self._folder.glob(f"{self._number}-*"):
            if other.name != target.name:
                other.unlink(missing_ok=True)
        return Part(self._number, size, sha256)

    def abandon(self) -> None:
        self._stream.close()
        self._draft.unlink(missing_ok=True)


class LocalParts:
    """Parts as files below `parts/<upload>/` in the files folder."""

    @staticmethod
    def _folder(upload: str) -> Path:
        return path_of(f"parts/{upload}")

    def begin(self, upload: str) -> None:
        """Take parts of `upload` from now on."""
        self._folder(upload).mkdir(parents=True, exist_ok=True)

    def receive(self, upload: str, number: int) -> Incoming:
        """Begin to take a part. Raises NoSuchUpload."""
        return _LocalIncoming(self._folder(upload), number)

    def listed(self, upload: str) -> dict[int, Part]:
        """The parts that have arrived, by number."""
        return {part.number: part for part, _ in self._files(upload)}

    def _files(self, upload: str) -> Iterator[tuple[Part, Path]]:
        try:
            paths = list(self._folder(upload).iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            named = NAME.fullmatch(path.name)
            if named is None:
                continue
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue  # replaced at this moment
            yield Part(int(named[1]), size, named[2]), path

    def join(self, upload: str, plan: Plan, key: str, alive: Callable[[], None]) -> Digest:
        """Write the whole file under `key` and measure it; the parts stay. Raises NoSuchUpload for a missing part."""
        files = {part.number: path for part, path in self._files(upload)}
        target = path_of(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        buffer = bytearray(_BUFFER)
        size = 0
        try:
            with target.open("xb") as out, ThreadPoolExecutor(1, thread_name_prefix="md5") as beside:
                for number in range(1, plan.count + 1):
                    alive()
                    with files[number].open("rb", buffering=0) as part:
                        while count := part.readinto(buffer):
                            piece = memoryview(buffer)[:count]
                            second = beside.submit(md5.update, piece)  # digests let other threads run meanwhile
                            sha256.update(piece)
                            out.write(piece)
                            second.result()
                            size += count
        except (KeyError, FileNotFoundError) as error:
            self._forget(target)
            raise NoSuchUpload from error
        except BaseException:
            self._forget(target)
            raise
        return Digest(size=size, sha256=sha256.hexdigest(), md5=md5.hexdigest())

    @staticmethod
    def _forget(target: Path) -> None:
        target.unlink(missing_ok=True)
        target.parent.rmdir()

    def discard(self, upload: str) -> None:
        """Forget the upload and its parts."""
        folder = self._folder(upload)
        # Under another name first, so that a part that arrives meanwhile finds nothing to be put into.
        gone = folder.with_name(f"{folder.name}.{secrets.token_hex(6)}.gone")
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def stale(self, *, older_than_seconds: float) -> Iterator[str]:
        """The uploads to which nothing has come for so long."""
        limit = time.time() - older_than_seconds
        for folder in path_of("parts").glob("*"):
            try:
                if folder.stat().st_mtime < limit:
                    yield folder.name
            except FileNotFoundError:
                continue


_local = LocalParts()


def parts() -> Parts:
    """The store that the site uses."""
    bucket = storage.bucket()
    if bucket is None:
        return _local
    from podium.site.resources.bucket_parts import BucketParts  # noqa: PLC0415 - it stands on the contract above

    return BucketParts(bucket)
