"""A cap on request bodies before Django sees them.

Django spools a body to disk, whole, before any view or permission is asked (measured); without a cap anybody could
fill the disk with a request that is refused afterwards.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UPLOAD_FORMS = re.compile(r"/competitions/(?:upload|[0-9]+/submissions)/")
_UPLOAD_CALLS = re.compile(r"/api/tasks/upload_task/")
_FORM_FIELDS = 1024 * 1024
"""What an upload form holds beside its file, in bytes."""


class _TooLarge(Exception):
    """More has arrived than the cap allows."""


class BodyLimit:
    """Answers 413 to a body that is larger than its address takes.

    app: what gets the other requests. usual: the most that any address takes, in bytes. files: the largest file that
    the upload forms take from people who have a session, and the calls that take files from those with a token too.
    """

    def __init__(self, app: ASGIApp, *, usual: int, files: int, session_cookie: str) -> None:
        self._app = app
        self._usual = usual
        self._files = files
        self._session = f"{session_cookie}="

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(scope, headers)
        declared = headers.get("content-length", "")
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

    def _limit(self, scope: Scope, headers: Headers) -> int:
        known = self._session in headers.get("cookie", "")
        takes_files = _UPLOAD_FORMS.fullmatch(scope["path"]) and known
        takes_files = takes_files or (_UPLOAD_CALLS.fullmatch(scope["path"]) and (known or "authorization" in headers))
        return self._files + _FORM_FIELDS if takes_files else self._usual
