"""The byte plane: files in and out by signed address, streamed, beside Django rather than through it.

Django reads a synchronous iterator whole and spools request bodies before the view (measured), so files take this
way: `GET /files/<grant>` with ranges, `PUT /files/<grant>` written and digested as it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from podium.site.resources import grants, storage

BUFFER = 1024 * 1024
_SAFE_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Whatever a file holds, a browser that shows it gives it an opaque origin and no network.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " frame-ancestors 'self'",
}
# Detailed results may draw with scripts of their own; the sandbox keeps them from the site's origin and the network.
_HTML_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:; media-src data: blob:; frame-ancestors 'self'"
)


class _File(FileResponse):
    chunk_size = BUFFER


async def download(request: Request) -> Response:
    """Serve a file as the grant says."""
    grant = _grant(request, "GET")
    path = storage.path_of(grant.key)
    if not await asyncio.to_thread(path.is_file):
        raise HTTPException(404, "The file is no longer there.")
    inline = grant.content_type in _SAFE_INLINE or grant.content_type == "text/html"
    headers = dict(_HEADERS)
    if grant.content_type == "text/html":
        headers["Content-Security-Policy"] = _HTML_POLICY
    return _File(
        path,
        headers=headers,
        media_type=grant.content_type,
        filename=grant.name or path.name,
        content_disposition_type="inline" if inline else "attachment",
    )


async def upload(request: Request) -> Response:
    """Take a file as the grant says; a broken upload leaves nothing."""
    grant = _grant(request, "PUT")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > grant.max_bytes:
        raise HTTPException(413, f"The file is larger than the {grant.max_bytes} bytes that this address takes.")
    incoming = await asyncio.to_thread(storage.IncomingFile, grant.key)
    try:
        async for piece in _buffered(request):
            if incoming.size + len(piece) > grant.max_bytes:
                raise HTTPException(413, f"The file is larger than the {grant.max_bytes} bytes that were announced.")
            await asyncio.to_thread(incoming.write, piece)
        digest = await asyncio.to_thread(incoming.commit)
    except ClientDisconnect:
        return PlainTextResponse("The upload was broken off.", 400)
    finally:
        await asyncio.to_thread(incoming.abandon)
    return Response(status_code=200, headers={"ETag": f'"{digest.md5}"'})


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
        raise HTTPException(405, f"This address is for {grant.method}.")
    return grant


routes = [
    Route("/files/{token}", download, methods=["GET", "HEAD"]),
    Route("/files/{token}", upload, methods=["PUT"]),
]
