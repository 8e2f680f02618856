"""Organizers look at their competition as a participant or as nobody: told exactly what those are, changing nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.accounts.services import tokens
from podium.site.competitions import viewing
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.viewing import Role, Viewing
from podium.site.evaluation.models import Submission
from tests.factories import UserFactory, dataset
from tests.site.access_answers import body_of
from tests.site.access_table import TABLE
from tests.site.access_worlds import World
from tests.site.acting import submit
from tests.site.test_access import build, people, world
from tests.site.test_tokens import by_token
from tests.web.conftest import BACKEND

__all__ = ["build", "people", "world"]

ELSEWHERE = {
    "competitions/upload/<pk>/": "a bundle's creation, before there is a competition",
    "api/competitions/<pk>/creation_status/": "a bundle's creation",
    "api/tasks/<pk>/": "may serve several competitions",
    "api/datasets/<pk>/": "may serve several competitions",
    "datasets/download/<key>/": "may serve several competitions",
    "datasets/download/id/<pk>/": "may serve several competitions",
    "datasets/<pk>/": "may serve several competitions",
    "tasks/<pk>/": "may serve several competitions",
    "resources/datasets/<pk>/edit/": "one's own resources",
    "resources/tasks/<pk>/edit/": "one's own resources",
    "resources/tasks/<pk>/share/": "one's own resources",
    "choices/<chosen>/": "one's own resources, and public ones",
    "docs/<chapter>/": "the documentation",
    "resources/space/<kind>/": "one's own resources",
    "forums/<forum_id>/": "leads to the forum's page of its competition",
    "forums/<forum_id>/<thread_id>/": "leads to the thread's page of its competition",
    "profiles/user/<username>/": "a person",
    "profiles/user/<username>/edit/": "a person",
    "profiles/user/<username>/notifications/": "a person",
    "profiles/organization/<pk>/": "an organization",
    "profiles/organization/<pk>/edit/": "an organization",
    "profiles/organization/<pk>/delete/": "an organization",
    "queues/<pk>/": "a queue",
    "queues/<pk>/edit/": "a queue",
    "queues/<pk>/delete/": "a queue",
    "queues/<pk>/tokens/<token_id>/<wish>/": "a queue",
    "api/queues/<pk>/": "a queue",
    "api/queues/<pk>/tokens/": "a queue",
    "api/queues/<pk>/workers/": "a queue",
    "api/uploads/<key>/": "an upload",
}
"""Addresses of one thing that are about no competition."""


def client_as(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.force_login(user, backend=BACKEND)
    return client


def looking(user: User, competition: Competition, role: str) -> APIClient:
    """A client of an organizer who looks as somebody else."""
    client = client_as(user)
    answer = client.post(f"/competitions/{competition.pk}/view_as/", {"role": role}, format="multipart")
    assert answer.status_code == 302
    return client


_BAR = re.compile(r'<section class="viewing".*?</section>', re.DOTALL)
_CHANGING = re.compile(
    r'(/files/)[\w:.=-]+|(name="csrfmiddlewaretoken" value=")\w+|(\bid: )[\d.]+|(data-person=")-?\d+'
    r"|T\d\d:\d\d:\d\d[.\d]*Z|\d\d:\d\d UTC|\s+"
)
"""Grants, tokens of forms, ids of events, whose drafts are kept, the clock, and blanks between the parts of a page."""


def told(answer: Any) -> tuple[int, str, str]:
    """What an answer tells: its status, where it leads, and its content without what is made anew for each."""
    text = body_of(answer).decode("utf-8", errors="replace")
    return answer.status_code, answer.headers.get("Location", ""), _CHANGING.sub(r"\1\2\3\4", _BAR.sub("", text))


def concerns(role: Role, competition: Competition, path: str) -> bool:
    organizer = competition.created_by
    assert organizer is not None
    return viewing.concerns(Viewing(competition, role, organizer), RequestFactory().get(path))


def addresses(world: World) -> list[str]:
    """Every address of the table that is read and is about one thing, and lists that are about the competition."""
    single = [world.address(route) for method, route in TABLE if method == "GET" and "<" in route]
    phase, pk = world.competition.phases.get(), world.competition.pk
    lists = [f"/api/submissions/?phase={phase.pk}", f"/api/submissions/?phase__competition={pk}"]
    lists += [f"/api/phases/?competition={pk}", f"/api/submission_scores/?phase={phase.pk}"]
    return [*single, *lists, f"/api/participants/?competition={pk}"]


def test_every_address_of_a_competition_is_known_as_one(world: World) -> None:
    for method, route in TABLE:
        if method == "GET" and "<" in route:
            found = concerns(Role.PARTICIPANT, world.competition, world.address(route))
            assert found is (route not in ELSEWHERE), f"{route}: is it about a competition?"
    assert set(ELSEWHERE) <= {route for _, route in TABLE}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", list(Role))
def test_what_is_told_is_exactly_what_such_a_person_is_told(world: World, role: Role) -> None:
    olivia = world.people["olivia"]
    assert olivia is not None
    person = None
    if role == Role.PARTICIPANT:
        person = UserFactory(username="participant", display_name="A participant")
        Participant.objects.create(competition=world.competition, user=person, status="approved")
    real, shown = client_as(person), looking(olivia, world.competition, role)
    wrong = []
    for path in addresses(world):
        if not concerns(role, world.competition, path):
            continue
        answers = []
        for client in (real, shown):
            with transaction.atomic():
                answers.append(told(client.get(path)))
                transaction.set_rollback(True)
        if answers[0] != answers[1]:
            wrong.append(f"{path}\n  real  {_differing(*answers)}")
    assert not wrong, "\n".join(wrong)


def _differing(real: tuple[int, str, str], shown: tuple[int, str, str]) -> str:
    if real[:2] != shown[:2]:
        return f"{real[:2]} {shown[:2]}"
    place = next(n for n in range(min(len(real[2]), len(shown[2])) + 1) if real[2][n : n + 1] != shown[2][n : n + 1])
    return f"…{real[2][max(0, place - 80) : place + 80]!r}\n  shown …{shown[2][max(0, place - 80) : place + 80]!r}"


def test_nothing_can_be_changed_meanwhile_and_the_reason_is_told(world: World) -> None:
    olivia = world.people["olivia"]
    assert olivia is not None
    client = looking(olivia, world.competition, "participant")
    for method, route in TABLE:
        if method == "GET" or route in {"theme/", "language/", "competitions/<pk>/view_as/"}:
            continue
        path = world.address(route)
        answer = getattr(client, method.lower())(path)
        text = answer.content.decode()
        assert answer.status_code == 403 and "nothing can be changed meanwhile" in text, (method, path, text[:300])
        if path.startswith("/api/"):
            assert answer.json()["code"] == "viewing_as"
    back = client.post(f"/competitions/{world.competition.pk}/view_as/", {"role": "organizer"}, format="multipart")
    assert back.status_code == 302
    assert client.post(f"/api/competitions/{world.competition.pk}/toggle_publish/").status_code == 200


def test_it_ends_after_an_hour_with_the_right_and_with_the_session_and_is_of_one_session(
    competition: Competition, olivia: User, ada: User
) -> None:
    address = f"/api/competitions/{competition.pk}/"

    def is_organizer(client: APIClient) -> bool:
        return "secret_key" in client.get(address).json()

    client, other = looking(olivia, competition, "nobody"), client_as(olivia)
    assert not is_organizer(client) and is_organizer(other)
    session = client.session
    session["viewing"] |= {"until": (timezone.now() - timedelta(seconds=1)).timestamp()}
    session.save()
    assert is_organizer(client) and "viewing" not in client.session
    client = looking(olivia, competition, "participant")
    Competition.objects.filter(pk=competition.pk).update(created_by=ada)
    Participant.objects.filter(competition=competition, user=olivia).delete()
    assert client.post("/theme/", {"theme": "dark"}, format="multipart").status_code == 302
    assert "viewing" not in client.session, "who does not run it any more has no right to it"


def test_another_competition_a_token_and_other_people_are_not_concerned(
    competition: Competition, make_competition: Callable[..., Competition], olivia: User, sam: User
) -> None:
    other = make_competition()
    client = looking(olivia, competition, "nobody")
    assert "secret_key" in client.get(f"/api/competitions/{other.pk}/").json()
    assert "secret_key" not in client.get(f"/api/competitions/{competition.pk}/").json()
    secret = tokens.create_token(user=olivia, name="script", scope="admin")[1]
    assert "secret_key" in by_token(secret).get(f"/api/competitions/{competition.pk}/").json()
    refused = client_as(sam).post(f"/competitions/{competition.pk}/view_as/", {"role": "participant"})
    assert refused.status_code == 403
    assert client_as(None).post(f"/competitions/{competition.pk}/view_as/", {"role": "nobody"}).status_code == 302


def test_a_competition_that_is_not_published_is_not_there_for_nobody(competition: Competition, olivia: User) -> None:
    Competition.objects.filter(pk=competition.pk).update(published=False)
    client = looking(olivia, competition, "nobody")
    page = client.get(f"/competitions/{competition.pk}/")
    assert page.status_code == 404 and "You look at" in page.content.decode()
    client.post(f"/competitions/{competition.pk}/view_as/", {"role": "participant"}, format="multipart")
    assert client.get(f"/competitions/{competition.pk}/").status_code == 200


def test_nobody_is_sent_to_the_log_in_page_and_back_is_the_way_out(competition: Competition, olivia: User) -> None:
    client = looking(olivia, competition, "nobody")
    asked = client.get(f"/competitions/{competition.pk}/participants/")
    assert asked.status_code == 302 and asked.headers["Location"].startswith("/accounts/login/?next=")
    page = client.get(asked.headers["Location"])
    assert page.status_code == 200 and "You look at" in page.content.decode()
    sent = {"role": "organizer", "next": f"/competitions/{competition.pk}/participants/"}
    back = client.post(f"/competitions/{competition.pk}/view_as/", sent, format="multipart")
    assert back.headers["Location"] == sent["next"] and client.get(sent["next"]).status_code == 200
    sent["next"] = "https://evil.example.org/"
    assert client.post(f"/competitions/{competition.pk}/view_as/", sent, format="multipart").headers["Location"] == (
        f"/competitions/{competition.pk}/"
    )


def test_a_stand_in_leaves_no_trace(competition: Competition, olivia: User, pat: User) -> None:
    submit(pat, competition)
    before = (User.objects.count(), Participant.objects.count(), Submission.objects.count())
    client = looking(olivia, competition, "participant")
    listed = client.get(f"/api/submissions/?phase__competition={competition.pk}")
    assert listed.json() == [], "others' submissions are not theirs"
    detail = client.get(f"/api/competitions/{competition.pk}/").json()
    assert detail["participant_status"] == "approved" and detail["participants_count"] == 1
    assert (User.objects.count(), Participant.objects.count(), Submission.objects.count()) == before
    assert not User.objects.filter(pk__lt=1).exists()


def test_files_of_others_stay_closed_to_who_looks_as_a_participant(
    competition: Competition, olivia: User, pat: User
) -> None:
    submission = submit(pat, competition)
    client = looking(olivia, competition, "participant")
    assert client.get(f"/api/submissions/{submission.pk}/get_details/").status_code == 404
    assert json.loads(client.get(f"/api/competitions/{competition.pk}/").content)["phases"]
    assert dataset(pat).pk
