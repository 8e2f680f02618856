"""A queue from its making to its end: shared, served by a real worker that the line on its page starts, and deleted."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase, PhaseTask
from podium.site.queues.models import Queue
from podium.site.resources.services import create_task
from tests.browser.conftest import Visit
from tests.factories import RESULT, UserFactory, dataset, zip_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.bwrap]
SCORES = zip_of(
    {
        "metadata.yaml": "command: python3 score.py\n",
        "score.py": "print('adding up')\nopen('/app/output/scores.json', 'w').write('{\"accuracy\": 0.75}')\n",
    }
)


@contextmanager
def started(line: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, started by the line as a person would paste it into a shell."""
    names = ("PATH", "PYTHONPATH", "LANG", "TMPDIR")
    env = {name: os.environ[name] for name in names if name in os.environ}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    env |= {"HOME": str(folder), "PODIUM_WORKER_ENGINE": "bubblewrap", "PODIUM_WORKER_NAME": "cellar"}
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(["/bin/sh", "-c", f"exec {line}"], env=env, cwd=folder, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


@pytest.fixture
def scored(make_competition: Callable[..., Competition], olivia: User) -> Competition:
    """A competition whose scoring program gives everybody 0.75."""
    made = make_competition()
    program = dataset(olivia, SCORES, type="scoring_program", name="adds up")
    PhaseTask.objects.filter(phase__competition=made).update(
        task=create_task(user=olivia, name="Add up", scoring_program=program)
    )
    Phase.objects.filter(competition=made).update(name="Only")
    return made


def choose(page: Page, words: str) -> None:
    """Choose what the field offers for a part of a name."""
    field = page.get_by_role("combobox", name="Queue")
    field.fill("")
    field.press_sequentially(words)
    expect(page.locator("#queue-offered option")).to_have_count(1)
    field.fill(str(page.locator("#queue-offered option").get_attribute("value")))
    page.get_by_role("button", name="Use this queue").click()


@pytest.mark.timeout(240)
def test_a_queue_is_made_served_by_the_line_on_its_page_used_and_deleted(
    scored: Competition,
    queue: Queue,
    olivia: User,
    pat: User,
    visit: Callable[..., Visit],
    server: str,
    settings: Any,
) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"public_url": server})
    UserFactory(username="colin")
    window = visit(olivia, may_complain=True, permissions=["clipboard-read", "clipboard-write"])  # of what is refused
    page = window.open("/queues/")
    page.get_by_role("link", name="New queue").click()
    page.get_by_label("Name").fill("vision lab")
    page.get_by_label("Organizers").fill("colin, nobody-here")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_text("Nobody here is called nobody-here.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("vision lab")
    expect(page.get_by_label("Organizers")).to_have_value("colin, nobody-here")
    page.get_by_label("Organizers").fill("colin")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_role("heading", name="vision lab")).to_be_visible()
    expect(page.get_by_text("No worker yet")).to_be_visible()
    assert window.faults_in_every_look("queue-new") == []

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Public").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".facts").get_by_text("public")).to_be_visible()
    lab, address = Queue.objects.get(name="vision lab"), page.url
    page.get_by_role("button", name="Copy Vhost").click()
    expect(page.get_by_role("button", name="Copied Vhost")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == str(lab.vhost)

    page.get_by_label("Name").fill("the machine in the cellar")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_role("status").filter(has_text="The worker with the token")).to_be_visible()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    line = page.evaluate("navigator.clipboard.readText()")
    assert line.startswith(f"podium worker --server {server} --token podium_q_")
    assert window.faults_in_every_look("queue-token") == []
    with tempfile.TemporaryDirectory(prefix="podium-worker-") as folder, started(line, Path(folder)) as worker:
        row = page.get_by_role("row", name=re.compile("cellar.*Idle.*bubblewrap"))
        expect(row).to_be_visible(timeout=60_000)  # by itself, on the page that showed the line
        expect(page.get_by_text("The worker with the token")).to_have_count(0)

        page.goto(f"{server}/competitions/{scored.pk}/queue/")
        choose(page, "visi")
        expect(page.get_by_text("Sums uses vision lab now.")).to_be_visible()
        there = visit(pat).open(f"/competitions/{scored.pk}/submissions/")
        there.get_by_label("Choose a zip file").set_input_files(
            {"name": "answer.zip", "mimeType": "application/zip", "buffer": RESULT}
        )
        there.get_by_role("button", name="Submit").click()
        there.wait_for_url(re.compile(r"/submissions/\d+/$"))
        expect(there.locator("[data-status=Finished]")).to_be_visible(timeout=90_000)
        expect(there.get_by_text("0.75")).to_be_visible()
        expect(there.locator("pre")).to_have_text("adding up\n")

        page.goto(address)
        expect(page.get_by_role("row", name=re.compile(r"cellar.*scoring: succeeded"))).to_be_visible()
        page.get_by_role("button", name="Drain cellar").click()
        expect(page.get_by_role("row", name=re.compile("cellar.*Drained"))).to_be_visible()
        page.get_by_role("button", name="Undrain cellar").click()
        expect(page.get_by_role("row", name=re.compile("cellar.*Idle"))).to_be_visible()
        assert window.faults_in_every_look("queue-served") == []
        page.goto(f"{server}/server_status")
        expect(page.get_by_role("row", name=re.compile(r"Finished.*Sums.*pat.*vision lab"))).to_be_visible()
        page.goto(f"{server}/workers/")
        expect(page.get_by_role("row", name=re.compile("cellar.*vision lab"))).to_be_visible()
        assert worker.poll() is None, (Path(folder) / "worker.log").read_text()

    page.goto(address)
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_text("1 competition that uses it goes to the default queue.")).to_be_visible()
    page.get_by_role("link", name="Keep it").click()
    assert Queue.objects.get(pk=lab.pk).deleted_when is None
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the queue").click()
    expect(page.get_by_text("vision lab is deleted.")).to_be_visible()
    assert Competition.objects.get(pk=scored.pk).queue is None
    page.goto(address)
    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
