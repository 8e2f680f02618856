"""Logging in by another server: the whole exchange with a real server of OpenID Connect, pages included."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from oidc_provider_mock import User as Known
from oidc_provider_mock import run_server_in_thread
from rest_framework.authtoken.models import Token

from podium.site.accounts import sign_in
from podium.site.accounts.adapter import _is_same
from podium.site.accounts.models import User
from podium.site.accounts.services import deletion, tokens
from podium.site.config import Config, SignInServer
from podium.site.monitoring import health
from tests.factories import PASSWORD, UserFactory
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
LOGIN, DOOR = "/accounts/login/", "/accounts/oidc/uni/login/"
People = Callable[..., Visitor]

PEOPLE = [
    Known(sub="1", claims={"email": "Grace@Uni.example", "email_verified": True, "preferred_username": "grace"}),
    Known(sub="2", claims={"email": "pat@uni.example", "email_verified": True, "preferred_username": "PAT"}),
    Known(sub="3", claims={"preferred_username": "x!"}),
    Known(sub="4", claims={"email": "nora@example.org", "email_verified": True, "preferred_username": "nora2"}),
    Known(sub="5", claims={"email": "nora@example.org", "email_verified": False, "preferred_username": "nora3"}),
    Known(sub="6", claims={"email": "p@uni.example", "email_verified": True, "preferred_username": "pat\n"}),
    Known(sub="7", claims={"email": "nora@example.org", "email_verified": "false", "preferred_username": "nora7"}),
    Known(sub="9" * 300, claims={"preferred_username": "long"}),
    Known(sub="9\0", claims={"preferred_username": "nil"}),
    Known(sub="8", claims={"email": "nora@example.org", "email_verified": "true", "preferred_username": "nora8"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def university() -> Iterator[str]:
    """The address of a server that knows some people."""
    with run_server_in_thread(user_claims=PEOPLE) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def servers(university: str, settings: Any) -> Callable[..., None]:
    """Set the server up, as an operator would, and under the id `again` once more, as one that is trusted."""

    def set_up(again: str = "", **more: Any) -> None:
        facts = {"id": "uni", "name": "University", "server": university, "client_id": "podium", "client_secret": "s"}
        facts |= more
        both = [facts, *([{**facts, "id": again, "trust_addresses": True}] if again else [])]
        known = [SignInServer.model_validate(one) for one in both]
        settings.CONFIG = Config(sign_in=known, **settings.CONFIG.model_dump(exclude={"sign_in"}))
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": sign_in.provider(settings.CONFIG.sign_in)}

    set_up()
    return set_up


def _come_back(visitor: Visitor, person: str, address: str = DOOR, status: int = 200, **answer: str) -> Any:
    """Leave by the button, let the other server say who it is, and follow it back."""
    leaving = visitor.client.post(address)
    assert leaving.status_code == 200, leaving.headers
    target = html.unescape(re.findall(r'content="0;url=([^"]+)"', leaving.content.decode())[0])
    asked = parse_qs(urlsplit(target).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["state"]
    answered = httpx.post(target, data=answer or {"sub": person})
    back = urlsplit(answered.headers["Location"])
    assert back.path == f"{address.partition('?')[0]}callback/"
    state = "" if "state=" in back.query else f"&state={asked['state'][0]}"  # this server forgets it in a refusal
    return visitor.open(f"{back.path}?{back.query}{state}", status=status)


def test_without_a_server_nothing_is_offered(visitor: People) -> None:
    visitor().open(LOGIN)
    assert "oidc" not in visitor().open(LOGIN).text
    visitor().open(DOOR, status=404)


def test_a_stranger_of_the_university_gets_an_account_and_comes_back_to_it(servers: Any, visitor: People) -> None:
    there = visitor()
    assert "Log in with University" in there.open(LOGIN).text
    _come_back(there, "1")
    grace = User.objects.get(username="grace")
    assert (grace.email, grace.has_usable_password()) == ("grace@uni.example", False)
    assert not EmailAddress.objects.get(user=grace).verified, "nobody trusts this server's word for it"
    assert there.open("/profiles/security/").text.count("Log-in by other servers") == 1
    again = visitor()
    _come_back(again, "1")
    assert again.client.session["_auth_user_id"] == str(grace.pk)
    assert User.objects.filter(email__iexact="grace@uni.example").count() == 1


@pytest.mark.parametrize(("person", "given"), [("2", "pat@uni.example"), ("3", ""), ("6", "p@uni.example")])
def test_who_has_no_name_that_is_free_chooses_one(
    servers: Any, visitor: People, pat: User, person: str, given: str
) -> None:
    servers(again="other", trust_addresses=True)  # under the same client's id
    there = visitor()
    page = _come_back(there, person)
    assert there.url == "/accounts/3rdparty/signup/" and "One more step" in page.text
    page = there.send(there.url, {"username": pat.username.upper(), "email": given or "x@uni.example"})
    assert "already exists" in page.text
    there.send(there.url or "", {"username": "patricia", "email": given or "X@uni.example"})
    made = User.objects.get(username="patricia")
    assert made.email == (given or "x@uni.example")
    assert there.client.session["_auth_user_id"] == str(made.pk)
    assert EmailAddress.objects.filter(user=made, verified=True).exists() is bool(given)


@pytest.mark.parametrize("person", ["4", "5"])
def test_an_address_alone_opens_nobodys_account(servers: Any, visitor: People, person: str) -> None:
    nora = UserFactory(username="nora", email="nora@example.org")
    there = visitor()
    _come_back(there, person)
    assert "_auth_user_id" not in there.client.session
    page = there.send("/accounts/3rdparty/signup/", {"username": "nora9", "email": "nora@example.org"})
    assert "Please sign in to that account first" in page.text
    assert not SocialAccount.objects.filter(user=nora).exists() and not User.objects.filter(username="nora9").exists()


def test_a_trusted_server_opens_the_account_of_an_address_that_it_has_confirmed(servers: Any, visitor: People) -> None:
    servers(trust_addresses=True)
    nora = UserFactory(username="nora", email="nora@example.org")
    EmailAddress.objects.create(user=nora, email=nora.email, verified=True, primary=True)
    there, other = visitor(), visitor()
    _come_back(there, "4")
    assert there.client.session["_auth_user_id"] == str(nora.pk)
    _come_back(other, "5")
    assert "_auth_user_id" not in other.client.session


@pytest.mark.parametrize(("person", "is_let_in"), [("7", False), ("8", True)])
def test_a_confirmation_may_be_told_as_text(servers: Any, visitor: People, person: str, is_let_in: bool) -> None:
    """Some servers write "false", which as a text would be as good as true."""
    servers(trust_addresses=True)
    nora = UserFactory(username="nora", email="nora@example.org")
    there = visitor()
    _come_back(there, person)
    assert (there.client.session.get("_auth_user_id") == str(nora.pk)) is is_let_in


def test_who_waits_by_a_server_that_is_not_trusted_is_shut_out_as_well(servers: Any, visitor: People) -> None:
    servers(again="other")
    waiting = visitor()
    _come_back(waiting, "8")
    waits = User.objects.get(username="nora8")
    assert not EmailAddress.objects.get(user=waits).verified
    there, again = visitor(), visitor()
    _come_back(there, "4", DOOR.replace("uni", "other"))
    assert there.client.session["_auth_user_id"] == str(waits.pk), "the address is theirs"
    assert not SocialAccount.objects.filter(user=waits, provider="uni").exists()
    _come_back(again, "8")
    assert "_auth_user_id" not in again.client.session


def test_who_waits_in_an_account_with_anothers_address_is_shut_out_when_they_come(
    servers: Any, visitor: People
) -> None:
    servers(trust_addresses=True)
    waits = UserFactory(username="waits", email="nora@example.org")
    token = tokens.create_token(user=waits, name="x", scope="admin")[1]
    Token.objects.create(user=waits)
    Authenticator.objects.create(user=waits, type="totp", data={"secret": "x"})
    SocialAccount.objects.create(user=waits, provider="uni", uid="99")
    there = visitor()
    _come_back(there, "4")
    assert there.client.session["_auth_user_id"] == str(waits.pk), "the address was theirs to give"
    assert tokens.token_of(token) is None and not Token.objects.filter(user=waits).exists()
    assert not Authenticator.objects.filter(user=waits).exists()
    assert not SocialAccount.objects.filter(user=waits, uid="99").exists()
    waits.refresh_from_db()
    assert not waits.has_usable_password()


def test_letters_that_a_database_takes_for_the_same_are_another_address(
    servers: Any, visitor: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _is_same("Nora@Example.org", "nora@example.org")
    assert not _is_same("\u212aim@example.org", "kim@example.org") and not _is_same("m\u0131ke@x.org", "mike@x.org")
    servers(trust_addresses=True)
    nora = UserFactory(username="nora", email="nora@example.org")
    monkeypatch.setattr("podium.site.accounts.adapter._is_same", lambda one, other: False)
    there = visitor()
    _come_back(there, "4")
    assert there.client.session.get("_auth_user_id") != str(nora.pk), "it is asked"


def test_an_address_that_was_asked_for_and_never_confirmed_opens_nothing(servers: Any, visitor: People) -> None:
    servers(trust_addresses=True)
    waits = UserFactory(username="waits", email="waits@example.org")
    EmailAddress.objects.create(user=waits, email="nora@example.org", verified=False, primary=False)
    there = visitor()
    _come_back(there, "4")
    assert there.client.session.get("_auth_user_id") != str(waits.pk)
    assert not SocialAccount.objects.filter(user=waits).exists()


def test_one_adds_a_server_to_an_account_and_removes_it(servers: Any, visitor: People) -> None:
    nora = UserFactory(username="nora", email="n@example.org")
    there = visitor()
    there.client.post(LOGIN, {"login": "nora", "password": PASSWORD})
    there.client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = _come_back(there, "1", f"{DOOR}?process=connect")
    assert "University" in page.text and there.url == "/accounts/3rdparty/"
    account = SocialAccount.objects.get(user=nora)
    assert not User.objects.filter(username="grace").exists()
    by_server = visitor()
    _come_back(by_server, "1")
    assert by_server.client.session["_auth_user_id"] == str(nora.pk)
    there.send("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()


def test_the_last_way_in_is_not_removed(servers: Any, visitor: People) -> None:
    there = visitor()
    _come_back(there, "1")
    page = there.send("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert "no password" in page.text and SocialAccount.objects.count() == 1


def test_a_server_may_be_for_those_who_have_an_account(servers: Any, visitor: People, settings: Any) -> None:
    servers(may_sign_up=False)
    there = visitor()
    _come_back(there, "1")
    assert not User.objects.filter(username="grace").exists()
    settings.CONFIG = settings.CONFIG.model_copy(update={"open_registration": False})
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["may_sign_up"] = True
    _come_back(there, "1")
    assert User.objects.filter(username="grace").exists()


def test_who_turns_back_or_comes_with_a_wrong_state_is_told_and_stays_out(servers: Any, visitor: People) -> None:
    there = visitor()
    assert "You turned back" in _come_back(there, "1", action="deny").text
    page = there.open(f"{DOOR}callback/?code=abc&state=wrong", status=401)
    assert "did not let you in" in page.text
    assert "_auth_user_id" not in there.client.session and not User.objects.filter(username="grace").exists()


@pytest.mark.parametrize("person", ["9" * 300, "9\0"])
def test_a_person_whose_number_cannot_be_kept_is_told_and_stays_out(servers: Any, visitor: People, person: str) -> None:
    there = visitor()
    assert "did not let you in" in _come_back(there, person, status=401).text
    assert "_auth_user_id" not in there.client.session and not SocialAccount.objects.exists()


def test_looking_at_the_door_leaves_nowhere(servers: Any, visitor: People) -> None:
    page = visitor().open(DOOR)
    assert "You leave this site for University" in page.text and "url=" not in page.text


def test_the_banned_stay_banned_and_the_deleted_lose_the_way_in(servers: Any, visitor: People) -> None:
    there = visitor()
    _come_back(there, "1")
    grace = User.objects.get(username="grace")
    User.objects.filter(pk=grace.pk).update(is_banned=True)
    other = visitor()
    _come_back(other, "1", status=403)
    User.objects.filter(pk=grace.pk).update(is_banned=False)
    deletion.delete_account(user=grace)
    assert not SocialAccount.objects.exists()
    _come_back(visitor(), "1")
    assert User.objects.get(username="grace").pk != grace.pk


def test_who_has_no_password_can_still_ask_for_the_end_of_the_account(servers: Any, visitor: People) -> None:
    there = visitor()
    _come_back(there, "1")
    assert "Your password" not in there.open("/profiles/delete/").text
    there.send("/profiles/delete/", {"username": "somebody"}, status=400)
    page = there.send("/profiles/delete/", {"username": "grace"})
    assert there.url.startswith("/accounts/delete/") or "on its way" in page.text


def test_the_doctor_asks_each_server(servers: Any) -> None:
    assert [(one.name, one.state, one.detail) for one in health.sign_in()] == [("log-in", "ok", "University answers")]
    servers(server="http://localhost:9/")
    (finding,) = health.sign_in()
    assert finding.state == "fail" and "University" in finding.detail and "PODIUM_SIGN_IN" in finding.mend


def test_the_secret_of_a_server_is_among_what_no_log_shows() -> None:
    server = SignInServer(
        id="uni", name="Uni", server="https://id.example.org", client_id="x", client_secret="hush hush"
    )
    config = Config(sign_in=[server])
    assert "hush hush" in config.secrets and "hush hush" not in repr(config)
