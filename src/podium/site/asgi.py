"""The ASGI application: files and workers on their own planes, everything else through Django."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "podium.site.settings")

import django
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

django.setup(set_prefix=False)

from podium.site import body_limit, bytes_plane, errors, handler  # noqa: E402 - needs the apps that the line above has loaded
from podium.site.buckets import StorageAway  # noqa: E402
from podium.site.evaluation import intake  # noqa: E402
from podium.site.evaluation.codabench_worker import routes as codabench_worker  # noqa: E402
from podium.site.evaluation.codabench_worker import watching  # noqa: E402
from podium.site.monitoring.requests import Observed  # noqa: E402
from podium.site.resources import receiving  # noqa: E402

log = structlog.get_logger(__name__)
limited = body_limit.BodyLimit(
    handler.ThreadedHandler(),
    usual=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    files=settings.CONFIG.max_upload_bytes,
    session_cookie=settings.SESSION_COOKIE_NAME,
    sender=receiving.sender_of_files,
)


async def no_socket(socket: WebSocket) -> None:
    """Refuse the handshake of a socket that leads nowhere, which Django would answer with a traceback."""
    await socket.close()


async def unavailable(request: Request, error: Exception) -> Response:
    """What the planes beside Django answer while database or bucket are away; anything else is a fault of ours."""
    told = errors.away(error)
    if told is None:
        raise error
    log.warning("unavailable", reason=f"{type(error).__name__}: {error}")
    return PlainTextResponse(told[0], status_code=503, headers={"Retry-After": str(told[1])})


routed = Starlette(
    exception_handlers=dict.fromkeys((OperationalError, InterfaceError, StorageAway), unavailable),
    routes=[
        *bytes_plane.routes,
        *intake.routes,
        *codabench_worker.routes,
        *watching.routes,
        WebSocketRoute("/{anywhere:path}", no_socket),
        Mount("/", app=limited),
    ],
)
application = Observed(routed, believe_id=settings.CONFIG.trusted_proxy)
gc.freeze()  # what is loaded stays: no collection goes through it while somebody waits for a page
