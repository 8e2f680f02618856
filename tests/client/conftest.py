"""A small stand-in for the REST API: answers that a test scripts, and a record of what was asked."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import httpx
import pytest

from podium.client import AsyncPodium, Podium
from podium.client.actions import AsyncPages

SERVER = "http://podium.test"

Handler = Callable[[httpx.Request], httpx.Response]


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off after some pieces, as a connection does."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx.ReadError("connection reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
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


class Awaited:
    """An `AsyncPodium` as if it were a `Podium`: what it gives is waited for, so that both stand the same tests."""

    def __init__(self, client: AsyncPodium, runner: asyncio.Runner) -> None:
        self._client, self._runner = client, runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._called(found) if callable(found) else found

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if isinstance(result, AsyncPages):
                return AwaitedPages(result, self._runner)
            return self._runner.run(result) if inspect.iscoroutine(result) else _items(result, self._runner)

        return call


class AwaitedPages:
    """A list of an `AsyncPodium` as if it were one of a `Podium`."""

    def __init__(self, pages: AsyncPages[Any], runner: asyncio.Runner) -> None:
        self._pages, self._runner = pages, runner

    def __iter__(self) -> Iterator[Any]:
        return _items(aiter(self._pages), self._runner)

    def all(self) -> Any:
        return self._runner.run(self._pages.all())

    def first(self) -> Any:
        return self._runner.run(self._pages.first())


def _items(found: Any, runner: asyncio.Runner) -> Iterator[Any]:
    async def one() -> Any:
        return await anext(found, _END)

    try:
        while (item := runner.run(one())) is not _END:
            yield item
    finally:
        runner.run(found.aclose())


_END = object()


@pytest.fixture(params=["blocking", "awaited"])
def podium(api: FakeApi, request: pytest.FixtureRequest) -> Iterator[Podium]:
    """A client of the fake API that is logged in and never sleeps, but notes how long it would have.

    Every test gets it twice, the blocking one and the one for event loops.
    """
    if request.param == "blocking":
        with Podium(SERVER, "t0ken", transport=httpx.MockTransport(api), pause=api.pauses.append) as client:
            yield client
        return

    async def pause(seconds: float) -> None:
        api.pauses.append(seconds)
        await asyncio.sleep(0)

    with asyncio.Runner() as runner:
        awaited = AsyncPodium(SERVER, "t0ken", transport=httpx.MockTransport(api), pause=pause)
        yield cast(Podium, Awaited(awaited, runner))
        runner.run(awaited.close())


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
