"""Parts of uploads in a bucket: one may come to one machine, the next to another, and a third puts them together.

Each part is an object of its own that is there whole or not at all, so what is listed has arrived. An upload is open
while its mark is there. A part that arrives while its upload is given up may stay; the sweeper finds it as `stale`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning

import structlog

from podium.site.buckets import StorageAway
from podium.site.buckets.remote import RemoteFile
from podium.site.resources.bucket import Bucket
from podium.site.resources.parts import NAME, Incoming, NoSuchUpload, Part, Plan, refuse_wrong
from podium.site.resources.places import CHUNK, Digest, Hasher

log = structlog.get_logger(__name__)

_ROOT = "parts/"
_MARK = "begun"
_ALIVE_SECONDS = 2.0


class _Incoming:
    """A part in a draft on this machine."""

    def __init__(self, kept: BucketParts, upload: str, number: int) -> None:
        self._kept, self._upload, self._number = kept, upload, number
        self._draft = kept.bucket.cache.draft()
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._draft.stream.write(data)
        self.size += len(data)

    def commit(self, *, size: int, sha256: str) -> Part:
        """See Incoming."""
        self._draft.stream.close()
        part = Part(self._number, self.size, self._sha256.hexdigest())
        refuse_wrong(self._number, part, size=size, sha256=sha256)
        store, folder = self._kept.bucket.store, f"{_ROOT}{self._upload}/"
        key = f"{folder}{self._number}-{sha256}"
        store.put(key, self._draft.path)
        if not self._kept.is_open(self._upload):
            store.delete(key)
            raise NoSuchUpload
        # A part that was sent with other content before is replaced; two such at once may both go, and are asked for.
        for other in list(store.listing(f"{folder}{self._number}-")):
            if other.key != key:
                store.delete(other.key)
        return part

    def abandon(self) -> None:
        """See Incoming."""
        self._draft.abandon()


class BucketParts:
    """See Parts."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def is_open(self, upload: str) -> bool:
        """Whether parts of an upload are taken."""
        try:
            self.bucket.store.head(f"{_ROOT}{upload}/{_MARK}")
        except FileNotFoundError:
            return False
        return True

    def begin(self, upload: str) -> None:
        """See Parts."""
        self.bucket.store.put_bytes(f"{_ROOT}{upload}/{_MARK}", b"")

    def receive(self, upload: str, number: int) -> Incoming:
        """See Parts."""
        if not self.is_open(upload):
            raise NoSuchUpload
        return _Incoming(self, upload, number)

    def listed(self, upload: str) -> dict[int, Part]:
        """See Parts."""
        folder = f"{_ROOT}{upload}/"
        found = {}
        for entry in self.bucket.store.listing(folder):
            if named := NAME.fullmatch(entry.key.removeprefix(folder)):
                found[int(named[1])] = Part(int(named[1]), entry.size, named[2])
        return found

    def join(self, upload: str, plan: Plan, key: str, alive: Callable[[], None]) -> Digest:
        """See Parts. The whole lies on this machine before it is put into the bucket at once."""
        listed = self.listed(upload)
        draft = self.bucket.draft(key)
        hasher = Hasher()
        try:
            for number in range(1, plan.count + 1):
                alive()
                part = listed[number]
                with RemoteFile(self.bucket.store, f"{_ROOT}{upload}/{number}-{part.sha256}") as source:
                    while data := source.read1(CHUNK):
                        hasher.update(data)
                        draft.stream.write(data)
            with ThreadPoolExecutor(1, thread_name_prefix="put") as beside:
                putting = beside.submit(draft.finish)
                while not _ended(putting.result):
                    alive()
        except (KeyError, FileNotFoundError) as error:
            raise NoSuchUpload from error
        finally:
            draft.abandon()
        return hasher.digest()

    def discard(self, upload: str) -> None:
        """See Parts. What a bucket that is away keeps is `stale` one day."""
        store, folder = self.bucket.store, f"{_ROOT}{upload}/"
        try:
            store.delete(f"{folder}{_MARK}")  # first, so that what arrives meanwhile is refused
            for entry in list(store.listing(folder)):
                store.delete(entry.key)
        except StorageAway as away:
            log.warning("parts of an upload stay for now", upload=upload, reason=str(away))

    def stale(self, *, older_than_seconds: float) -> Iterator[str]:
        """See Parts."""
        limit = time.time() - older_than_seconds
        newest: dict[str, float] = {}
        for entry in self.bucket.store.listing(_ROOT):
            upload = entry.key.split("/")[1]
            newest[upload] = max(entry.changed, newest.get(upload, 0.0))
        return (upload for upload, changed in newest.items() if changed < limit)


def _ended(result: Callable[[float], None]) -> bool:
    try:
        result(_ALIVE_SECONDS)
    except StillRunning:
        return False
    return True
