"""What hostile people send, and what they must not get: each test is an attack that once worked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient
from starlette.applications import Starlette
from starlette.testclient import TestClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import intake
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.factories import RESULT, dataset
from tests.site.acting import WorkerDouble, phase_of, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]
QUESTION = {"type": "text", "selection": "", "is_required": "false"}
FACTS = {
    "team": {"key": "team", "title": "Team", "is_on_leaderboard": "true", **QUESTION},
    "passport": {"key": "passport", "title": "Passport", "is_on_leaderboard": "false", **QUESTION},
}


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    """No test counts the wrong passwords of another."""
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize("answer", [r'"\ud800"', r'"\u0000"', "1e400", "-1e400", "9" * 4000])
def test_an_answer_that_cannot_be_shown_again_is_refused(
    answer: str, make_competition: Make, pat: User, queue: Queue, client_of: Client
) -> None:
    competition = make_competition(fact_sheet=FACTS)
    facts = {"phase": phase_of(competition).pk, "data": str(dataset(pat, RESULT).key)}
    answers = f'{{"team": {answer}, "passport": ""}}'
    body = f'{json.dumps(facts)[:-1]}, "fact_sheet_answers": {answers}}}'
    client = client_of(pat)
    refused = client.post("/api/submissions/", data=body, content_type="application/json")
    assert refused.status_code == 400, refused.content
    assert client.get("/api/submissions/").json() == [], "and the lists still work"


def test_answers_that_are_not_for_the_board_are_hidden_from_everybody_else(
    make_competition: Make, pat: User, olivia: User, queue: Queue, client_of: Client
) -> None:
    competition = make_competition(fact_sheet=FACTS)
    answers = {"team": "The team", "passport": "C01X00T47"}
    submission = submit(pat, competition, fact_sheet_answers=answers)
    WorkerDouble(queue).work_off(accuracy=0.5)
    Submission.objects.update(is_public=True)
    one, board = f"/api/submissions/{submission.pk}/", f"/api/phases/{submission.phase_id}/get_leaderboard/"
    anybody = client_of(None)
    assert anybody.get(one).json()["fact_sheet_answers"] == {"team": "The team"}
    assert anybody.get(f"{one}get_details/").json()["fact_sheet_answers"] == {"team": "The team"}
    assert anybody.get(board).json()["submissions"][0]["fact_sheet_answers"] == {"team": "The team"}
    assert client_of(pat).get(one).json()["fact_sheet_answers"] == answers
    assert client_of(olivia).get(board).json()["submissions"][0]["fact_sheet_answers"] == answers


def test_a_picture_or_link_cannot_cancel_a_submission(
    competition: Competition, pat: User, queue: Queue, client_of: Client
) -> None:
    submission = submit(pat, competition)
    address = f"/api/submissions/{submission.pk}/cancel_submission/"
    assert client_of(pat).get(address).status_code == 405, "a browser's session sends itself along"
    assert Submission.objects.get(pk=submission.pk).status == "Submitted"
    script = APIClient()
    script.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=pat).key}")
    assert script.get(address).json() == {"canceled": True}, "Codabench's scripts cancel by GET, with a token"


def test_passwords_cannot_be_tried_without_end_through_the_api(pat: User, client_of: Client) -> None:
    client = client_of(None)
    statuses = [
        client.post("/api/api-token-auth/", {"username": "pat", "password": f"guess {n}"}).status_code for n in range(7)
    ]
    assert statuses == [400] * 5 + [429] * 2


def test_the_administration_has_no_login_of_its_own(client_of: Client) -> None:
    answer = client_of(None).get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=%2Fadmin%2F")


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000], ids=["beyond the database", "beyond the parser"])
@pytest.mark.parametrize(
    "path",
    [
        "competitions/{}/",
        "competitions/{}/creation_status/",
        "phases/{}/get_leaderboard/",
        "submissions/{}/",
        "submissions/{}/get_details/",
        "submissions/{}/events/",
        "competitions/{}/events/",
        "can_make_submission/{}/",
        "datasets/{}/",
    ],
)
def test_an_id_that_no_database_has_is_not_found(path: str, number: str, pat: User, client_of: Client) -> None:
    assert client_of(pat).get(f"/api/{path.format(number)}").status_code == 404


def test_a_task_id_that_no_database_has_is_refused(
    competition: Competition, pat: User, queue: Queue, client_of: Client
) -> None:
    facts = {"phase": phase_of(competition).pk, "data": str(dataset(pat, RESULT).key), "tasks": [2**63]}
    assert client_of(pat).post("/api/submissions/", facts, format="json").status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "²", "-1", "x"])
def test_a_worker_with_an_impossible_attempt_is_told_so(number: str) -> None:
    client = TestClient(Starlette(routes=list(intake.routes)))
    answer = client.post(
        f"/api/worker/attempts/{number}/beat", headers={"Authorization": "Bearer x"}, json={"phase": "running"}
    )
    assert answer.status_code == 404


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(body: str, db: None, client_of: Client) -> None:
    answer = client_of(None).post("/api/api-token-auth/", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "nested" in json.dumps(answer.json())


@pytest.mark.parametrize("path", ["competitions/", "competitions/public/", "submissions/"])
def test_a_very_long_search_is_no_failure(path: str, competition: Competition, client_of: Client) -> None:
    answer: Any = client_of(None).get(f"/api/{path}", {"search": "a" * 60_000})
    assert answer.status_code == 200
