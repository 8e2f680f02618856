"""Files from and to the platform: streamed, verified, retried."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import httpx

from podium.protocol import FileRef
from podium.worker.retry import Backoff
from podium.worker.settings import Retries

log = logging.getLogger("podium.worker")

_CHUNK = 1024 * 1024
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# A signed address that just expired, a quota, a wrong method: asking again changes nothing.
_RETRIABLE = {408, 425, 429}


class TransferError(Exception):
    """A file could not be fetched or stored; the text names the file and never its signed address."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Files(Protocol):
    """Fetches and stores the files that a job names."""

    async def fetch(self, ref: FileRef, target: Path, what: str) -> None:
        """Write the file to `target`, verified; `what` names it in errors. Raises TransferError."""
        ...

    async def store(self, source: Path, url: str, content_type: str, what: str) -> None:
        """Hand over the file `source`. Raises TransferError."""
        ...


class HttpFiles:
    """Files behind short-lived addresses, on the platform itself or in an object store.

    Args:
        client: its base_url completes relative addresses.
        retries: pauses between tries, and how long a transfer is tried at all.
        rewrite: (from, to) address prefix to replace, for networks that see the store under another name.
    """

    def __init__(self, client: httpx.AsyncClient, retries: Retries, *, rewrite: tuple[str, str] | None = None) -> None:
        self._client = client
        self._retries = retries
        self._rewrite = rewrite

    async def fetch(self, ref: FileRef, target: Path, what: str) -> None:
        """Download `ref` to `target`; size and digest are checked when the platform gave them.

        Raises:
            TransferError: refused by the platform, or not had within the patience of the settings.
        """
        url = self._address(ref.url)
        backoff = Backoff(self._retries, patience_seconds=self._retries.patience_seconds)
        while True:
            try:
                await self._fetch_once(url, ref, target)
            except TransferError as error:
                _give_up_or_log(error, backoff, f"{what} could not be fetched")
            except httpx.HTTPError as error:
                failure = TransferError(type(error).__name__)
                _give_up_or_log(failure, backoff, f"{what} could not be fetched")
            else:
                return
            await backoff.pause()

    async def _fetch_once(self, url: str, ref: FileRef, target: Path) -> None:
        digest = hashlib.sha256()
        size = 0
        async with self._client.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as answer:
            if answer.status_code != httpx.codes.OK:
                raise TransferError(f"HTTP {answer.status_code}", status=answer.status_code)
            with target.open("wb") as file:
                # Bytes as they are stored: a Content-Encoding of the way must not change what is hashed.
                async for chunk in answer.aiter_raw(_CHUNK):
                    size += len(chunk)
                    if ref.size is not None and size > ref.size:
                        raise TransferError(f"it is larger than the {ref.size} bytes announced")
                    digest.update(chunk)
                    file.write(chunk)
        if ref.size is not None and size != ref.size:
            raise TransferError(f"{size} of {ref.size} bytes arrived")
        if ref.sha256 is not None and digest.hexdigest() != ref.sha256:
            raise TransferError("its content does not match its digest")

    async def store(self, source: Path, url: str, content_type: str, what: str) -> None:
        """Upload the file `source` by PUT.

        Raises:
            TransferError: refused by the platform (`status` says how), or not accepted within the patience.
        """
        address = self._address(url)
        backoff = Backoff(self._retries, patience_seconds=self._retries.patience_seconds)
        while True:
            try:
                await self._store_once(source, address, content_type)
            except TransferError as error:
                _give_up_or_log(error, backoff, f"{what} could not be stored")
            except httpx.HTTPError as error:
                _give_up_or_log(TransferError(type(error).__name__), backoff, f"{what} could not be stored")
            else:
                return
            await backoff.pause()

    async def _store_once(self, source: Path, address: str, content_type: str) -> None:
        size = source.stat().st_size
        # S3's signed PUT refuses chunked transfer encoding, so the length is always said.
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        content: bytes | AsyncIterator[bytes] = source.read_bytes() if size <= _CHUNK else _chunks(source)
        answer = await self._client.put(address, content=content, headers=headers, timeout=_TIMEOUT)
        if answer.status_code >= 300:
            raise TransferError(f"HTTP {answer.status_code}", status=answer.status_code)

    def _address(self, url: str) -> str:
        if self._rewrite is not None and url.startswith(self._rewrite[0]):
            return self._rewrite[1] + url.removeprefix(self._rewrite[0])
        return url


async def _chunks(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _give_up_or_log(error: TransferError, backoff: Backoff, what: str) -> None:
    """Raise when another try is pointless or the patience is used up."""
    status = error.status
    refused = status is not None and status < 500 and status not in _RETRIABLE
    if refused or backoff.exhausted:
        tries = f" after {backoff.tries + 1} tries" if backoff.tries else ""
        raise TransferError(f"{what}{tries}: {error}.", status=status) from error
    log.warning("%s, trying again: %s", what, error)
