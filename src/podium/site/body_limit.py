"""A cap on request bodies before Django sees them.

Django spools a body to disk, whole, before any view or permission is asked (measured); without a cap anybody could
fill the disk with a request that is refused afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UPLOAD_FORMS = re.compile(r"/competitions/(?:upload|[0-9]+/submissions)/")
_UPLOAD_CALLS = re.compile(r"/api/(?:tasks/upload_task|submissions/upload)/")
_FORM_FIELDS = 1024 * 1024
"""What an upload form holds beside its file, in bytes."""


class _TooLarge(Exception):
    """More has arrived than the cap allows."""


class BodyLimit:
    """Answers 413 to a body that is larger than its address takes.

    app: what gets the other requests. usual: the most that any address takes, in bytes. files: the largest file that
    the upload forms take from people who have a session, and the calls that take files from those with a token too.
    knows: whether a session's cookie, or else what stands in `Authorization`, is somebody's; asked only of what is
    larger than `usual` or does not say how large it is, for a cookie is made up quickly.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        usual: int,
        files: int,
        session_cookie: str,
        knows: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        self._app = app
        self._usual = usual
        self._files = files
        self._session = session_cookie
        self._knows = knows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        limit = self._usual
        if not (declared.isdecimal() and int(declared[:20]) <= limit) and await self._takes_files(scope, headers):
            limit = self._files + _FORM_FIELDS
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message: dict[str, Any] = dict(await receive())
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _TooLarge
            return message

        refusal = JSONResponse(
            {"detail": f"The request is larger than the {limit} bytes that this address takes."},
            status_code=413,
            headers={"Connection": "close"},
        )
        if declared.isdecimal() and int(declared[:20]) > limit:
            await refusal(scope, receive, send)
            return
        try:
            await self._app(scope, counted, send)
        except _TooLarge:
            await refusal(scope, receive, send)

    async def _takes_files(self, scope: Scope, headers: Headers) -> bool:
        """Whether the address takes a file from whoever sends this."""
        calls = _UPLOAD_CALLS.fullmatch(scope["path"]) is not None
        if scope["method"] != "POST" or not (calls or _UPLOAD_FORMS.fullmatch(scope["path"])):
            return False
        cookie = cookie_parser(headers.get("cookie", "")).get(self._session, "")
        token = headers.get("authorization", "") if calls else ""
        return bool(cookie or token) and await self._knows(cookie, token)
