"""Buckets of Amazon S3, and of servers that speak its language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3.session
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from podium.site.buckets.address import Address
from podium.site.buckets.store import Body, Entry, StorageAway

TRIES: Final = 4
"""How often a request is made that gets no answer; the pauses grow, and all of it takes some seconds."""
_MIB: Final = 1024 * 1024
_TRANSFER: Final = TransferConfig(
    multipart_threshold=32 * _MIB, multipart_chunksize=32 * _MIB, max_concurrency=2, io_chunksize=_MIB
)
_MISSING: Final = {"404", "NoSuchKey", "NotFound"}


class _Body:
    def __init__(self, store: S3, body: Any) -> None:
        self._store, self._body = store, body

    def read(self, most: int) -> bytes:
        """See Body."""
        with self._store.told():
            data: bytes = self._body.read(most)
            return data

    def close(self) -> None:
        """See Body."""
        self._body.close()


class S3:
    """See Store."""

    def __init__(self, address: Address) -> None:
        self.name = address.shown
        self._bucket = address.bucket
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        options = address.options
        virtual = not address.host or address.host.endswith(".amazonaws.com")
        session = boto3.session.Session(
            aws_access_key_id=address.key or None, aws_secret_access_key=address.secret or None
        )
        self._client: Any = session.client(
            "s3",
            endpoint_url=f"{options.get('scheme', 'https')}://{address.host}" if address.host else None,
            region_name=options.get("region") or session.region_name or "us-east-1",
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                max_pool_connections=50,
                s3={"addressing_style": options.get("addressing", "virtual" if virtual else "path")},
            ),
        )

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what goes wrong in the words of Store."""
        try:
            yield
        except ClientError as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            if code in _MISSING:
                raise FileNotFoundError("There is no such object.") from error
            raise StorageAway(f"{self.name} refuses: {code}, {said.get('Message', '')}") from error
        except (BotoCoreError, S3UploadFailedError, HTTPError) as error:
            raise StorageAway(f"{self.name} does not answer: {type(error).__name__}: {error}") from error

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def put(self, key: str, source: Path) -> None:
        """See Store."""
        with self.told():
            self._client.upload_file(str(source), self._bucket, self._key(key), Config=_TRANSFER)

    def put_bytes(self, key: str, content: bytes) -> None:
        """See Store."""
        with self.told():
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content)

    def head(self, key: str) -> Entry:
        """See Store."""
        with self.told():
            found = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
        return Entry(key, found["ContentLength"], found["LastModified"].timestamp())

    def read(self, key: str, start: int, most: int) -> Body:
        """See Store."""
        with self.told():
            window = f"bytes={start}-{start + most - 1}"
            return _Body(self, self._client.get_object(Bucket=self._bucket, Key=self._key(key), Range=window)["Body"])

    def listing(self, prefix: str) -> Iterator[Entry]:
        """See Store."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(prefix))
        with self.told():
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield Entry(key, found["Size"], found["LastModified"].timestamp())

    def copy(self, key: str, of: str) -> None:
        """See Store."""
        with self.told():
            source = {"Bucket": self._bucket, "Key": self._key(of)}
            self._client.copy(source, self._bucket, self._key(key), Config=_TRANSFER)

    def delete(self, key: str) -> None:
        """See Store."""
        with self.told():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))
