"""Each request leaves one line in the log and is counted; around everything that the ASGI application answers.

The line says method, route, status and milliseconds, and who and what where that is known. It holds the route and not
the address, because addresses may be signed; what no route takes is shown with its secrets blanked out.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("podium.requests")

disable_created_metrics()  # a second series for each counter, which nobody asked for
COUNTERS = CollectorRegistry()
"""What this process counts by itself."""
REQUESTS = Counter(
    "podium_http_requests", "Requests answered, by class of route and status.", ["class", "status"], registry=COUNTERS
)
SECONDS = Histogram(
    "podium_http_request_seconds",
    "How long answers took; streams and long polls as long as they lasted.",
    ["class"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
    registry=COUNTERS,
)
OPEN = Gauge(
    "podium_http_requests_open",
    "Requests that are being answered now; of the classes stream, poll and socket the open streams.",
    ["class"],
    registry=COUNTERS,
)

_CLASSES: tuple[tuple[str, str], ...] = (
    ("poll", r"/api/worker/claim"),
    ("stream", r"/api/(?:submissions|competitions)/\d+/events/"),
    ("worker", r"/api/worker/.*"),
    ("files", r"/files/.*"),
    ("static", r"/static/.*|/favicon\.ico|/robots\.txt"),
    ("metrics", r"/metrics"),
    ("admin", r"/admin/.*"),
    ("api", r"/api/.*"),
    ("page", r".*"),
)
_CLASS = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _CLASSES))
_QUIET = {"poll", "worker", "files", "static", "metrics", "stream"}
"""Classes whose good answers are logged at the level debug: there are many, and they say little."""
_ATTEMPT = re.compile(r"/api/worker/attempts/(\d{1,18})/")
_SUBMISSION = re.compile(r"/(?:api/)?submissions/(\d{1,18})/")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_BROKEN_OFF = 499
"""The status under which a request is counted that was given up before it was answered."""
FACTS = "podium.facts"
"""Key of the scope under which Django says what it has found out: route and user."""


def class_of(scope: Scope) -> str:
    """The class of route that an address belongs to; there are few, whatever is asked for."""
    if scope["type"] == "websocket":
        return "socket"
    found = _CLASS.fullmatch(scope["path"].replace("\n", " "))
    return found.lastgroup or "page" if found else "page"


class Observed:
    """Counts and logs what an application answers.

    app: the application. believe_id: whether a request's own X-Request-ID is believed, because a proxy has set it.
    """

    def __init__(self, app: ASGIApp, *, believe_id: bool) -> None:
        self._app = app
        self._believe_id = believe_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        kind, path, began, status = class_of(scope), scope["path"], time.perf_counter(), 0
        request_id = self._request_id(scope)
        facts = scope[FACTS] = {}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, **_numbers(path))

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        OPEN.labels(kind).inc()
        try:
            await self._app(scope, receive, noted)
        except BaseException as error:
            status = status or (500 if isinstance(error, Exception) else _BROKEN_OFF)
            raise
        finally:
            OPEN.labels(kind).dec()
            seconds = time.perf_counter() - began
            REQUESTS.labels(kind, str(status or _BROKEN_OFF)).inc()
            SECONDS.labels(kind).observe(seconds)
            self._tell(scope, facts, kind=kind, path=path, status=status or _BROKEN_OFF, seconds=seconds)

    def _request_id(self, scope: Scope) -> str:
        given = Headers(scope=scope).get("x-request-id", "")
        return given if self._believe_id and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

    @staticmethod
    def _tell(scope: Scope, facts: dict[str, Any], *, kind: str, path: str, status: int, seconds: float) -> None:
        said: dict[str, Any] = {"method": scope.get("method", "WEBSOCKET")}
        route = facts.pop("route", None) or getattr(scope.get("route"), "path", "")
        if route:
            said["route"] = route
        else:
            said["path"] = path[:200]
        said |= {**facts, "status": status, "ms": round(seconds * 1000, 1)}
        if status >= 500:
            log.warning("request", **said)
        elif kind in _QUIET and status < 400:
            log.debug("request", **said)
        else:
            log.info("request", **said)


def _numbers(path: str) -> dict[str, int]:
    """What the request is about, for every line that it leaves."""
    found = {"attempt": _ATTEMPT.match(path), "submission": _SUBMISSION.match(path)}
    return {name: int(match[1]) for name, match in found.items() if match}
