"""Signing up, logging in and out, and the other pages of accounts, in the site's own look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.site.accounts.models import User
from tests.factories import PASSWORD, UserFactory
from tests.site.acting import background
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
GOOD = {"username": "nora", "email": "nora@example.org", "password1": PASSWORD, "password2": PASSWORD}


def test_a_person_signs_up_and_is_logged_in_where_they_wanted_to_go(visitor: Visiting) -> None:
    somebody = visitor()
    page = somebody.send("/accounts/signup/?next=/about/", {**GOOD, "next": "/about/"})
    assert somebody.url == "/about/"
    assert "nora" in page.text


def test_faults_of_a_sign_up_stand_beside_their_fields_and_what_was_typed_stays(visitor: Visiting) -> None:
    UserFactory(username="nora")
    somebody = visitor()
    page = somebody.send("/accounts/signup/", {**GOOD, "username": "NORA", "password2": "other"})
    text = somebody.response.content.decode()
    assert "already exists" in page.text
    assert 'value="NORA"' in text
    assert 'aria-invalid="true"' in text
    assert User.objects.count() == 1


def test_sign_up_can_be_closed(visitor: Visiting, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"open_registration": False})
    somebody = visitor()
    assert "/accounts/signup/" not in somebody.open("/").links
    somebody.send("/accounts/signup/", GOOD)
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["nora", "NORA", "nora@example.org"])
def test_a_person_logs_in_by_name_or_address(visitor: Visiting, name: str) -> None:
    UserFactory(username="nora")
    page = visitor().send("/accounts/login/", {"login": name, "password": PASSWORD})
    assert "My competitions" in page.text


def test_a_wrong_password_is_told_without_saying_which_half_was_wrong(visitor: Visiting) -> None:
    UserFactory(username="nora")
    known = visitor().send("/accounts/login/", {"login": "nora", "password": "wrong"}).text
    unknown = visitor().send("/accounts/login/", {"login": "nobody", "password": "wrong"}).text
    assert known == unknown
    assert "not correct" in known


def test_logging_out_takes_a_form_not_a_link(visitor: Visiting) -> None:
    somebody = visitor(UserFactory())
    assert "Log out?" in somebody.open("/accounts/logout/").text
    assert "My competitions" in somebody.open("/").text
    somebody.send("/accounts/logout/", {})
    assert "My competitions" not in somebody.open("/").text


@pytest.mark.parametrize(
    "url",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/done/",
        "/accounts/password/reset/key/1-bad/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/wrong/",
        "/accounts/inactive/",
    ],
)
def test_every_page_before_login_has_the_sites_look(visitor: Visiting, url: str) -> None:
    somebody = visitor()
    somebody.open(url)
    assert "podium.css" in somebody.response.content.decode()


@pytest.mark.parametrize("url", ["/accounts/email/", "/accounts/password/change/", "/accounts/reauthenticate/"])
def test_every_account_page_after_login_has_the_sites_look(visitor: Visiting, url: str) -> None:
    somebody = visitor()
    UserFactory(username="nora")
    somebody.send("/accounts/login/", {"login": "nora", "password": PASSWORD})
    assert "Podium" in somebody.open(url).text


def test_labels_are_the_same_for_log_in_and_sign_up(visitor: Visiting) -> None:
    assert "User name or e-mail address Password" in visitor().open("/accounts/login/").text
    assert "User name E-mail address Password" in visitor().open("/accounts/signup/").text


def test_a_site_that_sends_no_mail_says_whom_to_ask(visitor: Visiting) -> None:
    for url in ("/accounts/password/reset/", "/accounts/password/reset/done/"):
        page = visitor().open(url)
        assert "This site sends no mail. Its administrators can set a new password for your account." in page.text
        assert [one["name"] for one in page.inputs] == ["q"], "nothing to fill in but the search of every page"


def test_a_forgotten_password_is_set_anew_by_mail(visitor: Visiting, settings: Any, mailoutbox: list[Any]) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"email_url": "smtp://mail.example.org"})
    assert "E-mail address" in visitor().open("/accounts/password/reset/").text
    assert "Look into your mail" in visitor().open("/accounts/password/reset/done/").text
    UserFactory(username="nora", email="nora@example.org")
    somebody = visitor()
    somebody.send("/accounts/password/reset/", {"email": "nora@example.org"})
    background()
    link = next(word for word in mailoutbox[0].body.split() if "/accounts/password/reset/key/" in word)
    assert "Choose a new password" in somebody.open("/" + link.split("/", 3)[3]).text
    somebody.send(somebody.url, {"password1": "another good phrase", "password2": "another good phrase"})
    page = visitor().send("/accounts/login/", {"login": "nora", "password": "another good phrase"})
    assert "My competitions" in page.text
