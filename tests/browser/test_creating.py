"""A competition from nothing, by somebody without a manual: by forms and keyboard, and by a bundle that is mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, CreationStatus
from podium.site.competitions.services.creation import run_creation
from podium.site.queues.models import Queue
from tests.browser.conftest import Visit
from tests.factories import RESULT, SCORER, bundle, zip_of
from tests.site.acting import WorkerDouble

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
MOST = 80
"""Stops of the keyboard on a page, at most."""


def to(page: Page, name: str, role: str = "link") -> None:
    """Go on by Tab until the focus is on what is called so."""
    wanted = page.locator("main").get_by_role(role, name=name)  # type: ignore[arg-type]
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if wanted.first.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def follow(page: Page, name: str) -> None:
    """Follow a link by the keyboard."""
    to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_from_an_empty_account_to_a_scored_submission_by_forms_and_keyboard(
    queue: Queue, sam: User, visit: Visiting, tmp_path: Path
) -> None:
    there, worker = visit(sam), WorkerDouble(queue)
    page = there.open("/competitions/")
    follow(page, "Create")
    follow(page, "make one by forms")
    assert there.faults() == []
    follow(page, "Make a task")
    to(page, "Name", "textbox")
    page.keyboard.type("Guess a number")
    # A file is chosen in the system's window, which no test can reach.
    page.locator("[name=scoring_program_file]").set_input_files(file(tmp_path, "scorer.zip", zip_of(SCORER)))
    assert there.faults() == []
    to(page, "Make the task", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/competitions/new/?task=*")
    assert there.faults() == []
    to(page, "Title", "textbox")
    page.keyboard.type("Guess")
    to(page, "Key of the score", "textbox")
    page.keyboard.press("Control+a")
    page.keyboard.type("accuracy")
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit/")
    expect(page.get_by_text("The competition is made; nobody else sees it")).to_be_visible()
    made = Competition.objects.get(title="Guess")
    assert (made.published, made.phases.get().tasks.get().name) == (False, "Guess a number")

    follow(page, "Overview")
    follow(page, "Write the first page")
    to(page, "Title", "textbox")
    page.keyboard.type("Welcome")
    page.keyboard.press("Tab")
    page.keyboard.type("Guess my number.")
    Image.new("RGB", (30, 20), "teal").save(tmp_path / "dice.png")
    page.get_by_label("Add a picture").set_input_files(tmp_path / "dice.png")
    expect(page.get_by_text("The picture is in the text.")).to_be_visible()
    to(page, "Save", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit/pages/")
    to(page, "Publish", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Guess is published: everybody can see it.")).to_be_visible()
    expect(page.get_by_role("img", name="dice")).to_be_visible()
    assert there.faults_in_every_look() == []

    there.open(f"/competitions/{made.pk}/submissions/")
    page.get_by_label("Choose a zip file").set_input_files(file(tmp_path, "answer.zip", RESULT))
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))
    worker.work_off(accuracy=0.75)
    there.open(f"/competitions/{made.pk}/results/")
    expect(page.get_by_role("row", name=re.compile(r"sam.*0\.75"))).to_be_visible()
    there.open("/")


def test_a_bundle_with_mistakes_is_mended_by_its_report_and_uploaded_again(
    queue: Queue, olivia: User, visit: Visiting, tmp_path: Path
) -> None:
    good = {**bundle(), "overview.md": "# Sums\n\n![How](figures/how.png)\n"}
    stream = tmp_path / "how.png"
    Image.new("RGB", (30, 20), "teal").save(stream)
    good["figures/how.png"] = stream.read_bytes()
    text = str(good["competition.yaml"])
    bad = {
        **good,
        "competition.yaml": text.replace("sorting: desc", "sorting: down").replace("title: Sums", "titel: S"),
    }
    del bad["terms.md"]

    there = visit(olivia)
    page = there.open("/competitions/upload/")
    page.get_by_label("Choose a zip file").set_input_files(file(tmp_path, "bad.zip", zip_of(bad)))
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(re.compile(r"/upload/\d+/$"))
    run_creation(status_id=CreationStatus.objects.get().pk)
    expect(page.get_by_role("heading", name="This bundle cannot be used yet: 3 faults")).to_be_visible()
    report = page.get_by_role("region", name="The checker's report")
    line = text.splitlines().index(next(row for row in text.splitlines() if "sorting: desc" in row)) + 1
    for told in (
        f"competition.yaml:{line}:",
        "leaderboards[0].columns[0].sorting",
        "terms.md",
        'Did you mean "title"?',
    ):
        expect(report.get_by_text(told).first).to_be_visible()
    expect(page.get_by_text("bad.zip")).to_be_visible()
    assert there.faults_in_every_look() == []

    page.get_by_role("link", name="Upload it again").click()
    page.get_by_label("Choose a zip file").set_input_files(file(tmp_path, "good.zip", zip_of(good)))
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(re.compile(r"/upload/\d+/$"))
    run_creation(status_id=CreationStatus.objects.order_by("-pk")[0].pk)
    page.get_by_role("link", name="Open Sums").click()
    shown = page.get_by_role("img", name="How")
    expect(shown).to_be_visible()
    assert shown.evaluate("async (picture) => { await picture.decode(); return picture.naturalWidth; }") == 30
    assert there.faults_in_every_look() == []
