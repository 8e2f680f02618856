"""An organizer's day, an organization from its making to its leaving, and a queue, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.mails.models import Message
from podium.site.queues.models import Queue
from tests.browser.conftest import Visit
from tests.site.acting import WorkerDouble, background, submit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


def test_an_organizer_lets_people_in_writes_to_them_mends_scores_and_runs_a_phase_again(  # noqa: PLR0917 - fixtures
    competition: Competition, queue: Queue, olivia: User, pat: User, sam: User, visit: Visiting
) -> None:
    site, worker = f"/competitions/{competition.pk}", WorkerDouble(queue)
    guest = visit(sam).open(f"{site}/submissions/")
    guest.get_by_label("I have read the terms").check()
    guest.get_by_role("button", name="Take part").click()
    expect(guest.get_by_text("Waiting for approval.")).to_be_visible()

    page = visit(olivia).open(f"{site}/participants/")
    page.get_by_label("Choose sam").check()
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("sam.*Approved"))).to_be_visible()
    guest.reload()
    expect(guest.get_by_role("heading", name="New submission")).to_be_visible()

    page.get_by_role("link", name="Write to all").click()
    page.get_by_label("Message").fill("The *second* phase begins on Monday.")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text(re.compile(r"Goes to \d people: .*sam"))).to_be_visible()
    assert not Message.objects.filter(text__contains="Monday").exists()
    page.get_by_role("button", name=re.compile("^Send to")).click()
    expect(page.get_by_role("row", name=re.compile("begins on Monday"))).to_be_visible()

    first, second = submit(pat, competition), submit(sam, competition)
    worker.work_off(accuracy=0.5)
    page.get_by_role("link", name="All submissions").click()
    page.get_by_role("link", name=f"#{second.pk}", exact=True).click()
    page.get_by_role("link", name="Set scores").click()
    page.get_by_label("Accuracy").fill("0.9")
    page.get_by_role("button", name="Set scores").click()
    page.goto(page.url.partition("/submissions/")[0] + f"{site}/results/")
    expect(page.get_by_role("row", name=re.compile(r"place 1 sam .*0\.90"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"place 2 pat .*0\.50"))).to_be_visible()

    page.get_by_role("link", name="All submissions").click()
    page.get_by_label(f"Choose submission {first.pk}", exact=True).check()
    page.get_by_label(f"Choose submission {second.pk}", exact=True).check()
    page.get_by_role("button", name="Compare two").click()
    expect(page.get_by_role("heading", name=re.compile(r"Submissions \d+ and \d+"))).to_be_visible()

    page.get_by_role("link", name="Tasks", exact=True).last.click()
    page.get_by_role("link", name="Run all again").click()
    page.get_by_role("button", name="Run 2 again").click()
    background()
    assert worker.work_off(accuracy=0.7) == 2
    assert Submission.objects.filter(status="Finished").count() == 4
    page.goto(page.url.partition("/competitions/")[0] + f"{site}/results/")
    expect(page.get_by_role("row", name=re.compile(r"place 1 .*0\.(70|90)"))).to_be_visible()
    page.get_by_role("link", name="Overview").first.click()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_text("people have submitted")).to_be_visible()


def test_an_organization_is_made_joined_submitted_for_and_left(
    competition: Competition, pat: User, sam: User, visit: Visiting, queue: Queue
) -> None:
    page = visit(pat).open("/profiles/organizations/")
    page.get_by_role("link", name="New organization").click()
    page.get_by_label("Name", exact=True).fill("The Lab")
    page.get_by_label("E-mail address").fill("lab@example.org")
    page.get_by_role("button", name="Make the organization").click()
    expect(page.get_by_role("heading", name="The Lab")).to_be_visible()
    page.get_by_label("User names").fill("sam")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("row", name=re.compile("sam.*invited"))).to_be_visible()
    address = page.url

    guest = visit(sam).open("/profiles/organizations/")
    guest.get_by_role("link", name="Answer").click()
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_role("heading", name="The Lab")).to_be_visible()

    page.goto(address)
    page.get_by_label("Group of sam").select_option(label="Participant")
    page.get_by_role("button", name="Set the group of sam").click()
    expect(page.get_by_label("Group of sam").locator("option[selected]")).to_have_text("Participant")

    made = submit(pat, competition, organization=pat.organizations.get())
    WorkerDouble(queue).work_off(accuracy=0.75)
    page.goto(page.url.partition("/profiles/")[0] + f"/competitions/{competition.pk}/results/")
    expect(page.get_by_role("row", name=re.compile(r"^1 The Lab .*0\.75"))).to_be_visible()
    assert made.organization_id is not None

    guest.goto(address)
    guest.get_by_role("button", name="Leave").click()
    guest.goto(address)
    expect(guest.get_by_role("button", name="Leave")).to_have_count(0)
