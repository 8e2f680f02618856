"""The pages of queues, workers and the server's status: accessible, no wider than the window, usable by a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Attempt
from podium.site.queues.models import Queue, Worker
from podium.site.queues.services import create_token
from podium.site.queues.services.lifecycle import create_queue
from tests.browser.conftest import Visit
from tests.factories import CODE, UserFactory
from tests.site.acting import WorkerDouble, scores, submit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = "a-very-long-name-without-any-space-in-it-as-machines-have-them"


@pytest.fixture
def addresses(
    make_competition: Callable[..., Competition], queue: Queue, olivia: User, pat: User
) -> list[tuple[User, str]]:
    """Who opens what: queues with much in them and with nothing, a worker that works and one that is drained."""
    lab = create_queue(user=olivia, name=LONG[:64], is_public=True, organizers=[UserFactory()])
    empty = create_queue(user=olivia, name="empty")
    token, _ = create_token(queue=lab, by=olivia, name="gpu machine in the cellar")
    competition = make_competition(ingestion=True)
    Competition.objects.filter(pk=competition.pk).update(queue=lab, title=f"Sums {LONG}")
    for _ in range(3):
        submit(pat, Competition.objects.get(pk=competition.pk), CODE)
    worker = WorkerDouble(lab, LONG)
    worker.finish(worker.job())
    job = worker.job()
    worker.finish(job, scores(accuracy=0.5) if job.step == "scoring" else None)
    worker.job()
    Worker.objects.update(gpus=["NVIDIA RTX 6000", "NVIDIA RTX 6000"], free_disk_bytes=10**11, engine="docker")
    Attempt.objects.filter(state="succeeded").update(message="The disk is full " * 10, cause="platform", state="failed")
    Worker.objects.create(queue=lab, name="drained", drained_when=timezone.now())
    unserved = make_competition()
    Competition.objects.filter(pk=unserved.pk).update(queue=empty)
    lonely = submit(pat, Competition.objects.get(pk=unserved.pk))
    held = make_competition(auto_run_submissions=False)
    waits = submit(pat, held)
    mine = [
        "/queues/",
        "/queues/?show=public",
        "/queues/?search=nothing",
        "/queues/new/",
        "/workers/",
        "/server_status",
    ]
    mine += [f"/queues/{one.pk}/{page}" for one in (lab, empty) for page in ("", "edit/", "delete/")]
    mine += [f"/queues/{lab.pk}/tokens/{token.pk}/{wish}/" for wish in ("rotate", "revoke")]
    mine += [f"/competitions/{one.pk}/queue/" for one in (competition, unserved)]
    theirs = ["/queues/", "/workers/", "/server_status", f"/queues/{lab.pk}/"]
    theirs += [f"/submissions/{one.pk}/" for one in (lonely, waits)]
    return [*((olivia, address) for address in mine), *((pat, address) for address in theirs)]


@pytest.mark.timeout(600)
def test_the_pages_of_queues_are_accessible_and_fit_their_window(
    addresses: list[tuple[User, str]], visit: Callable[..., Visit]
) -> None:
    visits: dict[int, Visit] = {}
    faults: list[str] = []
    for user, address in addresses:
        if user.pk not in visits:
            visits[user.pk] = visit(user)
        visits[user.pk].open(address)
        faults += visits[user.pk].faults_in_every_look()
    assert faults == []


def test_the_command_that_starts_a_worker_is_copied(queue: Queue, olivia: User, visit: Callable[..., Visit]) -> None:
    lab = create_queue(user=olivia, name="lab")
    page = visit(olivia, permissions=["clipboard-read", "clipboard-write"]).open(f"/queues/{lab.pk}/")
    page.get_by_label("Name").fill("gpu machine")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("podium worker --server http")
    assert "--token podium_q_" in copied
