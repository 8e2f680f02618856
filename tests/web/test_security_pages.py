"""What keeps an account its owner's: second factor, sessions, tokens, cookies, redirects, counted log-ins."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache, caches
from django.test import Client
from rest_framework.test import APIClient

from podium.site.accounts.models import ApiToken, CacheEntry, User
from podium.site.config import Config
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def logged_in(username: str = "nora") -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": username, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})  # as asked before what lets others in is changed
    return client


def test_a_second_factor_is_asked_for_and_a_password_alone_gets_no_token() -> None:
    UserFactory(username="nora")
    client = logged_in()
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", page) and "style=" not in page
    secret = client.session["mfa.totp.secret"]
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert done.status_code == 302
    kept = Authenticator.objects.get(type="totp")
    assert secret not in str(kept.data) and TOTP(kept)
    asked = Client()
    answer = asked.post("/accounts/login/", {"login": "nora", "password": PASSWORD})
    assert answer.url == "/accounts/2fa/authenticate/"  # type: ignore[attr-defined]
    assert asked.get("/profiles/security/").status_code == 302
    assert asked.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    cache.clear()  # the app's code may be used once
    asked.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert asked.get("/profiles/security/").status_code == 200
    refused = APIClient().post("/api/api-token-auth/", {"username": "nora", "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (400, "second_factor")


def test_every_session_is_listed_and_can_be_ended() -> None:
    UserFactory(username="nora")
    here, there = logged_in(), logged_in()
    assert here.get("/accounts/sessions/").content.decode().count("This one") == 1
    here.post("/accounts/sessions/")
    assert [one.get("/profiles/security/").status_code for one in (here, there)] == [200, 302]
    third = logged_in()
    assert here.post("/profiles/security/log_out_everywhere/").status_code == 302
    assert [one.get("/profiles/security/").status_code for one in (here, third)] == [302, 302]


def test_a_token_is_made_and_revoked_on_its_page() -> None:
    UserFactory(username="nora")
    stale = Client()
    stale.post("/accounts/login/", {"login": "nora", "password": PASSWORD})
    asked = stale.post("/profiles/tokens/", {"name": "laptop", "scope": "read", "days": "30"})
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/") and not ApiToken.objects.exists()
    client = logged_in()
    page = client.post("/profiles/tokens/", {"name": "laptop", "scope": "read", "days": "30"}).content.decode()
    secret = re.search(r"podium_u_[\w-]+", page)
    assert secret and secret[0] not in client.get("/profiles/tokens/").content.decode()
    token = ApiToken.objects.get()
    assert token.expires_when is not None
    assert client.post(f"/profiles/tokens/{token.pk}/revoke/").status_code == 302
    assert not ApiToken.objects.exists()


def test_wrong_passwords_are_counted_where_all_web_processes_see_them() -> None:
    UserFactory(username="nora")
    for client in (Client(), Client()):
        for _ in range(3):
            client.post("/accounts/login/", {"login": "nora", "password": "wrong"})
    assert CacheEntry.objects.exists(), "in a table, not in this process"
    caches["local"].clear()
    caches["counts"].clear()
    refused = Client().post("/accounts/login/", {"login": "nora", "password": PASSWORD})
    assert "Too many failed login attempts" in refused.content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site(target: str) -> None:
    UserFactory(username="nora")
    client = Client()
    gone = client.post("/accounts/login/", {"login": "nora", "password": PASSWORD, "next": target})
    assert "evil" not in gone.headers["Location"] and "script" not in gone.headers["Location"]
    assert "evil" not in client.post("/theme/", {"theme": "dark", "next": target}).headers["Location"]


def test_weak_passwords_are_refused() -> None:
    for password in ("short1!", "password123", "12345678901", "nora-nora-1"):
        client = Client()
        answer = client.post(
            "/accounts/signup/",
            {"username": "nora-nora", "email": "n@example.org", "password1": password, "password2": password},
        )
        assert answer.status_code == 200 and not User.objects.exists(), password


def test_cookies_hosts_and_forms_are_guarded(settings: Any) -> None:
    UserFactory(username="nora")
    client = Client()
    answer = client.post("/accounts/login/", {"login": "nora", "password": PASSWORD})
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert Client().get("/", HTTP_HOST="evil.example").status_code == 400
    assert Client(enforce_csrf_checks=True).post("/accounts/login/", {}).status_code == 403
    assert Config(public_url="https://podium.example").public_is_https
    settings.SESSION_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS = True, 3600
    secure = Client()
    secured = secure.post("/accounts/login/", {"login": "nora", "password": PASSWORD}, secure=True)
    assert secured.cookies[settings.SESSION_COOKIE_NAME]["secure"]
