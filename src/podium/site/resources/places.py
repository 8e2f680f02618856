"""What a place that keeps files can do: the contract of `storage`, behind which the folder and the bucket stand."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from django.utils import timezone

CHUNK = 1024 * 1024


class NotUploaded(Exception):
    """No complete upload is there under the key."""


@dataclass(frozen=True)
class Digest:
    """Size in bytes and hex digests of a file's content."""

    size: int
    sha256: str
    md5: str


class Hasher:
    """Counts and digests what passes through."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)  # Codabench's API shows it; nothing here trusts it
        self.size = 0

    def update(self, data: bytes) -> None:
        self._sha256.update(data)
        self._md5.update(data)
        self.size += len(data)

    def digest(self) -> Digest:
        return Digest(size=self.size, sha256=self._sha256.hexdigest(), md5=self._md5.hexdigest())


def digest_of_path(path: Path) -> Digest:
    """Measure a file on the disk."""
    hasher = Hasher()
    with path.open("rb") as stream:
        while data := stream.read(CHUNK):
            hasher.update(data)
    return hasher.digest()


@dataclass(frozen=True)
class Incoming:
    """What has arrived under an incoming key: bytes, and when in nanoseconds."""

    size: int
    changed: int


@dataclass(frozen=True)
class Content:
    """A file that is kept: its key, bytes, and when it was written to or got its name, in seconds of POSIX."""

    key: str
    size: int
    changed: float


def fresh_key(folder: str, name: str) -> str:
    """A key that nothing has, below `folder`, that ends in a safe form of `name`."""
    day = timezone.now().strftime("%Y-%m-%d")
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(name).name)[-60:].lstrip(".") or "file"
    return f"{folder}/{day}/{secrets.token_hex(8)}/{safe}"


def refuse_unsafe(key: str) -> None:
    """Raises ValueError for a key that would lead elsewhere."""
    if key.startswith("/") or ".." in PurePosixPath(key).parts or "\0" in key:
        raise ValueError(f"not a storage key: {key!r}")


class Draft(Protocol):
    """A new file on its way to its key. `path` is where it lies meanwhile, `stream` can be written, read and sought."""

    path: Path
    stream: BinaryIO

    def finish(self) -> None:
        """Keep what was written under the key."""

    def abandon(self) -> None:
        """Keep nothing; harmless after `finish`."""


class Upload(Protocol):
    """An upload while it arrives; nothing is visible under its key before `commit`."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def write(self, data: bytes) -> None: ...

    def settle(self) -> None:
        """Bring all of it to where it stays, without asking the database; `commit` does it where it was not done."""

    def commit(self) -> Digest:
        """Make the upload visible under its key, in place of an earlier one that was not sealed yet."""

    def abandon(self) -> None:
        """Forget the upload; safe to call after `commit`."""


class Place(Protocol):
    """Where files are kept: sealed ones by their keys, and uploads that have arrived under incoming keys.

    A key that begins with `incoming/` names what has arrived under it, wherever that lies.
    """

    # Uploads

    def receive(self, key: str) -> Upload:
        """Begin to take an upload."""

    def arrived(self, key: str) -> Incoming | None:
        """What has arrived under an incoming key, None when nothing is there."""

    def seal(self, incoming_key: str, key: str) -> tuple[str, Digest]:
        """Keep a complete upload for good, within a transaction; the key that it has, `key` or another, and its digest.

        The upload stays as well until the transaction has committed. Raises NotUploaded.
        """

    def unseal(self, key: str) -> None:
        """Take `seal` back, in a transaction that fails."""

    def discard_incoming(self, key: str) -> None:
        """Forget what has arrived."""

    def incoming_names(self, *, older_than_seconds: float) -> list[str]:
        """The ends of incoming keys under which nothing has come for so long."""

    def discard_stale_incoming(self, *, older_than_seconds: float, drafts_older_than_seconds: float) -> int:
        """See `storage.discard_stale_incoming`."""

    # Files

    def draft(self, key: str) -> Draft:
        """Begin a new file."""

    def open(self, key: str) -> BinaryIO:
        """Open for reading, seekable. Raises FileNotFoundError."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """A path on this machine with the content while the block runs; nothing lies there where no content is."""

    def digest(self, key: str) -> Digest:
        """Measure a file. Raises FileNotFoundError."""

    def copy(self, key: str, of: str) -> None:
        """Keep the content under the key `of` under another one as well."""

    def remove(self, key: str) -> None:
        """Remove a file's content."""

    def contents(self) -> Iterator[Content]:
        """Everything under a final key, whether it has a row or not; uploads under way are elsewhere."""

    def absent(self, keys: Iterable[str]) -> list[str]:
        """Those of some keys that have no content."""

    def untouched_since(self, key: str, limit: float) -> bool:
        """Whether there is content that was last written to, and got its name, before a moment in seconds of POSIX."""

    def unclaimed(self, keys: Iterable[str]) -> set[str]:
        """Those of some keys that are of no upload that has arrived."""

    def free_bytes(self) -> int:
        """Room for files that are being written, in bytes."""
