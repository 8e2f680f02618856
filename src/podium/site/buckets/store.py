"""What a bucket can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StorageAway(Exception):
    """The bucket does not answer, or refuses us; the text says why and holds no secret. Another try may do."""


@dataclass(frozen=True)
class Entry:
    """An object: its key, its bytes, and when it was written, in seconds of POSIX."""

    key: str
    size: int
    changed: float


class Body(Protocol):
    """The bytes of an object as they come. Reading raises StorageAway where the connection breaks."""

    def read(self, most: int) -> bytes:
        """The next bytes, at least one and at most so many; none at the end."""

    def close(self) -> None:
        """Hang up."""


class Store(Protocol):
    """A bucket, or what lies below a prefix in one. May be used by many threads at once.

    Every method raises StorageAway where the bucket does not answer, after some tries with growing pauses. An object is
    there with its whole content or not at all.
    """

    name: str
    """How it is called where people read it, without anything secret."""

    def put(self, key: str, source: Path) -> None:
        """Keep the content of a file under a key, in place of what may be there."""

    def put_bytes(self, key: str, content: bytes) -> None:
        """The same of a few bytes."""

    def head(self, key: str) -> Entry:
        """What is known of an object. Raises FileNotFoundError."""

    def read(self, key: str, start: int, most: int) -> Body:
        """Begin to read an object at a place, at most so many bytes. Raises FileNotFoundError.

        start: less than the object's size.
        """

    def listing(self, prefix: str) -> Iterator[Entry]:
        """The objects whose keys begin so."""

    def copy(self, key: str, of: str) -> None:
        """Keep the content of one object under another key too. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
