"""Moving an installation's files from its folder into its bucket, or back.

Files never change under their keys, so copying can be broken off, begun again and done while the site runs; what lies
on the other side with its size is not copied again, and of what is copied every byte is compared with its digest.
Uploads under way are taken along by a last run while the site stands still.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from podium.site.buckets.remote import RemoteFile
from podium.site.resources.bucket import INCOMING, Bucket
from podium.site.resources.folder import Folder, path_of
from podium.site.resources.models import ArrivedFile, StoredFile
from podium.site.resources.places import CHUNK, Digest, Hasher, digest_of_path

_PARTS = "parts"
_DRAFT = ".moving"

Progress = Callable[[int, int], None]
"""Told of files looked at, and of how many."""


@dataclass
class Moved:
    """What came of it. there: lay on the other side before. missing, damaged: keys of rows whose content is not there,
    or not what its digest says; nothing is made of it on the other side."""

    copied: int = 0
    bytes: int = 0
    there: int = 0
    uploads: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every file is on the other side now."""
        return not self.missing and not self.damaged


def to_bucket(bucket: Bucket, progress: Progress = lambda done, total: None) -> Moved:
    """Copy every file from the folder into the bucket. Raises StorageAway; done again it goes on."""
    moved, there = Moved(), {entry.key: entry.size for entry in bucket.store.listing("")}
    for file in _rows(progress):
        if there.get(file.key) == file.size:
            moved.there += 1
        elif not path_of(file.key).is_file():
            moved.missing.append(file.key)
        elif digest_of_path(path_of(file.key)).sha256 != file.sha256:
            moved.damaged.append(file.key)
        else:
            bucket.store.put(file.key, path_of(file.key))
            moved.copied, moved.bytes = moved.copied + 1, moved.bytes + file.size
    for path in sorted(path_of(INCOMING).glob("*")):
        if path.suffix not in {".json", ".part"}:
            _arrive(bucket, f"{INCOMING}{path.name}", path)
            moved.uploads += 1
    for path in sorted(path_of(_PARTS).glob("*/*")):
        if path.suffix != ".part":
            bucket.store.put(str(path.relative_to(settings.FILES_DIR)), path)
    for folder in path_of(_PARTS).glob("*"):
        bucket.store.put_bytes(f"{_PARTS}/{folder.name}/begun", b"")
    return moved


def _arrive(bucket: Bucket, name: str, path: Path) -> None:
    upload = bucket.receive(name)
    try:
        with path.open("rb") as source:
            while data := source.read(CHUNK):
                upload.write(data)
        upload.commit()
    finally:
        upload.abandon()


def to_folder(bucket: Bucket, progress: Progress = lambda done, total: None) -> Moved:
    """Copy every file from the bucket into the folder. Raises StorageAway; done again it goes on."""
    moved, folder = Moved(), Folder()
    for file in _rows(progress):
        target = path_of(file.key)
        if target.is_file() and target.stat().st_size == file.size:
            moved.there += 1
            continue
        try:
            found = _fetch(bucket, file.key, target, expected=file.sha256)
        except FileNotFoundError:
            moved.missing.append(file.key)
            continue
        if found.sha256 == file.sha256:
            moved.copied, moved.bytes = moved.copied + 1, moved.bytes + file.size
        else:
            moved.damaged.append(file.key)
    for row in ArrivedFile.objects.order_by("pk"):
        upload = folder.receive(row.name)
        try:
            with RemoteFile(bucket.store, row.key) as source:
                shutil.copyfileobj(source, upload, CHUNK)
            upload.commit()
            moved.uploads += 1
        finally:
            upload.abandon()
    for entry in bucket.store.listing(f"{_PARTS}/"):
        target = path_of(entry.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name != "begun":
            _fetch(bucket, entry.key, target, expected=target.name.partition("-")[2])
    return moved


def _fetch(bucket: Bucket, key: str, target: Path, *, expected: str) -> Digest:
    """Bring an object to a path, where it is only when its digest is right."""
    hasher = Hasher()
    with RemoteFile(bucket.store, key) as source:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}{_DRAFT}")
        with draft.open("wb") as out:
            while data := source.read1(CHUNK):
                hasher.update(data)
                out.write(data)
            out.flush()
            os.fsync(out.fileno())
    if hasher.digest().sha256 == expected:
        draft.replace(target)
    else:
        draft.unlink()
    return hasher.digest()


def _rows(progress: Progress) -> Iterator[StoredFile]:
    total = StoredFile.objects.count()
    for number, file in enumerate(StoredFile.objects.order_by("pk").iterator(chunk_size=500), start=1):
        yield file
        progress(number, max(total, number))
