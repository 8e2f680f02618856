"""Where files are kept: one interface, with uploads that are sealed before they count.

An upload is written below `incoming/` under a name of its own; *sealing* gives it its final key and makes the
`StoredFile` row. A sealed file is never written again, so a digest once recorded stays true, and a late or second
upload to the same address changes nothing.

A folder of files takes no part in a database's transaction, so one of the two must err, and it is always the folder:
content is there before its row commits and goes after the row has gone. What a process that died in between has left,
content without a row, is found by `discard_orphans`; a row without its content there is never.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from podium.site.resources.models import StoredFile

log = structlog.get_logger(__name__)

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


def path_of(key: str) -> Path:
    """The file of a key; refuses keys that would leave the files folder."""
    root = Path(settings.FILES_DIR)
    path = root / key
    if key.startswith("/") or ".." in Path(key).parts or "\0" in key:
        raise ValueError(f"not a storage key: {key!r}")
    return path


class IncomingFile:
    """An upload while it arrives; nothing is visible under its key before `commit`."""

    def __init__(self, key: str) -> None:
        self.path = path_of(key)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(6)}.part")
        self._stream = self._draft.open("xb")
        self._hasher = Hasher()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._hasher.size

    def write(self, data: bytes) -> None:
        self._hasher.update(data)
        self._stream.write(data)

    def commit(self) -> Digest:
        """Make the upload visible under its key, in place of an earlier one that was not sealed yet."""
        self._stream.close()
        digest = self._hasher.digest()
        inode = self._draft.stat().st_ino
        self._draft.replace(self.path)
        note = _note_of(self.path)
        draft_note = note.with_name(f"{note.name}.{secrets.token_hex(6)}.part")
        draft_note.write_text(json.dumps({**asdict(digest), "inode": inode}))
        draft_note.replace(note)
        return digest

    def abandon(self) -> None:
        """Forget the upload; safe to call after `commit`."""
        self._stream.close()
        self._draft.unlink(missing_ok=True)


def _note_of(path: Path) -> Path:
    """Where the digest of an upload is noted."""
    return path.with_name(path.name + ".json")


def _digest_of(path: Path, note: Path | None = None) -> Digest:
    """The digest noted when the upload arrived, if it is this very file's; else computed."""
    stat = path.stat()
    note = note or _note_of(path)
    try:
        noted = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        noted = {}
    if noted.get("inode") == stat.st_ino and noted.get("size") == stat.st_size:
        return Digest(size=noted["size"], sha256=noted["sha256"], md5=noted["md5"])
    hasher = Hasher()
    with path.open("rb") as stream:
        while data := stream.read(CHUNK):
            hasher.update(data)
    return hasher.digest()


def incoming_size(key: str) -> int | None:
    """How many bytes have arrived under an incoming key, None when nothing is there."""
    try:
        return path_of(key).stat().st_size
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Incoming:
    """What has arrived under an incoming key: bytes, and when in nanoseconds."""

    size: int
    changed: int


def incoming_state(key: str) -> Incoming | None:
    """What has arrived under an incoming key, None when nothing is there."""
    try:
        stat = path_of(key).stat()
    except FileNotFoundError:
        return None
    return Incoming(size=stat.st_size, changed=stat.st_mtime_ns)


def new_key(folder: str, name: str) -> str:
    """A fresh key below `folder` that ends in a safe form of `name`."""
    day = timezone.now().strftime("%Y-%m-%d")
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(name).name)[-60:].lstrip(".") or "file"
    return f"{folder}/{day}/{secrets.token_hex(8)}/{safe}"


def _record(key: str, digest: Digest) -> StoredFile:
    """Make the row; when the transaction fails, the file goes too."""
    path = path_of(key)
    try:
        return StoredFile.objects.create(key=key, size=digest.size, sha256=digest.sha256, md5=digest.md5)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def seal(incoming_key: str, *, folder: str, name: str) -> StoredFile:
    """Turn a complete upload into a stored file; the upload itself stays until the transaction has committed.

    So a transaction that fails can be tried again with the same upload.

    incoming_key: where it was uploaded to.
    folder: first part of the final key, e.g. "dataset".
    name: the file's name for people; a safe form of it ends the key.
    Raises NotUploaded when nothing has arrived.
    """
    key = new_key(folder, name)
    target = path_of(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _link(path_of(incoming_key), target)
    except FileNotFoundError:
        target.parent.rmdir()
        raise NotUploaded(incoming_key) from None
    file = _record(key, _digest_of(target, note=_note_of(path_of(incoming_key))))
    transaction.on_commit(lambda: discard_incoming(incoming_key))
    return file


def _link(source: Path, target: Path) -> None:
    """A second name for the same content; a copy where the file system knows no such thing."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}:
            raise
        shutil.copyfile(source, target)


def discard_incoming(incoming_key: str) -> None:
    """Forget an upload that will not be sealed."""
    path = path_of(incoming_key)
    path.unlink(missing_ok=True)
    _note_of(path).unlink(missing_ok=True)


def incoming_names(*, older_than_seconds: float) -> list[str]:
    """Names below `incoming/` (uploads, their notes and drafts) that were not written to for so long."""
    limit = time.time() - older_than_seconds
    return [path.name for path in path_of("incoming").glob("*") if _untouched_since(path, limit)]


def _untouched_since(path: Path, limit: float) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False  # sealed or removed meanwhile
    return max(stat.st_mtime, stat.st_ctime) < limit  # the second is when it got its name


def discard_stale_incoming(*, older_than_seconds: float, drafts_older_than_seconds: float) -> int:
    """Remove uploads that nobody completed, and drafts of broken ones; returns how many files went.

    older_than_seconds: longer than any grant lives, so that no upload that may still be completed is touched.
    drafts_older_than_seconds: longer than a connection may stand still, since nothing completes a draft but its own.
    """
    names = incoming_names(older_than_seconds=older_than_seconds)
    drafts = incoming_names(older_than_seconds=drafts_older_than_seconds)
    stale = {*names, *(name for name in drafts if name.endswith(".part"))}
    for name in stale:
        path_of(f"incoming/{name}").unlink(missing_ok=True)
    return len(stale)


@dataclass(frozen=True)
class Content:
    """A file that is kept: its key, bytes, and when it was written to or got its name, in seconds of POSIX."""

    key: str
    size: int
    changed: float


def contents() -> Iterator[Content]:
    """Everything that is kept under a final key, whether it has a row or not; uploads under way are elsewhere.

    What has a name that no key can be, since it is no text, is none of ours.
    """
    root = Path(settings.FILES_DIR)
    for path in root.glob("*/*/*/*"):
        try:
            str(path).encode()
            stat = path.stat()
        except (FileNotFoundError, UnicodeEncodeError):
            continue  # the first: removed meanwhile
        yield Content(str(path.relative_to(root)), stat.st_size, max(stat.st_mtime, stat.st_ctime))


def orphans() -> Iterator[Content]:
    """Content that has no row now; some of it may belong to a transaction under way."""
    found = contents()
    for batch in iter(lambda: list(itertools.islice(found, 500)), []):
        known = _recorded(content.key for content in batch)
        yield from (content for content in batch if content.key not in known)


def _recorded(keys: Iterable[str]) -> set[str]:
    return set(StoredFile.objects.filter(key__in=list(keys)).values_list("key", flat=True))


def discard_unrecorded(keys: Sequence[str], *, older_than_seconds: float) -> list[str]:
    """Remove those of some content that have no row now, and are old; returns which went.

    older_than_seconds: as of `discard_orphans`. Age is asked first: what is old and without a row gets none any more.
    """
    limit = time.time() - older_than_seconds
    old = [key for key in keys if _untouched_since(path_of(key), limit)]
    gone = sorted(set(old) - _recorded(old))
    for key in gone:
        log.warning("content without a row removed", key=key)
        remove_content(key)
    return gone


def discard_orphans(*, older_than_seconds: float) -> int:
    """Remove content whose row never came to be or is gone, left by processes that died; returns how many files went.

    older_than_seconds: longer than any transaction, and any writing before one, takes.
    """
    limit = time.time() - older_than_seconds
    old = (content.key for content in contents() if content.changed < limit)
    batches = iter(lambda: list(itertools.islice(old, 500)), [])
    return sum(len(discard_unrecorded(keys, older_than_seconds=older_than_seconds)) for keys in batches)


def store(source: BinaryIO | IO[bytes], *, folder: str, name: str) -> StoredFile:
    """Store the rest of a stream as a new file."""
    with storing(folder=folder, name=name) as sink:
        shutil.copyfileobj(source, cast("IO[bytes]", sink), CHUNK)
    assert sink.result is not None  # noqa: S101 - set by the context manager's end
    return sink.result


class Sink:
    """What `storing` hands out: write to it, then read `result`."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.path = path_of(key)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stream = self.path.open("x+b")
        self.result: StoredFile | None = None

    def write(self, data: bytes) -> int:
        return self.stream.write(data)


@contextmanager
def storing(*, folder: str, name: str) -> Iterator[Sink]:
    """Write a new file piece by piece (seekable through `.stream`); stored when the block ends well, else removed."""
    key = new_key(folder, name)
    sink = Sink(key)
    try:
        yield sink
        sink.stream.close()
        sink.result = _record(key, _digest_of(sink.path))
    except BaseException:
        sink.stream.close()
        sink.path.unlink(missing_ok=True)
        raise


def digest_of(key: str) -> Digest:
    """Measure a file that was written through a `Sink`; of a large one before the transaction that records it."""
    return _digest_of(path_of(key))


def record_existing(key: str, digest: Digest | None = None) -> StoredFile:
    """Make the row of a file that was written through a `Sink` before the transaction began.

    digest: as `digest_of` measured it; measured now where it is not given.
    """
    digest = digest or digest_of(key)
    return StoredFile.objects.create(key=key, size=digest.size, sha256=digest.sha256, md5=digest.md5)


def copy(key: str, of: str) -> None:
    """Give the content under the key `of` a second name, for a row of its own."""
    target = path_of(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    _link(path_of(of), target)


def open_file(file: StoredFile) -> BinaryIO:
    """Open a stored file for reading."""
    return path_of(file.key).open("rb")


def delete(file: StoredFile) -> None:
    """Delete the row, and the content once the transaction has committed."""
    key = file.key
    file.delete()
    transaction.on_commit(lambda: remove_content(key))


def remove_content(key: str) -> None:
    """Remove a file's content and the folder that was made for it."""
    path = path_of(key)
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # other files are in it


@contextmanager
def removed_on_failure() -> Iterator[list[StoredFile]]:
    """Collects files stored during a transaction and removes their content when the block fails."""
    stored: list[StoredFile] = []
    try:
        yield stored
    except BaseException:
        for file in stored:
            remove_content(file.key)
        raise


def free_bytes() -> int:
    """Free space below the files folder, in bytes."""
    stat = os.statvfs(Path(settings.FILES_DIR).parent)
    return stat.f_bavail * stat.f_frsize
