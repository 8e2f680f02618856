"""The socket of Codabench's pages: one's own submissions, in Codabench's words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from podium.site.accounts.models import User
from podium.site.asgi import application
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.codabench_worker import watching
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.factories import CODE, RESULT
from tests.site.acting import WorkerDouble, frame, fresh, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
Watch = Callable[..., Any]


@pytest.fixture
def watch(client_of: Callable[[User | None], APIClient], settings: Any) -> Iterator[Watch]:
    """Opens the socket as a person's page does."""
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:

        def connect(user: User | None, **headers: str) -> Any:
            name = settings.SESSION_COOKIE_NAME
            cookie = client_of(user).cookies[name].value if user else ""
            client.cookies.clear()
            if cookie:
                client.cookies.set(name, cookie)
            return client.websocket_connect("/submission_output/", headers=headers)

        yield connect


@pytest.fixture
def code(make_competition: Callable[..., Competition], pat: User) -> Submission:
    return submit(pat, make_competition(ingestion=True), CODE)


def test_strangers_and_banned_people_are_refused(watch: Watch, pat: User) -> None:
    with pytest.raises(WebSocketDisconnect), watch(None):
        pass
    with watch(pat) as socket:
        assert socket.receive_json() == {"type": "connection_ready", "status": "connected"}
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    with pytest.raises(WebSocketDisconnect), watch(pat):
        pass


def test_who_is_banned_meanwhile_is_told_nothing_more(watch: Watch, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.01)
    with watch(pat) as socket:
        socket.receive_json()
        User.objects.filter(pk=pat.pk).update(is_banned=True)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1008


def test_a_page_of_another_site_is_refused(watch: Watch, pat: User) -> None:
    with watch(pat, origin="http://127.0.0.1:8000"):
        pass
    with pytest.raises(WebSocketDisconnect), watch(pat, origin="http://evil.example"):
        pass


def test_what_was_said_comes_first_and_then_what_is_said(
    watch: Watch, code: Submission, pat: User, queue: Queue
) -> None:
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("one\n")])
    with watch(pat) as socket:
        socket.receive_json()
        socket.send_text(json.dumps({"submission_ids": [code.pk]}))
        caught = socket.receive_json()
        assert (caught["type"], caught["submission_id"]) == ("catchup", code.pk)
        assert [json.loads(line) for line in caught["data"].split("\n")] == [{"kind": "program", "message": "one\n"}]
        assert socket.receive_json() == {
            "type": "message",
            "submission_id": code.pk,
            "data": {"kind": "status_update", "status": "Running"},
        }
        worker.beat(job, frames=[frame("two\n", offset=4)])
        assert socket.receive_json()["data"] == {"kind": "program", "message": "two\n"}
        services.cancel(submission=fresh(code), by=pat)
        worker.finish(job)
        assert _until_status(socket) == "Cancelled"


def _until_status(socket: Any) -> str:
    while True:
        data = socket.receive_json()["data"]
        if data["kind"] == "status_update" and data["status"] not in {"Running", "Scoring"}:
            return str(data["status"])


def test_a_new_submission_is_followed_without_being_asked_for(
    watch: Watch, competition: Competition, pat: User, queue: Queue
) -> None:
    with watch(pat) as socket:
        socket.receive_json()
        made = submit(pat, competition, RESULT)
        message = socket.receive_json()
        assert (message["submission_id"], message["data"]["kind"]) == (made.pk, "status_update")
        worker = WorkerDouble(queue)
        worker.finish(worker.job(), scores(accuracy=1))
        while (message := socket.receive_json())["data"].get("status") != "Finished":
            pass


def test_nobody_follows_another_s_submission(
    watch: Watch, code: Submission, sam: User, make_competition: Callable[..., Competition], queue: Queue
) -> None:
    worker = WorkerDouble(queue)
    worker.beat(worker.job(), frames=[frame("pat's\n")])
    theirs = submit(sam, make_competition(participants=(sam,)), RESULT)
    with watch(sam) as socket:
        socket.receive_json()
        socket.send_text(json.dumps({"submission_ids": [code.pk]}))
        assert socket.receive_json()["submission_id"] == theirs.pk, "the first word is of their own"


def test_hidden_output_is_hidden_here_too(
    watch: Watch, make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    made = submit(pat, make_competition(ingestion=True, phase={"hide_output": True}), CODE)
    worker = WorkerDouble(queue)
    worker.beat(worker.job(), frames=[frame("secret\n")])
    with watch(pat) as socket:
        socket.receive_json()
        socket.send_text(json.dumps({"submission_ids": [made.pk]}))
        assert socket.receive_json()["data"] == {"kind": "status_update", "status": "Running"}


@pytest.mark.parametrize("request_", ["", "{", "[]", '{"submission_ids": 1}', '{"submission_ids": ["x", -1, 1e9]}'])
def test_a_request_that_makes_no_sense_changes_nothing(
    request_: str, watch: Watch, code: Submission, pat: User
) -> None:
    with watch(pat) as socket:
        socket.receive_json()
        socket.send_text(request_)
        assert socket.receive_json()["submission_id"] == code.pk
