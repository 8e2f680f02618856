"""What the addresses beside Django share: bodies under a cap, numbers in paths."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read_body(request: Request, cap: int) -> bytes:
    """The body of a request; 413 when it has more than `cap` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > cap:
            raise HTTPException(413, f"This message may have {cap} bytes.")
    return bytes(body)


def id_in_path(request: Request, name: str) -> int:
    """A row's number in the path; 404 where it cannot be one."""
    text: str = request.path_params[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise HTTPException(404, f"There is no such {name}.")
    return int(text)
