"""Submissions in the API beside making and reading one: many at once, fact sheets, robots, keys of requests."""

from __future__ import annotations

import csv
import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion
from podium.site.idempotency import keeping
from podium.site.idempotency.models import KeptAnswer
from podium.site.queues.models import Queue
from podium.site.resources import storage
from podium.site.resources.models import Dataset, StoredFile
from podium.site.streamed_zip import Member, zipped
from tests.factories import CODE, RESULT, UserFactory, dataset
from tests.site.acting import OUTPUT, WorkerDouble, frame, scores, shape, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


def streamed(answer: Any) -> bytes:
    """The body of an answer that is made while it is sent."""

    async def read() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(read)()


def bot_client(name: str = "robby") -> tuple[User, APIClient]:
    """A bot with its token, as scripts come."""
    bot = UserFactory(username=name, is_bot=True)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=bot).key}")
    return bot, client


@dataclass(frozen=True)
class Crowd:
    """The people of the tests, and how they come."""

    pat: User
    olivia: User
    sam: User
    ada: User
    client_of: Client


@pytest.fixture
def crowd(pat: User, olivia: User, sam: User, ada: User, client_of: Client) -> Crowd:
    return Crowd(pat, olivia, sam, ada, client_of)


def question(key: str, *, required: bool = False) -> dict[str, Any]:
    """A question of a fact sheet."""
    flags = {"is_required": str(required).lower(), "is_on_leaderboard": "false"}
    return {"key": key, "type": "text", "title": key, "selection": "", **flags}


@pytest.mark.django_db(transaction=True)
def test_the_list_is_a_table_too_and_a_format_ends_an_address(
    competition: Competition, pat: User, olivia: User, sam: User, client_of: Client
) -> None:
    first, second = submit(pat, competition), submit(pat, competition)
    Dataset.objects.filter(pk=second.data_id).update(file_name="=cmd.zip")
    phase = competition.phases.get()
    for address in ("/api/submissions.csv", "/api/submissions/?format=csv"):
        answer = client_of(olivia).get(address)
        assert answer["Content-Type"].startswith("text/csv"), address
        head, *rows = csv.reader(io.StringIO(streamed(answer).decode()))
        assert head == ["Submission ID", "File Name", "Owner", "Created When", "Status", "Phase"]
        assert [row[:3] for row in rows] == [
            [str(second.pk), "'=cmd.zip", "pat"],
            [str(first.pk), "answer.zip", "pat"],
        ]
        assert rows[0][4:] == ["Submitted", phase.name]
    assert len(streamed(client_of(sam).get("/api/submissions.csv")).splitlines()) == 1
    assert client_of(pat).get("/api/submissions.json").json() == client_of(pat).get("/api/submissions/").json()
    assert client_of(pat).get(f"/api/submissions/{first.pk}.json").json()["id"] == first.pk
    assert client_of(pat).get(f"/api/competitions/{competition.pk}.json").json()["id"] == competition.pk
    assert client_of(pat).get("/api/submissions.xml").status_code == 404
    page = client_of(olivia).get("/api/submissions/?page_size=1&search=PAT answer")
    assert [one["id"] for one in page.json()] == [first.pk], "every word is looked for"
    page = client_of(olivia).get("/api/submissions/?page_size=1&search=pat")
    assert [one["id"] for one in page.json()] == [second.pk]
    assert page["Link"] == '<http://testserver/api/submissions/?page=2&page_size=1&search=pat>; rel="next"'
    assert "Link" not in client_of(olivia).get("/api/submissions/?page_size=1&search=pat&page=2")


def test_keys_of_a_tasks_files_are_for_those_who_may_have_the_files(
    make_competition: Make, pat: User, olivia: User, ada: User, client_of: Client
) -> None:
    competition = make_competition(ingestion=True)
    number = submit(pat, competition, CODE).pk
    task = Submission.objects.get(pk=number).task
    assert task is not None
    task.shared_with.add(ada)

    def parts(user: User) -> dict[str, bool]:
        found = client_of(user).get(f"/api/submissions/{number}/").json()["task"]
        assert (found["id"], found["created_by"], found["validated"]) == (task.pk, olivia.pk, False)
        assert found["shared_with"] == ([] if user == pat else [ada.pk])
        names = ("input_data", "ingestion_program", "reference_data", "scoring_program")
        return {name: found[name] is not None for name in names}

    assert set(parts(olivia).values()) == {True}
    assert set(parts(pat).values()) == {False}
    Competition.objects.update(make_programs_available=True)
    assert [name for name, given in parts(pat).items() if given] == ["ingestion_program", "scoring_program"]
    Competition.objects.update(make_programs_available=False, make_input_data_available=True)
    assert [name for name, given in parts(pat).items() if given] == ["input_data"]
    Participant.objects.filter(user=pat).update(status="denied")
    assert set(parts(pat).values()) == {False}


def test_details_name_the_boards_that_the_submission_has_scores_for(
    make_competition: Make, pat: User, olivia: User, queue: Queue, client_of: Client
) -> None:
    competition = make_competition()
    waiting = submit(pat, competition)

    def boards(user: User) -> Any:
        return client_of(user).get(f"/api/submissions/{waiting.pk}/get_details/").json()["leaderboards"]

    assert boards(pat) is None
    WorkerDouble(queue).work_off(accuracy=0.5)
    (board,) = boards(pat)
    assert (board["title"], [column["key"] for column in board["columns"]]) == ("Results", ["accuracy"])
    competition.phases.get().leaderboard.columns.update(hidden=True)
    assert boards(pat)[0]["columns"] == []
    competition.leaderboards.update(hidden=True)
    assert boards(pat) is None
    assert len(boards(olivia)) == 1


def test_what_its_owner_deleted_is_shown_on_demand_to_owner_and_organizers(
    competition: Competition, queue: Queue, crowd: Crowd
) -> None:
    pat, olivia, sam, client_of = crowd.pat, crowd.olivia, crowd.sam, crowd.client_of
    gone = submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.6)
    Submission.objects.filter(pk=gone.pk).update(is_public=True)  # a public one would be for everybody
    deletion.soft_delete(submission=gone, by=pat)
    Submission.objects.filter(pk=gone.pk).update(is_public=True)
    for user in (pat, olivia):
        client = client_of(user)
        assert gone.pk not in [one["id"] for one in client.get("/api/submissions/?is_soft_deleted=true").json()]
        shown = client.get("/api/submissions/?is_soft_deleted=true&show_is_soft_deleted=true").json()
        assert [(one["id"], one["filename"], one["is_soft_deleted"]) for one in shown] == [
            (gone.pk, "Deleted File", True)
        ]
        assert client.get(f"/api/submissions/{gone.pk}/").status_code == 404
        assert client.get(f"/api/submissions/{gone.pk}/?show_is_soft_deleted=true").status_code == 200
    assert client_of(sam).get("/api/submissions/?show_is_soft_deleted=true&is_soft_deleted=true").json() == []


def test_hostile_fields_of_a_new_submission_are_ignored(competition: Competition, pat: User, client_of: Client) -> None:
    secret = "00000000-0000-0000-0000-000000000001"
    hostile = {
        "status": "Finished",
        "status_details": "x",
        "md5": "0" * 32,
        "secret": secret,
        "created_when": "2001-01-01 00:00",
        "scores": [1],
        "queue": 10**6,
        "owner": 1,
        "is_public": True,
        "leaderboard": 1,
    }
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key), **hostile}
    answer = client_of(pat).post("/api/submissions/", body)
    assert answer.status_code == 201
    made = Submission.objects.get(pk=answer.json()["id"])
    assert (made.status, made.owner, made.is_public) == ("Submitted", pat, False)
    assert str(made.secret) != secret
    assert made.created_when > timezone.now() - timedelta(minutes=1)
    assert made.queue_id != 10**6
    for method in ("put", "patch", "delete"):  # PATCH is the workers' and asks for a secret, see test_codabench_worker
        assert getattr(client_of(pat), method)("/api/submissions/", hostile).status_code == 405


def test_answers_are_changed_by_owner_and_organizers_for_every_task(
    make_competition: Make, pat: User, olivia: User, sam: User, client_of: Client
) -> None:
    competition = make_competition(tasks=2, fact_sheet={"q": question("q", required=True)})
    whole = submit(pat, competition, fact_sheet_answers={"q": "old"})
    child = whole.children.first()
    assert child is not None

    def change(user: User | None, answers: Any, number: int = whole.pk) -> Any:
        return client_of(user).patch(f"/api/submissions/{number}/update_fact_sheet/", answers)

    def answers() -> list[Any]:
        return list(Submission.objects.order_by("pk").values_list("fact_sheet_answers", flat=True))

    assert change(None, {"q": "x"}).status_code == 403
    assert change(sam, {"q": "x"}).status_code == 404
    assert "Fact Sheet keys do not match Answer keys" in change(pat, {"other": "x"}).json()["non_field_errors"][0]
    assert change(pat, {"q": ""}).status_code == 400
    assert change(pat, ["q"]).status_code == 400
    assert answers() == [{"q": "old"}] * 3
    assert (change(pat, {"q": "new"}, child.pk).status_code, change(pat, {"q": "new"}).json()) == (200, {})
    assert answers() == [{"q": "new"}] * 3
    assert change(olivia, {"q": "mine"}).status_code == 200
    assert answers() == [{"q": "mine"}] * 3
    competition.leaderboards.update(hidden=False)
    Submission.objects.filter(pk=whole.pk).update(is_public=True)
    assert change(sam, {"q": "x"}).status_code == 403, "who sees it may not change it"


def test_a_bot_takes_part_unasked_where_robots_are_let_in(make_competition: Make) -> None:
    bot, client = bot_client()
    closed = make_competition()
    opened = make_competition(allow_robot_submissions=True, phase={"max_submissions_per_day": 1})
    address = f"/api/can_make_submission/{opened.phases.get().pk}/"
    assert client.get(f"/api/can_make_submission/{closed.phases.get().pk}/").json()["can"] is False
    assert client.get(address).json() == {"can": True, "reason": None}
    assert not Participant.objects.filter(user=bot).exists(), "asking changes nothing"
    body = {"phase": opened.phases.get().pk}
    statuses = [client.post("/api/submissions/", {**body, "data": str(dataset(bot).key)}).status_code for _ in "12"]
    assert statuses == [201, 201], "and has no limits"
    assert Participant.objects.get(user=bot).status == "approved"
    Participant.objects.filter(user=bot).update(status="denied")
    assert client.get(address).json()["can"] is False
    assert client.post("/api/submissions/", {**body, "data": str(dataset(bot).key)}).status_code == 403
    Participant.objects.filter(user=bot).update(status="pending")
    assert client.post("/api/submissions/", {**body, "data": str(dataset(bot).key)}).status_code == 201
    person = UserFactory()
    answer = APIClient()
    answer.force_authenticate(person)
    assert answer.get(address).json()["can"] is False


# --- many at once ------------------------------------------------------------------------------------------------


def test_files_of_many_are_given_to_owner_and_organizers_only(
    competition: Competition, queue: Queue, crowd: Crowd
) -> None:
    pat, olivia, ada, sam, client_of = crowd.pat, crowd.olivia, crowd.ada, crowd.sam, crowd.client_of
    one, two = submit(pat, competition), submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)  # the newer one stands on the board, where sam sees it
    pks = [one.pk, two.pk]

    def asked(user: User | None, body: Any) -> tuple[int, Any]:
        answer = client_of(user).post("/api/submissions/download_many/", body)
        return answer.status_code, shape(answer)

    for user in (pat, olivia, ada):
        status, items = asked(user, {"pks": pks})
        when = one.created_when.strftime("%Y-%m-%d:%M-%S")
        assert status == 200
        assert items[0]["name"] == f"{one.pk}_pat_PhaseId{one.phase_id}_{when}_answer.zip"
        assert all(item["url"].startswith("http") and "/files/" in item["url"] for item in items)
    assert asked(None, {"pks": pks})[0] == 403
    assert asked(sam, {"pks": [two.pk]})[0] == 403
    assert asked(sam, {"pks": [one.pk]})[0] == 404
    assert asked(pat, {"pks": [*pks, 10**9]}) == (404, {"detail": "One or more submission IDs are invalid"})
    assert asked(pat, {})[1]["error"] == ["`pks` field is required"]
    assert asked(pat, {"pks": 5})[1]["error"] == ["`pks` must be a list"]
    assert asked(pat, {"pks": ["x"]})[0] == asked(pat, [1])[0] == asked(pat, {"pks": list(range(1, 1002))})[0] == 400
    deletion.soft_delete(submission=one, by=pat)
    assert [item["name"].split("_")[0] for item in asked(pat, {"pks": pks})[1]] == [str(two.pk)]


@pytest.mark.django_db(transaction=True)
def test_many_submissions_are_one_zip_with_safe_names(make_competition: Make, queue: Queue, crowd: Crowd) -> None:
    pat, olivia, sam, client_of = crowd.pat, crowd.olivia, crowd.sam, crowd.client_of
    competition = make_competition(tasks=2)
    one, two = submit(pat, competition), submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    Dataset.objects.filter(pk=one.data_id).update(file_name="../../etc/passwd\n")
    phase = one.phase_id

    def zip_of(answer: Any) -> dict[str, bytes]:
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(streamed(answer))) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    def get(user: User, query: str) -> Any:
        return client_of(user).get(f"/api/submissions/download_zip/?{query}")

    found = zip_of(get(olivia, f"phase={phase}"))
    assert list(found.values()) == [RESULT, RESULT]
    assert [name.split("_")[0] for name in found] == [str(two.pk), str(one.pk)]
    assert not [name for name in found if "/" in name or "\n" in name or ":" in name]
    assert zip_of(get(sam, f"phase={phase}")) == {}, "what stands on the board is to be seen, not to be had"
    assert len(zip_of(client_of(pat).post("/api/submissions/download_zip/", {"pks": [one.pk]}))) == 1
    assert client_of(sam).post("/api/submissions/download_zip/", {"pks": [one.pk]}).status_code == 404
    every = "&".join(f"include={part}" for part in ("submission", "prediction_result", "scoring_result"))
    found = zip_of(get(olivia, f"phase__competition={competition.pk}&{every}"))
    assert sorted(name.split("/")[1].split("_")[0] for name in found) == sorted(
        ["scoring", "scoring", str(one.pk), "scoring", "scoring", str(two.pk)]
    )
    assert [content for name, content in found.items() if "scoring_result" in name] == [OUTPUT] * 4
    competition.phases.update(hide_score_output=True)
    assert zip_of(get(pat, f"phase={phase}&include=scoring_result")) == {}
    assert get(pat, "").status_code == get(pat, f"phase={phase}&include=secrets").status_code == 400
    assert one.data is not None and one.data.data_file is not None
    storage.remove_content(one.data.data_file.key)
    found = zip_of(get(olivia, f"phase={phase}"))
    assert f"{one.pk}_pat" in found["MISSING.txt"].decode()


def test_a_zip_of_any_size_needs_the_memory_of_a_piece() -> None:
    piece = b"x" * 2**20

    def content() -> Iterable[bytes]:
        for _ in range(40):
            yield piece

    tracemalloc.start()
    size = sum(len(part) for part in zipped(Member(f"{n}.zip", timezone.now(), content(), packed=True) for n in "123"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 120 * 2**20
    assert peak < 8 * 2**20


# --- keys of requests --------------------------------------------------------------------------------------------


def test_a_request_with_a_key_acts_once(competition: Competition, pat: User, sam: User, client_of: Client) -> None:
    client, phase = client_of(pat), competition.phases.get().pk
    body = {"phase": phase, "data": str(dataset(pat).key)}

    def post(what: Any, key: str, who: APIClient = client, path: str = "submissions", **more: Any) -> Any:
        return who.post(f"/api/{path}/", what, headers={"Idempotency-Key": key}, **more)

    first, again = post(body, "one"), post(body, "one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert "Idempotency-Replayed" not in first
    assert post({"data": body["data"], "phase": str(phase)}, "one").status_code == 422, "not the very same body"
    assert Submission.objects.count() == 1
    assert post({**body, "tasks": []}, "one").json()["code"] == "idempotency_key_reused"
    assert post(body, "two").status_code == 201, "another key, another submission"
    file: dict[str, Any] = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 5}
    made = post(file, "one", path="datasets")
    assert made.status_code == 201, "the same key at another address"
    assert post(file, "one", path="datasets").json() == made.json()
    assert post(file, "one", client_of(sam), "datasets").json() != made.json(), "and of another person"
    for bad in ("", "a b", "x" * 256, "ü"):
        assert post(body, bad).status_code == 400
    refused = post({**body, "phase": 10**9}, "three")
    assert (refused.status_code, KeptAnswer.objects.filter(key="three").count()) == (404, 0)
    assert post(body, "three").status_code == 201, "a refusal made nothing, so the key is free"


def test_a_twin_waits_and_who_died_is_taken_over(competition: Competition, pat: User, client_of: Client) -> None:
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key)}
    wanted = {"user": pat, "route": "POST /api/submissions/", "key": "k", "body_sha256": keeping.digest(body)}
    row = KeptAnswer.objects.create(**wanted)

    def post() -> Any:
        return client_of(pat).post("/api/submissions/", body, headers={"Idempotency-Key": "k"})

    assert (post().status_code, post().json()["code"]) == (409, "idempotency_under_way")
    assert Submission.objects.count() == 0
    late = timezone.now() - timedelta(seconds=keeping.LEASE_SECONDS + 1)
    KeptAnswer.objects.filter(pk=row.pk).update(since=late)
    assert post().status_code == 201
    assert Submission.objects.count() == 1


def test_who_lost_its_turn_leaves_nothing(
    competition: Competition, pat: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key)}
    real = keeping._do

    def overtaken(taken: KeptAnswer, *rest: Any) -> Any:
        KeptAnswer.objects.filter(pk=taken.pk).update(turn="00000000-0000-0000-0000-000000000001")
        return real(taken, *rest)

    monkeypatch.setattr(keeping, "_do", overtaken)
    answer = client_of(pat).post("/api/submissions/", body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 409
    assert Submission.objects.count() == 0


def test_a_crash_frees_the_key_and_a_day_forgets_it(
    competition: Competition, pat: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key)}
    client = client_of(pat)
    client.raise_request_exception = False

    def post() -> Any:
        return client.post("/api/submissions/", body, headers={"Idempotency-Key": "k"})

    with monkeypatch.context() as broken:
        broken.setattr("podium.site.evaluation.services.submissions.ledger.debit", lambda _: 1 / 0)
        assert post().status_code == 500
    assert (Submission.objects.count(), KeptAnswer.objects.count()) == (0, 0)
    made = post().json()
    assert post().json() == made
    KeptAnswer.objects.update(since=timezone.now() - keeping.KEPT - timedelta(seconds=1))
    assert keeping.forget_old() == 1
    assert StoredFile.objects.filter(datasets__created_by=pat).count() == 1
    assert post().json()["id"] != made["id"]


# --- addresses of logs -------------------------------------------------------------------------------------------


def test_a_log_is_fetched_without_a_token_by_its_own_address_for_an_hour(
    competition: Competition, queue: Queue, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = submit(crowd.pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("scored\n")])
    worker.finish(job, scores(accuracy=0.5))
    (log,) = crowd.client_of(crowd.pat).get(f"/api/submissions/{made.pk}/get_details/").json()["logs"]
    anybody = crowd.client_of(None)
    assert anybody.get(log["data_file"]).content == b"scored\n"
    other = submit(crowd.pat, competition)
    for forged in (
        log["data_file"] + "x",
        log["data_file"].replace("scoring_stdout", "scoring_stderr"),
        log["data_file"].replace(f"/{made.pk}/", f"/{other.pk}/"),
        log["data_file"].partition("?")[0],
    ):
        assert anybody.get(forged).status_code in {403, 404}, forged
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3601)
    assert anybody.get(log["data_file"]).status_code == 403
