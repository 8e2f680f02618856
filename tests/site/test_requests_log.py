"""Each request leaves one line that says who asked for what and how it ended, and never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from rest_framework.authtoken.models import Token
from starlette.testclient import TestClient
from structlog.testing import LogCapture

from podium.site.accounts.models import User
from podium.site.asgi import application
from podium.site.competitions.models import Competition
from podium.site.monitoring import requests
from podium.site.monitoring.requests import COUNTERS, Observed, class_of
from tests.site.acting import submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    capture = LogCapture()
    monkeypatch.setattr(
        requests,
        "log",
        structlog.wrap_logger(None, processors=[structlog.contextvars.merge_contextvars, capture]),
    )
    yield capture.entries


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(application, base_url="http://testserver") as running:
        yield running


def session_of(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "podium.site.accounts.backends.NameOrEmailBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def test_a_page_leaves_one_line_with_its_route_and_its_reader(
    client: TestClient, lines: list[dict[str, Any]], competition: Competition, pat: User
) -> None:
    submission = submit(pat, competition)
    client.cookies.set("podium_session", session_of(pat))
    answer = client.get(f"/submissions/{submission.pk}/?secret_key=not-to-be-seen")
    assert answer.status_code == 200
    (line,) = lines
    assert line["event"] == "request"
    assert line["log_level"] == "info"
    assert line["method"] == "GET"
    assert line["route"] == "/submissions/<int:pk>/"
    assert line["status"] == 200
    assert line["user_id"] == pat.pk
    assert line["submission"] == submission.pk
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["ms"] >= 0
    assert "not-to-be-seen" not in str(line)


def test_a_person_who_comes_with_an_api_token_is_named(
    client: TestClient, lines: list[dict[str, Any]], pat: User
) -> None:
    token = Token.objects.create(user=pat)
    client.get("/api/my_profile/", headers={"Authorization": f"Token {token.key}"})
    assert lines[0]["user_id"] == pat.pk
    assert token.key not in str(lines)


def test_nobody_is_named_where_nobody_is_logged_in(client: TestClient, lines: list[dict[str, Any]], queue: Any) -> None:
    client.get("/about/")
    assert "user_id" not in lines[0]


def test_a_signed_address_is_logged_by_its_route(client: TestClient, lines: list[dict[str, Any]]) -> None:
    client.get("/files/a-grant-that-is-signed-and-long")
    assert lines[0]["route"] == "/files/{token}"
    assert lines[0]["status"] == 403
    assert "a-grant" not in str(lines)


def test_an_attempt_is_named(client: TestClient, lines: list[dict[str, Any]]) -> None:
    client.post("/api/worker/attempts/77/beat", json={}, headers={"Authorization": "Bearer not-the-token"})
    assert lines[0]["attempt"] == 77
    assert lines[0]["route"] == "/api/worker/attempts/{attempt}/beat"


def test_what_no_route_takes_is_shown_by_its_path_without_query(
    client: TestClient, lines: list[dict[str, Any]]
) -> None:
    client.get("/wp-login.php?x=1")
    assert lines[0]["path"] == "/wp-login.php"
    assert lines[0]["status"] == 404


def test_idle_polls_and_files_are_told_only_when_asked_for(client: TestClient, lines: list[dict[str, Any]]) -> None:
    client.get("/static/podium.css")
    assert lines[0]["log_level"] == "debug"


async def test_an_error_is_counted_and_told_as_a_warning(lines: list[dict[str, Any]]) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("no")

    async def nothing(*_: Any) -> Any:
        return None

    before = COUNTERS.get_sample_value("podium_http_requests_total", {"class": "page", "status": "500"}) or 0
    with pytest.raises(RuntimeError):
        await Observed(broken, believe_id=False)(
            {"type": "http", "method": "GET", "path": "/x", "headers": []}, nothing, nothing
        )
    assert COUNTERS.get_sample_value("podium_http_requests_total", {"class": "page", "status": "500"}) == before + 1
    assert COUNTERS.get_sample_value("podium_http_requests_open", {"class": "page"}) == 0
    assert (lines[0]["log_level"], lines[0]["status"]) == ("warning", 500)


@pytest.mark.parametrize(("believed", "given"), [(True, "from-the-proxy"), (False, None)])
async def test_a_request_id_is_believed_behind_a_proxy_alone(
    lines: list[dict[str, Any]], believed: bool, given: str | None
) -> None:
    sent: list[Any] = []

    async def fine(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-request-id", b"from-the-proxy")]}
    await Observed(fine, believe_id=believed)(scope, send, send)
    assert (lines[0]["request_id"] == "from-the-proxy") is believed
    assert dict(sent[0]["headers"])[b"x-request-id"].decode() == lines[0]["request_id"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/api/worker/claim", "poll"),
        ("/api/worker/attempts/1/beat", "worker"),
        ("/api/submissions/12/events/", "stream"),
        ("/api/competitions/12/events/", "stream"),
        ("/api/submissions/12/", "api"),
        ("/files/abc", "files"),
        ("/static/x.css", "static"),
        ("/metrics", "metrics"),
        ("/admin/auth/", "admin"),
        ("/x\ny", "page"),
    ],
)
def test_whatever_is_asked_for_belongs_to_one_of_few_classes(path: str, kind: str) -> None:
    assert class_of({"type": "http", "path": path}) == kind
    assert class_of({"type": "websocket", "path": path}) == "socket"
