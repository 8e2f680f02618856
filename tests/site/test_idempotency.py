"""Creations that are sent twice under one key make one thing, whatever it is that they make."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model
from rest_framework.test import APIClient

from podium.site.accounts.models import Organization, User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.idempotency.models import KeptAnswer
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, Task
from podium.site.webhooks.models import Webhook
from tests.factories import RESULT
from tests.site.acting import files_in
from tests.site.test_editor import logo, payload, picture

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
KINDS: dict[str, tuple[type[Model], str]] = {
    "competitions": (Competition, "/api/competitions/"),
    "queues": (Queue, "/api/queues/"),
    "organizations": (Organization, "/api/organizations/"),
    "webhooks": (Webhook, "/api/competitions/{competition}/webhooks/"),
    "archives": (Submission, "/api/submissions/upload/"),
}


class Creation:
    """One kind of creation, as a client sends it with a key."""

    def __init__(self, kind: str, competition: Competition, user: User, client: APIClient) -> None:
        self.kind, self.client = kind, client
        self.model, path = KINDS[kind]
        self.path = path.replace("{competition}", str(competition.pk))
        self.competition = competition
        self.body = self._body(user)

    def _body(self, user: User) -> dict[str, Any]:
        match self.kind:
            case "competitions":
                return payload(user, logo=logo(picture()))
            case "queues":
                return {"name": "Ours"}
            case "organizations":
                return {"name": "Ours", "email": "ours@example.org"}
            case "webhooks":
                return {"url": "https://example.org/hook", "events": ["phase.started"]}
            case _:
                return {"phase": self.competition.phases.get().pk}

    def send(self, key: str, **changes: Any) -> Any:
        body = {**self.body, **changes}
        if self.kind != "archives":
            return self.client.post(self.path, body, headers={"Idempotency-Key": key})
        file = io.BytesIO(body.pop("content", RESULT))
        file.name = "answer.zip"
        return self.client.post(self.path, {"file": file, **body}, "multipart", headers={"Idempotency-Key": key})

    @property
    def count(self) -> int:
        return self.model._default_manager.count()


@pytest.fixture(params=KINDS)
def creation(
    request: pytest.FixtureRequest, competition: Competition, olivia: User, client_of: Client, resolvable: None
) -> Creation:
    return Creation(request.param, competition, olivia, client_of(olivia))


@pytest.fixture
def resolvable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of webhooks are not looked up."""
    from podium.site.webhooks import addresses  # noqa: PLC0415

    monkeypatch.setattr(addresses, "check_url", lambda url: url)


def test_the_same_key_makes_one_thing_and_gives_the_first_answer_again(creation: Creation, files: Path) -> None:
    before = creation.count
    first = creation.send("one")
    assert first.status_code == 201, first.content
    stored = (Dataset.objects.count(), files_in(files))
    again = creation.send("one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert creation.count == before + 1
    assert (Dataset.objects.count(), files_in(files)) == stored, "nothing was stored a second time"


CHANGES: dict[str, dict[str, Any]] = {
    "competitions": {"title": "Another"},
    "queues": {"name": "Another"},
    "organizations": {"name": "Another"},
    "webhooks": {"events": ["phase.ended"]},
    "archives": {"content": RESULT + b"\0"},
}


def test_the_same_key_with_another_body_is_refused(creation: Creation, files: Path) -> None:
    assert creation.send("one").status_code == 201
    before = (creation.count, files_in(files))
    other = creation.send("one", **CHANGES[creation.kind])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (creation.count, files_in(files)) == before


BAD: dict[str, dict[str, Any]] = {
    "competitions": {"phases": []},
    "queues": {"name": ""},
    "organizations": {"email": "nobody"},
    "webhooks": {"events": []},
    "archives": {"content": b"no zip"},
}


def test_what_is_refused_leaves_nothing_and_the_key_free(creation: Creation, files: Path) -> None:
    before = (creation.count, Task.objects.count(), Dataset.objects.count(), files_in(files))
    refused = creation.send("one", **BAD[creation.kind])
    assert refused.status_code == 400, refused.content
    assert (creation.count, Task.objects.count(), Dataset.objects.count(), files_in(files)) == before
    assert KeptAnswer.objects.count() == 0
    assert creation.send("one").status_code == 201


def test_the_document_says_which_creations_take_a_key(client_of: Client) -> None:
    document = client_of(None).get("/api/api/schema/?format=json").json()["paths"]
    told = {
        path
        for path, operations in document.items()
        if "Idempotency-Key" in [one["name"] for one in operations.get("post", {}).get("parameters", [])]
    }
    assert told == {
        "/api/competitions/",
        "/api/competitions/{competition}/webhooks/",
        "/api/datasets/",
        "/api/organizations/",
        "/api/queues/",
        "/api/submissions/",
        "/api/submissions/upload/",
        "/api/tasks/",
    }
