"""The search over everything: what it finds, for whom, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from podium.site.accounts.models import Organization, User
from podium.site.competitions.models import Competition
from podium.site.forums.models import Thread
from podium.site.forums.services import posting
from podium.site.resources.models import Task
from tests.factories import CompetitionFactory, ParticipantFactory, UserFactory, dataset, phase_with_board
from tests.web.conftest import BACKEND, Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]


def named(name: str, owner: User, *, public: bool) -> None:
    """A dataset and a task of somebody."""
    data = dataset(owner, type="public_data")
    type(data).objects.filter(pk=data.pk).update(name=f"{name} data", is_public=public)
    Task.objects.create(name=f"{name} task", created_by=owner, is_public=public)


@pytest.fixture
def garden(olivia: User, pat: User, sam: User) -> Competition:
    """Roses for everybody, and thorns for those who may see them."""
    for name, public in (("Roses", True), ("Thorns", False)):
        CompetitionFactory(title=f"{name} of the garden", created_by=olivia, published=public)
        named(name, olivia, public=public)
    talked: Competition = CompetitionFactory(title="Hedges", created_by=olivia)
    ParticipantFactory(competition=talked, user=pat)
    posting.start_thread(competition=talked, by=pat, title="Where do thorns grow?", content="Here?")
    UserFactory(username="thorny", display_name="Rosa Thorns")
    Organization.objects.create(name="Friends of thorns", email="thorns@example.org")
    return talked


def found(text: str) -> set[str]:
    """Which of the garden's things a page names."""
    things = ["Roses of the garden", "Roses data", "Roses task", "Thorns of the garden", "Thorns data", "Thorns task"]
    things += ["Where do thorns grow?", "Rosa Thorns", "Friends of thorns"]
    return {thing for thing in things if thing in text}


ROSES = {"Roses of the garden", "Roses data", "Roses task"}
THORNS = {"Thorns of the garden", "Thorns data", "Thorns task"}
SOCIAL = {"Rosa Thorns", "Friends of thorns"}
THREAD = {"Where do thorns grow?"}


@pytest.mark.parametrize(
    ("who", "thorns"),
    [
        (None, set()),
        ("sam", SOCIAL),
        ("pat", SOCIAL | THREAD),
        ("olivia", SOCIAL | THREAD | THORNS),
        ("ada", SOCIAL | THREAD | {"Thorns of the garden"}),
    ],
)
@pytest.mark.usefixtures("garden")
def test_each_finds_what_their_lists_show_and_nothing_else(
    who: str | None, thorns: set[str], visitor: Visiting
) -> None:
    if who == "ada":
        UserFactory(username="ada", is_superuser=True, is_staff=True)
    looking = visitor(User.objects.get(username=who) if who else None)
    assert found(looking.open("/search/?q=roses").text) == ROSES
    assert found(looking.open("/search/?q=thorn").text) == thorns
    for kind in ("competitions", "datasets", "tasks", "threads", "people", "organizations"):
        assert found(looking.open(f"/search/?q=thorn&in={kind}").text) <= thorns


def test_a_thread_is_found_by_the_words_of_one_of_its_posts_while_that_stands(
    garden: Competition, visitor: Visiting, olivia: User, pat: User, sam: User
) -> None:
    thread = Thread.objects.get()
    post = posting.answer(thread=thread, by=olivia, content="Below the Hawthorn, mostly.")
    asked = "/search/?q=mostly+hawthorn"
    assert found(visitor(pat).open(asked).text) == THREAD
    assert found(visitor(sam).open(asked).text) == set(), "who does not read the forum finds none of its words"
    assert found(visitor(pat).open("/search/?q=mostly+thorns").text) == set(), "all words in one post, or in the title"
    posting.delete_post(post=post, by=olivia)
    assert found(visitor(pat).open(asked).text) == set()
    assert found(visitor(olivia).open(asked).text) == set()


def test_what_is_gone_is_not_found(garden: Competition, visitor: Visiting, olivia: User, pat: User) -> None:
    Thread.objects.update(deleted_date="2026-01-01T00:00Z")
    assert found(visitor(olivia).open("/search/?q=grow").text) == set(), "deleted threads are in their forum's own list"
    Thread.objects.update(deleted_date=None)
    Competition.objects.filter(pk=garden.pk).update(forum_enabled=False)
    assert found(visitor(pat).open("/search/?q=grow").text) == set()
    for change in ({"is_deleted": True}, {"is_banned": True}, {"is_active": False}):
        person = UserFactory(username=f"gone{next(iter(change))}".replace("_", ""), **change)
        assert person.username not in visitor(pat).open("/search/?q=gone").text.replace("with “gone”", "")


def test_nothing_is_searched_for_before_there_are_two_characters(client: Client, visitor: Visiting) -> None:
    with CaptureQueriesContext(connection) as asked:
        client.get("/search/?q=a")
    assert not asked.captured_queries
    assert "Write at least 2 characters" in visitor().open("/search/?q=a").text
    assert "What are you looking for?" in visitor().open("/search/").text


def test_whoever_is_not_logged_in_is_told_what_is_searched_for_others(visitor: Visiting) -> None:
    page = visitor().open("/search/?q=xyzzy")
    assert "Nothing found" in page.text and "/competitions/public/" in page.links
    assert "/accounts/login/?next=/search/%3Fq%3Dxyzzy" in page.links


@pytest.mark.parametrize(
    "query", ["q=%00", "q=" + "x" * 9999, "q=%25_%5C", "q=ab&in=x", "q=ab&in=people&page=99999999999"]
)
def test_a_strange_question_gets_an_answer(visitor: Visiting, query: str) -> None:
    visitor().open(f"/search/?{query}")


def test_what_is_asked_is_shown_as_text(visitor: Visiting) -> None:
    page = visitor().open("/search/?q=<script>alert(1)</script>")
    assert "<script>alert(1)</script>" in page.text


def test_signs_of_patterns_are_letters_like_others(visitor: Visiting) -> None:
    CompetitionFactory(title="Reach 100% now")
    CompetitionFactory(title="Reach 1000 now")
    text = visitor().open("/search/?q=100%25").text
    assert "Reach 100% now" in text and "Reach 1000 now" not in text


def test_of_one_kind_all_is_shown_page_by_page_what_begins_with_the_words_first(visitor: Visiting) -> None:
    CompetitionFactory(title="Grass, the best")
    for number in range(25):
        CompetitionFactory(title=f"Blue grass {number}")
    page = visitor().open("/search/?q=grass")
    assert page.text.count("Blue grass") == 4, "five of a kind"
    assert page.text.index("Grass, the best") < page.text.index("Blue grass 24")
    assert "/search/?q=grass&in=competitions" in page.links
    first = visitor().open("/search/?q=grass&in=competitions")
    assert "Page 1 of 2" in first.text and "?q=grass&in=competitions&page=2" in first.links
    assert visitor().open("/search/?q=grass&in=competitions&page=2").text.count("Blue grass") == 6


def grow(owner: User, count: int) -> None:
    for number in range(count):
        competition = CompetitionFactory(title=f"Grass {number}", created_by=owner)
        phase_with_board(competition)
        named(f"Grass {number}", owner, public=True)
        posting.start_thread(competition=competition, by=owner, title="Grass?", content="Here")
        UserFactory(display_name=f"Grass {owner.pk} {number}")


@pytest.mark.parametrize("address", ["/search/?q=grass", "/search/?q=grass&in=competitions"])
def test_many_cost_what_few_cost(address: str, client: Client) -> None:
    olivia, max_ = UserFactory(is_superuser=True), UserFactory(is_superuser=True)
    client.force_login(olivia, backend=BACKEND)
    counts = []
    for owner in (olivia, max_):
        grow(owner, 6)
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        counts.append(len(asked.captured_queries))
        assert not [
            query
            for query in asked.captured_queries
            if query["sql"].startswith("SELECT") and "LIKE" in query["sql"] and "LIMIT" not in query["sql"]
        ]
    assert counts[0] == counts[1] <= 14


def test_a_live_search_gets_only_the_part_that_changes(client: Client) -> None:
    part = client.get("/search/?q=grass", headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<section id="found"')


def test_search_engines_are_kept_out(client: Client) -> None:
    assert "Disallow: /search/" in client.get("/robots.txt").content.decode()
