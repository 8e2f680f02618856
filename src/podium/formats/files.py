"""One way to read a bundle's files, whether it is a zip or a folder; nothing outside of it can be reached."""

from __future__ import annotations

import codecs
import contextlib
import os
import shutil
import stat
import unicodedata
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Final, cast

from podium.formats.packing import pack_folder
from podium.formats.repacking import copy_members
from podium.formats.unpacking import (
    DEFAULT_CAPS,
    ArchiveError,
    Caps,
    clean_name,
    copy_member,
    human_size,
    open_archive,
    quoted,
    read_member,
)

YAML_NAMES: Final = ("competition.yaml", "competition.yml")
UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPOOL: Final = 8 * 2**20
_CHUNK: Final = 1 << 20


class Bundle(ABC):
    """The files of a bundle by cleaned names relative to its root ("data/train.csv"); folders have no slash at the end.

    When everything lies in one wrapper folder, that folder is the root and `notes` says so.
    """

    def __init__(self, sizes: dict[str, int], folders: set[str], notes: tuple[str, ...], prefix: str) -> None:
        self._sizes = sizes
        self._folders = folders
        self._prefix = prefix
        self.notes = notes

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        return tuple(sorted(self._sizes))

    @property
    def yaml_name(self) -> str | None:
        """Name of the file that describes the competition, None when there is none."""
        return next((name for name in YAML_NAMES if name in self._sizes), None)

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder with that name."""
        return name in self._sizes or name in self._folders

    def is_dir(self, name: str) -> bool:
        """Whether the name is a folder's ("" is the root)."""
        return name == "" or name in self._folders

    def size(self, name: str) -> int:
        """Size of a file in bytes; KeyError when there is none."""
        return self._sizes[name]

    def walk(self, folder: str = "") -> Iterator[str]:
        """Yield the names of all files below a folder, sorted."""
        prefix = f"{folder}/" if folder else ""
        return (name for name in sorted(self._sizes) if name.startswith(prefix))

    def resolve(self, value: str) -> str:
        """Return the cleaned name that a value of the YAML file means ("./data/" is "data").

        Letters with accents are the same in both of their spellings: file systems and editors differ in it.
        Raises ArchiveError absolute_path, parent_path, unsafe_name, or symlink for a link that leads outside.
        """
        name = clean_name(value.strip())
        if name.isascii() or self.exists(name):
            return name
        wanted = unicodedata.normalize("NFC", name)
        there = (*self._sizes, *self._folders)
        return next((other for other in there if unicodedata.normalize("NFC", other) == wanted), name)

    def read(self, name: str, limit: int) -> bytes:
        """Return at most `limit` + 1 bytes of a file. Raises KeyError and ArchiveError."""
        with self.open(name) as stream:
            return stream.read(limit + 1)

    def read_text(self, name: str, limit: int = 2**20) -> str:
        """Return a page's text: UTF-8, UTF-16 with a mark, else Windows-1252; line ends become newlines.

        Raises ArchiveError too_large above `limit` bytes.
        """
        data = self.read(name, limit)
        if len(data) > limit:
            raise ArchiveError("too_large", f"{quoted(name)} is larger than {human_size(limit)}.", name)
        try:
            text = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    @contextlib.contextmanager
    def open_seekable(self, name: str, limit: int) -> Iterator[BinaryIO]:
        """Open a file for reading in any order, spooled when need be. Raises ArchiveError above `limit` bytes."""
        if self.size(name) > limit:
            raise ArchiveError("too_large", f"{quoted(name)} is larger than {human_size(limit)}.", name)
        with self.open(name) as stream:
            yield cast(BinaryIO, stream)

    @abstractmethod
    def executable(self, name: str) -> bool:
        """Whether a file is there that is marked as a program to be started."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading from its start. Raises KeyError when there is none."""

    @abstractmethod
    def checksum(self, name: str) -> tuple[int, int] | None:
        """Return (size, CRC-32) of a file where that is known without reading it."""

    @abstractmethod
    def extract_part(self, name: str, target: BinaryIO, caps: Caps = DEFAULT_CAPS) -> None:
        """Write a part to a stream: a file as it is, a folder as a zip with its content at the zip's root.

        Raises KeyError when there is no such part, ArchiveError when it is damaged or exceeds the caps.
        """


class ZipBundle(Bundle):
    """A bundle in a zip file."""

    def __init__(
        self, archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], prefix: str, notes: tuple[str, ...]
    ):
        inside = {name.removeprefix(prefix): info for name, info in infos.items() if name.startswith(prefix)}
        self._infos = {name: info for name, info in inside.items() if name and not info.is_dir()}
        folders = {name for name, info in inside.items() if info.is_dir()}
        for name in inside:
            folders.update(_parents(name))
        super().__init__({name: info.file_size for name, info in self._infos.items()}, folders - {""}, notes, prefix)
        self._archive = archive

    def open(self, name: str) -> IO[bytes]:
        """Open a member; damage shows as zipfile's errors while reading (`read` reports it as ArchiveError)."""
        return self._archive.open(self._infos[name])

    @contextlib.contextmanager
    def open_seekable(self, name: str, limit: int) -> Iterator[BinaryIO]:
        """Open a member for reading in any order: spooled, since going back in a zip means starting again."""
        with SpooledTemporaryFile(_SPOOL) as spool:
            copy_member(self._archive, self._infos[name], spool, limit)
            spool.seek(0)
            yield cast(BinaryIO, spool)

    def read(self, name: str, limit: int) -> bytes:
        """Read a member's start, damage being reported as ArchiveError."""
        return read_member(self._archive, self._infos[name], limit)

    def executable(self, name: str) -> bool:
        """Whether the zip's directory says so."""
        return name in self._infos and bool(self._infos[name].external_attr >> 16 & 0o111)

    def checksum(self, name: str) -> tuple[int, int] | None:
        """Return what the zip's directory says."""
        return self._infos[name].file_size, self._infos[name].CRC

    def extract_part(self, name: str, target: BinaryIO, caps: Caps = DEFAULT_CAPS) -> None:
        """Copy a member out, or the members of a folder into a new zip without compressing them again."""
        if name in self._infos:
            copy_member(self._archive, self._infos[name], target, caps.max_bytes)
            return
        if not self.is_dir(name):
            raise KeyError(name)
        prefix = f"{name}/" if name else ""
        inside = {n.removeprefix(prefix): info for n, info in sorted(self._infos.items()) if n.startswith(prefix)}
        empty = [n.removeprefix(prefix) for n in sorted(self._folders) if n.startswith(prefix) and n != name]
        copy_members(self._archive, inside, empty, target)


class FolderBundle(Bundle):
    """A bundle in a folder; links count when they stay inside of it."""

    def __init__(self, root: Path, prefix: str, notes: tuple[str, ...], caps: Caps) -> None:
        self._root = root / prefix
        self._real = self._root.resolve()
        sizes: dict[str, int] = {}
        folders: set[str] = set()
        for top, below, files in os.walk(self._root):
            relative = Path(top).relative_to(self._root)
            below[:] = sorted(n for n in below if not (Path(top) / n).is_symlink() and n not in ("__MACOSX", ".git"))
            folders.update((relative / name).as_posix() for name in below)
            for name in files:
                size = self._size_inside(relative / name)
                if size is not None:
                    sizes[(relative / name).as_posix()] = size
            if len(sizes) + len(folders) > caps.max_entries or len(relative.parts) > caps.max_depth:
                limit = f"{caps.max_entries:,} files and folders, {caps.max_depth} levels"
                raise ArchiveError("too_many_entries", f"The folder is too large for a bundle (at most {limit}).")
        super().__init__(sizes, folders, notes, prefix)

    def _size_inside(self, name: Path) -> int | None:
        """Return the size of a regular file inside the bundle, None for anything else."""
        path = self._root / name
        try:
            if path.is_symlink() and not path.resolve(strict=True).is_relative_to(self._real):
                return None
            status = path.stat()
        except (OSError, RuntimeError):  # dangling or circular
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def resolve(self, value: str) -> str:
        """Clean a name and refuse a link that leads outside."""
        name = super().resolve(value)
        try:
            real = (self._root / name).resolve()
        except RuntimeError as problem:
            raise ArchiveError("symlink", f"{quoted(value)} is a link that leads to itself.", value) from problem
        if not real.is_relative_to(self._real):
            raise ArchiveError("symlink", f"{quoted(value)} is a link that leads out of the bundle.", value)
        return name

    def open(self, name: str) -> IO[bytes]:
        """Open a file that was there when the folder was listed; ArchiveError when it cannot be read any more."""
        if name not in self._sizes:
            raise KeyError(name)
        try:
            return (self._root / name).open("rb")
        except OSError as problem:
            raise ArchiveError("unreadable", f"{quoted(name)} cannot be read: {problem.strerror}.", name) from problem

    def executable(self, name: str) -> bool:
        """Whether anybody may execute the file."""
        return name in self._sizes and os.access(self._root / name, os.X_OK)

    def checksum(self, name: str) -> tuple[int, int] | None:
        """Return None: a folder knows no checksums."""
        return None

    def extract_part(self, name: str, target: BinaryIO, caps: Caps = DEFAULT_CAPS) -> None:
        """Copy a file, or pack a folder."""
        if name in self._sizes:
            with self.open(name) as source:
                shutil.copyfileobj(source, target, _CHUNK)
        elif self.is_dir(name):
            pack_folder(self._root / name, target, skip_links=False, caps=caps)
        else:
            raise KeyError(name)


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


@contextlib.contextmanager
def open_bundle(source: Path, caps: Caps = DEFAULT_CAPS) -> Iterator[Bundle]:
    """Open a bundle, a zip or a folder, with everything in one wrapper folder accepted.

    Raises ArchiveError: not_found, and what `podium.formats.archives.inspect` raises for a zip.
    """
    if source.is_dir():
        prefix = _wrapper(source)
        notes = (f"The bundle is inside the folder {quoted(prefix)}.",) if prefix else ()
        yield FolderBundle(source, prefix, notes, caps)
        return
    if not source.exists():
        raise ArchiveError("not_found", f"There is no file or folder {source}.")
    if not source.is_file() or not os.access(source, os.R_OK):
        raise ArchiveError("unreadable", f"{source} cannot be read; it must be a zip file or a folder.")
    with open_archive(source, caps) as (archive, listing):
        infos = {member.name: listing.info(member.name) for member in listing.members}
        lifted = listing.top_folder is not None and not any(name in infos for name in YAML_NAMES)
        yield ZipBundle(archive, infos, f"{listing.top_folder}/" if lifted else "", listing.notes)


def _wrapper(source: Path) -> str:
    """Return the name of the only folder in a folder without a YAML file of its own, or ''."""
    if any((source / name).exists() for name in YAML_NAMES):
        return ""
    inner = [entry for entry in source.iterdir() if entry.is_dir() and not entry.is_symlink()]
    inner = [entry for entry in inner if any((entry / name).exists() for name in YAML_NAMES)]
    return inner[0].name if len(inner) == 1 else ""
