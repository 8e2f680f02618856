"""API tokens: shown once, kept as a digest, as far as their scope reaches."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.logs import redact_text
from podium.site.accounts import scopes
from podium.site.accounts.models import ApiToken, Scope, User
from podium.site.accounts.services import tokens
from podium.site.competitions.models import Competition
from podium.site.errors import Refused
from tests.factories import PASSWORD, UserFactory, dataset, show_password
from tests.site.acting import phase_of
from tests.site.test_access import every_route, methods_of

Client = Callable[[User | None], APIClient]


def by_token(secret: str, keyword: str = "Token") -> APIClient:
    """A client that sends a token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"{keyword} {secret}")
    return client


def token_for(user: User, scope: str) -> str:
    return tokens.create_token(user=user, name=f"{scope} token", scope=scope)[1]


def test_a_token_is_told_once_and_only_its_digest_is_kept(pat: User, sam: User, client_of: Client) -> None:
    client = client_of(pat)
    show_password(client)
    answer = client.post("/api/tokens/", {"name": "laptop", "scope": "submit", "expires_in_days": 30})
    assert answer.status_code == 201
    secret, pk = answer.json()["token"], answer.json()["id"]
    assert secret.startswith("podium_u_") and len(secret) > 45
    row = ApiToken.objects.get()
    assert secret not in json.dumps({name: str(getattr(row, name)) for name in vars(row)})
    listed = client.get("/api/tokens/")
    assert [one["name"] for one in listed.json()] == ["laptop"] and secret[-20:] not in listed.content.decode()
    assert by_token(secret).get("/api/my_profile/").json()["username"] == "pat"
    assert by_token(secret, "Bearer").get("/api/my_profile/").json()["username"] == "pat"
    row.refresh_from_db()
    assert row.last_used_when is not None
    assert client_of(sam).get("/api/tokens/").json() == []
    assert client_of(sam).delete(f"/api/tokens/{pk}/").status_code == 404
    assert client.delete(f"/api/tokens/{pk}/").status_code == 204
    assert by_token(secret).get("/api/my_profile/").status_code == 403


def test_a_token_that_has_expired_opens_nothing(pat: User) -> None:
    row, secret = tokens.create_token(user=pat, name="short", scope="read", days=1)
    assert by_token(secret).get("/api/my_profile/").status_code == 200
    ApiToken.objects.filter(pk=row.pk).update(expires_when=timezone.now() - timedelta(seconds=1))
    refused = by_token(secret).get("/api/my_profile/")
    assert (refused.status_code, refused.json()["code"]) == (403, "authentication_failed")
    assert by_token("podium_u_made-up").get("/api/my_profile/").status_code == 403


def test_a_token_reaches_as_far_as_its_scope(competition: Competition, pat: User, olivia: User) -> None:
    phase = phase_of(competition)
    body = {"phase": phase.pk, "data": str(dataset(pat).key)}
    attempts = {
        "read": (403, 403, 403),
        "submit": (201, 403, 403),
        "organize": (201, 403, 403),
        "admin": (201, 403, 200),
    }
    for scope, expected in attempts.items():
        client = by_token(token_for(pat, scope))
        assert client.get(f"/api/competitions/{competition.pk}/").status_code == 200
        body["data"] = str(dataset(pat).key)
        found = (
            client.post("/api/submissions/", body).status_code,
            client.post(f"/api/competitions/{competition.pk}/toggle_publish/").status_code,
            client.get("/api/tokens/").status_code,
        )
        assert found == expected, scope
    refused = by_token(token_for(pat, "read")).post("/api/submissions/", body)
    assert refused.json()["code"] == "token_scope"
    assert '"submit"' in refused.json()["detail"]
    for scope, status in {"submit": 403, "organize": 200}.items():
        toggled = by_token(token_for(olivia, scope)).post(f"/api/competitions/{competition.pk}/toggle_publish/")
        assert toggled.status_code == status, scope
    # Codabench's GETs that change something need what the POST needs.
    rerun = f"/api/phases/{phase.pk}/rerun_submissions/"
    assert by_token(token_for(olivia, "submit")).get(rerun).status_code == 403
    made = phase.submissions.first()
    assert made is not None
    assert by_token(token_for(olivia, "read")).get(f"/api/submissions/{made.pk}/events/").status_code == 200


ADMIN_ALONE = {
    "api-organization-create",
    "api-organization-delete-member",
    "api-organization-delete-organization",
    "api-organization-detail",
    "api-organization-invite-response",
    "api-organization-invite-users",
    "api-organization-list",
    "api-organization-update-member-group",
    "api-organization-validate-invite",
    "api-token",
    "api-token-detail",
    "api-token-list",
    "api-user-detail",
}
"""Routes that change something and that no narrower token reaches; on purpose."""


def test_every_route_that_changes_something_has_been_thought_of() -> None:
    unsafe = set()
    for route, pattern in every_route():
        view = getattr(pattern.callback, "view_class", None)
        methods = methods_of(pattern) | {m.upper() for m in ("post", "put", "patch", "delete") if hasattr(view, m)}
        if route.startswith("api/") and methods - scopes.SAFE:
            unsafe.add(pattern.name or "")
    unlisted = {name for name in unsafe if scopes.listed(name) is None} - ADMIN_ALONE
    assert unlisted == set(), "list these in accounts/scopes.py, or here if they need a token that may everything"
    assert scopes.needed("api-something-new", "POST") is Scope.ADMIN
    assert scopes.needed("api-something-new", "GET") is Scope.READ


def test_tokens_have_a_name_a_scope_and_an_end_and_there_are_not_endlessly_many(
    pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in ({"name": " "}, {"scope": "everything"}, {"days": 0}, {"name": "x" * 101}):
        with pytest.raises(Refused):
            tokens.create_token(**{"user": pat, "name": "n", "scope": "read", **given})  # type: ignore[arg-type]
    monkeypatch.setattr(tokens, "MAX_TOKENS", 1)
    token_for(pat, "read")
    with pytest.raises(Refused, match="Revoke"):
        token_for(pat, "read")


def test_a_token_never_reaches_a_log(pat: User) -> None:
    secret = token_for(pat, "read")
    for text in (secret, f"see {secret}.", f"https://host/?x={secret}", f'{{"a": "{secret}"}}'):
        assert secret[-12:] not in redact_text(text)


def test_codabenchs_token_stays_and_can_be_revoked(pat: User) -> None:
    asked = {"username": "pat", "password": PASSWORD}
    key = APIClient().post("/api/api-token-auth/", asked).json()["token"]
    assert len(key) == 40
    assert APIClient().post("/api/api-token-auth/", asked).json()["token"] == key
    assert by_token(key).get("/api/tokens/").status_code == 200
    assert tokens.revoke_plain_token(user=pat)
    assert by_token(key).get("/api/my_profile/").status_code == 403
    assert not Token.objects.exists() and UserFactory().api_tokens.count() == 0
