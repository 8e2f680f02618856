"""What a hostile reader tried on files, scores, texts, answers: the findings of docs/developers/hostile-reading.md."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient
from rest_framework.utils.encoders import JSONEncoder
from starlette.testclient import TestClient

from podium.site.accounts.models import User
from podium.site.asgi import application
from podium.site.competitions.models import Competition, Participant
from podium.site.forums.models import Thread
from podium.site.forums.services import following, posting
from podium.site.leaderboards import stamps
from podium.site.leaderboards.models import Column, Score
from podium.site.pages.markdown import render
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset
from podium.site.resources.services import PENDING, usage
from podium.site.webhooks import addresses
from tests.site.acting import phase_of
from tests.site.test_hostile_reading import evaluated

Client = Callable[[User | None], APIClient]


@pytest.fixture
def http() -> Iterator[TestClient]:
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        yield client


ANNOUNCED = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 600}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("over", ["deleted", "completed"])
def test_an_address_to_upload_to_takes_nothing_once_the_upload_is_over(
    over: str, pat: User, files: Any, client_of: Client, http: TestClient
) -> None:
    client = client_of(pat)
    begun = client.post("/api/datasets/", ANNOUNCED).json()
    path = "/files/" + begun["sassy_url"].rpartition("/")[2]
    assert http.put(path, content=b"x" * 600).status_code == 200
    made = Dataset.objects.get(key=begun["key"])
    if over == "deleted":
        assert client.delete(f"/api/datasets/{made.pk}/").status_code == 204
    else:
        assert client.put(f"/api/datasets/completed/{made.key}/").status_code == 200
    late = http.put(path, content=b"x" * 600)
    assert (late.status_code, late.json()["code"]) == (410, "gone")
    assert not list((files / "incoming").iterdir()), "what nobody's quota counts must not stay"


@pytest.mark.django_db(transaction=True)
def test_what_has_arrived_and_was_not_completed_is_counted(
    pat: User, files: Any, client_of: Client, http: TestClient
) -> None:
    User.objects.filter(pk=pat.pk).update(quota=1000)
    pat.refresh_from_db()
    begun = client_of(pat).post("/api/datasets/", ANNOUNCED).json()
    http.put("/files/" + begun["sassy_url"].rpartition("/")[2], content=b"x" * 600)
    long_ago = timezone.now() - PENDING - timezone.timedelta(hours=1)
    Dataset.objects.filter(key=begun["key"]).update(upload_started_when=long_ago)
    assert usage(pat).reserved == 600
    assert client_of(pat).post("/api/datasets/", ANNOUNCED).status_code == 400
    assert client_of(pat).put(f"/api/datasets/completed/{begun['key']}/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_made_up_session_or_token_sends_no_more_than_a_strangers(
    pat: User, client_of: Client, http: TestClient, settings: Any
) -> None:
    large = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    name, path = settings.SESSION_COOKIE_NAME, "/api/tasks/upload_task/"
    session = client_of(pat).cookies[name].value
    token = Token.objects.create(user=pat).key
    known = [({"Cookie": f"a=b; {name}={session}"}, 403), ({"Authorization": f"Token {token}"}, 415)]
    made_up = [
        {"Cookie": f"{name}={'a' * 32}"},
        {"Cookie": f"x{name}={session}"},
        {"Authorization": f"Token {'0' * 40}"},
    ]
    for headers, status in known:
        assert http.post(path, content=large, headers=headers).status_code == status
    for headers in made_up:
        assert http.post(path, content=large, headers=headers).status_code == 413, headers
    assert http.post("/competitions/upload/", content=large, headers=made_up[2]).status_code == 413
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    for headers, _ in known:
        assert http.post(path, content=large, headers=headers).status_code == 413


def test_numbers_of_scores_do_not_tell_how_many_there_are(
    make_competition: Callable[..., Competition], pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    hidden = evaluated(pat, make_competition(board={"hidden": True}, participants=(pat, sam)), queue)
    shown = evaluated(pat, make_competition(participants=(pat, sam)), queue)

    def told(user: User, pk: int) -> int:
        return client_of(user).patch(f"/api/submission_scores/{pk}/", {"score": "1"}).status_code

    score, open_score = (Score.objects.get(submission=one) for one in (hidden, shown))
    assert [told(user, score.pk) for user in (sam, pat)] == [404, 403]
    assert [told(user, open_score.pk) for user in (sam, pat)] == [403, 403]
    Column.objects.filter(pk=open_score.column_id).update(hidden=True)
    assert [told(user, open_score.pk) for user in (sam, pat)] == [404, 404]


@pytest.mark.parametrize("blank", ["\t", "\n", "\x01", " "])
def test_an_image_leads_to_no_other_site_whatever_browsers_skip(blank: str) -> None:
    for source in (f"/{blank}/evil.example/x.png", f"/{blank}\\evil.example/x.png", f"{blank}//evil.example/x.png"):
        assert "<img" not in render(f'<img src="{source}" alt="x">')
    assert '<img src="/static/x.png"' in render('<img src="/static/x.png" alt="x">')


@pytest.mark.parametrize(
    "address", ["fec0::1", "::127.0.0.1", "::7f00:1", "64:ff9b:1::7f00:1", "5f00::1", "100:0:0:1::1"]
)
def test_webhooks_go_to_no_range_that_is_not_of_the_public_net(address: str) -> None:
    assert not addresses.is_allowed(address)
    assert addresses.is_allowed("2606:4700::1111") and addresses.is_allowed("64:ff9b::8.8.8.8")


def test_webhooks_do_not_tell_which_names_there_are_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    def inside(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]

    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("Name or service not known")

    for found in (inside, nowhere):
        monkeypatch.setattr("socket.getaddrinfo", found)
        with pytest.raises(addresses.Undeliverable) as refused:
            addresses.post("https://vault.internal/", {}, b"")
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_the_tag_of_a_board_confirms_no_guess_at_what_is_hidden(
    make_competition: Callable[..., Competition], pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    competition = make_competition(
        columns=[
            {"title": "A", "key": "accuracy", "index": 0, "sorting": "desc"},
            {"title": "Guess me", "key": "held", "index": 1, "sorting": "desc", "hidden": True},
        ]
    )
    phase = phase_of(competition)
    assert phase.leaderboard is not None
    phase.leaderboard.competition = competition
    tag = client_of(sam).get(f"/api/phases/{phase.pk}/get_leaderboard/").headers["ETag"]
    only = type(phase).objects.filter(pk=phase.pk)
    stamp = stamps.stamp(phase.leaderboard, only, organizer=False, asked=["phase"])
    text = json.dumps(stamp, cls=JSONEncoder, sort_keys=True)
    assert "Guess me" in text and hashlib.sha256(text.encode()).hexdigest()[:20] not in tag


def test_a_link_that_unfollows_tells_a_title_only_to_those_who_read_it(
    competition: Competition, pat: User, olivia: User, client_of: Client
) -> None:
    thread = posting.start_thread(competition=competition, by=pat, title="First words", content="x").thread
    path = "/" + following.unfollow_link(thread.pk, pat.pk).partition("/forums/")[2]
    path = f"/forums{path}"
    assert "First words" in client_of(None).get(path).content.decode()
    Participant.objects.filter(competition=competition, user=pat).update(status="denied")
    Thread.objects.filter(pk=thread.pk).update(title="Now secret")
    for answer in (client_of(None).get(path), client_of(None).post(path)):
        assert answer.status_code == 200 and "Now secret" not in answer.content.decode()


def test_what_one_is_answered_lies_in_no_cache_of_others(
    competition: Competition, pat: User, client_of: Client, settings: Any
) -> None:
    secret = f"/competitions/{competition.pk}/?secret_key={competition.secret_key}"
    by_token = APIClient()
    by_token.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=pat).key}")
    for client, path in (
        (client_of(pat), "/api/submissions/"),
        (client_of(pat), "/competitions/"),
        (client_of(pat), "/datasets/public/"),
        (by_token, "/api/submissions/"),
        (by_token, "/api/uploads/"),
        (client_of(None), secret),
    ):
        answer = client.get(path)
        assert answer.status_code == 200 and "private" in answer.headers["Cache-Control"], path
        assert "Cookie" in answer.headers["Vary"], path
    answer = client_of(None).get("/api/competitions/public/")
    assert "Cache-Control" not in answer.headers and "Authorization" in answer.headers["Vary"]
    assert "no-store" in client_of(pat).get("/profiles/security/").headers["Cache-Control"], "what a view says stays"


def test_what_was_answered_to_an_organizer_is_not_answered_again_once_they_are_none(
    competition: Competition, sam: User, client_of: Client
) -> None:
    competition.collaborators.add(sam)
    client, path = client_of(sam), f"/api/competitions/{competition.pk}/webhooks/"
    hook = {"url": "https://example.com/x", "events": ["submission.finished"]}
    made, again = (client.post(path, hook, HTTP_IDEMPOTENCY_KEY="once") for _ in range(2))
    assert made.status_code == 201 and made.json() == again.json()
    competition.collaborators.clear()
    refused = client.post(path, hook, HTTP_IDEMPOTENCY_KEY="once")
    assert refused.status_code == 403 and made.json()["secret"] not in refused.content.decode()
