"""Home, lists, the pages about the site, colours and error pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone, translation

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.pages.models import Announcement, NewsPost
from podium.site.pages.times import day_text, utc_text
from tests.factories import CompetitionFactory, ParticipantFactory, UserFactory, phase_with_board
from tests.web.conftest import BACKEND, Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]


def test_an_empty_home_page_says_what_to_do_next(visitor: Visiting) -> None:
    page = visitor().open("/")
    assert "No competition yet" in page.text
    assert {"/competitions/upload/", "/competitions/new/"} <= set(page.links)
    assert "podium new example podium login --server http://testserver podium upload example" in page.text
    assert "submissions 0" not in page.text, "no counters of nothing"


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
    sizes = [Path(str(finders.find(name))).stat().st_size for name in [*served, "js/words.js"]]
    assert len(html) + sum(sizes) < 100_000


def test_the_list_costs_the_same_queries_for_one_competition_as_for_many(
    client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(12):
        phase_with_board(CompetitionFactory())
    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        client.get("/competitions/public/?type=competition&state=open&organizer=u&search=c")


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


@pytest.fixture
def shelf(olivia: User, pat: User, sam: User) -> None:
    """Competitions that differ in what the list is filtered by."""
    now = timezone.now()

    def put(title: str, begins: int, ends: int | None, **facts: object) -> Competition:
        made: Competition = CompetitionFactory(title=title, **facts)
        end = None if ends is None else now + timedelta(days=ends)
        Phase.objects.filter(pk=phase_with_board(made).pk).update(start=now + timedelta(days=begins), end=end)
        return made

    runs = put("Endless", -2, None, created_by=olivia, competition_type="benchmark")
    put("Running", -2, 2, created_by=sam, reward="A medal")
    put("Finished", -5, -2, created_by=sam)
    put("Later", 2, 5, created_by=sam).collaborators.add(olivia)
    put("Without phases", 0, 1).phases.all().delete()
    put("Hidden", -2, None, created_by=olivia, published=False)
    ParticipantFactory(competition=runs, user=pat)
    User.objects.filter(pk=olivia.pk).update(display_name="Olive Tree")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Endless", "Finished", "Later", "Running", "Without phases"]),
        ("type=benchmark", ["Endless"]),
        ("type=competition&state=open", ["Running"]),
        ("state=open", ["Endless", "Running"]),
        ("state=coming", ["Later"]),
        ("state=over", ["Finished", "Without phases"]),
        ("has_reward=on", ["Running"]),
        ("organizer=olivia", ["Endless", "Later"]),
        ("organizer=tree+olive", ["Endless", "Later"]),
        ("organizer=olivia&state=coming&ordering=popular", ["Later"]),
        ("state=nonsense&type=nonsense", ["Endless", "Finished", "Later", "Running", "Without phases"]),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_the_list_is_filtered_by_type_state_reward_and_organizer(client: Client, query: str, found: list[str]) -> None:
    page = client.get(f"/competitions/public/?{query}").context["page"]
    assert sorted(each.title for each in page) == found


@pytest.mark.usefixtures("shelf")
def test_the_list_is_filtered_by_ones_own_part_after_a_log_in(client: Client, olivia: User, pat: User) -> None:
    address = "/competitions/public/?role=organizing"
    answer = client.get(address)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/accounts/login/?next=")
    assert b'name="role"' not in client.get("/competitions/public/").content
    for user, role, found in ((olivia, "organizing", ["Endless", "Later"]), (pat, "taking_part", ["Endless"])):
        client.force_login(user, backend=BACKEND)
        page = client.get(f"/competitions/public/?role={role}").context["page"]
        assert sorted(each.title for each in page) == found


def test_pages_of_the_list_keep_every_filter_and_an_empty_answer_leads_back(visitor: Visiting) -> None:
    for number in range(30):
        CompetitionFactory(title=f"Grass {number}", reward="A medal")
    page = visitor().open("/competitions/public/?search=grass&has_reward=on&type=competition&page=1")
    assert "?search=grass&type=competition&has_reward=on&page=2" in page.links
    nothing = visitor().open("/competitions/public/?type=benchmark")
    assert "Nothing found" in nothing.text and "/competitions/public/" in nothing.links


@pytest.mark.usefixtures("shelf")
def test_the_api_filters_the_same_list_and_names_what_is_no_choice(client: Client) -> None:
    address = "/api/competitions/public/"
    answer = client.get(f"{address}?type=any&state=open&organizer=olive").json()
    assert [each["title"] for each in answer["results"]] == ["Endless"]
    refused = client.get(f"{address}?state=sometimes")
    assert refused.status_code == 400 and "none of open, coming, over" in refused.json()["state"][0]
    assert client.get(f"{address}?organizer=%00x").json()["count"] == 0


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


@pytest.mark.parametrize("name", ["400.html", "500.html", "503.html", "403_csrf.html"])
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


def test_home_shows_featured_ones_first_then_popular_then_the_newest_and_none_twice(visitor: Visiting) -> None:
    many, few = CompetitionFactory(title="Many take part"), CompetitionFactory(title="Few take part")
    for competition, people in ((many, 3), (few, 1)):
        for _ in range(people):
            ParticipantFactory(competition=competition)
    CompetitionFactory(title="Chosen by the site", is_featured=True)
    for number in range(8):
        CompetitionFactory(title=f"Newer {number}")
    text = visitor().open("/").text
    order = ["Featured and popular", "Chosen by the site", "Many take part", "Few take part", "Newest", "Newer 7"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Newer 2" in text and "Newer 1" not in text, "six of the newest"
    assert all(text.count(words) == 1 for words in order[1:4])


def test_up_to_two_rows_of_featured_competitions_are_shown(visitor: Visiting) -> None:
    for number in range(5):
        CompetitionFactory(title=f"Chosen {number}", is_featured=True)
    CompetitionFactory(title="Another")
    page = visitor().open("/")
    assert all(f"Chosen {number}" in page.text for number in range(5))
    assert page.text.index("Newest") < page.text.index("Another")


def test_an_announcement_is_shown_from_its_moment_until_its_end_and_no_older_one_comes_back(visitor: Visiting) -> None:
    now = timezone.now()
    Announcement.objects.create(text="The old one", created_when=now - timedelta(days=2))
    coming = Announcement.objects.create(text="The new one", created_when=now + timedelta(hours=1))
    assert "The old one" in visitor().open("/").text
    Announcement.objects.filter(pk=coming.pk).update(created_when=now - timedelta(hours=1))
    text = visitor().open("/").text
    assert "The new one" in text and "The old one" not in text
    Announcement.objects.filter(pk=coming.pk).update(until=now - timedelta(minutes=1))
    text = visitor().open("/").text
    assert "The new one" not in text and "The old one" not in text


def test_what_administrators_write_is_cleaned_like_everybodys_text(client: Client) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)> [go](javascript:alert(1))"
    Announcement.objects.create(text=hostile)
    NewsPost.objects.create(title="<script>alert(2)</script>", text=hostile)
    for url in ("/", "/news/"):
        html = client.get(url).content.decode()
        assert "alert(1)</script>" not in html and "onerror" not in html and 'href="javascript' not in html
        assert "<script>alert(2)" not in html


def test_news_to_come_wait_and_old_ones_are_on_a_page_of_their_own(visitor: Visiting) -> None:
    now = timezone.now()
    for number in range(25):
        NewsPost.objects.create(title=f"Piece {number}.", created_when=now - timedelta(days=number))
    NewsPost.objects.create(title="Tomorrow", created_when=now + timedelta(days=1))
    home = visitor().open("/")
    assert "Piece 2." in home.text and "Piece 3." not in home.text and "Tomorrow" not in home.text
    assert "/news/" in home.links
    page = visitor().open("/news/")
    assert "Piece 19." in page.text and "Piece 20." not in page.text and "Tomorrow" not in page.text
    assert "Piece 24." in visitor().open("/news/?page=2").text


def test_without_news_the_page_leads_administrators_to_writing_some(visitor: Visiting) -> None:
    assert "/admin/pages/newspost/add/" not in visitor().open("/news/").links
    ada = UserFactory(is_staff=True, is_superuser=True)
    assert "/admin/pages/newspost/add/" in visitor(ada).open("/news/").links


def test_administrators_announce_in_the_administration_and_are_told_what_is_wrong(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True), backend=BACKEND)
    begin = {"created_when_0": "2026-01-02", "created_when_1": "12:00:00"}
    add = "/admin/pages/announcement/add/"
    refused = client.post(add, {"text": "Down", **begin, "until_0": "2026-01-01", "until_1": "12:00:00"})
    assert "An announcement ends after it begins" in refused.content.decode()
    refused = client.post(add, {"text": "x" * 20_001, **begin})
    assert "at most 20000 characters" in refused.content.decode()
    assert client.post(add, {"text": "Down on Sunday", **begin}).status_code == 302
    assert "Down on Sunday" in client.get("/").content.decode()
    post = "/admin/pages/newspost/add/"
    refused = client.post(post, {"title": "News", "link": "ftp://example.org/", **begin})
    assert "Enter a valid URL" in refused.content.decode()
    assert client.post(post, {"title": "News", "link": "https://example.org/", **begin}).status_code == 302
    written = NewsPost.objects.get()
    assert client.get("/admin/pages/announcement/").status_code == 200
    client.post(f"/admin/pages/newspost/{written.pk}/delete/", {"post": "yes"})
    assert not NewsPost.objects.exists()


def test_the_database_refuses_an_announcement_that_ends_before_it_begins() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.create(text="Down", until=timezone.now() - timedelta(days=1))


def test_days_have_the_short_months_of_their_language() -> None:
    days = [date(2026, 6, 1), date(2026, 7, 14), date(2026, 12, 31)]
    assert [day_text(day) for day in days] == ["1 Jun 2026", "14 Jul 2026", "31 Dec 2026"]
    with translation.override("fr"):
        assert [day_text(day) for day in days] == ["1 juin 2026", "14 juil. 2026", "31 déc. 2026"]
        assert utc_text(datetime(2026, 8, 1, 5, tzinfo=UTC)) == "1 août 2026, 05:00 UTC"
    with translation.override("es"):
        assert day_text(date(2026, 1, 2)) == "2 ene. 2026"


def test_who_takes_part_or_organizes_finds_their_own_first_and_what_is_on_before_what_is_over(
    visitor: Visiting, pat: User, sam: User
) -> None:
    over, on = CompetitionFactory(title="Over long ago"), CompetitionFactory(title="Still on")
    phase_with_board(on)
    draft = CompetitionFactory(title="A draft of mine", published=False, created_by=pat)
    for one in (over, on):
        ParticipantFactory(competition=one, user=pat)
    page = visitor(pat).open("/")
    head = page.text.partition("Popular")[0]
    assert head.index("Your competitions") < head.index("Still on") < head.index(draft.title) < head.index(over.title)
    assert "Benchmarks that prove their results" not in page.text
    for other in (visitor(sam), visitor()):
        text = other.open("/").text
        assert "Benchmarks that prove their results" in text
        assert "Your competitions" not in text and draft.title not in text


def test_operators_put_their_own_terms_and_an_address_on_the_page_about(
    visitor: Visiting, settings: Any, tmp_path: Path
) -> None:
    text = visitor().open("/about/").text
    assert "one account per person" in text and "Ask an administrator of this site." in text
    words = tmp_path / "terms.md"
    words.write_text("# Terms of the University\n\nBe kind. <script>alert(1)</script>", encoding="utf-8")
    settings.CONFIG = settings.CONFIG.model_copy(update={"about_file": words, "contact": "help@uni.example"})
    somebody = visitor()
    page = somebody.open("/about/")
    assert "Terms of the University" in page.text and "Be kind." in page.text and "help@uni.example" in page.text
    assert "one account per person" not in page.text
    assert "alert(1)" not in somebody.response.content.decode()
    assert {"terms", "privacy"} <= page.ids, "links of the sign-up and the foot lead there"
    assert "help@uni.example" in visitor().open("/accounts/password/reset/").text
    settings.CONFIG = settings.CONFIG.model_copy(update={"about_file": tmp_path / "gone.md"})
    assert "one account per person" in visitor().open("/about/").text


def test_who_is_not_logged_in_is_led_from_a_missing_page_to_the_log_in_and_back(visitor: Visiting, pat: User) -> None:
    page = visitor().open("/competitions/4711/?tab=1", status=404)
    assert page.links.count("/accounts/login/?next=/competitions/4711/%3Ftab%3D1") == 2, (
        "in the head and beside the words"
    )
    page = visitor(pat).open("/competitions/4711/", status=404)
    assert not [link for link in page.links if link.startswith("/accounts/login/")]
