"""Look inside zip archives from strangers and unpack them under caps: never outside the target, never by links."""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final

from podium.formats.zipguard import MAX_DIRECTORY_BYTES, NotAZipError, count_entries, size_of

_CHUNK: Final = 1 << 18
_IGNORED_TOP: Final = frozenset({"__MACOSX"})
_JUNK: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_MAX_NAME_BYTES: Final = 255
_MAX_NOTES: Final = 50
# What zipfile and the decompressors raise on damaged bytes (bz2 reports damage as OSError without an errno).
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    LookupError,
)


class ArchiveError(Exception):
    """An archive is refused; `code` is for programs, the message is for people and names the member.

    Codes: not_a_zip, bad_member, encrypted, absolute_path, parent_path, unsafe_name, symlink, special_file, clash,
    too_many_entries, too_large, ratio.
    """

    def __init__(self, code: str, message: str, member: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.member = member


@dataclass(frozen=True)
class Caps:
    """What an archive may cost: entries, bytes when unpacked, bytes per stored byte, length and depth of paths.

    The ratio is looked at only above `ratio_floor_bytes` unpacked bytes, so that a small file of zeros is no bomb.
    """

    max_entries: int = 100_000
    max_bytes: int = 20 * 2**30
    max_ratio: int = 200
    ratio_floor_bytes: int = 50 * 2**20
    max_path: int = 1024
    max_depth: int = 64


DEFAULT_CAPS: Final = Caps()


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive: cleaned name without trailing slash, sizes in bytes."""

    name: str
    size: int
    compressed: int
    is_dir: bool
    executable: bool = False


@dataclass(frozen=True)
class Listing:
    """What an archive holds, without its rubbish; `top_folder` is the single folder that wraps everything."""

    members: tuple[Member, ...]
    total_bytes: int
    top_folder: str | None
    notes: tuple[str, ...] = ()
    archive_bytes: int = 0
    _infos: dict[str, zipfile.ZipInfo] = field(default_factory=dict, repr=False, compare=False)

    def names_at_root(self, lift: bool = True) -> tuple[str, ...]:
        """Return the sorted names at the root; with `lift`, those inside the wrapper folder when there is one."""
        prefix = f"{self.top_folder}/" if lift and self.top_folder is not None else ""
        names = {m.name.removeprefix(prefix).split("/", 1)[0] for m in self.members if m.name.startswith(prefix)}
        return tuple(sorted(names))

    def info(self, name: str) -> zipfile.ZipInfo:
        """Return the directory entry of a member by its cleaned name; KeyError when there is none."""
        return self._infos[name]


def quoted(name: str) -> str:
    """Return a name fit for a message: control characters escaped, at most 120 characters."""
    text = name.encode("unicode_escape", "backslashreplace").decode("ascii") if not name.isprintable() else name
    return f'"{text[:117]}..."' if len(text) > 120 else f'"{text}"'


def human_size(count: int) -> str:
    """Return a number of bytes for people, in decimal units as disks and quotas are sold ("5.0 GB")."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def clean_name(name: str, caps: Caps = DEFAULT_CAPS) -> str:
    """Return a member's path in plain form ("a/b"), or "" for the root itself.

    Raises ArchiveError (absolute_path, parent_path, unsafe_name) for anything that could leave the target folder or
    that a file system cannot hold.
    """
    shown = quoted(name)
    if not name:
        raise ArchiveError("unsafe_name", "There is a file without a name. Make the zip again.", name)
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise ArchiveError("unsafe_name", f"The name {shown} holds control characters. Rename that file.", name)
    if name.startswith("/") or (len(name) > 1 and name[1] == ":" and name[0].isascii() and name[0].isalpha()):
        message = f"{shown} is an absolute path. Zip the files from inside their folder so that paths are relative."
        raise ArchiveError("absolute_path", message, name)
    if "\\" in name:
        message = f"{shown} uses backslashes as path separators. Make the zip with a tool that writes forward slashes."
        raise ArchiveError("unsafe_name", message, name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        message = f'{shown} leads out of the archive with "..". Zip the files from inside their folder.'
        raise ArchiveError("parent_path", message, name)
    cleaned = "/".join(parts)
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        message = f"The name {shown} is not valid Unicode. Rename that file."
        raise ArchiveError("unsafe_name", message, name) from None
    if sum(sizes) + len(sizes) > caps.max_path or max(sizes, default=0) > _MAX_NAME_BYTES:
        message = f"The path {shown} is too long (at most {caps.max_path} bytes, {_MAX_NAME_BYTES} per name)."
        raise ArchiveError("unsafe_name", message, name)
    if len(parts) > caps.max_depth:
        raise ArchiveError("unsafe_name", f"{shown} is nested too deeply (at most {caps.max_depth} folders).", name)
    return cleaned


@contextlib.contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield source


@contextlib.contextmanager
def open_archive(source: Path | BinaryIO, caps: Caps = DEFAULT_CAPS) -> Iterator[tuple[zipfile.ZipFile, Listing]]:
    """Open an archive after its directory has passed every check; yields the zip and its listing.

    Raises ArchiveError. A Path is closed at the end, a stream is left open.
    """
    with _opened(source) as stream:
        _guard(stream, caps)
        try:
            archive = zipfile.ZipFile(stream)
        except (*_DAMAGE, OSError) as problem:
            _reraise_real_os_error(problem)
            raise ArchiveError("not_a_zip", f"This is not a usable zip file: {_reason(problem)}.") from problem
        with archive:
            yield archive, _list(archive, size_of(stream), caps)


def inspect(source: Path | BinaryIO, caps: Caps = DEFAULT_CAPS) -> Listing:
    """Return what an archive holds, reading only its directory.

    Refuses (ArchiveError) what `unpack` would refuse by the directory alone: no zip, too many entries (before a list
    of them is built), sizes and ratio as declared, unsafe paths, links, devices, encryption, clashes.
    """
    with open_archive(source, caps) as (_, listing):
        return listing


def _guard(stream: BinaryIO, caps: Caps) -> None:
    """Refuse a directory that is missing, damaged or too long, in little memory."""
    try:
        count, directory_bytes = count_entries(stream, caps.max_entries)
    except NotAZipError as problem:
        raise ArchiveError("not_a_zip", f"This is not a zip file: {problem}.") from problem
    if count > caps.max_entries or directory_bytes > MAX_DIRECTORY_BYTES:
        message = (
            f"The archive lists more than {caps.max_entries:,} files and folders, which is the limit. "
            "Put many small files into an inner archive (tar, npz, parquet)."
        )
        raise ArchiveError("too_many_entries", message)


def _reason(problem: BaseException) -> str:
    return (str(problem) or type(problem).__name__).rstrip(".")


def _reraise_real_os_error(problem: BaseException) -> None:
    """Let a failing disk through as what it is; decompressors report damage as OSError too, without an errno."""
    if isinstance(problem, OSError) and problem.errno not in (None, errno.EINVAL):
        raise problem


class _Notes:
    """Remarks for people, at most a screenful of them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        if text in self.texts:
            return
        if len(self.texts) < _MAX_NOTES:
            self.texts.append(text)
        elif len(self.texts) == _MAX_NOTES:
            self.texts.append("More remarks of this kind were left out.")


def _list(archive: zipfile.ZipFile, archive_bytes: int, caps: Caps) -> Listing:
    notes = _Notes()
    members: dict[str, Member] = {}
    infos: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in archive.infolist():
        name = clean_name(info.orig_filename, caps)
        if name.split("/", 1)[0] in _IGNORED_TOP:
            notes.add("The folder __MACOSX, which macOS adds to zip files, is ignored.")
            continue
        member = _member(info, name)
        total += member.size
        if not name:
            continue
        if name in members:
            if members[name].is_dir != member.is_dir:
                raise ArchiveError("clash", f"{quoted(name)} is both a file and a folder in this archive.", name)
            if not member.is_dir:
                notes.add(f"{quoted(name)} occurs more than once; the last one counts.")
                total -= members[name].size
        members[name] = member
        infos[name] = info
    _check_sizes(total, archive_bytes, caps)
    _check_clashes(members)
    top = wrapping_folder(members)
    if top is not None:
        notes.add(f"All files are inside the folder {quoted(top)}; they are used as if that folder were the root.")
    return Listing(tuple(members.values()), total, top, tuple(notes.texts), archive_bytes, infos)


def _member(info: zipfile.ZipInfo, name: str) -> Member:
    """Check one directory entry's kind and make it a Member."""
    shown = quoted(info.orig_filename)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        message = (
            f"{shown} is a symbolic link. Links are not allowed in archives: store the file itself (zip without -y)."
        )
        raise ArchiveError("symlink", message, info.orig_filename)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError("special_file", f"{shown} is a device, pipe or socket, not a file.", info.orig_filename)
    if info.flag_bits & 0x1:
        message = f"{shown} is encrypted. Make the zip without a password."
        raise ArchiveError("encrypted", message, info.orig_filename)
    is_dir = info.is_dir() or kind == stat.S_IFDIR
    size = 0 if is_dir else info.file_size
    return Member(name, size, info.compress_size, is_dir, bool(mode & 0o111) and not is_dir)


def _check_sizes(total: int, archive_bytes: int, caps: Caps) -> None:
    if total > caps.max_bytes:
        message = f"Unpacked, the archive would take {human_size(total)}; the limit is {human_size(caps.max_bytes)}."
        raise ArchiveError("too_large", message)
    if total > caps.ratio_floor_bytes and total > caps.max_ratio * archive_bytes:
        message = (
            f"The archive of {human_size(archive_bytes)} would unpack to {human_size(total)}, more than "
            f"{caps.max_ratio} times its size. Such archives are refused as zip bombs."
        )
        raise ArchiveError("ratio", message)


def _check_clashes(members: dict[str, Member]) -> None:
    """Refuse a file that another member uses as a folder."""
    checked: set[str] = set()
    for name in members:
        parent = name.rpartition("/")[0]
        while parent and parent not in checked:
            checked.add(parent)
            known = members.get(parent)
            if known is not None and not known.is_dir:
                raise ArchiveError("clash", f"{quoted(parent)} is both a file and a folder in this archive.", parent)
            parent = parent.rpartition("/")[0]


def wrapping_folder(names: Collection[str]) -> str | None:
    """Return the one folder at the root that holds everything but rubbish."""
    tops = {name.split("/", 1)[0] for name in names} - _JUNK
    if len(tops) != 1:
        return None
    (top,) = tops
    return top if any(name.startswith(f"{top}/") for name in names) else None


def read_regular_file(path: Path, limit: int, follow: bool = False) -> bytes | None:
    """Return at most `limit` + 1 bytes of a file in a folder that strangers write; None when it is no regular file.

    Links count as absent unless `follow` is set; a pipe in the file's place is not waited on.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EACCES):
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(limit + 1)


def copy_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: IO[bytes], limit: int) -> int:
    """Copy one member's content to a stream and return its length in bytes.

    Raises ArchiveError "bad_member" when the content is damaged and "too_large" when it exceeds `limit` bytes,
    counted on what really comes out.
    """
    written = 0
    for chunk in content_of(archive, info):
        written += len(chunk)
        if written > limit:
            message = f"{quoted(info.orig_filename)} unpacks to more than the {human_size(limit)} that are left."
            raise ArchiveError("too_large", message, info.orig_filename)
        target.write(chunk)
    return written


def content_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's content in pieces; every way of being damaged becomes ArchiveError "bad_member"."""
    try:
        with archive.open(info) as content:
            while chunk := content.read(_CHUNK):
                yield chunk
    except (*_DAMAGE, OSError) as problem:
        _reraise_real_os_error(problem)
        message = f"{quoted(info.orig_filename)} cannot be read: {_reason(problem)}. Make the zip again."
        raise ArchiveError("bad_member", message, info.orig_filename) from problem


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Return at most `limit` + 1 bytes of a member's content (one more, so that the caller sees it is too long)."""
    pieces, size = [], 0
    for chunk in content_of(archive, info):
        pieces.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    return b"".join(pieces)[: limit + 1]


def unpack(
    source: Path | BinaryIO,
    target: Path,
    caps: Caps = DEFAULT_CAPS,
    alias_top_folder: bool = False,
) -> Listing:
    """Unpack an archive into an empty or new folder and return what it holds.

    Everything is measured on the bytes that really come out; modes become 0644 (0755 where an executable bit is set);
    no link is followed or made. With `alias_top_folder`, an archive whose files all lie in one folder keeps that
    layout, and each entry of the folder also appears at the root as a relative link, so both `model.py` and
    `wrapper/model.py` work; names that exist win.

    Raises ArchiveError, and ValueError when the target folder is not empty; nothing is left behind then.
    """
    made = not target.exists()
    if not made and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is not an empty folder")
    with open_archive(source, caps) as (archive, listing):
        target.mkdir(parents=True, exist_ok=True)
        try:
            _extract(archive, listing, target, caps)
            if alias_top_folder and listing.top_folder is not None:
                _alias(target, listing.top_folder)
        except BaseException:
            _empty(target, remove=made)
            raise
    return listing


def _extract(archive: zipfile.ZipFile, listing: Listing, target: Path, caps: Caps) -> None:
    written = 0
    made = {""}
    limit = min(caps.max_bytes, max(caps.ratio_floor_bytes, caps.max_ratio * listing.archive_bytes))
    for member in listing.members:
        _make_folder(target, member.name if member.is_dir else member.name.rpartition("/")[0], made)
        if member.is_dir:
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target / member.name, flags, 0o644)
        with os.fdopen(descriptor, "wb") as out:
            written += copy_member(archive, listing.info(member.name), out, limit - written)
            os.fchmod(out.fileno(), 0o755 if member.executable else 0o644)


def _make_folder(target: Path, name: str, made: set[str]) -> None:
    """Make a folder and its parents, readable whatever the umask says."""
    if name in made:
        return
    _make_folder(target, name.rpartition("/")[0], made)
    folder = target / name
    folder.mkdir()
    folder.chmod(0o755)
    made.add(name)


def _alias(target: Path, top: str) -> None:
    """Let the entries of the wrapper folder appear at the root too; `top` is a checked name without slashes."""
    for entry in sorted((target / top).iterdir()):
        alias = target / entry.name
        if not alias.exists() and not alias.is_symlink():
            alias.symlink_to(f"{top}/{entry.name}")


def _empty(target: Path, remove: bool) -> None:
    """Remove what was unpacked so far (it holds no links but our own)."""
    if remove:
        shutil.rmtree(target)
        return
    for entry in target.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
