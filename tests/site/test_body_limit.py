"""Bodies are capped before they are kept anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from podium.site.body_limit import BodyLimit, Sender

SESSION = {"Cookie": "theme=dark; podium_session=abc"}
UPLOAD_FORMS = ["/competitions/upload/", "/competitions/12/submissions/"]


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body first, as Django does, and says how long it was."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def _sender(cookie: str, authorization: str) -> Sender | None:
    if cookie == "full":
        return Sender(2, 3_000_000)
    return Sender(1, None) if cookie == "abc" or authorization == "Token abc" else None


@pytest.fixture
def client() -> TestClient:
    limited = BodyLimit(_length, usual=1000, files=5_000_000, session_cookie="podium_session", sender=_sender)
    return TestClient(Starlette(routes=[Mount("/", app=limited)]))


def in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 100):
        yield b"x" * 100


@pytest.mark.parametrize("path", ["/api/submissions/", "/accounts/login/", *UPLOAD_FORMS])
def test_a_body_beyond_the_cap_is_refused_whether_announced_or_not(client: TestClient, path: str) -> None:
    assert client.post(path, content=b"x" * 1000).text == "1000"
    for content in (b"x" * 1001, in_pieces(2000)):
        answer = client.post(path, content=content)
        assert answer.status_code == 413
        assert "1000 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("path", UPLOAD_FORMS)
def test_the_upload_forms_take_files_from_people_with_a_session(client: TestClient, path: str) -> None:
    assert client.post(path, content=in_pieces(5_000_000), headers=SESSION).text == "5000000"
    assert client.post(path, content=b"x" * 7_000_000, headers=SESSION).status_code == 413


def test_a_call_that_takes_files_takes_them_from_people_with_a_session_or_a_token(client: TestClient) -> None:
    path = "/api/tasks/upload_task/"
    for headers in (SESSION, {"Authorization": "Token abc"}):
        assert client.post(path, content=in_pieces(5_000_000), headers=headers).text == "5000000"
    for headers in ({"Cookie": "podium_session=made-up"}, {"Authorization": "Token made-up"}):
        assert client.post(path, content=b"x" * 1001, headers=headers).status_code == 413
    assert client.post(path, content=b"x" * 1001).status_code == 413
    assert client.post("/api/tasks/", content=b"x" * 1001, headers={"Authorization": "Token abc"}).status_code == 413


@pytest.mark.parametrize("path", ["/competitions/upload/x", "/competitions/12/", "/x/competitions/upload/", "/api/"])
def test_a_session_opens_no_other_address_for_files(client: TestClient, path: str) -> None:
    assert client.post(path, content=b"x" * 1001, headers=SESSION).status_code == 413


async def test_what_somebody_sends_at_once_is_no_more_than_they_have_room_for() -> None:
    """Of the same person, in one request or several; what has ended counts no more."""
    limited = BodyLimit(_length, usual=1000, files=5_000_000, session_cookie="podium_session", sender=_sender)
    headers, begun = {"Cookie": "podium_session=full"}, asyncio.Event()
    go_on = asyncio.Event()

    async def stands_still() -> AsyncIterator[bytes]:
        yield b"x" * 100
        begun.set()
        await go_on.wait()
        yield b"x" * 1_999_900

    async with httpx.AsyncClient(transport=httpx.ASGITransport(limited), base_url="http://testserver") as client:

        async def send(size: int, **more: str) -> int:
            answer = await client.post(UPLOAD_FORMS[0], content=b"x" * size, headers={**headers, **more})
            return answer.status_code

        assert await send(5_000_000) == 413, "three million and what a form holds beside them"
        assert await send(4_000_000) == 200
        slow = client.post(UPLOAD_FORMS[0], content=stands_still(), headers={**headers, "Content-Length": "2000000"})
        waiting = asyncio.create_task(slow)
        await asyncio.wait_for(begun.wait(), 20)
        assert await send(2_100_000) == 413
        assert (await send(2_000_000), await send(900)) == (200, 200)
        assert await send(4_000_000, Cookie="podium_session=abc") == 200, "another's room is another's"
        go_on.set()
        assert (await waiting).text == "2000000"
        assert await send(4_000_000) == 200
