"""Heads of requests are capped before anything is made of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from podium.site import head_limit
from podium.site.head_limit import HeadLimit


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"took {len(body)}")(scope, receive, send)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(head_limit, "SECONDS", 0.5)
    config = uvicorn.Config(_length, port=0, http=HeadLimit, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    listener.listen()
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[:2]
    server.should_exit = True
    thread.join()


def said(address: tuple[str, int], *pieces: bytes) -> bytes:
    """What is answered until the server closes."""
    with socket.create_connection(address, timeout=30) as to:
        answer = b""
        try:
            for piece in pieces:
                to.sendall(piece)
            while got := to.recv(65536):
                answer += got
        except ConnectionError:  # it closes while more arrives
            while True:
                try:
                    got = to.recv(65536)
                except ConnectionError:
                    break
                if not got:
                    break
                answer += got
        return answer


START = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
LONG = 1_000_000


@pytest.mark.parametrize(
    "pieces",
    [
        (START, b"Content-Type: multipart/form-data; " + b";" * LONG + b"\r\n\r\n"),
        (START, b"X: " + b"a" * LONG),
        (START, *[b"X: y\r\n"] * 201, b"\r\n"),
        (START, *[b"X: " + b"y" * 1000 + b"\r\n"] * 70, b"\r\n"),
        (b"GET /" + b"a" * LONG,),
        (START, b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", b"X: " + b"a" * LONG),
        (START, b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * LONG),
    ],
    ids=["one long header", "one that never ends", "many", "together", "address", "behind the body", "of a chunk"],
)
def test_a_head_that_is_too_large_is_refused_and_the_connection_closed(
    address: tuple[str, int], pieces: tuple[bytes, ...]
) -> None:
    answer = said(address, *pieces)
    assert b"took" not in answer
    assert not answer or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400", b"HTTP/1.1 414"))


def test_a_head_that_is_just_small_enough_is_taken_and_a_body_is_no_head(address: tuple[str, int]) -> None:
    headers = b"".join(b"X: " + b"y" * 600 + b"\r\n" for _ in range(100))
    body = b"z" * LONG
    answer = said(address, START, headers, b"Content-Length: %d\r\n\r\n" % len(body), body)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"took 1000000")
    chunked = b"".join(b"%x\r\n%b\r\n" % (1000, b"z" * 1000) for _ in range(1000))
    answer = said(address, START, b"Transfer-Encoding: chunked\r\n\r\n", chunked, b"0\r\n\r\n")
    assert answer.endswith(b"took 1000000")


def test_requests_one_behind_the_other_are_each_counted_for_themselves(address: tuple[str, int]) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"
    assert said(address, one * 5, START + b"Content-Length: 0\r\n\r\n").count(b"took 0") == 6


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"])
def test_a_head_that_does_not_end_is_not_waited_for(address: tuple[str, int], begun: bytes) -> None:
    answer = said(address, begun)
    assert answer.count(b"took") == begun.count(b"\r\n\r\n")
