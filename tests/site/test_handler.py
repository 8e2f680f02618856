"""Requests to Django: who waits holds no thread, and who leaves ends what was being sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from podium.site.handler import ThreadedHandler
from podium.site.threads import THREADS

ended: list[str] = []


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body.upper())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    async def content() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"again\n"
                await asyncio.sleep(0)
        finally:
            ended.append("content")

    return StreamingHttpResponse(content())


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of a view")


urlpatterns = [path("echo", echo), path("endless", endless), path("broken", broken)]


@pytest.fixture(autouse=True)
def bare_site(settings: Any) -> Iterator[None]:
    """Only the views of this page, without the middleware, which asks the database."""
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, []
    ended.clear()
    yield


class Browser:
    """One request, whose body and end the test decides."""

    def __init__(self, where: str) -> None:
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": f"/{where}",
            "query_string": b"",
            "headers": [(b"host", b"testserver")],
        }
        self.says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: list[dict[str, Any]] = []
        self.hears = asyncio.Event()

    async def ask(self, handler: ThreadedHandler) -> None:
        await handler(self.scope, self.says.get, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        self.hears.set()

    def body(self, data: bytes) -> None:
        self.says.put_nowait({"type": "http.request", "body": data, "more_body": False})

    def leave(self) -> None:
        self.says.put_nowait({"type": "http.disconnect"})

    @property
    def answer(self) -> tuple[int, bytes]:
        status = next(m["status"] for m in self.heard if m["type"] == "http.response.start")
        return status, b"".join(m.get("body", b"") for m in self.heard)


async def test_bodies_that_do_not_come_hold_no_thread() -> None:
    handler = ThreadedHandler()
    slow = [Browser("echo") for _ in range(THREADS + 1)]
    waiting = [asyncio.ensure_future(browser.ask(handler)) for browser in slow]
    quick = Browser("echo")
    quick.body(b"here")
    await quick.ask(handler)
    assert quick.answer == (200, b"HERE")
    for browser in slow:
        browser.body(b"late")
    await asyncio.gather(*waiting)
    assert {browser.answer for browser in slow} == {(200, b"LATE")}


async def test_who_leaves_before_the_body_is_whole_is_forgotten() -> None:
    browser = Browser("echo")
    browser.says.put_nowait({"type": "http.request", "body": b"half", "more_body": True})
    browser.leave()
    await browser.ask(ThreadedHandler())
    assert browser.heard == []


async def test_a_stream_ends_with_its_reader() -> None:
    browser = Browser("endless")
    browser.body(b"")
    asking = asyncio.ensure_future(browser.ask(ThreadedHandler()))
    await browser.hears.wait()
    browser.leave()
    await asking
    assert ended == ["content"]


async def test_a_fault_of_a_view_is_answered() -> None:
    browser = Browser("broken")
    browser.body(b"")
    await browser.ask(ThreadedHandler())
    assert browser.answer[0] == 500
