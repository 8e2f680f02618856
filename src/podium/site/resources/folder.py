"""Files in a folder of this machine, or of one that several machines share."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings

from podium.site.resources.places import (
    Content,
    Digest,
    Draft,
    Hasher,
    Incoming,
    NotUploaded,
    Upload,
    digest_of_path,
    refuse_unsafe,
)


def path_of(key: str) -> Path:
    """The file of a key; refuses keys that would leave the files folder."""
    refuse_unsafe(key)
    return Path(settings.FILES_DIR) / key


class _Upload:
    """An upload in a draft beside its place, which it takes at once."""

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

    def settle(self) -> None:
        """See Upload."""
        self._stream.close()

    def commit(self) -> Digest:
        """See Upload."""
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
        """See Upload."""
        self._stream.close()
        self._draft.unlink(missing_ok=True)


class _Draft:
    """A new file, written in its place."""

    def __init__(self, key: str) -> None:
        self.path = path_of(key)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stream = cast("BinaryIO", self.path.open("x+b"))
        self._finished = False

    def finish(self) -> None:
        """See Draft."""
        self.stream.close()
        self._finished = True

    def abandon(self) -> None:
        """See Draft."""
        self.stream.close()
        if not self._finished:
            self.path.unlink(missing_ok=True)


def _note_of(path: Path) -> Path:
    """Where the digest of an upload is noted."""
    return path.with_name(path.name + ".json")


def _digest_of(path: Path, note: Path) -> Digest:
    """The digest noted when the upload arrived, if it is this very file's; else computed."""
    stat = path.stat()
    try:
        noted = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        noted = {}
    if noted.get("inode") == stat.st_ino and noted.get("size") == stat.st_size:
        return Digest(size=noted["size"], sha256=noted["sha256"], md5=noted["md5"])
    return digest_of_path(path)


def _link(source: Path, target: Path) -> None:
    """A second name for the same content; a copy where the file system knows no such thing."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}:
            raise
        shutil.copyfile(source, target)


def _untouched_since(path: Path, limit: float) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False  # sealed or removed meanwhile
    return max(stat.st_mtime, stat.st_ctime) < limit  # the second is when it got its name


class Folder:
    """The files folder. Final keys and incoming ones are paths in it; sealing gives an upload a second name."""

    # Uploads

    def receive(self, key: str) -> Upload:
        """See Place."""
        return _Upload(key)

    def arrived(self, key: str) -> Incoming | None:
        """See Place."""
        try:
            stat = path_of(key).stat()
        except FileNotFoundError:
            return None
        return Incoming(size=stat.st_size, changed=stat.st_mtime_ns)

    def seal(self, incoming_key: str, key: str) -> tuple[str, Digest]:
        """See Place."""
        target = path_of(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link(path_of(incoming_key), target)
        except FileNotFoundError:
            target.parent.rmdir()
            raise NotUploaded(incoming_key) from None
        return key, _digest_of(target, note=_note_of(path_of(incoming_key)))

    def unseal(self, key: str) -> None:
        """See Place."""
        path_of(key).unlink(missing_ok=True)

    def discard_incoming(self, key: str) -> None:
        """See Place."""
        path = path_of(key)
        path.unlink(missing_ok=True)
        _note_of(path).unlink(missing_ok=True)

    def incoming_names(self, *, older_than_seconds: float) -> list[str]:
        """See Place; notes and drafts have names of their own."""
        limit = time.time() - older_than_seconds
        return [path.name for path in path_of("incoming").glob("*") if _untouched_since(path, limit)]

    def discard_stale_incoming(self, *, older_than_seconds: float, drafts_older_than_seconds: float) -> int:
        """See Place."""
        names = self.incoming_names(older_than_seconds=older_than_seconds)
        drafts = self.incoming_names(older_than_seconds=drafts_older_than_seconds)
        stale = {*names, *(name for name in drafts if name.endswith(".part"))}
        for name in stale:
            path_of(f"incoming/{name}").unlink(missing_ok=True)
        return len(stale)

    # Files

    def draft(self, key: str) -> Draft:
        """See Place."""
        return _Draft(key)

    def open(self, key: str) -> BinaryIO:
        """See Place."""
        return path_of(key).open("rb")

    def local(self, key: str) -> AbstractContextManager[Path]:
        """See Place."""
        return nullcontext(path_of(key))

    def digest(self, key: str) -> Digest:
        """See Place."""
        return digest_of_path(path_of(key))

    def copy(self, key: str, of: str) -> None:
        """See Place."""
        target = path_of(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(path_of(of), target)

    def remove(self, key: str) -> None:
        """See Place; the folder that was made for the file goes too."""
        path = path_of(key)
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:
            return  # other files are in it

    def contents(self) -> Iterator[Content]:
        """See Place. What has a name that no key can be, since it is no text, is none of ours."""
        root = Path(settings.FILES_DIR)
        for path in root.glob("*/*/*/*"):
            try:
                str(path).encode()
                stat = path.stat()
            except (FileNotFoundError, UnicodeEncodeError):
                continue  # the first: removed meanwhile
            yield Content(str(path.relative_to(root)), stat.st_size, max(stat.st_mtime, stat.st_ctime))

    def absent(self, keys: Iterable[str]) -> list[str]:
        """See Place."""
        return [key for key in keys if not path_of(key).exists()]

    def untouched_since(self, key: str, limit: float) -> bool:
        """See Place."""
        return _untouched_since(path_of(key), limit)

    def unclaimed(self, keys: Iterable[str]) -> set[str]:
        """See Place: uploads lie elsewhere."""
        return set(keys)

    def free_bytes(self) -> int:
        """See Place."""
        stat = os.statvfs(Path(settings.FILES_DIR).parent)
        return stat.f_bavail * stat.f_frsize
