"""Buckets of Google Cloud Storage."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from podium.site.buckets.address import Address
from podium.site.buckets.store import Body, Entry, StorageAway

_CHUNK: Final = 8 * 1024 * 1024
"""Bytes of a large file that are sent at a time, and held in memory."""
_HOW: Final[dict[str, Any]] = {"retry": DEFAULT_RETRY.with_timeout(5.0), "timeout": (5, 60)}
"""How long a request is tried again that gets no answer, with growing pauses; and for how long one is waited for."""
_BYTES: Final = "application/octet-stream"


class GoogleStorage:
    """See Store. Who we are is known from the environment (Google's application default credentials)."""

    def __init__(self, address: Address) -> None:
        self.name = address.shown
        self._bucket_name = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._facts: dict[str, Any] = {"project": address.options.get("project")}
        if endpoint := address.options.get("endpoint"):
            self._facts = {
                "project": self._facts["project"] or "none",
                "credentials": AnonymousCredentials(),
                "client_options": {"api_endpoint": endpoint},
            }
        self._own = threading.local()

    @contextmanager
    def _told(self, *, missing: bool = True) -> Iterator[None]:
        """Tell what goes wrong in the words of Store. missing: whether it may be that an object is not there."""
        try:
            yield
        except NotFound as error:
            if missing:
                raise FileNotFoundError("There is no such object.") from error
            raise StorageAway(f"{self.name} is not there.") from error
        except (
            GoogleAPICallError,
            RetryError,
            GoogleAuthError,
            DataCorruption,
            InvalidResponse,
            requests.RequestException,
            ConnectionError,
        ) as error:
            raise StorageAway(f"{self.name} does not answer: {type(error).__name__}: {error}") from error

    @property
    def _bucket(self) -> Any:
        """The bucket by a client of this thread's own, since those of Google's are not made to be shared."""
        if not hasattr(self._own, "bucket"):
            self._own.bucket = Client(**self._facts).bucket(self._bucket_name)
        return self._own.bucket

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(f"{self._prefix}{key}", chunk_size=_CHUNK)

    def put(self, key: str, source: Path) -> None:
        """See Store."""
        with self._told(missing=False):
            self._blob(key).upload_from_filename(str(source), content_type=_BYTES, **_HOW)

    def put_bytes(self, key: str, content: bytes) -> None:
        """See Store."""
        with self._told(missing=False):
            self._blob(key).upload_from_string(content, content_type=_BYTES, **_HOW)

    def head(self, key: str) -> Entry:
        """See Store."""
        blob = None
        with self._told():
            blob = self._blob(key)
            blob.reload(**_HOW)
        return Entry(key, blob.size, blob.updated.timestamp())

    def read(self, key: str, start: int, most: int) -> Body:
        """See Store. The whole window is held in memory."""
        with self._told():
            data = self._blob(key).download_as_bytes(
                start=start, end=start + most - 1, raw_download=True, checksum=None, **_HOW
            )
        return io.BytesIO(data)

    def listing(self, prefix: str) -> Iterator[Entry]:
        """See Store."""
        with self._told(missing=False):
            for blob in self._bucket.list_blobs(prefix=f"{self._prefix}{prefix}", **_HOW):
                yield Entry(blob.name.removeprefix(self._prefix), blob.size, blob.updated.timestamp())

    def copy(self, key: str, of: str) -> None:
        """See Store."""
        with self._told():
            target, source, token = self._blob(key), self._blob(of), None
            while True:
                token, _, _ = target.rewrite(source, token=token, **_HOW)
                if token is None:
                    return

    def delete(self, key: str) -> None:
        """See Store."""
        try:
            with self._told():
                self._blob(key).delete(**_HOW)
        except FileNotFoundError:
            return
