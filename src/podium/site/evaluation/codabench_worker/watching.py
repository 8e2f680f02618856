"""The socket on which Codabench's pages follow submissions, fed from the same stream as Podium's own pages.

    -> {"type": "connection_ready", "status": "connected"}
    <- {"submission_ids": [1, 2]}
    -> {"type": "catchup", "submission_id": 1, "data": "<what was said so far, a JSON object a line>"}
    -> {"type": "message", "submission_id": 1, "data": {"kind": "program", "message": "..."}}

One's own submissions that are under way are followed without being asked for. What a person may not see of their own
submission (output that the phase hides) is not in the stream, and so not here.
"""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from podium.site.accounts.callers import Caller, holder_of
from podium.site.evaluation.events import events
from podium.site.evaluation.following import Event
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import TERMINAL
from podium.site.evaluation.streaming import open_streams
from podium.site.threads import in_thread

MAX_FOLLOWED = 50
"""How many submissions one socket follows; Codabench's page asks for those of one phase."""
_MAX_REQUEST = 64 * 1024
_LOOK_SECONDS = 2.0
"""How often one's own submissions are looked for; what is followed already is told at once."""


def _caller(cookie: str) -> Caller | None:
    """Who has the session, None for strangers and for people who are not let in."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    caller = holder_of(cookie, auth.get_user(request))
    return caller if caller.key is not None and caller.now() is not None else None


def _is_ours(socket: WebSocket) -> bool:
    """Whether the page that opens the socket is of this site; scripts name none."""
    origin = socket.headers.get("origin")
    ours = {socket.headers.get("host"), urlsplit(settings.CONFIG.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in ours


async def watch(socket: WebSocket) -> None:
    """Serve one page until it leaves."""
    cookie = socket.cookies.get(settings.SESSION_COOKIE_NAME, "")
    caller = await in_thread(lambda: _caller(cookie)) if cookie and _is_ours(socket) else None
    if caller is None:
        await socket.close(1008)
        return
    leave = open_streams.enter(f"user {caller.key}")
    if isinstance(leave, str):
        await socket.close(1013)
        return
    try:
        await socket.accept()
        await _Watcher(socket, caller).run()
    finally:
        leave()


class _Watcher:
    """One socket, and a task for each submission that it follows."""

    def __init__(self, socket: WebSocket, caller: Caller) -> None:
        self._socket = socket
        self._caller = caller
        self._sending = asyncio.Lock()
        self._followed: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        await self._send({"type": "connection_ready", "status": "connected"})
        looking = asyncio.create_task(self._look_for_own())
        try:
            while True:
                await self._follow(_asked(await self._socket.receive_text()))
        except (WebSocketDisconnect, KeyError):  # gone, or a frame of bytes
            pass
        finally:
            tasks = [looking, *self._followed.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_for_own(self) -> None:
        """Find what is new as long as the person is let in, then close."""
        while await in_thread(self._caller.now) is not None:
            await self._follow(None)
            await asyncio.sleep(_LOOK_SECONDS)
        async with self._sending:
            await self._socket.close(1008)

    async def _follow(self, asked: list[int] | None) -> None:
        """Follow what is asked for, or what is under way; one's own only."""
        room = MAX_FOLLOWED - sum(not task.done() for task in self._followed.values())
        if room <= 0:
            return

        def find() -> list[Submission]:
            rows = Submission.objects.select_related("phase").filter(owner=self._caller.key)
            own = rows.exclude(pk__in=list(self._followed)).order_by("-pk")
            if asked is None:
                return list(own.filter(parent=None).exclude(status__in=TERMINAL)[:room])
            return list(own.filter(pk__in=asked)[:room])

        for submission in await in_thread(find):
            if submission.pk not in self._followed:
                self._followed[submission.pk] = asyncio.create_task(self._tell(submission))

    async def _tell(self, submission: Submission) -> None:
        """What was said until now in one message, then what is said."""
        said: list[Event] | None = []
        async for event in events(self._caller, submission):
            if event is None or event.name == "end":
                continue
            if said is not None and event.name == "log":
                said.append(event)
                continue
            if said:
                lines = "\n".join(json.dumps(_data(one)) for one in said)
                await self._send({"type": "catchup", "submission_id": submission.pk, "data": lines})
            said = None
            await self._send({"type": "message", "submission_id": _whose(event, submission), "data": _data(event)})

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(json.dumps(message))


def _asked(text: str) -> list[int]:
    """The submissions that a page asks for; nothing where the request makes no sense."""
    try:
        found = json.loads(text[:_MAX_REQUEST]).get("submission_ids")
    except (ValueError, RecursionError, AttributeError):
        return []
    if not isinstance(found, list):
        return []
    return [one for one in found[: 10 * MAX_FOLLOWED] if isinstance(one, int) and 0 < one < 2**63]


def _whose(event: Event, submission: Submission) -> int:
    """A submission to several tasks tells of its parts under their own numbers."""
    return int(event.data.get("submission", submission.pk))


def _data(event: Event) -> dict[str, Any]:
    """An event in Codabench's words."""
    match event.name:
        case "log":
            kind = "ingestion" if event.data["stream"].startswith("ingestion") else "program"
            return {"kind": kind, "message": event.data["text"]}
        case "child":
            return {"kind": "child_update", "child_id": event.data["child_id"]}
        case "detailed_results":
            return {"kind": "detailed_result_update", "result_url": event.data["url"]}
        case _:
            return {"kind": "status_update", "status": event.data["status"]}


routes = [WebSocketRoute("/submission_output/", watch)]
