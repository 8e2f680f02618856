"""Forms, forums and organizations by keyboard alone; and what only a real window shows: a head of one row, a mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from podium.site.accounts.models import Membership, User
from podium.site.accounts.services import organizations
from podium.site.competitions.models import Competition
from podium.site.competitions.models import Page as CompetitionPage
from podium.site.forums.models import Thread
from podium.site.forums.services import posting
from tests.browser.conftest import PHONE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
REACHABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
MARK = f"""() => {{
  document.activeElement.blur();
  let number = 0;
  for (const one of document.querySelectorAll("{REACHABLE}")) {{
    if (one.checkVisibility({{visibilityProperty: true}}) && !one.disabled) one.dataset.stop = number++;
  }}
  return number;
}}"""
HERE = """() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const box = one.getBoundingClientRect();
  const places = [one, one.closest(".drop")].filter(each => each);
  const rings = places.map(each => getComputedStyle(each));
  return {
    stop: one.dataset.stop,
    html: one.outerHTML.slice(0, 120),
    ringed: rings.some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
MOST = 300


def walk(page: Page) -> list[str]:
    """Go through a page by Tab alone; what cannot be reached, or is not seen to have the focus."""
    stops = page.evaluate(MARK)
    reached: list[str] = []
    faults: list[str] = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None or here["stop"] in reached[:-1]:
            break
        if reached[-1:] != [here["stop"]]:  # the parts of a date are stops of one field
            reached.append(here["stop"])
        if not here["ringed"] or not here["seen"]:
            faults.append(f"{page.url}: {'not seen' if here['ringed'] else 'no ring'}: {here['html']}")
    missed = page.evaluate(
        "reached => [...document.querySelectorAll('[data-stop]')].filter(one => !reached.includes(one.dataset.stop))"
        ".map(one => one.outerHTML.slice(0, 120))",
        reached,
    )
    # Of radio buttons one is a stop, and arrows lead to the others.
    faults += [f"{page.url}: not reached: {html}" for html in missed if 'type="radio"' not in html]
    return faults if stops else [f"{page.url}: nothing to reach"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["wide", "phone"])
def test_everything_is_reached_by_tab_and_seen_to_have_the_focus(
    make_competition: Callable[..., Competition], olivia: User, pat: User, visit: Visiting, viewport: object
) -> None:
    made = make_competition(tasks=2)
    thread = posting.start_thread(competition=made, by=pat, title="Data", content="Which?").thread
    lab = organizations.create(by=olivia, facts={"name": "The Lab", "email": "lab@example.org"})
    Membership.objects.create(organization=lab, user=pat, group="MEMBER")
    site, board = f"/competitions/{made.pk}", made.leaderboards.get()
    parts = ["", "participation/", f"phases/{made.phases.get().pk}/", f"leaderboards/{board.pk}/", "administrators/"]
    addresses = [f"{site}/edit/{part}" for part in parts]
    addresses += [f"{site}/forum/", f"{site}/forum/new/", f"{site}/forum/{thread.pk}/", "/profiles/security/"]
    addresses += [f"/profiles/organization/{lab.pk}/", "/resources/datasets/new/", f"{site}/participants/"]
    window = visit(olivia, **({"viewport": viewport} if viewport else {}))
    faults: list[str] = []
    for address in addresses:
        faults += walk(window.open(address))
    assert faults == []


def to(page: Page, name: str) -> None:
    """Tab until what is called so has the focus."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if (
            page.get_by_label(name, exact=True)
            .or_(page.get_by_role("button", name=name, exact=True))
            .and_(page.locator(":focus"))
            .count()
        ):
            return
    raise AssertionError(f"{name} is not reached")


def test_a_page_a_thread_and_an_invitation_are_written_by_keyboard_alone(
    competition: Competition, olivia: User, pat: User, visit: Visiting
) -> None:
    lab = organizations.create(by=olivia, facts={"name": "The Lab", "email": "lab@example.org"})
    window = visit(olivia, may_complain=True)  # of the refused save
    page = window.open(f"/competitions/{competition.pk}/edit/pages/new/")
    to(page, "Save")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This field is required.", exact=True)).to_be_visible()
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.type("Rules")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Rules")).to_be_visible()
    assert CompetitionPage.objects.filter(competition=competition, title="Rules").exists()

    page = window.open(f"/competitions/{competition.pk}/forum/new/")
    to(page, "Title")
    page.keyboard.type("Which data?")
    to(page, "Text")
    page.keyboard.type("May we use others?")
    to(page, "Begin the thread")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Which data?")).to_be_visible()
    assert Thread.objects.get().title == "Which data?"

    page = window.open(f"/profiles/organization/{lab.pk}/")
    to(page, "User names")
    page.keyboard.type("pat")
    to(page, "Invite")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="pat")).to_be_visible()
    assert Membership.objects.get(user=pat).group == "INVITED"


@pytest.mark.parametrize("locale", ["en", "fr", "es"])
def test_on_a_phone_name_log_in_and_sign_up_share_a_row(visit: Visiting, locale: str) -> None:
    page = visit(viewport=PHONE, locale=locale).open("/")
    expect(page.locator("html")).to_have_attribute("lang", locale)
    places = [page.locator(one).bounding_box() for one in (".brand", ".top__side .button--main")]
    brand, button = (place for place in places if place is not None)
    assert button["y"] < brand["y"] + brand["height"] and brand["y"] < button["y"] + button["height"]
    assert page.locator(".top__look").is_hidden()
    page.locator(".foot__look").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.locator(".foot__look").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_logo_that_does_not_come_gives_way_to_a_drawn_mark(competition: Competition, visit: Visiting) -> None:
    page = visit().open(f"/competitions/{competition.pk}/")
    expect(page.locator(".masthead > span.mark svg")).to_be_visible()  # the logo of the tests is no picture
    expect(page.locator(".masthead > img")).to_have_count(0)
    page = visit(java_script_enabled=False).open(f"/competitions/{competition.pk}/")
    expect(page.locator(".masthead > img")).to_have_count(1)
    expect(page.locator(".masthead > span.mark")).to_be_hidden()
