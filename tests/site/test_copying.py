"""Copies of competitions: what comes along, what stays, and who may make one of what."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from podium.site.accounts.models import User
from podium.site.competitions.description import describe
from podium.site.competitions.models import Competition, CreationStatus
from podium.site.queues.models import Queue
from podium.site.resources.models import Task
from tests.site.acting import background
from tests.site.test_dumps import Make, rich
from tests.web.conftest import BACKEND

__all__ = ["rich"]

pytestmark = pytest.mark.django_db(transaction=True)


def copy(competition: Competition, by: User) -> tuple[str, str]:
    """Press the button on the page of a competition; where that leads, and what is said there."""
    client = Client()
    client.force_login(by, backend=BACKEND)
    assert (
        f"/competitions/{competition.pk}/copy/"
        in client.get(f"/competitions/{competition.pk}/access/").content.decode()
    )
    answer = client.post(f"/competitions/{competition.pk}/copy/", follow=True)
    background()
    assert answer.status_code == 200
    return answer.redirect_chain[-1][0], answer.content.decode()


def made() -> Competition:
    """What the newest creation has made."""
    status = CreationStatus.objects.order_by("-pk")[0]
    assert status.status == "Finished", status.details
    assert status.resulting_competition is not None
    return status.resulting_competition


def facts(competition: Competition, **but: Any) -> dict[str, Any]:
    return {**describe(competition, keys=True).competition.model_dump(mode="json"), **but}


def test_a_copy_says_what_the_competition_says_and_takes_its_tasks_and_nobody_along(
    rich: Competition, olivia: User, pat: User
) -> None:
    assert rich.participants.filter(user=pat).exists()
    tasks = Task.objects.count()
    address, _ = copy(rich, olivia)
    assert address.startswith("/competitions/upload/")
    found = made()
    assert found.pk != rich.pk
    assert (found.created_by, found.published) == (olivia, False)
    assert facts(found) == facts(rich, title=f"Copy of {rich.title}", whitelist_emails=[])
    assert [one.user for one in found.participants.all()] == [olivia]
    assert Task.objects.count() == tasks
    assert found.secret_key != rich.secret_key


def test_whoever_else_runs_it_copies_what_they_may_use(rich: Competition, sam: User) -> None:
    address, text = copy(rich, sam)
    assert address == f"/competitions/{rich.pk}/access/"
    assert "uses what you may not use elsewhere" in text
    assert "share the tasks with you" in text
    assert Competition.objects.count() == 1
    for task in Task.objects.all():
        task.shared_with.add(sam)
    assert copy(rich, sam)[0] == f"/competitions/{rich.pk}/access/", "the files of its phases are still another's"
    for phase in rich.phases.all():
        for file in (phase.public_data, phase.starting_kit):
            assert file is not None
            file.is_public = True
            file.save()
    copy(rich, sam)
    found = made()
    assert (found.created_by, list(found.collaborators.all())) == (sam, [])


def test_a_queue_that_is_not_for_everybody_stays_behind(make_competition: Make, olivia: User, sam: User) -> None:
    competition = make_competition()
    competition.queue = Queue.objects.create(name="Sam's", owner=sam)
    competition.save()
    copy(competition, olivia)
    assert made().queue is None
    competition.queue.organizers.add(olivia)
    copy(competition, olivia)
    assert made().queue == competition.queue


def test_the_longest_title_still_fits_and_what_no_bundle_can_say_is_refused(
    make_competition: Make, olivia: User
) -> None:
    competition = make_competition(title="T" * 255)
    copy(competition, olivia)
    assert made().title == f"Copy of {'T' * 247}"
    for phase in competition.phases.all():
        phase.phase_tasks.all().delete()
    competition.phases.all().delete()
    address, text = copy(competition, olivia)
    assert address == f"/competitions/{competition.pk}/access/"
    assert "without phases" in text
