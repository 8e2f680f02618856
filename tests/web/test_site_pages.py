"""Home, lists, the pages about the site, colours and error pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client

from podium.site.pages.models import Announcement, NewsPost
from tests.factories import CompetitionFactory, UserFactory, phase_with_board
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]


def test_an_empty_home_page_says_what_to_do_next(visitor: Visiting) -> None:
    page = visitor().open("/")
    assert "No competition yet" in page.text
    assert "/competitions/upload/" in page.links


def test_home_shows_competitions_counters_news_and_the_announcement(visitor: Visiting) -> None:
    CompetitionFactory(title="Leaves of grass")
    CompetitionFactory(title="A secret thing", published=False)
    NewsPost.objects.create(title="We are open", text="Since *today*")
    Announcement.objects.create(text="Down on **Sunday**")
    page = visitor().open("/")
    for words in ("Leaves of grass", "We are open", "Down on Sunday", "competition 1"):
        assert words in page.text
    assert "A secret thing" not in page.text


def test_the_first_page_needs_less_than_100_kilobytes_without_images(client: Client) -> None:
    for number in range(9):
        phase_with_board(CompetitionFactory(title=f"Competition {number} " + "word " * 10, description="text " * 40))
    html = client.get("/").content
    served = ["podium.css", "js/page.js", "vendor/geist-latin.woff2"]
    for name in served:
        assert f"/static/{name}".encode() in html
    assert html.count(b"<script") == 1
    assert html.count(b'rel="stylesheet"') == 1
    sizes = [Path(str(finders.find(name))).stat().st_size for name in served]
    assert len(html) + sum(sizes) < 100_000


def test_the_list_costs_the_same_queries_for_one_competition_as_for_many(
    client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(12):
        phase_with_board(CompetitionFactory())
    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        client.get("/competitions/public/")


def test_search_finds_by_words_of_the_title_and_says_when_there_is_nothing(visitor: Visiting) -> None:
    CompetitionFactory(title="Leaves of grass")
    CompetitionFactory(title="Stones of rivers")
    page = visitor().open("/competitions/public/?search=grass+leaves")
    assert "Leaves of grass" in page.text
    assert "Stones of rivers" not in page.text
    assert "Nothing found" in visitor().open("/competitions/public/?search=nowhere").text


def test_a_search_that_is_html_is_shown_as_text(visitor: Visiting) -> None:
    CompetitionFactory(title="<b>bold</b>")
    assert "<b>bold</b>" in visitor().open("/competitions/public/?search=<b>bold").text


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=99999999999999999999", "ordering=x", "search=" + "x" * 999]
)
def test_a_strange_address_still_gives_the_list(visitor: Visiting, query: str) -> None:
    visitor().open(f"/competitions/public/?{query}")


def test_the_list_is_cut_into_pages_that_keep_the_search(visitor: Visiting) -> None:
    for number in range(30):
        CompetitionFactory(title=f"Grass {number}")
    page = visitor().open("/competitions/public/?search=grass&ordering=popular")
    assert "Page 1 of 2" in page.text
    assert "?search=grass&ordering=popular&page=2" in page.links


def test_a_live_search_gets_only_the_part_that_changes(client: Client) -> None:
    part = client.get("/competitions/public/", headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<section id="found"')


def test_colours_are_remembered_in_a_cookie_and_rendered_by_the_server(visitor: Visiting) -> None:
    somebody = visitor()
    somebody.send("/theme/", {"theme": "dark", "next": "/about/"})
    assert somebody.url == "/about/"
    assert 'data-theme="dark"' in somebody.response.content.decode()
    somebody.send("/theme/", {"theme": "auto", "next": "/about/"})
    assert "<html lang" in somebody.response.content.decode()
    assert 'data-theme="' not in somebody.response.content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_the_colour_switch_leads_to_no_other_site(client: Client, target: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": target}).headers["Location"] == "/"


def test_a_forged_colour_cookie_is_ignored(client: Client) -> None:
    client.cookies["podium_theme"] = 'x"><script>'
    assert b"<script>" not in client.get("/").content


def test_search_engines_are_told_what_not_to_read(client: Client) -> None:
    assert "Disallow: /api/" in client.get("/robots.txt").content.decode()


def test_browsers_find_the_icon_where_they_look_for_it(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"].endswith("favicon.svg")


@pytest.mark.parametrize("url", ["/", "/about/", "/competitions/public/", "/accounts/login/", "/nowhere/"])
def test_every_page_forbids_inline_scripts_and_styles(client: Client, url: str) -> None:
    policy = client.get(url).headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "default-src 'none'" in policy


def test_a_page_that_is_not_there_says_so_and_leads_on(visitor: Visiting) -> None:
    page = visitor().open("/nowhere/", status=404)
    assert "Nothing is here" in page.text
    assert "/competitions/public/" in page.links


@pytest.mark.parametrize("name", ["400.html", "500.html", "403_csrf.html"])
def test_the_pages_for_faults_need_nothing_that_may_be_broken(name: str) -> None:
    assert "<h1>" in render_to_string(name)


def test_a_form_without_its_token_gets_an_explanation() -> None:
    answer = Client(enforce_csrf_checks=True).post("/theme/", {"theme": "dark"})
    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()


def test_a_banned_person_is_told_so_and_may_log_out(visitor: Visiting) -> None:
    somebody = visitor(UserFactory(is_banned=True))
    assert "This account is banned" in somebody.open("/", status=403).text
    somebody.send("/accounts/logout/", {})
    somebody.open("/")
