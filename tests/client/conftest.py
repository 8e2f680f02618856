"""A small stand-in for the REST API: answers that a test scripts, and a record of what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from podium.client import Podium

SERVER = "http://podium.test"

Handler = Callable[[httpx.Request], httpx.Response]


class Broken(httpx.SyncByteStream):
    """A body that breaks off after some pieces, as a connection does."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx.ReadError("connection reset")


class FakeApi:
    """Answers each `METHOD path` with the scripted answers in turn; the last one stays."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._answers: dict[str, list[Any]] = {}

    def on(self, what: str, *answers: Any) -> None:
        """Script the answers to `GET /api/...`: a response, an exception, a handler, or data for a 200."""
        self._answers[what] = list(answers)

    def asked(self, what: str) -> list[httpx.Request]:
        """Every request of this method and path."""
        return [request for request in self.requests if f"{request.method} {request.url.path}" == what]

    def body(self, what: str) -> Any:
        """The JSON of the one request of this method and path."""
        (request,) = self.asked(what)
        return json.loads(request.content)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Be the server."""
        request.read()
        self.requests.append(request)
        script = self._answers.get(f"{request.method} {request.url.path}")
        if not script:
            return httpx.Response(404, json={"detail": "Not found."})
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return answer(request) if callable(answer) else httpx.Response(200, json=answer)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def podium(api: FakeApi) -> Iterator[Podium]:
    """A client of the fake API that is logged in and never sleeps, but notes how long it would have."""
    with Podium(SERVER, "t0ken", transport=httpx.MockTransport(api), pause=api.pauses.append) as client:
        yield client


def events(*messages: tuple[str, dict[str, Any]], first_id: int = 1) -> bytes:
    """Messages as a text/event-stream."""
    return b"".join(
        f"id: {first_id + number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()
        for number, (kind, data) in enumerate(messages)
    )


def event_stream(content: bytes | httpx.SyncByteStream) -> httpx.Response:
    """An answer that is an event stream."""
    headers = {"Content-Type": "text/event-stream"}
    if isinstance(content, bytes):
        return httpx.Response(200, headers=headers, content=content)
    return httpx.Response(200, headers=headers, stream=content)
