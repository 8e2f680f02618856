"""The workers' addresses over HTTP: whoever speaks there is not believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from starlette.applications import Starlette
from starlette.testclient import TestClient

from podium.protocol import MAX_BEAT_BYTES, MAX_OUTCOME_BYTES, Job
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import intake, queries, services
from podium.site.evaluation.models import Attempt, LogChunk, Submission
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue, QueueToken, Worker
from podium.site.queues.services import rotate_token
from tests.factories import queue_token
from tests.site.acting import OUTPUT, fresh, put, submit

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "token-of-the-queue"


class WorkerOverHttp:
    """Speaks the protocol as plain JSON."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def post(self, path: str, body: Any, token: str | None = TOKEN) -> Any:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.post(f"/api/worker/{path}", content=content, headers=headers)

    def claim(self, **more: Any) -> Any:
        return self.post("claim", {"worker": "w1", "wait": 0, **more})

    def job(self) -> Job:
        answer = self.claim()
        assert answer.status_code == 200
        return Job.model_validate(answer.json())

    def beat(self, job: Job, frames: list[dict[str, Any]] | None = None, phase: str = "running") -> Any:
        return self.post(f"attempts/{job.attempt}/beat", {"phase": phase, "frames": frames or []}, job.token)

    def finish(self, job: Job, *, output: bool = True, **outcome: Any) -> Any:
        if output:
            put(job.output_url, OUTPUT)
        return self.post(f"attempts/{job.attempt}/finish", {"output_uploaded": output, **outcome}, job.token)


@pytest.fixture
def worker(queue: Queue) -> Iterator[WorkerOverHttp]:
    queue_token(queue, TOKEN)
    with TestClient(Starlette(routes=intake.routes)) as client:
        yield WorkerOverHttp(client)


@pytest.fixture
def submission(competition: Competition, pat: User) -> Submission:
    return submit(pat, competition)


def piece(text: bytes, offset: int = 0, stream: str = "stdout") -> dict[str, Any]:
    return {"stream": stream, "offset": offset, "data": base64.b64encode(text).decode()}


def test_a_worker_without_token_is_401_and_with_a_wrong_one_403(worker: WorkerOverHttp, submission: Submission) -> None:
    assert worker.post("claim", {"worker": "w"}, None).status_code == 401
    answer = worker.post("claim", {"worker": "w"}, "wrong")
    assert answer.status_code == 403
    assert "rotated" in answer.text
    assert not Attempt.objects.exists()
    assert not Worker.objects.exists()


def test_a_rotated_token_opens_nothing_and_the_new_one_opens_the_queue(
    worker: WorkerOverHttp, submission: Submission, ada: User
) -> None:
    _, secret = rotate_token(token=QueueToken.objects.get(name=TOKEN), by=ada)
    assert worker.claim().status_code == 403
    assert worker.post("claim", {"worker": "w", "wait": 0}, secret).status_code == 200


def test_a_worker_of_another_queue_gets_nothing_of_this_one(worker: WorkerOverHttp, submission: Submission) -> None:
    queue_token(Queue.objects.create(name="other"), "other")
    assert worker.post("claim", {"worker": "w", "wait": 0}, "other").status_code == 204


def test_an_empty_queue_answers_204_after_the_wait(worker: WorkerOverHttp) -> None:
    assert worker.claim(wait=0.05).status_code == 204
    assert Worker.objects.get().name == "w1", "the worker is known from now on"


def test_a_claim_answers_with_all_that_the_job_needs(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    assert (job.step, job.number, job.columns) == ("scoring", 1, ["accuracy"])
    assert job.results_are_submission
    assert job.program.sha256
    assert job.reference_data is not None
    assert fresh(submission).status == "Preparing"
    assert worker.claim().status_code == 204, "a run is claimed once"


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"x"', b"\xff\xfe", '{"worker": 1}', '{"worker": "w", "wait": 1e9}']
)
def test_a_body_that_makes_no_sense_is_422(body: str | bytes, worker: WorkerOverHttp) -> None:
    assert worker.post("claim", body).status_code == 422


def test_a_body_over_its_cap_is_413(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    path = f"attempts/{job.attempt}"
    assert worker.post(f"{path}/beat", b"x" * (MAX_BEAT_BYTES + 1), job.token).status_code == 413
    assert worker.post(f"{path}/finish", b"x" * (MAX_OUTCOME_BYTES + 1), job.token).status_code == 413
    assert fresh(submission).status == "Preparing"


def test_an_unknown_attempt_or_a_strangers_token_is_403(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    body = {"phase": "running"}
    assert worker.post("attempts/999999/beat", body, job.token).status_code == 403
    assert worker.post(f"attempts/{job.attempt}/beat", body, "wrong").status_code == 403
    assert worker.post(f"attempts/{job.attempt}/beat", body, TOKEN).status_code == 403, (
        "a queue's token is no attempt's"
    )
    assert worker.post(f"attempts/{job.attempt}/finish", {}, "wrong").status_code == 403
    assert worker.post(f"attempts/{10**25}/beat", body, job.token).status_code in {403, 404}


def test_a_job_goes_its_way_to_finished(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    answer = worker.beat(job, [piece(b"scoring\n")])
    assert (answer.status_code, answer.json()["cancel"]) == (200, False)
    assert fresh(submission).status == "Scoring"
    answer = worker.finish(job, scores={"accuracy": {"value": 0.5, "text": "0.50"}}, notes=["a remark"])
    assert (answer.status_code, answer.json()) == (200, {"accepted": True})
    ended = fresh(submission)
    assert (ended.status, ended.notes) == ("Finished", ["Scoring: a remark"])
    assert [(score.value, score.text) for score in Score.objects.all()] == [(0.5, "0.50")]


def test_a_second_finish_changes_nothing(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    for value in (0.5, 0.9):
        answer = worker.finish(job, scores={"accuracy": {"value": value, "text": str(value)}})
        assert answer.status_code == 200
    assert Score.objects.get().value == 0.5
    failure = {"cause": "exit_code", "step": "scoring", "message": "late"}
    assert worker.finish(job, failure=failure).status_code == 200
    assert fresh(submission).status == "Finished"
    assert worker.beat(job).status_code == 409


def test_a_finish_after_the_lease_was_lost_is_409(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    services.sweep()
    assert worker.beat(job).status_code == 409
    assert worker.finish(job, scores={"accuracy": {"value": 1, "text": "1"}}).status_code == 409
    assert fresh(submission).status == "Submitted"
    assert not Score.objects.exists()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"nan"', "null", "[1]", '"high"'])
def test_a_score_that_is_no_finite_number_is_422_and_changes_nothing(
    value: str, worker: WorkerOverHttp, submission: Submission
) -> None:
    job = worker.job()
    body = f'{{"output_uploaded": true, "scores": {{"accuracy": {{"value": {value}, "text": "x"}}}}}}'
    assert worker.post(f"attempts/{job.attempt}/finish", body, job.token).status_code == 422
    assert fresh(submission).status == "Preparing"
    assert worker.finish(job, scores={"accuracy": {"value": 1.0, "text": "1"}}).status_code == 200


@pytest.mark.parametrize("given", [{}, {"acuracy": {"value": 1, "text": "1"}}])
def test_without_one_score_for_a_column_the_submission_fails_with_the_reason(
    given: dict[str, Any], worker: WorkerOverHttp, submission: Submission
) -> None:
    assert worker.finish(worker.job(), scores=given).status_code == 200
    ended = fresh(submission)
    assert (ended.status, ended.cause, ended.fault) == ("Failed", "bad_scores", "organizer")
    assert '"accuracy"' in ended.status_details
    assert not Score.objects.exists()
    assert not Entry.objects.exists()


def test_scores_that_are_no_columns_are_left_out(worker: WorkerOverHttp, submission: Submission) -> None:
    worker.finish(worker.job(), scores={"accuracy": {"value": 1, "text": "1"}, "other": {"value": 2, "text": "2"}})
    assert fresh(submission).status == "Finished"
    assert [score.column.key for score in Score.objects.all()] == ["accuracy"]


def test_a_worker_cannot_write_a_computed_column(
    make_competition: Callable[..., Competition], pat: User, worker: WorkerOverHttp
) -> None:
    columns = [
        {"title": "A", "key": "a", "index": 0},
        {"title": "B", "key": "b", "index": 1},
        {"title": "Mean", "key": "mean", "index": 2, "computation": "avg", "computation_indexes": [0, 1]},
    ]
    submit(pat, make_competition(columns=columns))
    given = {"a": {"value": 1, "text": "1"}, "b": {"value": 2, "text": "2"}, "mean": {"value": 99, "text": "99"}}
    worker.finish(worker.job(), scores=given)
    assert Score.objects.get(column__key="mean").value == 1.5


def test_success_without_an_output_is_not_believed(worker: WorkerOverHttp, submission: Submission) -> None:
    job = worker.job()
    scores = {"accuracy": {"value": 1, "text": "1"}}
    put_nothing = worker.post(f"attempts/{job.attempt}/finish", {"output_uploaded": True, "scores": scores}, job.token)
    assert put_nothing.status_code == 200
    assert fresh(submission).status == "Submitted", "tried again: the platform's fault"
    assert not Score.objects.exists()


def test_output_is_kept_once_however_often_it_comes_and_never_with_a_gap(
    worker: WorkerOverHttp, submission: Submission
) -> None:
    job = worker.job()
    worker.beat(job, [piece(b"world\n", 6)])
    worker.beat(job, [piece(b"hello ", 0), piece(b"oh\n", 0, "stderr")])
    for _ in range(3):
        worker.beat(job, [piece(b"hello ", 0), piece(b"world\n", 6)])
    assert queries.log_text(submission, "scoring", "stdout") == "hello world\n"
    worker.beat(job, [piece(b"hello world\nagain\n", 0)])
    assert queries.log_text(submission, "scoring", "stdout") == "hello world\nagain\n"
    assert queries.log_text(submission, "scoring", "stderr") == "oh\n"
    assert LogChunk.objects.count() == 2, "what is small shares a row"


def test_output_over_the_cap_is_dropped(worker: WorkerOverHttp, submission: Submission, settings: Any) -> None:
    job = worker.job()
    cap = settings.CONFIG.max_log_bytes
    worker.beat(job, [piece(b"first"), piece(b"beyond", cap + 2000), piece(b"far", 2**60)])
    assert queries.log_text(submission, "scoring", "stdout") == "first"
    assert LogChunk.objects.count() == 1


def test_output_with_broken_characters_is_shown_all_the_same(worker: WorkerOverHttp, submission: Submission) -> None:
    worker.beat(worker.job(), [piece(b"caf\xc3"), piece(b"\xa9 \xff\x00", 4)])
    assert queries.log_text(submission, "scoring", "stdout") == "café \ufffd\x00"


def test_texts_with_nul_are_no_crash(worker: WorkerOverHttp, submission: Submission) -> None:
    failure = {"cause": "scorer_failed", "step": "scoring", "message": "bad \u0000 byte", "limit": "\u0000"}
    answer = worker.finish(worker.job(), failure=failure, notes=["a \u0000 b"])
    assert answer.status_code == 200
    ended = fresh(submission)
    assert (ended.status, ended.status_details, ended.notes) == ("Failed", "bad \ufffd byte", ["Scoring: a \ufffd b"])


def test_an_address_takes_the_right_method_only(worker: WorkerOverHttp) -> None:
    assert worker.client.get("/api/worker/claim").status_code == 405
