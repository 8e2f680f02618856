"""A cap on request bodies before Django sees them.

Django spools a body to disk, whole, before any view or permission is asked (measured); without a cap anybody could
fill the disk with a request that is refused afterwards. So what one person sends at the same time, to this process, is
no more than what there is room for in their quota.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Sender:
    """Somebody who may send a file: who, and how many bytes they have room for; None for any number."""

    key: int
    room: int | None


class BodyLimit:
    """Answers 413 to a body that is larger than its address takes.

    app: what gets the other requests. usual: the most that any address takes, in bytes. files: the largest file that
    the upload forms take from people who have a session, and the calls that take files from those with a token too.
    sender: whose a session's cookie, or else what stands in `Authorization`, is; asked only of what is larger than
    `usual` or does not say how large it is, for a cookie is made up quickly.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        usual: int,
        files: int,
        session_cookie: str,
        sender: Callable[[str, str], Awaitable[Sender | None]],
    ) -> None:
        self._app = app
        self._usual = usual
        self._files = files
        self._session = session_cookie
        self._sender = sender
        self._arriving: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        size = int(declared[:20]) if declared.isdecimal() else None
        sender = None if size is not None and size <= self._usual else await self._sender_of_files(scope, headers)
        limit = self._usual if sender is None else self._limit_of(sender)
        refusal = JSONResponse(
            {"detail": f"The request is larger than the {limit} bytes that this address takes from you now."},
            status_code=413,
            headers={"Connection": "close"},
        )
        if size is not None and size > limit:
            await refusal(scope, receive, send)
            return
        held = limit if size is None else size
        if sender is not None:
            self._arriving[sender.key] += held
        try:
            await self._app(scope, _counted(receive, limit), send)
        except _TooLarge:
            await refusal(scope, receive, send)
        finally:
            if sender is not None:
                self._arriving[sender.key] -= held
                self._arriving += Counter()  # forgets those of whom nothing arrives

    def _limit_of(self, sender: Sender) -> int:
        """What a person may send beside what is arriving of them."""
        if sender.room is None:
            return self._files + _FORM_FIELDS
        return max(self._usual, min(self._files, sender.room - self._arriving[sender.key]) + _FORM_FIELDS)

    async def _sender_of_files(self, scope: Scope, headers: Headers) -> Sender | None:
        """Who sends this, where the address takes a file from them."""
        calls = _UPLOAD_CALLS.fullmatch(scope["path"]) is not None
        if scope["method"] != "POST" or not (calls or _UPLOAD_FORMS.fullmatch(scope["path"])):
            return None
        cookie = cookie_parser(headers.get("cookie", "")).get(self._session, "")
        token = headers.get("authorization", "") if calls else ""
        return await self._sender(cookie, token) if cookie or token else None


def _counted(receive: Receive, limit: int) -> Receive:
    """The same body, which ends with `_TooLarge` where it is longer than the limit."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message: dict[str, Any] = dict(await receive())
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _TooLarge
        return message

    return counted
