"""Files in a bucket, which any number of machines share; each has copies of what it has used lately.

An upload is written to a draft on the machine to which it comes, then put into the bucket under a key of its own, which
is the one that it keeps when it is sealed: nothing is copied. That it has arrived, a row says (`ArrivedFile`), so what
arrived is replaced, sealed and forgotten in the database's transactions, and the order is the same as everywhere:
content is there before a row names it and goes after the last row has gone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import structlog
from django.db import transaction
from django.utils import timezone

from podium.site.buckets import StorageAway, Store
from podium.site.buckets.cache import Cache
from podium.site.buckets.remote import RemoteFile
from podium.site.resources.models import ArrivedFile
from podium.site.resources.places import (
    Content,
    Digest,
    Draft,
    Hasher,
    Incoming,
    NotUploaded,
    Upload,
    digest_of_path,
    fresh_key,
    refuse_unsafe,
)

log = structlog.get_logger(__name__)

INCOMING = "incoming/"
_AT_ONCE = 8
"""Requests to the bucket that one question may make at a time."""


class _Upload:
    """An upload in a draft on this machine."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket, self._name = bucket, name
        self._key = fresh_key("upload", name)
        self._draft = bucket.cache.draft()
        self._hasher = Hasher()
        self._settled = self._committing = self._abandoned = False
        self._state = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._hasher.size

    def write(self, data: bytes) -> None:
        self._hasher.update(data)
        self._draft.stream.write(data)

    def settle(self) -> None:
        """See Upload."""
        self._draft.stream.close()
        self._bucket.store.put(self._key, self._draft.path)
        with self._state:
            self._settled = True
            abandoned = self._abandoned
        if abandoned:  # by whoever no longer waits for this
            self._bucket.forget(self._key)

    def commit(self) -> Digest:
        """See Upload."""
        if not self._settled:
            self.settle()
        with self._state:
            if self._abandoned:
                raise RuntimeError("An upload that was abandoned cannot be committed.")
            self._committing = True
        digest = self._hasher.digest()
        facts = {"key": self._key, "size": digest.size, "sha256": digest.sha256, "md5": digest.md5}
        # Where this fails the content stays, as nobody can tell here whether the row was committed all the same.
        with transaction.atomic():
            before = ArrivedFile.objects.select_for_update().filter(name=self._name).first()
            ArrivedFile.objects.update_or_create(name=self._name, defaults={**facts, "changed_when": timezone.now()})
            if before is not None:
                transaction.on_commit(lambda: self._bucket.forget(before.key))
        self._bucket.cache.keep(self._key, self._draft)
        return digest

    def abandon(self) -> None:
        """See Upload."""
        with self._state:
            lost = self._settled and not self._committing and not self._abandoned
            self._abandoned = True
        self._draft.abandon()
        if lost:
            self._bucket.forget(self._key)


class _Draft:
    """A new file on this machine, until it is put into the bucket."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        refuse_unsafe(key)
        self._bucket, self._key, self._local = bucket, key, bucket.cache.draft()
        self.path, self.stream = self._local.path, self._local.stream

    def finish(self) -> None:
        """See Draft."""
        self.stream.close()
        self._bucket.store.put(self._key, self.path)
        self._bucket.cache.keep(self._key, self._local)

    def abandon(self) -> None:
        """See Draft."""
        self._local.abandon()


class Bucket:
    """See Place. store: the bucket. cache: this machine's copies."""

    def __init__(self, store: Store, cache: Cache) -> None:
        self.store, self.cache = store, cache

    def forget(self, key: str) -> None:
        """Remove what no row names any more; where that fails it is found by those who look for such content."""
        self.cache.forget(key)
        try:
            self.store.delete(key)
        except StorageAway as away:
            log.warning("content without a row stays for now", key=key, reason=str(away))

    @staticmethod
    def key_of(key: str) -> str:
        """The key in the bucket of what a key names. Raises FileNotFoundError where nothing has arrived under it."""
        refuse_unsafe(key)
        if not key.startswith(INCOMING):
            return key
        found = ArrivedFile.objects.filter(name=key).values_list("key", flat=True).first()
        if found is None:
            raise FileNotFoundError(key)
        return found

    # Uploads

    def receive(self, key: str) -> Upload:
        """See Place."""
        refuse_unsafe(key)
        return _Upload(self, key)

    def arrived(self, key: str) -> Incoming | None:
        """See Place."""
        row = ArrivedFile.objects.filter(name=key).first()
        return None if row is None else Incoming(size=row.size, changed=int(row.changed_when.timestamp() * 10**9))

    def seal(self, incoming_key: str, key: str) -> tuple[str, Digest]:
        """See Place. It keeps the key under which it has arrived; the row that says so goes with this transaction."""
        row = ArrivedFile.objects.select_for_update().filter(name=incoming_key).first()
        if row is None:
            raise NotUploaded(incoming_key)
        row.delete()
        return row.key, Digest(size=row.size, sha256=row.sha256, md5=row.md5)

    def unseal(self, key: str) -> None:
        """See Place: the row comes back by itself."""

    def discard_incoming(self, key: str) -> None:
        """See Place."""
        with transaction.atomic():
            row = ArrivedFile.objects.select_for_update().filter(name=key).first()
            if row is not None:
                arrived = row.key
                row.delete()
                transaction.on_commit(lambda: self.forget(arrived))

    def incoming_names(self, *, older_than_seconds: float) -> list[str]:
        """See Place."""
        return [row.name.removeprefix(INCOMING) for row in self._stale(older_than_seconds)]

    @staticmethod
    def _stale(older_than_seconds: float) -> Iterable[ArrivedFile]:
        limit = datetime.fromtimestamp(time.time() - older_than_seconds, UTC)
        return ArrivedFile.objects.filter(changed_when__lt=limit)

    def discard_stale_incoming(self, *, older_than_seconds: float, drafts_older_than_seconds: float) -> int:
        """See Place. Drafts are this machine's own, and known by their locks."""
        gone = 0
        for row in list(self._stale(older_than_seconds)):
            # Not one that was replaced meanwhile, nor one that was sealed.
            if ArrivedFile.objects.filter(pk=row.pk, key=row.key).delete()[0]:
                self.forget(row.key)
                gone += 1
        return gone + self.cache.discard_left()

    # Files

    def draft(self, key: str) -> Draft:
        """See Place."""
        return _Draft(self, key)

    def open(self, key: str) -> BinaryIO:
        """See Place. What has no copy here is read from the bucket as it is asked for."""
        found = self.key_of(key)
        return self.cache.open(found) or cast("BinaryIO", RemoteFile(self.store, found))

    def local(self, key: str) -> AbstractContextManager[Path]:
        """See Place."""
        try:
            found = self.key_of(key)
        except FileNotFoundError:
            found = key  # under which nothing lies in the bucket either
        return self.cache.local(found, self.store)

    def digest(self, key: str) -> Digest:
        """See Place."""
        with self.local(key) as path:
            return digest_of_path(path)

    def copy(self, key: str, of: str) -> None:
        """See Place."""
        refuse_unsafe(key)
        self.store.copy(key, of)

    def remove(self, key: str) -> None:
        """See Place."""
        self.cache.forget(key)
        self.store.delete(key)

    def contents(self) -> Iterator[Content]:
        """See Place."""
        for entry in self.store.listing(""):
            if entry.key.count("/") == 3:
                yield Content(entry.key, entry.size, entry.changed)

    def absent(self, keys: Iterable[str]) -> list[str]:
        """See Place."""
        asked = list(keys)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="absent") as pool:
            return [key for key, there in zip(asked, pool.map(self._is_there, asked), strict=True) if not there]

    def _is_there(self, key: str) -> bool:
        try:
            self.store.head(key)
        except FileNotFoundError:
            return False
        return True

    def untouched_since(self, key: str, limit: float) -> bool:
        """See Place."""
        try:
            return self.store.head(key).changed < limit
        except FileNotFoundError:
            return False

    def unclaimed(self, keys: Iterable[str]) -> set[str]:
        """See Place."""
        asked = set(keys)
        return asked - set(ArrivedFile.objects.filter(key__in=asked).values_list("key", flat=True))

    def free_bytes(self) -> int:
        """See Place: what is written is written here first."""
        folder = next(place for place in (self.cache.folder, *self.cache.folder.resolve().parents) if place.is_dir())
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize
