"""The byte plane: files in and out by signed address, streamed, beside Django rather than through it.

Django reads a synchronous iterator whole and spools request bodies before the view (measured), so files take this
way: `GET /files/<grant>` with ranges, `PUT /files/<grant>` written and digested as it arrives, and
`PUT /files/<grant>/<number>` for a part of an upload, with its SHA-256 in `Content-Digest` (RFC 9530). A grant to write
outlives what it was given for, so the database is asked for that: what counts in nobody's quota must not lie here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from podium.site.buckets.remote import RemoteFile
from podium.site.errors import Refused
from podium.site.newest import Newest
from podium.site.resources import grants, storage, uploads
from podium.site.resources.parts import NoSuchUpload, PartRefused, Plan, parts
from podium.site.streamed_zip import safe_name
from podium.site.threads import Answer, in_thread

BUFFER = 1024 * 1024
LOOK_SECONDS = 5.0
"""How often it is asked whether what arrives is still awaited."""
GONE = "The file is no longer there."
_arriving = Newest()
"""A quota counts what an address announces once, so it takes one file at a time; files and parts, by their keys."""
OVER = {"detail": "This upload is complete or was given up.", "code": "gone"}
_SAFE_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Whatever a file holds, a browser that shows it gives it an opaque origin and no network.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " frame-ancestors 'self'",
    "Connection-Allowlist": "()",  # WebRTC, which no content security policy forbids; other browsers do not know it yet
}
# Detailed results may draw with scripts of their own; the sandbox keeps them from the site's origin and the network.
_HTML_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:; media-src data: blob:; frame-ancestors 'self'"
)


class _File(FileResponse):
    """A file as it is when it is opened: between a look at its size and its reading another may take its place."""

    chunk_size = BUFFER

    def __init__(self, held: BinaryIO, **facts: Any) -> None:
        super().__init__(f"/dev/fd/{held.fileno()}", **facts)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


_bucket_pool = ThreadPoolExecutor(32, thread_name_prefix="bucket")
"""Those who wait for a bucket, which may take long, so that nobody waits behind them who does not."""


async def _beside(work: Callable[..., Answer], *given: Any) -> Answer:
    return await asyncio.get_running_loop().run_in_executor(_bucket_pool, work, *given)


class _Lent:
    """A file of a bucket for an asynchronous reader."""

    def __init__(self, held: RemoteFile) -> None:
        self._held = held

    async def read(self, most: int) -> bytes:
        return await _beside(self._held.read, most)

    async def seek(self, place: int) -> int:
        return await _beside(self._held.seek, place)


class _BucketFile(FileResponse):
    """A file of a bucket, read as it is sent."""

    chunk_size = BUFFER

    def __init__(self, held: RemoteFile, **facts: Any) -> None:
        stat = os.stat_result((0o100444, 0, 0, 1, 0, 0, held.size, int(held.changed), int(held.changed), 0))
        super().__init__("", stat_result=stat, **facts)
        self._held = held

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        yield _Lent(self._held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Hanging up does not wait; whoever still reads for a client that has gone does so from a closed connection.
            _bucket_pool.submit(self._held.close)


async def _settled(work: Callable[[], Answer]) -> Answer:
    """Do what may have to wait for a bucket."""
    return await (asyncio.to_thread(work) if storage.bucket() is None else _beside(work))


async def _opened(key: str) -> BinaryIO:
    """The file that a key names; what has arrived is named by a row where a bucket keeps it."""
    if storage.bucket() is None:
        return await asyncio.to_thread(storage.open_key, key)
    found = await in_thread(lambda: storage.key_in_bucket(key)) if key.startswith("incoming/") else key
    return await _beside(storage.open_key, found)


async def download(request: Request) -> Response:
    """Serve a file as the grant says."""
    grant = _grant(request, "GET")
    try:
        held = await _opened(grant.key)
    except (FileNotFoundError, IsADirectoryError):
        raise HTTPException(404, GONE) from None
    inline = grant.content_type in _SAFE_INLINE or grant.content_type == "text/html"
    headers = dict(_HEADERS)
    if grant.content_type == "text/html":
        headers["Content-Security-Policy"] = _HTML_POLICY
    own_name = PurePosixPath(grant.key).name
    facts: dict[str, Any] = {
        "headers": headers,
        "media_type": grant.content_type,
        "filename": safe_name(grant.name or own_name, otherwise=own_name),
        "content_disposition_type": "inline" if inline else "attachment",
    }
    return _BucketFile(held, **facts) if isinstance(held, RemoteFile) else _File(held, **facts)


async def upload(request: Request) -> Response:
    """Take a file as the grant says; a broken upload leaves nothing, and so does one that nobody waits for any more."""
    grant = _grant(request, "PUT")
    try:
        if not await in_thread(lambda: uploads.hold(grant.key)):
            return JSONResponse(OVER, 410)
    except Refused as refused:
        return JSONResponse({"detail": refused.message, "code": refused.code}, 413)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > grant.max_bytes:
        raise HTTPException(413, f"The file is larger than the {grant.max_bytes} bytes that this address takes.")
    taken = _while_awaited(_take_file(request, grant), lambda: uploads.hold(grant.key))
    return await _arriving.answer(grant.key, taken)


async def _while_awaited(work: Coroutine[Any, Any, Response], awaited: Callable[[], bool]) -> Response:
    """The answer of `work`, which ends when what arrives counts in nobody's quota any more: it may stand still."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            with suppress(Refused):
                if await in_thread(awaited):
                    continue
            return JSONResponse(OVER, 410, {"Connection": "close"})
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _take_file(request: Request, grant: grants.Grant) -> Response:
    incoming = await asyncio.to_thread(storage.receive, grant.key)
    try:
        async for piece in _buffered(request):
            if incoming.size + len(piece) > grant.max_bytes:
                raise HTTPException(413, f"The file is larger than the {grant.max_bytes} bytes that were announced.")
            await asyncio.to_thread(incoming.write, piece)
        await _settled(incoming.settle)
        digest = await in_thread(incoming.commit)
    except ClientDisconnect:
        return PlainTextResponse("The upload was broken off.", 400)
    finally:
        await asyncio.to_thread(incoming.abandon)
    if not await in_thread(lambda: uploads.is_awaited(grant.key)):  # completed or given up while this arrived
        await in_thread(lambda: storage.discard_incoming(grant.key))
        return JSONResponse(OVER, 410)
    return Response(status_code=200, headers={"ETag": f'"{digest.md5}"'})


_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


def _content_digest(request: Request) -> str:
    """The SHA-256 that the sender gives, in hex; "" where there is none that can be read."""
    found = _SHA256.search(request.headers.get("content-digest", "")[:1000])
    try:
        return base64.b64decode(found[1], validate=True).hex() if found else ""
    except binascii.Error:
        return ""


async def upload_part(request: Request) -> Response:
    """Take one part of an upload, however often it is sent; it counts once it has arrived with the right digest."""
    grant = _grant(request, "PART")
    taken = _while_awaited(_answer_part(request, grant), lambda: uploads.takes_parts(grant.key))
    return await _arriving.answer(f"{grant.key} {request.path_params['number']}", taken)


async def _answer_part(request: Request, grant: grants.Grant) -> Response:
    try:
        sha256 = await _take_part(request, grant)
    except ClientDisconnect:
        return PlainTextResponse("The part was broken off.", 400)
    except NoSuchUpload:
        return JSONResponse(OVER, 410)
    except PartRefused as refused:
        status = 404 if refused.code == "no_such_part" else 400
        return JSONResponse({"detail": str(refused), "code": refused.code}, status)
    return Response(status_code=200, headers={"ETag": f'"{sha256}"'})


async def _take_part(request: Request, grant: grants.Grant) -> str:
    """Store the part that comes and return its digest. Raises PartRefused, NoSuchUpload and ClientDisconnect."""
    number = request.path_params["number"]
    size = Plan(grant.max_bytes, grant.part_size).size_of(number)
    if not size:
        raise PartRefused(f"This upload has no part {number}.", "no_such_part")
    sha256 = _content_digest(request)
    if not sha256:
        raise PartRefused("Send the part's SHA-256 with it: Content-Digest: sha-256=:<base64>:", "no_checksum")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) != size:
        raise PartRefused(f"Part {number} has {size} bytes, not {declared[:20]}.", "wrong_size")
    incoming = await _settled(lambda: parts().receive(grant.key, number))
    try:
        async for piece in _buffered(request):
            if incoming.size + len(piece) > size:
                raise PartRefused(f"Part {number} has {size} bytes; more have arrived.", "wrong_size")
            await asyncio.to_thread(incoming.write, piece)
        await _settled(lambda: incoming.commit(size=size, sha256=sha256))
    finally:
        await asyncio.to_thread(incoming.abandon)
    return sha256


async def _buffered(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about BUFFER bytes, so that the disk is not asked for every packet."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size >= BUFFER:
            yield b"".join(pieces)
            pieces, size = [], 0
    if size:
        yield b"".join(pieces)


def _grant(request: Request, method: str) -> grants.Grant:
    try:
        grant = grants.read(request.path_params["token"])
    except grants.InvalidGrant as error:
        raise HTTPException(403, str(error)) from error
    if grant.method != method:
        wanted = "parts, with their number behind it" if grant.method == "PART" else grant.method
        raise HTTPException(405, f"This address is for {wanted}.")
    return grant


routes = [
    Route("/files/{token}", download, methods=["GET", "HEAD"]),
    Route("/files/{token}", upload, methods=["PUT"]),
    Route("/files/{token}/{number:int}", upload_part, methods=["PUT"]),
]
