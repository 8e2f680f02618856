"""The resources pages: accessible, no wider than the window, and used by a person from upload to clean-up."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.resources.models import Dataset, Solution, Task, TaskVersion, UploadSession
from podium.site.resources.services import create_task, usage
from tests.browser.conftest import Visit
from tests.factories import CODE, RESULT, SCORER, UserFactory, dataset, zip_of
from tests.site.acting import WorkerDouble, submit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = "Averyveryveryverylongnamewithoutanyspaceinit" * 2


@pytest.fixture
def addresses(
    make_competition: Callable[..., Competition], queue: Any, olivia: User, pat: User
) -> list[tuple[User | None, str]]:
    """Who opens what: lists with much in them, with long names, and with nothing."""
    first, second = make_competition(ingestion=True), make_competition(tasks=2)
    Competition.objects.filter(pk=second.pk).update(title=f"Sums {LONG}")
    done = submit(pat, first, CODE)
    WorkerDouble(queue).work_off(accuracy=0.5)
    waiting = submit(pat, second)
    dataset(pat, RESULT, type="submission", name=LONG)
    shown = dataset(olivia, RESULT, type="public_data", name=LONG, is_public=True, license=LONG, description=LONG * 3)
    Dataset.objects.filter(pk=shown.pk).update(is_verified=True)
    dataset(olivia, RESULT, type="competition_bundle", name=LONG)
    broken_off = Dataset.objects.create(created_by=olivia, type="input_data", name="Broken off")
    used = TaskVersion.objects.select_related("task", "scoring_program").order_by("pk")[0]
    Solution.objects.create(name=LONG, data=dataset(olivia, RESULT, type="solution")).tasks.add(used.task)
    open_task = create_task(
        user=olivia,
        name=LONG,
        description=LONG * 3,
        scoring_program=used.scoring_program,
        is_public=True,
        shared_with=[UserFactory()],
    )
    site = "/resources"
    chosen = f"dataset={shown.pk}&dataset={used.scoring_program_id}"
    organizer = [f"{site}/datasets/", f"{site}/datasets/?show=public&sort=name", f"{site}/datasets/?search=nothing"]
    organizer += [f"{site}/datasets/new/", f"{site}/datasets/delete/?{chosen}", f"{site}/datasets/{shown.pk}/edit/"]
    organizer += [f"/datasets/{one.pk}/" for one in (shown, used.scoring_program, broken_off)]
    organizer += [f"{site}/tasks/", f"{site}/tasks/new/", f"{site}/tasks/upload/", f"{site}/bundles/", f"{site}/space/"]
    organizer += [
        f"{site}/tasks/delete/?task={used.task_id}&task={open_task.pk}",
        f"{site}/tasks/{open_task.pk}/share/",
    ]
    organizer += [f"{site}/tasks/{used.task_id}/edit/", f"/tasks/{used.task_id}/", f"/tasks/{open_task.pk}/"]
    organizer += [f"{site}/space/unused_tasks/", f"/competitions/{first.pk}/tasks/"]
    mine = [f"{site}/", f"{site}/?show=files", f"{site}/?status=Cancelled", f"{site}/tasks/", f"{site}/space/"]
    mine += [
        f"{site}/submissions/?do={do}&submission={done.pk}&submission={waiting.pk}" for do in ("delete", "publish")
    ]
    everybody = ["/datasets/public/", "/datasets/public/?search=nothing", "/tasks/public/", f"/datasets/{shown.pk}/"]
    everybody += [f"/tasks/{open_task.pk}/"]
    return [
        *((olivia, address) for address in organizer),
        *((pat, address) for address in mine),
        *((None, address) for address in everybody),
    ]


@pytest.mark.timeout(600)
def test_the_resources_pages_are_accessible_and_fit_their_window(
    addresses: list[tuple[User | None, str]], visit: Callable[..., Visit]
) -> None:
    visits: dict[int | None, Visit] = {}
    faults: list[str] = []
    for user, address in addresses:
        key = user.pk if user else None
        if key not in visits:
            visits[key] = visit(user)
        visits[key].open(address)
        faults += visits[key].faults_in_every_look()
    assert faults == []


def test_from_an_upload_in_parts_over_a_shared_task_to_a_clean_up(
    visit: Callable[..., Visit], queue: Any, olivia: User, sam: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.site.resources.parts.SMALLEST_PART", 2**20)
    program = tmp_path / "scorer.zip"
    program.write_bytes(zip_of({**SCORER, "weights.bin": os.urandom(3 * 2**20)}))
    page = visit(olivia).open("/resources/datasets/")
    page.get_by_role("link", name="Upload a dataset or program").click()
    page.get_by_label("Name").fill("My scorer")
    page.get_by_label("Type").select_option("scoring_program")
    page.get_by_label("Choose a zip file").set_input_files(program)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("heading", name="My scorer").wait_for()
    made = Dataset.objects.get()
    session = UploadSession.objects.get(dataset=made)
    assert made.data_file is not None
    assert made.data_file.size == program.stat().st_size > 3 * session.part_size, "it came in parts"

    page.get_by_role("link", name="Make a task").click()
    page.get_by_label("Name").fill("My task")
    chosen = page.get_by_role("group", name="Scoring program").get_by_role("combobox")
    chosen.press_sequentially("scor")
    expect(page.locator("#scoring_program-offered option")).to_have_count(1)
    chosen.fill(f"My scorer #{made.pk}")
    page.get_by_role("button", name="Make the task").click()
    page.get_by_role("link", name="Share").click()
    page.get_by_label("Shared with").fill("sam")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()

    other = visit(sam).open("/resources/tasks/")
    other.get_by_role("link", name="My task").click()
    other.get_by_role("heading", name="My task").wait_for()
    assert other.get_by_role("link", name="Edit").count() == 0

    page.goto(page.url.split("/tasks/")[0] + "/resources/tasks/")
    page.get_by_label("Choose My task").check()
    expect(page.locator("[data-select-count]")).to_have_text("1 chosen")
    page.get_by_role("button", name="Delete").click()
    assert Task.objects.count() == 1, "one is asked first"
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_text("Deleted: My task.").wait_for()
    assert not Task.objects.exists()

    page.get_by_role("navigation", name="Resources").get_by_role("link", name="Space").click()
    page.get_by_role("link", name="Delete… unused datasets and programs").click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_text("Deleted: 1. That freed").wait_for()
    assert usage(olivia).used == 0


def test_an_upload_that_is_refused_says_why_before_a_byte_is_sent(
    visit: Callable[..., Visit], queue: Any, olivia: User, tmp_path: Path
) -> None:
    dataset(olivia, RESULT, type="input_data", name="taken")
    file = tmp_path / "data.zip"
    file.write_bytes(RESULT)
    page = visit(olivia, may_complain=True).open("/resources/datasets/new/?type=input_data")
    page.get_by_label("Name").fill("taken")
    page.get_by_label("Choose a zip file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("You already have a dataset by this name").wait_for()
    assert Dataset.objects.count() == 1
    page.get_by_label("Name").fill("free")
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("heading", name="free").wait_for()
    assert Dataset.objects.get(name="free").type == "input_data"
