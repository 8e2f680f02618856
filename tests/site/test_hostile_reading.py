"""What a hostile reader with an account tried and got: each finding of docs/developers/hostile-reading.md, mended."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from rest_framework.test import APIClient
from starlette.testclient import TestClient

from podium.site.accounts.models import User
from podium.site.accounts.services import tokens
from podium.site.accounts.services.people import set_banned
from podium.site.asgi import application
from podium.site.competitions.models import Competition, WhitelistEmail
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, Solution, Task
from tests.factories import dataset
from tests.site.access_answers import body_of, inline
from tests.site.acting import WorkerDouble, frame, phase_of, scores, submit

Client = Callable[[User | None], APIClient]


def by_token(user: User, scope: str) -> APIClient:
    client = APIClient()
    secret = tokens.create_token(user=user, name=scope, scope=scope)[1]
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return client


def evaluated(user: User, competition: Competition, queue: Queue) -> Submission:
    submission = submit(user, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    submission.refresh_from_db()
    return submission


def test_head_changes_nothing(
    competition: Competition, pat: User, olivia: User, queue: Queue, client_of: Client
) -> None:
    done = evaluated(pat, competition, queue)
    waiting = submit(pat, competition)
    phase = phase_of(competition)
    before = Submission.objects.count()
    for client in (client_of(pat), by_token(pat, "admin")):
        assert client.head(f"/api/submissions/{waiting.pk}/cancel_submission/").status_code == 405
        assert client.head(f"/api/submissions/{done.pk}/toggle_public/").status_code == 405
    for client in (client_of(olivia), by_token(olivia, "admin")):
        assert client.head(f"/api/phases/{phase.pk}/rerun_submissions/").status_code == 405
    waiting.refresh_from_db()
    done.refresh_from_db()
    assert (waiting.status, done.is_public, Submission.objects.count()) == ("Submitted", False, before)
    assert by_token(pat, "submit").get(f"/api/submissions/{waiting.pk}/cancel_submission/").json() == {"canceled": True}


def test_a_token_that_may_submit_makes_no_competition(olivia: User, client_of: Client) -> None:
    announced = {"type": "competition_bundle", "request_sassy_file_name": "b.zip", "file_size": 10}
    begun = {"type": "competition_bundle", "file_name": "b.zip", "file_size": 10}
    narrow, wide = by_token(olivia, "submit"), by_token(olivia, "organize")
    for path, body in (("/api/datasets/", announced), ("/api/uploads/", begun)):
        refused = narrow.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "token_scope")
        assert '"organize"' in refused.json()["detail"]
        made = wide.post(path, body)
        assert made.status_code == 201
        key = made.json()["key"]
        assert narrow.put(f"/api/datasets/completed/{key}/").status_code == 403
    assert narrow.post(f"/api/uploads/{key}/complete/").status_code == 403
    assert narrow.post("/api/uploads/", {**begun, "type": "submission"}).status_code == 201


def test_a_public_task_does_not_name_an_unpublished_competition(
    make_competition: Callable[..., Competition], olivia: User, sam: User, client_of: Client
) -> None:
    hidden = make_competition(published=False, title="Not for you yet")
    task = Task.objects.get(phase_tasks__phase__competition=hidden)
    data = dataset(olivia, type="solution", competition=hidden)
    Solution.objects.create(name="s", data=data).tasks.add(task)
    Task.objects.filter(pk=task.pk).update(is_public=True)
    for path in (f"/api/tasks/{task.pk}/", "/api/tasks/?public=1"):
        assert "Not for you yet" not in client_of(sam).get(path).content.decode()
        assert "Not for you yet" in client_of(olivia).get(path).content.decode()


def test_filters_do_not_tell_what_there_is(
    make_competition: Callable[..., Competition], sam: User, ada: User, client_of: Client
) -> None:
    hidden = make_competition(published=False)
    phase = phase_of(hidden)
    User.objects.filter(pk=ada.pk).update(is_banned=True)
    there = {"submissions/?phase": phase.pk, "submissions/?phase__competition": hidden.pk, "tasks/?created_by": ada.pk}
    for name, pk in there.items():
        seen, missing = (client_of(sam).get(f"/api/{name}={number}") for number in (pk, 987654))
        assert (seen.status_code, seen.content) == (missing.status_code, missing.content), name


def test_the_file_of_a_public_submission_is_shown_to_whoever_sees_the_competition_and_nobody_else(
    make_competition: Callable[..., Competition], pat: User, sam: User, ada: User, queue: Queue, client_of: Client
) -> None:
    competition = make_competition(published=False)
    submission = evaluated(pat, competition, queue)
    deletion.toggle_public(submission=submission, by=pat)
    key = Dataset.objects.get(submissions=submission).key
    assert client_of(sam).get("/api/datasets/?_type=submission&_public=1").json()["count"] == 0
    for user in (sam, None):
        assert client_of(user).get(f"/datasets/download/{key}/").status_code == 404
    Competition.objects.filter(pk=competition.pk).update(published=True)
    for user in (sam, None):
        assert client_of(user).get(f"/datasets/download/{key}/").status_code == 302
    set_banned(user=pat, by=ada, banned=True)
    for user in (sam, None):
        assert client_of(user).get(f"/datasets/download/{key}/").status_code == 404
        assert client_of(user).get(f"/api/submissions/{submission.pk}/").status_code == 404


def test_hidden_output_does_not_even_tell_its_length(
    make_competition: Callable[..., Competition],
    pat: User,
    queue: Queue,
    client_of: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inline(monkeypatch)
    submission = submit(pat, make_competition(phase={"hide_output": True}))
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("x" * 31337)])
    worker.finish(job, scores(accuracy=0.5))
    told = body_of(client_of(pat).get(f"/api/submissions/{submission.pk}/events/")).decode()
    assert "event: status" in told and "31337" not in told


def test_an_address_opens_a_competition_once_it_is_confirmed(
    competition: Competition, pat: User, sam: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "email_url", "smtp://127.0.0.1:9")
    WhitelistEmail.objects.create(competition=competition, email="guest@example.org")
    User.objects.filter(pk=sam.pk).update(email="guest@example.org")
    path = f"/api/competitions/{competition.pk}/register/"
    assert client_of(sam).post(path).json() == {"participant_status": "pending"}
    competition.participants.filter(user=sam).delete()
    EmailAddress.objects.create(user=sam, email="guest@example.org", verified=True, primary=True)
    assert client_of(sam).post(path).json() == {"participant_status": "approved"}


ODD = ["\u202eaivilo", "two\nlines", "\u200b", "\u2066x", " \u00a0"]


@pytest.mark.parametrize("name", [*ODD, "olivia", "OLIVIA"])
def test_nobody_looks_like_somebody_else(name: str, pat: User, olivia: User, client_of: Client) -> None:
    answer = client_of(pat).patch(f"/api/users/{pat.pk}/", {"display_name": name})
    pat.refresh_from_db()
    assert (answer.status_code, pat.display_name) == (200 if name == ODD[-1] else 400, "")  # blanks alone are no name
    assert (
        client_of(pat).patch(f"/api/users/{pat.pk}/", {"display_name": "Pat \U0001f9d1\u200d\U0001f52c"}).status_code
        == 200
    )
    assert olivia.username == "olivia"


@pytest.mark.parametrize("name", ODD[:-1])
def test_an_organization_has_a_name_of_one_line(name: str, pat: User, client_of: Client) -> None:
    answer = client_of(pat).post("/api/organizations/", {"name": name, "email": "lab@example.org"})
    assert (answer.status_code, next(iter(answer.json()))) == (400, "name")


def test_the_name_of_a_download_leads_into_no_folder(pat: User, client_of: Client) -> None:
    file = dataset(pat, file_name="../../etc/cron.d/x.zip")
    path = client_of(pat).get(f"/datasets/download/{file.key}/").headers["Location"]
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        named = client.get(path).headers["Content-Disposition"]
    assert "/" not in named and named.endswith('etc_cron.d_x.zip"')


def test_a_name_that_no_database_can_hold_is_nobodys(pat: User, client_of: Client) -> None:
    assert client_of(pat).get("/profiles/user/%00/").status_code == 404  # PostgreSQL refuses such texts


def test_who_shares_a_task_is_told_that_its_files_go_with_it(
    make_competition: Callable[..., Competition], olivia: User, sam: User, client_of: Client
) -> None:
    task = Task.objects.get(phase_tasks__phase__competition=make_competition())
    told = client_of(olivia).get(f"/resources/tasks/{task.pk}/share/").content.decode()
    assert "gets its files, the reference data too" in told
    data = task.versions.get().reference_data
    assert data is not None
    path = f"/datasets/download/{data.key}/"
    Task.objects.filter(pk=task.pk).update(is_public=True)
    assert client_of(sam).get(path).status_code == 404
    phase = {"name": "Mine", "start": "2020-01-01T00:00:00Z", "tasks": [{"task": str(task.key)}]}
    board = {"title": "B", "key": "b", "columns": [{"title": "C", "key": "c", "index": 0}]}
    made = client_of(sam).post("/api/competitions/", {"title": "Mine", "phases": [phase], "leaderboards": [board]})
    assert made.status_code == 201
    assert client_of(sam).get(path).status_code == 302


def test_a_dataset_that_one_may_not_have_is_as_one_that_is_not_there(
    olivia: User, pat: User, client_of: Client
) -> None:
    hidden = dataset(olivia, type="reference_data")
    seen, missing = (client_of(pat).get(f"/datasets/download/id/{pk}/") for pk in (hidden.pk, 987654))
    assert (seen.status_code, seen.content) == (missing.status_code, missing.content) == (404, missing.content)


def test_a_hidden_board_does_not_tell_what_stands_on_it(
    make_competition: Callable[..., Competition], pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    submission = evaluated(pat, make_competition(board={"hidden": True}), queue)
    deletion.toggle_public(submission=submission, by=pat)

    def told(user: User) -> Any:
        found = client_of(user).get(f"/api/submissions/{submission.pk}/").json()
        return found["on_leaderboard"], found["leaderboard"] is not None, len(found["scores"])

    assert told(sam) == (False, False, 0)
    assert told(pat) == (True, True, 1)
