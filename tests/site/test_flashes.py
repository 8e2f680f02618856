"""What stands above the page after a form was sent can be translated, with names and numbers as they are."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from podium.ranking import rules
from podium.ranking.order import Entry
from podium.site.accounts.models import Membership, Organization, User
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.forums.models import Post, Thread
from podium.site.forums.services import posting
from podium.site.leaderboards.refusals import REASONS
from podium.site.queues.models import Queue, QueueToken
from podium.site.resources.models import Dataset, Task
from tests.factories import CODE, PASSWORD, RESULT, dataset, task
from tests.site import pseudo
from tests.site.acting import WorkerDouble, submit
from tests.site.test_every_word import NAMES, PATTERNS, data_of_the_database, told
from tests.web.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True)
Sending = Callable[..., list[str]]


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Sending:
    """Send a form as somebody who reads French; each message that is said has to be marked, and some has to be said."""
    pseudo.speak(monkeypatch)
    said = pseudo.overhear(monkeypatch)
    clients: dict[int, Client] = {}

    def sent(who: User, address: str, **fields: Any) -> list[str]:
        if who.pk not in clients:
            clients[who.pk] = Client(headers={"Accept-Language": "fr"})
            clients[who.pk].post("/accounts/login/", {"login": who.username, "password": PASSWORD})
            clients[who.pk].post("/accounts/reauthenticate/", {"password": PASSWORD})
        said.clear()
        answer = clients[who.pk].post(address, fields)
        assert answer.status_code == 302, (address, answer.content.decode()[-3000:])
        assert said, f"{address} says nothing"
        data = pseudo.any_of({*data_of_the_database(), *NAMES}, *PATTERNS)
        left = {text: {address} for one in said for text in pseudo.unmarked(one, data)}
        assert not left, told(left)
        return list(said)

    return sent


def test_those_of_the_organizers(
    send: Sending, competition: Competition, olivia: User, pat: User, sam: User, queue: Queue
) -> None:
    site = f"/competitions/{competition.pk}"
    worker = WorkerDouble(queue)
    submission = submit(pat, competition, CODE)
    worker.work_off(accuracy=0.5)
    asking = Participant.objects.create(competition=competition, user=sam, status=ParticipantStatus.PENDING)
    place = Participant.objects.get(competition=competition, user=pat)
    facts = {"title": "Sums", "competition_type": "competition", "docker_image": "python:3.12"}
    send(olivia, f"{site}/edit/", **facts)
    send(olivia, f"{site}/edit/pages/new/", title="A page", content="Text", index="0")
    for status in ("approved", "approved", "denied"):
        send(olivia, f"{site}/participants/{asking.pk}/", status=status)
    send(olivia, f"{site}/edit/administrators/", username="sam")
    send(olivia, f"{site}/participants/selected/", participant=[place.pk], status="denied")
    send(olivia, f"{site}/participants/selected/", status="denied")
    send(olivia, f"{site}/participants/{place.pk}/", status="approved")
    phase = competition.phases.get()
    send(olivia, f"{site}/participants/{place.pk}/tries/", phase=phase.pk, tries="2", note="Sorry")
    send(olivia, f"{site}/message/", message="Hello", send="yes")
    send(olivia, f"{site}/phases/{phase.pk}/rerun/")
    send(olivia, f"{site}/submissions/selected/", do="cancel")
    send(olivia, f"{site}/submissions/selected/", do="rerun", submission=[submission.pk], sure="yes")
    send(olivia, f"/submissions/{submission.pk}/manage/", do="rerun")
    send(olivia, f"/submissions/{submission.pk}/delete/")
    send(olivia, f"{site}/publish/")
    send(olivia, f"{site}/publish/", published="yes")
    send(olivia, f"{site}/delete/", title=Competition.objects.get(pk=competition.pk).title)
    send(olivia, f"{site}/restore/")


def test_those_of_the_participants(send: Sending, competition: Competition, pat: User, sam: User, queue: Queue) -> None:
    submission = submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    send(sam, f"/competitions/{competition.pk}/submissions/")
    address = f"/submissions/{submission.pk}"
    send(pat, f"{address}/manage/", do="add")
    for wish in ("show", "hide"):
        Competition.objects.update(can_participants_make_submissions_public=True)
        send(pat, f"{address}/manage/", do=wish)
    send(pat, f"{address}/cancel/")
    send(pat, f"{address}/delete/")


def test_those_of_a_forum(send: Sending, competition: Competition, pat: User, olivia: User) -> None:
    forum = f"/competitions/{competition.pk}/forum"
    send(pat, f"{forum}/new/", title="Data", content="Which?")
    thread = Thread.objects.get()
    address = f"{forum}/{thread.pk}"
    posting.answer(thread=thread, by=olivia, content="Any.")
    first, second = Post.objects.order_by("pk")
    send(pat, f"{forum}/posts/{first.pk}/edit/", title="Data", content="Which data?")
    send(pat, f"{forum}/posts/{second.pk}/report/", reason="Rude")
    send(olivia, f"{forum}/posts/{second.pk}/moderate/", wish="settle")
    for wish in ("pin", "unpin", "close", "reopen", "nonsense"):
        send(olivia, f"{address}/moderate/", wish=wish)
    send(olivia, f"{address}/announce/")
    send(olivia, f"{address}/moderate/", wish="unmark")
    send(olivia, f"{forum}/posts/{second.pk}/delete/")
    send(olivia, f"{forum}/posts/{second.pk}/moderate/", wish="restore")
    send(olivia, f"{address}/delete/")
    send(olivia, f"{address}/moderate/", wish="restore")


def test_those_of_accounts_and_organizations(send: Sending, pat: User, sam: User) -> None:
    send(pat, f"/profiles/user/{pat.username}/edit/", username=pat.username, display_name="Pat")
    send(pat, f"/profiles/user/{pat.username}/notifications/")
    new = "a quite different sentence"
    send(pat, "/accounts/password/change/", oldpassword=PASSWORD, password1=new, password2=new)
    send(pat, "/accounts/email/", email="pat@example.com", action_add="")
    send(pat, "/profiles/organization/create/", name="The Lab", email="lab@example.org")
    lab = Organization.objects.get()
    page = f"/profiles/organization/{lab.pk}"
    send(pat, f"{page}/edit/", name="The Lab", email="lab@example.org", location="Here")
    send(pat, f"{page}/invite/", users="sam")
    theirs = Membership.objects.get(user=sam)
    send(sam, "/profiles/organization/accept_invite/", token=str(theirs.token), answer="accept")
    send(pat, f"{page}/members/{theirs.pk}/", wish="group", group="MANAGER")
    send(pat, f"{page}/members/{theirs.pk}/", wish="nonsense")
    send(sam, f"{page}/leave/")
    send(pat, f"{page}/delete/", name="The Lab")


def test_those_of_queues_and_resources(send: Sending, olivia: User, settings: Any) -> None:
    send(olivia, "/queues/new/", name="lab")
    lab = Queue.objects.get(name="lab")
    send(olivia, f"/queues/{lab.pk}/edit/", name="lab 2")
    client = Client()
    client.force_login(olivia, backend=BACKEND)
    client.post(f"/queues/{lab.pk}/", {"name": "a machine"})
    token = QueueToken.objects.get(queue=lab)
    send(olivia, f"/queues/{lab.pk}/tokens/{token.pk}/revoke/")
    send(olivia, f"/queues/{lab.pk}/delete/")
    made = dataset(olivia, RESULT, type="public_data")
    send(olivia, f"/resources/datasets/{made.pk}/edit/", name="Data", type="public_data")
    for public in ("yes", "no"):
        send(olivia, f"/resources/datasets/{made.pk}/publish/", public=public)
    send(olivia, "/resources/datasets/delete/", dataset=[made.pk])
    send(olivia, "/resources/datasets/delete/")
    unused = task(olivia)
    program = Dataset.objects.get(type="scoring_program")
    send(olivia, "/resources/tasks/new/", name="Another", scoring_program=f"#{program.pk}")
    send(olivia, f"/resources/tasks/{unused.pk}/edit/", name="A task", scoring_program=f"#{program.pk}")
    send(olivia, f"/resources/tasks/{unused.pk}/share/", people="")
    send(olivia, "/resources/tasks/delete/", task=[unused.pk])
    send(olivia, "/resources/space/unused_tasks/", chosen=[str(one.pk) for one in Task.objects.all()])


def test_every_reason_of_the_rules_of_boards_can_be_translated() -> None:
    there = Entry(id=1, owner="pat", submitted_at=datetime.now(UTC), sort_key="01")
    unscored = replace(there, id=2, scored=False)
    given = [
        change(rule, current, entry)
        for change in (rules.on_manual_add, rules.on_manual_remove)
        for rule in rules.SubmissionRule
        for current in ([], [there])
        for entry in (there, unscored)
    ]
    assert {one.reason for one in given if isinstance(one, rules.Refusal)} == REASONS
