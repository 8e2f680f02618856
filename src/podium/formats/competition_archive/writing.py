"""Write an archive, member after member, in memory that does not grow with the files."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import IO, Any, Final, Self

from podium.formats.competition_archive.kinds import FORMAT, KINDS, MANIFEST, VERSION, member_of

_CHUNK: Final = 1 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal competitions have equal members."""


class ContentChangedError(Exception):
    """The content of a file is not what its digest says."""


class ArchiveWriter:
    """Writes into a seekable stream, in a `with` block; `finish` writes the manifest and must be called last."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(stream, "w")
        self._members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write the table of contents."""
        self._zip.close()

    def rows(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Write the rows of a kind, numbered as they come, and return how many there were."""
        names = list(KINDS[kind])
        count, size, digest = 0, 0, hashlib.sha256()
        with self._zip.open(_info(member_of(kind), zipfile.ZIP_DEFLATED), "w", force_zip64=True) as member:
            for count, row in enumerate(rows, start=1):
                ordered = {"id": count, **{name: row[name] for name in names}}
                text = json.dumps(ordered, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                line = text.encode() + b"\n"
                member.write(line)
                digest.update(line)
                size += len(line)
        self._members[member_of(kind)] = {"rows": count, "size": size, "sha256": digest.hexdigest()}
        return count

    def text(self, name: str, content: bytes) -> None:
        """Write a small member."""
        self._zip.writestr(_info(name, zipfile.ZIP_DEFLATED), content)
        self._members[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def file(self, name: str, source: IO[bytes], *, sha256: str) -> int:
        """Copy a file and return its length; it is zipped itself as a rule, and not compressed again.

        sha256: what its content must have. Raises ContentChangedError.
        """
        digest, size = hashlib.sha256(), 0
        with self._zip.open(_info(name, zipfile.ZIP_STORED), "w", force_zip64=True) as member:
            while data := source.read(_CHUNK):
                digest.update(data)
                member.write(data)
                size += len(data)
        if digest.hexdigest() != sha256:
            raise ContentChangedError(name)
        return size

    def finish(self, **facts: Any) -> None:
        """Write the manifest: the facts, and size and digest of every member but the files, which the rows tell."""
        manifest = {"format": FORMAT, "version": VERSION, **facts, "members": self._members}
        self._zip.writestr(_info(MANIFEST, zipfile.ZIP_DEFLATED), json.dumps(manifest, indent=1, ensure_ascii=False))


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = compression
    info.external_attr = 0o644 << 16
    return info
