"""Whatever the API refuses, it keeps Codabench's shape and says a code, and a hint where something can be done."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.errors import CODE_HEADER, HINTS
from podium.site.throttling import Counted
from tests.factories import PASSWORD, UserFactory
from tests.site.acting import phase_of

Client = Callable[[User | None], APIClient]


def test_every_refusal_has_its_shape_a_code_and_a_hint(
    competition: Competition, pat: User, sam: User, client_of: Client
) -> None:
    phase = phase_of(competition).pk
    banned, none = UserFactory(is_banned=True), client_of(None)
    wrong = APIClient()
    wrong.credentials(HTTP_AUTHORIZATION=f"Token {'0' * 40}")
    forged = APIClient(enforce_csrf_checks=True)
    forged.force_login(pat, backend="podium.site.accounts.backends.NameOrEmailBackend")
    mine, theirs, text = client_of(pat), client_of(sam), {"content_type": "text/csv"}
    made_up = "00000000-0000-4000-8000-000000000000"
    asked: list[tuple[Any, int, dict[str, Any] | None, str]] = [
        (
            none.get("/api/my_profile/"),
            403,
            {"detail": "Authentication credentials were not provided."},
            "not_authenticated",
        ),
        (wrong.get("/api/my_profile/"), 403, {"detail": "Invalid token."}, "authentication_failed"),
        (client_of(banned).get("/api/my_profile/"), 403, {"error": "You are banned from using Podium"}, "banned"),
        (forged.post("/api/submissions/", {}), 403, None, "csrf_failed"),
        (mine.put("/api/submissions/", {}), 405, {"detail": 'Method "PUT" not allowed.'}, "method_not_allowed"),
        (mine.get("/api/submissions/99999999/"), 404, None, "not_found"),
        (mine.get("/api/nothing/"), 404, {"detail": "Not found."}, "not_found"),
        (mine.get("/api/submissions/99999999/events/"), 404, None, "not_found"),
        (mine.post("/api/submissions/", "a,b", **text), 415, None, "unsupported_media_type"),
        (mine.post("/api/submissions/", "{", content_type="application/json"), 400, None, "parse_error"),
        (mine.post("/api/submissions/", {}), 400, {"phase": ["This field is required."]}, "required"),
        (mine.post("/api/submissions/", {"phase": phase, "data": made_up}), 400, None, "invalid"),
        (mine.get("/api/queues/?page=99"), 404, {"detail": "Invalid page."}, "not_found"),
        (mine.post("/api/organizations/", {"name": "x"}), 400, {"email": ["This field is required."]}, "required"),
        (theirs.post(f"/api/competitions/{competition.pk}/toggle_publish/"), 403, None, "forbidden"),
        (theirs.patch(f"/api/users/{pat.pk}/", {"title": "x"}), 403, None, "forbidden"),
        (
            none.post("/api/api-token-auth/", {"username": "pat", "password": "x"}),
            400,
            {"non_field_errors": ["Unable to log in with provided credentials."]},
            "authorization",
        ),
    ]
    for answer, status, shape, code in asked:
        body = answer.json()
        assert answer.status_code == status, body
        assert isinstance(body, dict)
        assert {key: body[key] for key in shape or {}} == (shape or {})
        assert body["code"] == code == answer.headers.get(CODE_HEADER, code), body
        assert (code not in HINTS) or body.get("hint") == HINTS[code] or code == "banned", body
    assert PASSWORD


def test_a_fault_of_ours_is_told_as_json_without_its_traceback(
    pat: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret inner workings")

    monkeypatch.setattr("podium.site.accounts.queries.lookup", fail)
    client = client_of(pat)
    client.raise_request_exception = False
    answer = client.get("/api/user_lookup/")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "secret" not in answer.content.decode()


def test_the_openapi_document_describes_refusals(client_of: Client) -> None:
    document = client_of(None).get("/api/api/schema/", {"format": "json"}).json()
    schema = document["components"]["schemas"]["Refusal"]
    assert {"detail", "code", "hint"} == set(schema["anyOf"][0]["properties"])
    post = document["paths"]["/api/submissions/"]["post"]["responses"]
    assert set(post) >= {"201", "400", "403", "404", "429"}
    assert "Retry-After" in post["429"]["headers"]


@pytest.fixture
def rates(settings: Any) -> dict[str, int]:
    """Small limits, counted from nought."""
    caches["counts"].clear()
    settings.RATE_LIMITS = {"person": 3, "address": 2, "create": 1}
    return settings.RATE_LIMITS  # type: ignore[no-any-return]


def test_too_many_requests_are_refused_by_person_and_by_address(
    rates: dict[str, int], pat: User, sam: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.site.throttling.time.time", lambda: 1_800_000_030.0)
    mine = client_of(pat)
    left = [mine.get("/api/my_profile/").headers["X-RateLimit-Remaining"] for _ in range(rates["person"])]
    assert left == ["2", "1", "0"]
    refused = mine.get("/api/my_profile/")
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert refused.headers["Retry-After"] == refused.headers["X-RateLimit-Reset"] == "30"
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert client_of(sam).get("/api/my_profile/").status_code == 200
    assert [client_of(None).get("/api/limits/").status_code for _ in range(3)] == [200, 200, 429]
    other = APIClient(REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="198.51.100.9")
    assert [other.get("/api/limits/").status_code for _ in range(3)] == [200, 200, 429]
    assert APIClient(REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="1.2.3.4").get("/api/limits/").status_code == 429
    monkeypatch.setattr("podium.site.throttling.time.time", lambda: 1_800_000_061.0)
    assert mine.get("/api/my_profile/").status_code == 200


def test_making_things_has_a_limit_of_its_own(
    rates: dict[str, int], sam: User, client_of: Client, settings: Any
) -> None:
    client = client_of(sam)
    first, second = (client.post("/api/queues/", {"name": f"queue {n}"}) for n in range(2))
    assert (first.status_code, second.status_code) == (201, 429)
    assert second.headers["X-RateLimit-Limit"] == "1"
    assert client.get("/api/my_profile/").status_code == 200
    settings.RATE_LIMITS = dict.fromkeys(rates, 0)
    assert client.post("/api/queues/", {"name": "queue"}).status_code == 201
    assert "X-RateLimit-Limit" not in client.get("/api/my_profile/").headers


def test_without_redis_nothing_is_refused_by_mistake(
    rates: dict[str, int], pat: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.exceptions import ConnectionError as RedisGone  # noqa: PLC0415

    def gone(*_: Any, **__: Any) -> None:
        raise RedisGone

    monkeypatch.setattr(caches["counts"], "incr", gone)
    assert {client_of(pat).get("/api/my_profile/").status_code for _ in range(rates["person"] + 2)} == {200}
    assert list(itertools.repeat(Counted(5, 7, 1).remaining, 1)) == [0]
