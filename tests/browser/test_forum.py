"""A forum in a real browser: from nothing to a thread that is answered, followed, pinned, and looked at everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.forums.models import Thread
from podium.site.forums.services import following, moderating, posting
from podium.site.forums.services.posting import MAX_CONTENT
from tests.browser.conftest import PHONE, WIDE, Visit
from tests.factories import ParticipantFactory
from tests.site.pages_world import LONG, MARKDOWN

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


@pytest.mark.timeout(600)
def test_a_question_is_asked_previewed_answered_followed_and_pinned(
    competition: Competition, pat: User, olivia: User, visit: Visiting
) -> None:
    asking, answering = visit(pat), visit(olivia, viewport=PHONE)
    page = asking.open(f"/competitions/{competition.pk}/")
    page.get_by_role("link", name="Forum").click()
    faults = asking.faults()
    page.get_by_role("link", name="Begin the first thread").click()
    page.get_by_label("Title").fill("Which data may we use?")
    page.get_by_label("Text").press_sequentially("May we use *other* data?")
    expect(page.locator("#preview em")).to_have_text("other")
    faults += asking.faults()
    page.get_by_role("button", name="Begin the thread").click()
    expect(page.get_by_role("heading", name="Which data may we use?")).to_be_visible()
    expect(page.get_by_text("Your thread is in the forum.")).to_be_visible()
    faults += asking.faults()

    there = answering.open(f"/competitions/{competition.pk}/forum/")
    expect(there.locator(".tabs [aria-current]")).to_be_in_viewport()
    expect(there.get_by_text("New", exact=True)).to_be_visible()
    there.get_by_role("link", name="Which data may we use?").click()
    there.get_by_role("button", name="Follow", exact=True).click()
    expect(there.get_by_role("button", name="Unfollow", exact=True)).to_be_visible()
    there.get_by_role("button", name="Pin", exact=True).click()
    expect(there.get_by_role("button", name="Unpin", exact=True)).to_be_visible()
    there.get_by_label("Your answer").fill("Yes: **any** that is public.")
    there.get_by_role("button", name="Preview", exact=True).click()
    expect(there.locator("#preview strong")).to_have_text("any")
    there.get_by_role("button", name="Post the answer").click()
    expect(there.locator(".post:target strong").get_by_text("any")).to_be_visible()
    faults += answering.faults()

    page.get_by_role("link", name="All threads").click()
    expect(page.get_by_text("Pinned")).to_be_visible()
    expect(page.get_by_text("You follow it")).to_be_visible()
    expect(page.get_by_text("New", exact=True)).to_be_visible()
    faults += asking.faults()
    page.get_by_role("link", name="Which data may we use?").click()
    expect(page.get_by_text("Organizer", exact=True)).to_be_visible()
    page.get_by_role("link", name="Change post 1").click()
    page.get_by_label("Text").fill("May we use other data, and weights?")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("changed", exact=True)).to_be_visible()
    page.get_by_role("link", name="Delete post 1").click()
    faults += asking.faults()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("This post was deleted by who wrote it.")).to_be_visible()
    assert faults == []
    assert Thread.objects.get().posts_count == 1


def test_an_answer_that_is_refused_is_kept_and_has_the_focus(
    competition: Competition, pat: User, visit: Visiting
) -> None:
    thread = posting.start_thread(competition=competition, by=pat, title="Hello", content="I am new").thread
    page = visit(pat, may_complain=True).open(f"/competitions/{competition.pk}/forum/{thread.pk}/")
    long = "x" * (MAX_CONTENT + 1)
    field = page.get_by_label("Your answer")
    field.evaluate("field => field.removeAttribute('maxlength')")
    field.fill(long)
    page.get_by_role("button", name="Post the answer").click()
    expect(page.locator(".field__error")).to_contain_text("characters")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    expect(field).to_have_value(long)
    expect(field).to_have_attribute("aria-invalid", "true")


def test_somebody_writes_with_scripts_off(competition: Competition, pat: User, visit: Visiting) -> None:
    window = visit(pat, java_script_enabled=False)
    page = window.open(f"/competitions/{competition.pk}/forum/new/")
    page.get_by_label("Title").fill("Hello")
    page.get_by_label("Text").fill("I am *new*")
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.locator("#preview em")).to_have_text("new")
    expect(page.get_by_label("Title")).to_have_value("Hello")
    page.get_by_role("button", name="Begin the thread").click()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    page.get_by_role("button", name="Unfollow", exact=True).click()
    expect(page.get_by_role("button", name="Follow", exact=True)).to_be_visible()


@pytest.fixture
def addresses(
    make_competition: Callable[..., Competition], olivia: User, pat: User, sam: User
) -> list[tuple[User | None, str]]:
    """Who opens what: every page of a forum with long words, tables, reports, and what was deleted."""
    competition, empty = make_competition(), make_competition()
    ParticipantFactory(competition=competition, user=sam)
    thread = posting.start_thread(competition=competition, by=pat, title=LONG, content=MARKDOWN).thread
    mine = posting.answer(thread=thread, by=pat, content=f"{LONG} and more")
    wide = f"|{'a long heading|' * 12}\n|{'--|' * 12}\n|{'value|' * 12}\n\n```\n{'x = 1; ' * 60}\n```\n"
    posting.answer(thread=thread, by=olivia, content=wide)
    gone = posting.answer(thread=thread, by=sam, content="A mistake")
    rude = posting.answer(thread=thread, by=sam, content="Rude words")
    posting.delete_post(post=gone, by=sam)
    posting.report(post=rude, by=pat, reason=LONG)
    for number in range(posting.THREADS - 1):
        posting.start_thread(competition=competition, by=sam, title=f"Question {number}", content="x")
    closed, deleted = Thread.objects.filter(started_by=sam)[:2]
    moderating.set_closed(thread=closed, by=olivia, closed=True)
    moderating.delete_thread(thread=deleted, by=olivia)
    moderating.set_pinned(thread=thread, by=olivia, pinned=True)
    moderating.announce(thread=thread, by=olivia)
    forum = f"/competitions/{competition.pk}/forum/"
    common = ["", "?search=nothing", "new/", f"{thread.pk}/", f"{closed.pk}/"]
    theirs = [*common, f"posts/{mine.pk}/edit/", f"posts/{mine.pk}/delete/", f"posts/{rude.pk}/report/"]
    organizing = [*common, "?show=deleted", f"{deleted.pk}/", f"{thread.pk}/delete/", f"{closed.pk}/announce/"]
    return [
        (None, forum),
        (None, "/forums/unfollow/wrong/"),
        (None, unfollow_path(thread, pat)),
        (pat, f"/competitions/{empty.pk}/forum/"),
        *((pat, forum + part) for part in theirs),
        *((olivia, forum + part) for part in organizing),
    ]


def unfollow_path(thread: Thread, user: User) -> str:
    """The path of the link in a mail."""
    return "/forums" + following.unfollow_link(thread.pk, user.pk).partition("/forums")[2]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide-light", "phone-dark"])
def test_the_pages_of_a_forum_are_accessible_and_fit_their_window(
    addresses: list[tuple[User | None, str]], visit: Visiting, viewport: Any, scheme: str
) -> None:
    visits: dict[int | None, Visit] = {}
    faults: list[str] = []
    for user, address in addresses:
        key = user.pk if user else None
        if key not in visits:
            visits[key] = visit(user, viewport=viewport, color_scheme=scheme, may_complain=key is None)
        visits[key].open(address)
        faults += visits[key].faults_in_every_look()
    assert faults == []
