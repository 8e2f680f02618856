"""The editor in a browser: a competition from nothing to a second phase, with what was typed kept."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.resources.models import Task
from tests.browser.conftest import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_competition_is_made_and_grows_in_the_editor(visit: Callable[..., Visit], olivia: User) -> None:
    Task.objects.create(name="Sums", created_by=olivia)
    there = visit(olivia, may_complain=True, timezone_id="Asia/Tokyo")  # of the refused save
    page = there.open("/competitions/upload/")
    page.get_by_role("link", name="make one by forms").click()
    page.get_by_label("Title").fill("Sums of the week")
    page.get_by_label("Start of the first phase (your time)").fill("2030-01-02T09:00")
    page.get_by_label("Its end").fill("2030-02-02T09:00")
    page.get_by_role("button", name="Make the competition").click()
    page.wait_for_url("**/edit/")
    made = Competition.objects.get(title="Sums of the week")
    assert f"{made.phases.get().start:%Y-%m-%dT%H:%M}" == "2030-01-02T00:00"
    page.get_by_role("link", name="Phases", exact=True).last.click()
    page.get_by_role("link", name="New phase").click()
    page.get_by_label("Name", exact=True).fill("Final")
    page.get_by_label("Start (your time)").fill("2030-02-02T09:00")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").or_(page.locator(".field__error")).first.wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Final"
    page.get_by_label("Add a task").press_sequentially("sum")
    expect(page.locator("#add_task-offered option")).to_have_count(1)
    page.get_by_label("Add a task").fill(page.locator("#add_task-offered option").get_attribute("value") or "")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Final").wait_for()
    assert f"{made.phases.get(name='Final').start:%Y-%m-%dT%H:%M}" == "2030-02-02T00:00"


PASTE = """(text, data) => {
  const file = new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], "pasted.png", {type: "image/png"});
  const transfer = new DataTransfer();
  transfer.items.add(file);
  text.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true}));
}"""


def test_pictures_come_to_the_cursor_chosen_pasted_and_again_by_name(
    visit: Callable[..., Visit], make_competition: Callable[..., Competition], tmp_path: Path
) -> None:
    made = make_competition()
    there = visit(made.created_by, may_complain=True)  # of the refused file
    page = there.open(f"/competitions/{made.pk}/edit/pages/new/")
    page.get_by_label("Title").fill("With pictures")
    text = page.get_by_label("Text")
    text.fill("Before 🌻.\n\nAfter.")
    text.press("Home")
    Image.new("RGB", (40, 20), "teal").save(tmp_path / "our plot.png")
    page.get_by_label("Add a picture").set_input_files(tmp_path / "our plot.png")
    page.get_by_text("The picture is in the text.").wait_for()
    assert text.input_value() == "Before 🌻.\n\n![our plot](our-plot.png)\n\nAfter."
    page.keyboard.type("!")
    assert text.input_value() == "Before 🌻.\n\n![our plot](our-plot.png)!\n\nAfter.", "one writes on behind it"
    stream = BytesIO()
    Image.new("RGB", (30, 30), "red").save(stream, "PNG")
    text.press("Control+End")
    text.evaluate(PASTE, b64encode(stream.getvalue()).decode())
    expect(text).to_have_value(re.compile(r"After\.\n\n!\[pasted\]\(pasted\.png\)\n$"))
    page.get_by_role("button", name="Insert our-plot.png").click()
    page.keyboard.type("again")
    expect(text).to_have_value(re.compile(r"!\[again\]\(our-plot\.png\)"))
    (tmp_path / "none.png").write_text("<svg/>")
    page.get_by_label("Add a picture").set_input_files(tmp_path / "none.png")
    page.get_by_text("Please upload a valid image.").wait_for()
    expect(text).to_have_value(re.compile(r"!\[again\]"))
    assert there.faults() == []
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/edit/pages/")
    assert there.faults_in_every_look() == []
    page.get_by_role("link", name="With pictures").wait_for()
    there.open(f"/competitions/{made.pk}/pages/{made.pages.get(title='With pictures').pk}/")
    for words in ("our plot", "pasted", "again"):
        shown = page.get_by_role("img", name=words)
        expect(shown).to_have_js_property("complete", value=True)
        assert shown.evaluate("picture => picture.naturalWidth") > 0, words
    assert all("400" in each for each in there.complaints), there.complaints


def test_what_was_not_saved_is_offered_again(
    visit: Callable[..., Visit], make_competition: Callable[..., Competition]
) -> None:
    made = make_competition()
    there = visit(made.created_by)
    page = there.open(f"/competitions/{made.pk}/edit/")
    page.get_by_label("Description").fill("Half a sent")
    there.open("/")
    there.open(f"/competitions/{made.pk}/edit/")
    page.get_by_role("button", name="Take it back in").click()
    assert page.get_by_label("Description").input_value() == "Half a sent"
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    there.open(f"/competitions/{made.pk}/edit/")
    assert page.get_by_role("button", name="Take it back in").count() == 0


def test_what_was_sent_but_not_saved_is_offered_again(
    visit: Callable[..., Visit], make_competition: Callable[..., Competition]
) -> None:
    made = make_competition()
    there = visit(made.created_by, may_complain=True)
    address = f"/competitions/{made.pk}/edit/participation/"
    page = there.open(address)
    page.get_by_label("Terms").fill("An hour's work")
    there.context.clear_cookies()  # the session has ended meanwhile
    page.get_by_role("button", name="Save").click()
    there.log_in(made.created_by)
    there.open(address)
    page.get_by_role("button", name="Take it back in").click()
    assert page.get_by_label("Terms").input_value() == "An hour's work"
    there.context.set_offline(True)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("chrome-error://**")
    there.context.set_offline(False)
    there.open(address)
    page.get_by_role("button", name="Take it back in").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    there.open(address)
    assert page.get_by_label("Terms").input_value() == "An hour's work"
    assert page.get_by_role("button", name="Take it back in").count() == 0


def test_what_somebody_has_not_saved_is_offered_to_nobody_else_in_the_same_browser(
    visit: Callable[..., Visit], olivia: User, sam: User
) -> None:
    for person in (olivia, sam):
        Task.objects.create(name="Sums", created_by=person)
    there = visit(olivia)
    page = there.open("/competitions/new/")
    page.get_by_label("Title").fill("Nobody knows of this yet")
    there.context.clear_cookies()
    there.log_in(sam)
    there.open("/competitions/new/")
    assert page.get_by_label("Title").input_value() == ""
    assert page.get_by_role("button", name="Take it back in").count() == 0
    there.context.clear_cookies()
    there.log_in(olivia)
    there.open("/competitions/new/")
    page.get_by_role("button", name="Take it back in").click()
    assert page.get_by_label("Title").input_value() == "Nobody knows of this yet"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_part_is_accessible(
    visit: Callable[..., Visit], make_competition: Callable[..., Competition], size: dict[str, int], scheme: str
) -> None:
    made = make_competition()
    board, phase = made.leaderboards.get(), made.phases.get()
    there = visit(made.created_by, viewport=size, color_scheme=scheme)
    parts = ["", "participation/", "pages/", "pages/new/", "phases/", f"phases/{phase.pk}/", "leaderboards/"]
    faults = []
    for part in [*parts, f"leaderboards/{board.pk}/", "fact_sheet/", "administrators/"]:
        there.open(f"/competitions/{made.pk}/edit/{part}")
        faults += there.faults()
    there.open("/competitions/new/")
    assert faults + there.faults() == []
