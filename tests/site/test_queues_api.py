"""Queues in the REST API: Codabench's paths and shapes, and what is nobody else's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.queues.models import Queue, QueueToken, Worker
from podium.site.queues.services import token_of
from podium.site.queues.services.lifecycle import create_queue, update_queue
from tests.site.acting import WorkerDouble, submit

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], APIClient]
ITEM = {
    "id",
    "name",
    "vhost",
    "is_public",
    "owner",
    "organizers",
    "broker_url",
    "created_when",
    "is_owner",
    "competitions",
}


def send(client: APIClient, method: str, path: str, body: Any = None) -> Any:
    return getattr(client, method)(f"/api/{path}", body, format="json")


def test_a_queue_is_made_as_codabenchs_clients_do(queue: Queue, olivia: User, sam: User, client_of: Client) -> None:
    answer = send(client_of(olivia), "post", "queues/", {"name": "lab", "is_public": False, "organizers": [sam.pk]})
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) >= ITEM
    assert (made["owner"], made["organizers"], made["is_owner"], made["broker_url"]) == (
        olivia.pk,
        [sam.pk],
        True,
        None,
    )
    found = send(client_of(sam), "get", f"queues/{made['id']}/").json()
    assert (found["owner"], found["organizers"], found["is_owner"]) == (
        "olivia",
        [{"id": sam.pk, "username": "sam"}],
        False,
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\nb"},
        {"name": "q", "organizers": [10**9]},
        {"name": "q", "is_public": "perhaps"},
    ],
)
def test_a_queue_that_makes_no_sense_is_400(body: dict[str, Any], olivia: User, client_of: Client) -> None:
    assert send(client_of(olivia), "post", "queues/", body).status_code == 400
    assert not Queue.objects.exists()


def test_the_list_has_ones_own_and_with_public_everybodys(
    queue: Queue, olivia: User, sam: User, client_of: Client
) -> None:
    create_queue(user=olivia, name="test own")
    create_queue(user=sam, name="test theirs, public", is_public=True)
    create_queue(user=sam, name="test theirs")
    update_queue(queue=create_queue(user=sam, name="test organized"), by=sam, organizers=[olivia])

    def names(asked: str = "") -> list[str]:
        return [one["name"] for one in send(client_of(olivia), "get", f"queues/{asked}").json()["results"]]

    assert names() == ["test organized", "test own"]
    assert names("?public=true") == ["default", "test organized", "test own", "test theirs, public"]
    assert names("?public=true&search=test+public") == ["test theirs, public"]
    assert names(f"?public=1&owner={sam.pk}&is_public=true") == ["test theirs, public"]
    assert names("?name=test own") == ["test own"]
    assert names("?search=%00&owner=9999999999999999999999") == ["test organized", "test own"]


def test_the_list_costs_the_same_however_many_there_are(
    queue: Queue, ada: User, client_of: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        create_queue(user=ada, name=f"q{number}")
    client = client_of(ada)
    with django_assert_max_num_queries(12):
        assert len(send(client, "get", "queues/?public=1&page_size=100").json()["results"]) == 21


def test_a_strangers_private_queue_is_not_found_and_an_organizer_may_not_change_it(
    queue: Queue, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    lab = create_queue(user=olivia, name="lab", organizers=[sam])
    for method, status in (("patch", 404), ("delete", 404)):
        assert send(client_of(pat), method, f"queues/{lab.pk}/", {"name": "x"}).status_code == status
    for method in ("patch", "delete"):
        assert send(client_of(sam), method, f"queues/{lab.pk}/", {"name": "x"}).status_code == 403
    answer = send(client_of(olivia), "patch", f"queues/{lab.pk}/", {"name": "renamed"})
    assert (answer.status_code, answer.json()["name"], answer.json()["organizers"]) == (200, "renamed", [sam.pk])
    assert send(client_of(olivia), "delete", f"queues/{lab.pk}/").status_code == 204
    assert send(client_of(olivia), "get", f"queues/{lab.pk}/").status_code == 404


def test_the_sixth_queue_is_403_with_codabenchs_words(olivia: User, client_of: Client) -> None:
    for number in range(5):
        create_queue(user=olivia, name=f"q{number}")
    answer = send(client_of(olivia), "post", "queues/", {"name": "sixth"})
    assert (answer.status_code, "User has reached queue limit!" in answer.json()["detail"]) == (403, True)


def test_a_list_names_only_those_competitions_that_the_caller_sees(
    make_competition: Callable[..., Competition], queue: Queue, olivia: User, sam: User, client_of: Client
) -> None:
    lab = create_queue(user=olivia, name="lab", is_public=True)
    shown, hidden = make_competition(), make_competition(published=False)
    Competition.objects.update(queue=lab)
    theirs = send(client_of(sam), "get", f"queues/{lab.pk}/").json()["competitions"]
    assert theirs == [{"id": shown.pk, "title": shown.title}]
    own = send(client_of(olivia), "get", f"queues/{lab.pk}/").json()["competitions"]
    assert {one["id"] for one in own} == {shown.pk, hidden.pk}


def test_the_secret_of_a_token_is_told_once_and_by_nobody_else(
    queue: Queue, olivia: User, sam: User, client_of: Client
) -> None:
    lab = create_queue(user=olivia, name="lab", is_public=True)
    client = client_of(olivia)
    made = send(client, "post", f"queues/{lab.pk}/tokens/", {"name": "gpu machine"}).json()
    assert token_of(made["token"]) is not None
    listed = send(client, "get", f"queues/{lab.pk}/tokens/")
    assert made["token"] not in listed.content.decode()
    assert [(one["name"], one["created_by"], made["token"].endswith(one["ending"])) for one in listed.json()] == [
        ("gpu machine", "olivia", True)
    ]
    rotated = send(client, "post", f"queues/{lab.pk}/tokens/{made['id']}/rotate/")
    assert rotated.status_code == 201
    assert token_of(made["token"]) is None
    assert send(client, "delete", f"queues/{lab.pk}/tokens/{rotated.json()['id']}/").status_code == 204
    assert token_of(rotated.json()["token"]) is None
    assert send(client, "delete", f"queues/{lab.pk}/tokens/{rotated.json()['id']}/").status_code == 400
    token = QueueToken.objects.latest("pk")
    for method, path in (
        ("get", "tokens/"),
        ("post", "tokens/"),
        ("delete", f"tokens/{token.pk}/"),
        ("get", "workers/"),
    ):
        assert send(client_of(sam), method, f"queues/{lab.pk}/{path}").status_code == 403, path


def test_a_token_of_another_queue_is_not_found(queue: Queue, olivia: User, sam: User, client_of: Client) -> None:
    own, theirs = create_queue(user=sam, name="own"), create_queue(user=olivia, name="theirs")
    made = send(client_of(olivia), "post", f"queues/{theirs.pk}/tokens/", {"name": "t"}).json()
    assert send(client_of(sam), "delete", f"queues/{own.pk}/tokens/{made['id']}/").status_code == 404
    assert token_of(made["token"]) is not None


def test_workers_are_listed_with_what_they_do_and_drained(
    competition: Competition, queue: Queue, pat: User, ada: User, client_of: Client
) -> None:
    submission = submit(pat, competition)
    WorkerDouble(queue, "busy").job()
    Worker.objects.create(queue=queue, name="idle", gpus=["GPU 0"], free_disk_bytes=5)
    client = client_of(ada)
    listed = {one["name"]: one for one in send(client, "get", f"queues/{queue.pk}/workers/").json()["results"]}
    assert (listed["busy"]["state"], listed["busy"]["running"]) == ("working", [submission.pk])
    assert (listed["idle"]["state"], listed["idle"]["gpus"], listed["idle"]["free_disk_bytes"]) == (
        "idle",
        ["GPU 0"],
        5,
    )
    path = f"queues/{queue.pk}/workers/{listed['idle']['id']}"
    assert send(client, "post", f"{path}/drain/").json()["state"] == "drained"
    assert send(client, "post", f"{path}/undrain/").json()["state"] == "idle"
    assert send(client, "post", f"{path}/explode/").status_code == 404


def test_a_competition_chooses_its_queue_by_its_id(
    competition: Competition, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    lab, closed = create_queue(user=olivia, name="lab"), create_queue(user=sam, name="sam's")
    submit(pat, competition)
    path, client = f"competitions/{competition.pk}/", client_of(olivia)
    answer = send(client, "patch", path, {"queue": lab.pk})
    assert (answer.status_code, answer.json()["queue"]) == (200, lab.pk)
    assert WorkerDouble(lab).claim() is not None
    for refused in (closed.pk, 10**17, 10**30, "x", [1], True):
        answer = send(client, "patch", path, {"queue": refused})
        assert (answer.status_code, answer.json()["queue"]) == (400, ["You do not have access to the specified queue!"])
    assert send(client_of(sam), "patch", path, {"queue": closed.pk}).status_code == 403
    assert send(client, "patch", path, {"queue": None}).json()["queue"] is None


def test_the_queue_of_a_competition_shows_strangers_neither_its_people_nor_its_vhost(
    competition: Competition, queue: Queue, olivia: User, sam: User, client_of: Client
) -> None:
    lab = create_queue(user=olivia, name="lab", organizers=[sam])
    Competition.objects.filter(pk=competition.pk).update(queue=lab)
    stranger = send(client_of(None), "get", f"competitions/{competition.pk}/").json()["queue"]
    assert (stranger["vhost"], stranger["organizers"], stranger["broker_url"]) == (None, [], None)
    own = send(client_of(olivia), "get", f"competitions/{competition.pk}/").json()["queue"]
    assert (own["vhost"], own["organizers"]) == (str(lab.vhost), [{"username": "sam", "id": sam.pk}])
