"""Resources from the first upload to the clean-up: files, a task that a solution validates, sharing, the quota."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, PhaseTask
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, Task
from podium.site.resources.services import usage
from tests.browser.conftest import Visit
from tests.factories import RESULT, SCORER, zip_of
from tests.site.acting import WorkerDouble

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


def upload(page: Page, name: str, kind: str, content: bytes) -> None:
    """Upload a file as a dataset of a kind, from the list."""
    page.get_by_role("navigation", name="Resources").get_by_role("link", name="Datasets and programs").click()
    page.locator("main").get_by_role("link", name=re.compile("^Upload")).first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Type").select_option(label=kind)
    page.get_by_label("Choose a zip file").set_input_files(
        {"name": f"{name}.zip", "mimeType": "application/zip", "buffer": content}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    page.locator("main").get_by_role("link", name="Resources").click()


def choose(page: Page, field: str, words: str) -> None:
    """Choose what a search field offers for a part of a name."""
    box = page.get_by_role("group", name=field, exact=True).get_by_role("combobox")
    box.press_sequentially(words)
    offered = page.locator(f"#{box.get_attribute('list')} option")
    expect(offered).to_have_count(1)
    box.fill(str(offered.get_attribute("value")))


def test_files_become_a_task_that_a_solution_validates_and_a_clean_up_gives_the_space_back(
    competition: Competition, queue: Queue, olivia: User, pat: User, sam: User, visit: Visiting
) -> None:
    before = usage(olivia).used
    window = visit(olivia, may_complain=True, permissions=["clipboard-read", "clipboard-write"])  # of what is refused
    page = window.open("/resources/datasets/new/")
    page.get_by_label("Name").fill("Adds up")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()  # what it is has to be said
    expect(page.get_by_text("Choose a file first.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Adds up")
    upload(page, "Adds up", "Scoring program", zip_of(SCORER))
    upload(page, "Numbers", "Public data", RESULT)
    upload(page, "The answer", "Solution", RESULT)
    upload(page, "Never used", "Input data", zip_of({"noise": os.urandom(300_000)}))

    page.get_by_role("navigation", name="Resources").get_by_role("link", name="Tasks").click()
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Name").fill("Add up")
    page.get_by_role("button", name="Make the task").click()
    expect(page.get_by_text("Choose a scoring program, or upload one.", exact=True)).to_be_visible()
    choose(page, "Scoring program", "adds")
    choose(page, "Solution", "answer")
    assert window.faults_in_every_look("task-form-chosen") == []
    page.get_by_role("button", name="Make the task").click()
    expect(page.get_by_role("heading", name="Add up", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="The answer")).to_be_visible()
    expect(page.get_by_text("Not validated: submit a solution")).to_be_visible()
    made, address = Task.objects.get(name="Add up"), page.url

    page.get_by_role("link", name="Share").click()
    page.get_by_label("Shared with").fill("sam, nobody-here")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nobody here is called nobody-here.")).to_be_visible()
    expect(page.get_by_label("Shared with")).to_have_value("sam, nobody-here")
    page.get_by_label("Shared with").fill("sam")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    theirs = visit(sam).open("/resources/tasks/")
    theirs.get_by_role("link", name="Add up").click()
    expect(theirs.get_by_role("heading", name="Add up", exact=True)).to_be_visible()
    expect(theirs.locator("main").get_by_role("link", name="Edit")).to_have_count(0)

    PhaseTask.objects.filter(phase__competition=competition).update(task=made)
    there = visit(pat).open(f"/competitions/{competition.pk}/submissions/")
    there.get_by_label("Choose a zip file").set_input_files(
        {"name": "mine.zip", "mimeType": "application/zip", "buffer": RESULT}
    )
    there.get_by_role("button", name="Submit").click()
    there.wait_for_url(re.compile(r"/submissions/\d+/$"))
    WorkerDouble(queue).work_off(accuracy=1.0)
    page.goto(address)
    expect(page.get_by_text("A solution was submitted to this version and has finished")).to_be_visible()
    expect(page.locator(".facts").get_by_text("Validated")).to_be_visible()
    expect(page.get_by_role("link", name=competition.title)).to_be_visible()
    assert window.faults_in_every_look("task-validated") == []

    page.get_by_role("link", name="Share").click()
    page.get_by_label("Public").check()
    page.get_by_role("button", name="Save").click()
    page.locator("main").get_by_role("link", name="Resources").click()
    page.get_by_role("navigation", name="Resources").get_by_role("link", name="Datasets and programs").click()
    page.get_by_role("link", name="Numbers").click()
    page.get_by_role("button", name="Make it public").click()
    expect(page.locator(".facts").get_by_text("public", exact=True)).to_be_visible()
    guest = visit()
    guest.open("/tasks/public/").get_by_role("link", name="Add up").click()
    expect(guest.page.get_by_role("heading", name="Add up", exact=True)).to_be_visible()
    assert guest.faults_in_every_look("public-task-by-guest") == []
    guest.open("/datasets/public/").get_by_role("link", name="Numbers", exact=True).click()
    with guest.page.expect_download() as given:
        guest.page.get_by_role("link", name="Download").first.click()
    assert given.value.path().read_bytes() == RESULT
    assert Dataset.objects.get(name="Numbers").downloads == 1

    full = usage(olivia).used
    assert full > before + 300_000
    page.locator("main").get_by_role("link", name="Resources").click()
    page.get_by_role("navigation", name="Resources").get_by_role("link", name="Space").click()
    meter = page.get_by_role("region", name="Space", exact=True)
    expect(meter.get_by_role("progressbar")).to_have_attribute("value", str(full))
    page.get_by_role("link", name="Delete… unused datasets and programs").click()
    expect(page.locator("main li")).to_have_text(re.compile("Never used"))  # and not what the task or the public has
    page.get_by_role("link", name="Keep them").click()
    assert usage(olivia).used == full
    page.get_by_role("link", name="Delete… unused datasets and programs").click()
    assert window.faults_in_every_look("clean-up-asked") == []
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Deleted: 1. That freed")).to_be_visible()
    left = usage(olivia).used
    assert full - left > 300_000
    expect(meter.get_by_role("progressbar")).to_have_attribute("value", str(left))
    expect(page.get_by_role("region", name="Unused datasets and programs").get_by_text("Delete…")).to_have_count(0)
    assert window.faults_in_every_look("space-after-clean-up") == []
