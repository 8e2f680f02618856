"""Where files are kept: one interface, with uploads that are sealed before they count.

An upload is written below `incoming/` under a name of its own; *sealing* gives it its final key and makes the
`StoredFile` row. A sealed file is never written again, so a digest once recorded stays true, and a late or second
upload to the same address changes nothing.

Files take no part in a database's transaction, so one of the two must err, and it is always the files: content is there
before its row commits and goes after the row has gone. What a process that died in between has left, content without a
row, is found by `discard_orphans`; a row without its content there is never.

All of it holds wherever files are kept, which a `Place` does (`places`): a folder (`folder`), or a bucket
(`bucket`) where `STORAGE_URL` names one.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import structlog
from django.conf import settings
from django.db import transaction

from podium.site.buckets.store import StorageAway
from podium.site.resources import places
from podium.site.resources.folder import Folder
from podium.site.resources.models import StoredFile
from podium.site.resources.places import Content, Digest, Incoming, Place, Upload

if TYPE_CHECKING:
    from podium.site.resources.bucket import Bucket

log = structlog.get_logger(__name__)

CHUNK = places.CHUNK
NotUploaded = places.NotUploaded

_folder = Folder()


def place() -> Place:
    """Where this installation keeps its files."""
    return bucket() or _folder


def bucket() -> Bucket | None:
    """The bucket in which this installation keeps its files, None where it keeps them in a folder."""
    url = settings.CONFIG.storage_url
    return None if url is None else _bucket(url.get_secret_value())


@functools.cache
def _bucket(url: str) -> Bucket:
    from podium.site.buckets import opened  # noqa: PLC0415 - what it needs is loaded only where it is used
    from podium.site.buckets.cache import Cache  # noqa: PLC0415
    from podium.site.resources.bucket import Bucket  # noqa: PLC0415

    cache = Cache(settings.DATA_DIR / "bucket-cache", settings.CONFIG.storage_cache_bytes)
    return Bucket(opened(url), cache)


# --- uploads ------------------------------------------------------------------------------------------------------


def receive(key: str) -> Upload:
    """Begin to take an upload under an incoming key."""
    return place().receive(key)


def incoming_size(key: str) -> int | None:
    """How many bytes have arrived under an incoming key, None when nothing is there."""
    state = incoming_state(key)
    return None if state is None else state.size


def incoming_state(key: str) -> Incoming | None:
    """What has arrived under an incoming key, None when nothing is there."""
    return place().arrived(key)


def new_key(folder: str, name: str) -> str:
    """A fresh key below `folder` that ends in a safe form of `name`."""
    return places.fresh_key(folder, name)


def seal(incoming_key: str, *, folder: str, name: str) -> StoredFile:
    """Turn a complete upload into a stored file, within a transaction; the upload stays until that has committed.

    So a transaction that fails can be tried again with the same upload.

    incoming_key: where it was uploaded to.
    folder: first part of the final key, e.g. "dataset".
    name: the file's name for people; a safe form of it ends the key.
    Raises NotUploaded when nothing has arrived.
    """
    at = place()
    key, digest = at.seal(incoming_key, new_key(folder, name))
    try:
        file = StoredFile.objects.create(key=key, size=digest.size, sha256=digest.sha256, md5=digest.md5)
    except BaseException:
        at.unseal(key)
        raise
    transaction.on_commit(lambda: discard_incoming(incoming_key))
    return file


def discard_incoming(incoming_key: str) -> None:
    """Forget an upload that will not be sealed."""
    place().discard_incoming(incoming_key)


def incoming_names(*, older_than_seconds: float) -> list[str]:
    """Names below `incoming/` (uploads, their notes and drafts) that were not written to for so long."""
    return place().incoming_names(older_than_seconds=older_than_seconds)


def discard_stale_incoming(*, older_than_seconds: float, drafts_older_than_seconds: float) -> int:
    """Remove uploads that nobody completed, and drafts of broken ones; returns how many files went.

    older_than_seconds: longer than any grant lives, so that no upload that may still be completed is touched.
    drafts_older_than_seconds: longer than a connection may stand still, since nothing completes a draft but its own.
    """
    return place().discard_stale_incoming(
        older_than_seconds=older_than_seconds, drafts_older_than_seconds=drafts_older_than_seconds
    )


# --- what belongs to nothing --------------------------------------------------------------------------------------


def contents() -> Iterator[Content]:
    """Everything that is kept under a final key, whether it has a row or not; uploads under way are elsewhere."""
    return place().contents()


def orphans() -> Iterator[Content]:
    """Content that has no row now; some of it may belong to a transaction under way."""
    found = contents()
    for batch in iter(lambda: list(itertools.islice(found, 500)), []):
        nobodys = _unrecorded(content.key for content in batch)
        yield from (content for content in batch if content.key in nobodys)


def _unrecorded(keys: Iterable[str]) -> set[str]:
    # Uploads are asked for first: one that is sealed in between has its row by then.
    unclaimed = place().unclaimed(keys)
    return unclaimed - set(StoredFile.objects.filter(key__in=unclaimed).values_list("key", flat=True))


def discard_unrecorded(keys: Sequence[str], *, older_than_seconds: float) -> list[str]:
    """Remove those of some content that have no row now, and are old; returns which went.

    older_than_seconds: as of `discard_orphans`. Age is asked first: what is old and without a row gets none any more.
    """
    at, limit = place(), time.time() - older_than_seconds
    old = [key for key in keys if at.untouched_since(key, limit)]
    gone = sorted(_unrecorded(old))
    for key in gone:
        log.warning("content without a row removed", key=key)
        at.remove(key)
    return gone


def discard_orphans(*, older_than_seconds: float) -> int:
    """Remove content whose row never came to be or is gone, left by processes that died; returns how many files went.

    older_than_seconds: longer than any transaction, and any writing before one, takes.
    """
    limit = time.time() - older_than_seconds
    old = (content.key for content in contents() if content.changed < limit)
    batches = iter(lambda: list(itertools.islice(old, 500)), [])
    return sum(len(discard_unrecorded(keys, older_than_seconds=older_than_seconds)) for keys in batches)


def absent(keys: Iterable[str]) -> list[str]:
    """Those of some keys that have no content."""
    return place().absent(keys)


# --- writing ------------------------------------------------------------------------------------------------------


def store(source: BinaryIO | IO[bytes], *, folder: str, name: str) -> StoredFile:
    """Store the rest of a stream as a new file."""
    with storing(folder=folder, name=name) as sink:
        shutil.copyfileobj(source, cast("IO[bytes]", sink), CHUNK)
    assert sink.result is not None  # noqa: S101 - set by the context manager's end
    return sink.result


class Sink:
    """A new file while it is written: kept under its key when the block ends well, else nothing of it is.

    `path` is where it lies meanwhile, on this machine. `result` is its row, where `storing` makes one.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._draft = place().draft(key)
        self.path = self._draft.path
        self.stream = self._draft.stream
        self.result: StoredFile | None = None

    def write(self, data: bytes, /) -> int:
        return self.stream.write(data)

    def __enter__(self) -> BinaryIO:
        """What to write to."""
        return self.stream

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Keep it, or forget it."""
        try:
            if error is None:
                self._draft.finish()
        finally:
            self._draft.abandon()


@contextmanager
def storing(*, folder: str, name: str) -> Iterator[Sink]:
    """Write a new file piece by piece (seekable through `.stream`); stored when the block ends well, else removed."""
    with removed_on_failure() as stored:
        sink = Sink(new_key(folder, name))
        stored.append(StoredFile(key=sink.key))
        with sink:
            yield sink
        sink.result = record_existing(sink.key)


def digest_of(key: str) -> Digest:
    """Measure a file that was written through a `Sink`; of a large one before the transaction that records it."""
    return place().digest(key)


def record_existing(key: str, digest: Digest | None = None) -> StoredFile:
    """Make the row of a file that was written through a `Sink` before the transaction began.

    digest: as `digest_of` measured it; measured now where it is not given.
    """
    digest = digest or digest_of(key)
    return StoredFile.objects.create(key=key, size=digest.size, sha256=digest.sha256, md5=digest.md5)


def copy(key: str, of: str) -> None:
    """Give the content under the key `of` a second name, for a row of its own."""
    place().copy(key, of)


# --- reading ------------------------------------------------------------------------------------------------------


def open_file(file: StoredFile) -> BinaryIO:
    """Open a stored file for reading."""
    return open_key(file.key)


def open_key(key: str) -> BinaryIO:
    """Open what a key names for reading, seekable. Raises FileNotFoundError."""
    return place().open(key)


def key_in_bucket(key: str) -> str:
    """Where a bucket has what a key names, so that opening that asks no database. Raises FileNotFoundError."""
    found = bucket()
    return key if found is None else found.key_of(key)


def local(key: str) -> AbstractContextManager[Path]:
    """A path on this machine with what a key names, while the block runs; nothing lies there where there is nothing.

    For what is read here and there. What is read once from beginning to end is better opened.
    """
    return place().local(key)


# --- the end ------------------------------------------------------------------------------------------------------


def delete(file: StoredFile) -> None:
    """Delete the row, and the content once the transaction has committed."""
    key = file.key
    file.delete()
    transaction.on_commit(lambda: remove_content(key))


def remove_content(key: str) -> None:
    """Remove a file's content, and the folder that was made for it.

    Where a bucket is away the content stays, and goes with the next `discard_orphans`: what was to be done is done.
    """
    try:
        place().remove(key)
    except StorageAway as away:
        log.warning("content stays for now", key=key, reason=str(away))


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
    """Room for files that are being written, in bytes."""
    return place().free_bytes()
