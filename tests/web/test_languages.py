"""Pages and mails are in the language of their reader; what is for programs is in English."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from podium.site.accounts.models import User
from podium.site.accounts.services import deletion, people
from podium.site.competitions.models import Competition
from podium.site.competitions.services.messages import write_to_all
from podium.site.errors import Refused
from podium.site.mails.models import Message
from tests.factories import UserFactory, finished_submission
from tests.site import pseudo
from tests.site.acting import background
from tests.web.conftest import BACKEND, Visitor
from tests.web.html import Page

Visiting = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def french(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of French stands a language with marks around each message."""
    pseudo.speak(monkeypatch)


def spoken(client: Client, url: str = "/about/", **headers: str) -> str:
    """In which language a page is; its words have to agree with what it says of itself."""
    answer = client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    text = answer.content.decode()
    language = text.partition('<html lang="')[2][:2]
    assert ("⟦" in text) == (language == "fr")
    assert answer.headers["Content-Language"] == language
    return language


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


@pytest.mark.django_db
def test_the_browser_says_the_language_as_long_as_nobody_else_does() -> None:
    assert spoken(Client()) == "en"
    assert spoken(Client(), accept_language="fr-CA,fr;q=0.9,en;q=0.8") == "fr"
    assert spoken(Client(), accept_language="es") == "es"
    assert spoken(Client(), accept_language="ja,fr;q=0.5") == "fr"
    assert spoken(Client(), accept_language="ja") == "en"


def test_what_was_chosen_in_the_footer_stays_and_leads_back_to_where_one_was(visitor: Visiting) -> None:
    somebody = visitor()
    page = somebody.open("/competitions/public/?search=a&ordering=popular", accept_language="es")
    assert page.values["next"] == "/competitions/public/?search=a&ordering=popular"
    somebody.send("/language/", {"language": "fr", "next": page.values["next"]})
    assert somebody.url == page.values["next"]
    assert spoken(somebody.client, accept_language="es") == "fr"
    somebody.send("/language/", {"language": "en"})
    assert spoken(somebody.client, accept_language="es") == "en"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["", "de", "xx", "../en", "fr\r\nSet-Cookie: a=b"])
def test_a_language_that_is_not_spoken_changes_nothing(language: str, sam: User) -> None:
    client = as_user(sam)
    answer = client.post("/language/", {"language": language, "next": "/news/"})
    assert answer.headers["Location"] == "/news/"
    assert "podium_language" not in answer.cookies
    assert User.objects.get(pk=sam.pk).language == ""
    client.cookies["podium_language"] = "xx"
    assert spoken(client) == "en"
    with pytest.raises(Refused, match="does not speak"):
        people.choose_language(user=sam, language="xx")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", "https:evil.eu"]
)
def test_the_choice_of_a_language_leads_to_no_other_site(target: str) -> None:
    assert Client().post("/language/", {"language": "fr", "next": target}).headers["Location"] == "/"


@pytest.mark.django_db
def test_a_language_is_chosen_by_a_form_with_the_token_against_forgery() -> None:
    assert Client(enforce_csrf_checks=True).post("/language/", {"language": "fr"}).status_code == 403
    assert Client().get("/language/").status_code == 405


def test_the_choice_of_somebody_who_is_logged_in_belongs_to_the_account(sam: User) -> None:
    as_user(sam).post("/language/", {"language": "fr"})
    elsewhere = as_user(User.objects.get(pk=sam.pk))
    elsewhere.cookies["podium_language"] = "es"
    assert spoken(elsewhere, accept_language="es") == "fr"
    User.objects.filter(pk=sam.pk).update(language="ja")  # a language that the site once spoke
    assert spoken(elsewhere) == "es"


def test_the_language_is_among_the_settings_and_empty_is_as_the_browser_says(visitor: Visiting, pat: User) -> None:
    somebody = visitor(pat)
    page = somebody.open("/profiles/user/pat/edit/")
    assert page.values["language"] == ""
    facts = page.values | {"photo": ""}
    somebody.send("/profiles/user/pat/edit/", facts | {"language": "fr"})
    assert spoken(somebody.client) == "fr"
    assert somebody.open("/profiles/user/pat/edit/").values["language"] == "fr"
    somebody.send("/profiles/user/pat/edit/", facts | {"language": "ja"}, status=400)
    somebody.send("/profiles/user/pat/edit/", facts | {"language": ""})
    assert spoken(somebody.client) == "en"
    assert spoken(somebody.client, accept_language="fr") == "fr"


@pytest.mark.django_db
def test_answers_name_what_their_language_hangs_on() -> None:
    page = Client().get("/about/")
    assert {"Accept-Language", "Cookie"} <= set(page.headers["Vary"].split(", "))
    answer = Client().get("/api/competitions/", headers={"Accept-Language": "fr"})
    assert "Accept-Language" not in answer.headers.get("Vary", "") and "Content-Language" not in answer.headers


@pytest.mark.django_db
def test_refusals_are_in_the_language_of_the_reader_too() -> None:
    missing = Client().get("/nowhere/", headers={"Accept-Language": "fr"})
    assert missing.status_code == 404 and "⟦Nothing is here⟧" in missing.content.decode()
    forged = Client(enforce_csrf_checks=True).post("/theme/", {}, headers={"Accept-Language": "fr"})
    text = forged.content.decode()
    assert forged.status_code == 403 and '<html lang="fr">' in text and "⟦The form was too old⟧" in text
    assert Page(text).faults == []
    away = Client().get("/api/nowhere/", headers={"Accept-Language": "fr"})
    assert away.json()["detail"] == "Not found."


def test_one_thread_speaks_one_language_after_the_other(pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(language="fr")
    french, other = as_user(pat), Client()
    for _ in range(2):
        assert (spoken(french), spoken(other)) == ("fr", "en")


def test_scores_are_the_same_in_every_language_and_as_the_api_has_them(competition: Competition) -> None:
    phase = competition.phases.get()
    for place in range(3):
        finished_submission(phase, UserFactory(), place / 8)
    cells = []
    for language in ("fr", "en"):
        page = Client().get(f"/competitions/{competition.pk}/results/", headers={"Accept-Language": language})
        cells.append(re.findall(r'<td class="number[^"]*" title="([^"]*)">([^<]*)<', page.content.decode()))
    assert cells[0] == cells[1] == [("0.25", "0.25"), ("0.125", "0.13"), ("0.0", "0.00")]
    board = Client().get(f"/api/phases/{phase.pk}/get_leaderboard/", headers={"Accept-Language": "fr"})
    told = [float(row["scores"][0]["score"]) for row in board.json()["submissions"]]
    assert told == [float(shown) for _, shown in cells[0]]


def sent() -> dict[str, mail.EmailMessage]:
    """The mails that have gone out since, by whom they went to."""
    background()
    found = list(mail.outbox)
    mail.outbox.clear()
    return {each.recipients()[0]: each for each in found}


def test_a_message_to_many_is_one_row_and_comes_to_each_in_their_language(
    competition: Competition, olivia: User, pat: User
) -> None:
    User.objects.filter(pk=pat.pk).update(language="fr")
    write_to_all(competition=competition, by=olivia, message="Tomorrow")
    mails = sent()
    assert mails[str(pat.email)].subject.startswith("⟦A message from the admins of ⟧")
    assert "⟦The organizers of this competition wrote this" in mails[str(pat.email)].body
    assert "Tomorrow" in mails[str(pat.email)].body
    assert "⟦" not in mails[str(olivia.email)].subject + str(mails[str(olivia.email)].body)
    (message,) = Message.objects.all()
    assert set(message.translations) == {"fr"} and set(message.translations["fr"]) == {"subject", "why"}


def test_mails_about_an_account_are_in_the_language_of_its_owner(pat: User) -> None:
    ada = UserFactory(username="ada", is_superuser=True, language="es")
    User.objects.filter(pk=pat.pk).update(language="fr")
    pat.refresh_from_db()
    deletion.request_deletion(user=pat)
    assert "⟦Confirm Your Account Deletion Request⟧" in sent()[str(pat.email)].subject
    address = str(pat.email)
    deletion.delete_account(user=pat)
    mails = sent()
    assert "⟦Your account has been successfully removed⟧" in mails[address].subject
    assert "⟦" not in mails[str(ada.email)].subject
    assert User.objects.get(pk=pat.pk).language == ""


def test_a_mail_that_answers_somebody_is_in_their_language_else_in_that_of_the_page(pat: User) -> None:
    def reset(**headers: str) -> str:
        Client().post("/accounts/password/reset/", {"email": pat.email}, headers=headers)
        return sent()[str(pat.email)].subject

    assert "⟦" not in reset()
    assert "⟦" in reset(**{"Accept-Language": "fr"})
    User.objects.filter(pk=pat.pk).update(language="es")
    assert "⟦" not in reset(**{"Accept-Language": "fr"})
