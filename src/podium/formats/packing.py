"""Pack folders into zips: the output of a program that nobody trusts, or a part of a bundle."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final

from podium.formats.unpacking import DEFAULT_CAPS, ArchiveError, Caps, Listing, Member, clean_name, human_size, quoted

_CHUNK: Final = 1 << 18
_TRIAL: Final = 64 * 1024
_LEVEL: Final = 1
_MAX_NOTES: Final = 50
# The earliest time that a zip can name: the same folder gives the same bytes whenever it is packed.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass
class _Packing:
    """One packing: what is asked, what it has cost so far, and what it left out."""

    folder: Path
    skip_links: bool
    caps: Caps
    members: list[Member] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: int = 0
    total: int = 0

    def note(self, text: str) -> None:
        if len(self.notes) < _MAX_NOTES:
            self.notes.append(text)
        elif len(self.notes) == _MAX_NOTES:
            self.notes.append("More files of this kind were left out.")

    def add(self, member: Member) -> None:
        if len(self.members) >= self.caps.max_entries:
            message = f"The folder holds more than {self.caps.max_entries:,} files and folders, which is the limit."
            raise ArchiveError("too_many_entries", message)
        self.members.append(member)
        self.total += member.size

    def room_for(self, name: str, size: int) -> None:
        if self.total + size > self.caps.max_bytes:
            message = (
                f"The folder holds more than {human_size(self.caps.max_bytes)}, which is the limit (at {quoted(name)})."
            )
            raise ArchiveError("too_large", message, name)


def pack_folder(
    folder: Path,
    target: Path | BinaryIO,
    skip_links: bool = True,
    caps: Caps = DEFAULT_CAPS,
) -> Listing:
    """Write a folder's content to a zip, sorted, with fixed times, so that equal folders give equal bytes.

    Pipes, sockets, devices and names that `unpack` would refuse are left out with a note, and so are links; with
    `skip_links` false, a link to a regular file inside the folder is stored as that file's content. Files that the
    file system holds back (permissions) are left out with a note as well. Content that does not shrink is stored.

    Raises ArchiveError too_many_entries or too_large when the caps are exceeded; a target given as a Path is then
    removed.
    """
    packing = _Packing(folder, skip_links, caps)
    if not isinstance(target, Path):
        _pack(target, packing)
    else:
        try:
            with target.open("wb") as stream:
                _pack(stream, packing)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return Listing(tuple(packing.members), packing.total, None, tuple(packing.notes))


def _pack(stream: BinaryIO, packing: _Packing) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for prefix, folders, files, descriptor in _walk(packing):
            for name in folders:
                _add_folder(archive, prefix + name, packing)
            for name in files:
                _add_file(archive, prefix, name, descriptor, packing)


def _walk(packing: _Packing) -> Iterator[tuple[str, list[str], list[str], int]]:
    """Walk by folder descriptors, so that a folder swapped for a link meanwhile cannot lead outside."""
    base = os.fspath(packing.folder)

    def unreadable(problem: OSError) -> None:
        packing.note(f"{quoted(str(problem.filename))} was left out: {problem.strerror}.")

    for root, folders, files, descriptor in os.fwalk(base, follow_symlinks=False, onerror=unreadable):
        prefix = os.path.relpath(root, base)
        prefix = "" if prefix == "." else f"{prefix}/"
        entries = sorted(files)
        # fwalk lists links to folders among the folders; they are entries to judge, not places to go.
        for name in sorted(folders):
            if not stat.S_ISDIR(_mode(name, descriptor) or 0):
                folders.remove(name)
                entries.append(name)
            elif not _storable(prefix + name, packing):
                folders.remove(name)
        folders.sort()
        yield prefix, list(folders), entries, descriptor


def _mode(name: str, descriptor: int) -> int | None:
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
    except OSError:
        return None


def _storable(name: str, packing: _Packing) -> bool:
    """Say whether `unpack` would take this name back, with a note when it would not."""
    try:
        return clean_name(name, packing.caps) == name
    except ArchiveError as problem:
        packing.note(f"Left out: {problem}")
        return False


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def _add_folder(archive: zipfile.ZipFile, name: str, packing: _Packing) -> None:
    packing.add(Member(name, 0, 0, True))
    info = _entry(f"{name}/", stat.S_IFDIR | 0o755)
    info.external_attr |= 0x10  # the MS-DOS mark of a folder, which some tools look at
    archive.writestr(info, b"")


def _add_file(archive: zipfile.ZipFile, prefix: str, name: str, descriptor: int, packing: _Packing) -> None:
    full = prefix + name
    if not _storable(full, packing):
        return
    mode = _mode(name, descriptor)
    if mode is not None and stat.S_ISLNK(mode):
        if packing.skip_links or not _leads_to_file_inside(packing.folder, full):
            packing.note(f"{quoted(full)} was left out: it is a link.")
            return
        opened = _open_file(os.fspath((packing.folder / full).resolve()), None)
    elif mode is None or not stat.S_ISREG(mode):
        packing.note(f"{quoted(full)} was left out: it is a pipe, socket or device.")
        return
    else:
        opened = _open_file(name, descriptor)
    if isinstance(opened, str):
        packing.note(f"{quoted(full)} was left out: {opened}.")
        return
    with opened as content:
        _store(archive, full, content, packing)


def _leads_to_file_inside(folder: Path, name: str) -> bool:
    try:
        real = (folder / name).resolve(strict=True)
    except (OSError, RuntimeError):  # dangling, or a loop
        return False
    return real.is_relative_to(folder.resolve()) and real.is_file()


def _open_file(name: str, descriptor: int | None) -> IO[bytes] | str:
    """Open a regular file without following a link or waiting on a pipe; a text says why it could not be."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
    except OSError as problem:
        return str(problem.strerror)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return "it is not a regular file"
    return os.fdopen(handle, "rb")


def _store(archive: zipfile.ZipFile, name: str, content: IO[bytes], packing: _Packing) -> None:
    """Write one file as long as it was when it was opened; a file that grows meanwhile is cut there."""
    status = os.fstat(content.fileno())
    packing.room_for(name, status.st_size)
    head = content.read(min(_TRIAL, status.st_size))
    info = _entry(name, stat.S_IFREG | (0o755 if status.st_mode & 0o111 else 0o644))
    info.compress_type = zipfile.ZIP_DEFLATED if shrinks(head) else zipfile.ZIP_STORED
    info.file_size = status.st_size
    written = len(head)
    with archive.open(info, "w", force_zip64=status.st_size > 2**31 - 2**16) as out:
        out.write(head)
        while written < status.st_size and (chunk := content.read(min(_CHUNK, status.st_size - written))):
            out.write(chunk)
            written += len(chunk)
    packing.add(Member(name, written, info.compress_size, False, bool(status.st_mode & 0o111)))


def shrinks(head: bytes) -> bool:
    """Say whether the first bytes of a file compress well enough to be worth the time."""
    return len(zlib.compress(head, _LEVEL)) < 0.95 * len(head)
