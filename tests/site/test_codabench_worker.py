"""What a worker without heartbeat calls back, in the order in which it calls; and what a hostile one may not."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from podium.formats.archives import inspect
from podium.protocol import Claim, Stream
from podium.site.accounts.models import User
from podium.site.asgi import application
from podium.site.competitions.models import Competition
from podium.site.evaluation import queries, services
from podium.site.evaluation.codabench_worker import messages
from podium.site.evaluation.codabench_worker import services as deliveries
from podium.site.evaluation.codabench_worker.routes import MAX_FRAME_BYTES, MAX_REPORT_BYTES, MAX_SCORES_BYTES
from podium.site.evaluation.models import Attempt, Delivery, LogChunk, Run, Submission, TryEntry
from podium.site.evaluation.services.attempts import AttemptOver
from podium.site.leaderboards.models import Score
from podium.site.queues.models import Queue, Worker
from podium.site.resources.folder import path_of
from tests.factories import CODE, RESULT, zip_of
from tests.site.acting import fresh, put, submit

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "scoring_hostname-far-away"
PREDICTED = zip_of({"answer.txt": "42\n", "metadata": "exitCode: 0\nelapsedTime: 1.5\n"})
SCORED = zip_of({"scores.json": '{"accuracy": 0.5}', "metadata": "exitCode: 0\nelapsedTime: 0.5\n"})


class Job:
    """A message in the hands of a worker, and what the worker does with it, written from the protocol's description."""

    def __init__(self, client: TestClient, offer: deliveries.Offer) -> None:
        message = messages.message_for(offer)
        (self.args,) = message.body[0]
        self.message = message
        self.client = client
        self.attempt = offer.delivery.attempt_id

    @property
    def secret(self) -> str:
        return str(self.args["secret"])

    def patch(self, status: str = "", **more: str) -> Any:
        """Form-encoded, as the worker sends it."""
        fields = {"secret": self.secret, **({"status": status} if status else {}), **more}
        return self.client.patch(f"/api/submissions/{self.args['id']}/", data=fields)

    def begin(self, host: str = HOST) -> None:
        assert self.patch("Running", status_details=host).status_code == 200
        if not self.args["is_scoring"]:
            assert self.patch("Preparing").status_code == 200
            assert self.patch(md5="0" * 32).status_code == 200

    def scores(self, **values: Any) -> Any:
        body = json.dumps({"secret": self.secret, "scores": values})
        path = f"/api/upload_submission_scores/{self.args['id']}/"
        return self.client.post(path, content=body, headers={"Content-Type": "application/json"})

    def socket(self, kind: str = "program", **other: Any) -> Any:
        parts = {"user": self.args["user_pk"], "id": self.args["id"], "secret": self.secret, **other}
        path = f"/submission_input/{parts['user']}/{parts['id']}/{parts['secret']}/?kind={kind}"
        return self.client.websocket_connect(path)

    def store(self, key: str, content: bytes) -> None:
        put(self.args[key], content)

    def say(self, *texts: str, kind: str = "program") -> None:
        with self.socket(kind) as socket:
            for text in texts:
                socket.send_text(json.dumps({"kind": kind, "message": text}))

    def predict(self, output: bytes = PREDICTED) -> None:
        """A prediction job to its end: Scoring is said before the zip is there."""
        self.begin()
        self.say("predicting\n")
        assert self.patch("Scoring").status_code == 200
        self.store("prediction_result", output)
        deliveries.sweep()

    def score(self, **values: Any) -> None:
        """A scoring job to its end: Finished is said before the scores, and those before the zip."""
        self.begin()
        assert self.patch("Finished").status_code == 200
        assert self.scores(**values).status_code == 200
        self.store("scoring_result", SCORED)
        deliveries.sweep()


@pytest.fixture
def client(queue: Queue) -> Iterator[TestClient]:
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def take(client: TestClient, queue: Queue) -> Callable[[], Job]:
    """The next message that the broker would have."""

    def next_job() -> Job:
        offer = deliveries.offer_run(queue=queue, most=1000)
        assert offer is not None, "nothing waits"
        deliveries.published(delivery=offer.delivery)
        return Job(client, offer)

    return next_job


@pytest.fixture
def code(make_competition: Callable[..., Competition], pat: User) -> Submission:
    """A submission with a prediction step and a scoring step."""
    return submit(pat, make_competition(ingestion=True), CODE)


@pytest.fixture
def result(competition: Competition, pat: User) -> Submission:
    """A submission with a scoring step alone."""
    return submit(pat, competition, RESULT)


def let_time_pass() -> None:
    """As if every deadline of today had come."""
    long_ago = timezone.now() - timedelta(seconds=1)
    Attempt.objects.filter(state="active").update(lease_until=long_ago, deadline=long_ago)


def log_of(submission: Submission, stream: Stream = Stream.STDOUT) -> str:
    chunks = LogChunk.objects.filter(attempt__run__submission=submission, stream=stream).order_by("offset")
    return b"".join(bytes(chunk.data) for chunk in chunks).decode()


# The message


def test_the_message_of_a_prediction_has_exactly_the_keys_of_the_protocol(
    take: Callable[[], Job], code: Submission
) -> None:
    job = take()
    assert set(job.args) == {
        "user_pk", "submissions_api_url", "secret", "docker_image", "execution_time_limit", "id", "is_scoring",
        "ingestion_only_during_scoring", "program_data", "prediction_result", "ingestion_program", "input_data",
        "prediction_stdout", "prediction_stderr", "prediction_ingestion_stdout", "prediction_ingestion_stderr",
    }  # fmt: skip
    assert (job.args["id"], job.args["user_pk"]) == (code.pk, code.owner_id)
    assert job.args["submissions_api_url"] == "http://127.0.0.1:8000/api"
    assert isinstance(job.args["secret"], uuid.UUID)
    assert job.args["is_scoring"] is False
    assert job.message.priority == 0
    assert job.message.headers["task"] == "compute_worker_run"
    assert job.message.headers["timelimit"] == [None, job.args["execution_time_limit"] + 1200]


def test_the_message_of_a_scoring_job_has_exactly_the_keys_of_the_protocol(
    take: Callable[[], Job], make_competition: Callable[..., Competition], pat: User
) -> None:
    submit(pat, make_competition(ingestion=True, enable_detailed_results=True), CODE)
    take().predict()
    job = take()
    assert set(job.args) == {
        "user_pk", "submissions_api_url", "secret", "docker_image", "execution_time_limit", "id", "is_scoring",
        "ingestion_only_during_scoring", "program_data", "prediction_result", "scoring_result", "reference_data",
        "detailed_results_url", "scoring_stdout", "scoring_stderr", "scoring_ingestion_stdout",
        "scoring_ingestion_stderr",
    }  # fmt: skip
    assert job.message.priority == 10


def test_monitors_of_the_broker_are_shown_neither_secret_nor_address(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    shown = json.dumps(dict(job.message.headers))
    assert job.secret not in shown
    assert job.args["secret"].hex not in shown
    assert "/files/" not in shown


# The golden trace


def test_a_code_submission_goes_its_way_in_the_worker_s_order(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    assert fresh(code).status == "Submitted", "an offer that nobody has taken is still waiting"
    assert queries.place_in_queue(code) == 0, "and is the next"
    assert job.patch("Running", status_details="ingestion_hostname-far-away").status_code == 200
    assert fresh(code).status == "Preparing"
    assert queries.place_in_queue(code) is None
    assert Worker.objects.get().hostname == "far-away"
    assert job.patch("Preparing").json()["status"] == "Preparing"
    assert job.patch(md5="0" * 32).status_code == 200
    job.say("predicting\n", "still\n")
    assert fresh(code).status == "Running"
    answer = job.patch("Scoring")
    assert (answer.status_code, answer.json()["id"]) == (200, code.pk)
    assert fresh(code).status == "Running", "what was announced has not arrived"
    assert not Run.objects.filter(submission=code, step="scoring").exists()
    job.store("prediction_result", PREDICTED)
    assert deliveries.sweep() == 1
    assert fresh(code).status == "Scoring"
    run = Run.objects.get(submission=code, step="prediction")
    assert run.output is not None
    assert run.programs[0]["exit_code"] == 0
    assert log_of(code) == "predicting\nstill\n"

    job = take()
    job.begin()
    assert job.patch("Finished").status_code == 200
    assert fresh(code).status == "Scoring", "Finished is shown when scores and output are there"
    assert job.scores(accuracy=0.5).status_code == 200
    assert fresh(code).status == "Scoring"
    job.store("scoring_result", SCORED)
    deliveries.sweep()
    ended = fresh(code)
    assert (ended.status, ended.cause) == ("Finished", "")
    assert [score.text for score in Score.objects.filter(submission=code)] == ["0.5"]


def test_a_result_submission_is_scored(take: Callable[[], Job], result: Submission) -> None:
    take().score(accuracy=0.25)
    assert fresh(result).status == "Finished"
    assert Score.objects.get(submission=result).value == 0.25


def test_what_a_scoring_program_writes_for_organizers_is_parted_from_the_rest(
    take: Callable[[], Job], result: Submission
) -> None:
    job = take()
    job.begin()
    job.patch("Finished")
    job.scores(accuracy=0.5)
    job.store("scoring_result", zip_of({"scores.json": "{}", "private/priv.txt": "audit"}))
    deliveries.sweep()
    run = Run.objects.get(submission=result)
    assert run.output is not None
    assert run.private_output is not None
    names = {
        name: [m.name for m in inspect(path_of(f.key)).members]
        for name, f in (("output", run.output), ("private", run.private_output))
    }
    assert names == {"output": ["scores.json"], "private": ["priv.txt"]}


def test_detailed_results_are_kept_in_their_last_version(
    take: Callable[[], Job], make_competition: Callable[..., Competition], pat: User
) -> None:
    made = submit(pat, make_competition(enable_detailed_results=True), RESULT)
    job = take()
    job.begin()
    job.store("detailed_results_url", b"<p>half</p>")
    with job.socket("detailed_results") as socket:
        socket.send_text('{"kind": "detailed_result_update"}')
    job.store("detailed_results_url", b"<p>whole</p>")
    job.patch("Finished")
    job.scores(accuracy=1)
    job.store("scoring_result", SCORED)
    deliveries.sweep()
    run = Run.objects.get(submission=made)
    assert run.detailed_results is not None
    assert run.detailed_results.size == len(b"<p>whole</p>")


def test_a_report_as_json_is_taken_too(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    answer = job.client.patch(f"/api/submissions/{result.pk}/", json={"secret": job.secret, "status": "Running"})
    assert answer.status_code == 200
    assert fresh(result).status == "Preparing"


# Secrets


@pytest.mark.parametrize("secret", ["", "x", "581bbcfe-076d-4fec-b102-971224a83ec7", None])
def test_nothing_happens_before_the_secret_was_checked(
    secret: str | None, take: Callable[[], Job], result: Submission
) -> None:
    job = take()
    path, fields = f"/api/submissions/{result.pk}/", {"secret": secret} if secret is not None else {}
    noisy = {"status": "Running", "status_details": HOST, "type": "Docker_Image_Pull_Fail", "error_message": "no"}
    answer = job.client.patch(path, data={**fields, **noisy})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Submission secrets do not match"})
    assert (
        job.client.post(
            f"/api/upload_submission_scores/{result.pk}/", json={**fields, "scores": {"accuracy": 1}}
        ).status_code
        == 403
    )
    assert fresh(result).status == "Submitted"
    assert not Worker.objects.exists()
    assert not LogChunk.objects.exists()
    assert Delivery.objects.get().scores is None


def test_a_secret_opens_its_own_submission_only(
    take: Callable[[], Job], result: Submission, competition: Competition, pat: User
) -> None:
    other = submit(pat, competition, RESULT)
    job = take()
    answer = job.client.patch(f"/api/submissions/{other.pk}/", data={"secret": job.secret, "status": "Running"})
    assert answer.status_code == 403
    assert fresh(other).status == "Submitted"


@pytest.mark.parametrize("wrong", [{"user": 999}, {"id": 999}, {"secret": uuid.uuid4()}, {"secret": "x"},
                                   {"user": 2**70}, {"id": 2**70}])  # fmt: skip
def test_the_socket_is_refused_unless_owner_submission_and_secret_belong_together(
    wrong: dict[str, Any], take: Callable[[], Job], result: Submission
) -> None:
    job = take()
    job.begin()
    with pytest.raises(WebSocketDisconnect), job.socket(**wrong):
        pass
    with job.socket():
        pass


def test_a_socket_that_leads_nowhere_is_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/nowhere/"):
        pass


def test_a_secret_is_no_token_of_podium_s_own_api(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    for verb, body in (("beat", {"phase": "running"}), ("finish", {})):
        headers = {"Authorization": f"Bearer {job.secret}"}
        answer = job.client.post(f"/api/worker/attempts/{job.attempt}/{verb}", json=body, headers=headers)
        assert answer.status_code == 403


# Repeated, late, out of order


def test_a_message_delivered_again_costs_the_attempt_and_fences_the_first_worker(
    take: Callable[[], Job], code: Submission
) -> None:
    first = take()
    first.begin()
    first.say("predicting\n")
    again = first.patch("Running", status_details="ingestion_hostname-another")
    assert again.status_code == 403, "the second worker is to leave the job alone"
    assert fresh(code).status == "Submitted"
    assert [attempt.state for attempt in Attempt.objects.all()] == ["lost"]
    first.store("prediction_result", PREDICTED)
    assert first.patch("Scoring").status_code == 200, "harmless"
    deliveries.sweep()
    assert fresh(code).status == "Submitted"
    second = take()
    assert second.secret != first.secret
    second.predict()
    assert fresh(code).status == "Scoring"
    assert TryEntry.objects.count() == 1


def test_the_same_start_repeated_by_the_same_worker_is_one(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    job.begin()
    assert [attempt.state for attempt in Attempt.objects.all()] == ["active"]


def test_a_third_redelivery_fails_the_submission_and_gives_the_try_back(
    take: Callable[[], Job], result: Submission
) -> None:
    for _ in range(3):
        job = take()
        job.begin()
        assert job.patch("Running", status_details="scoring_hostname-another").status_code == 403
    ended = fresh(result)
    assert (ended.status, ended.cause, ended.fault) == ("Failed", "worker_lost", "platform")
    assert sum(entry.amount for entry in TryEntry.objects.all()) == 0


@pytest.mark.parametrize("late", ["Scoring", "Finished", "Failed", "Cancelled", "Submitted"])
def test_late_words_are_answered_and_change_nothing(late: str, take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.score(accuracy=0.5)
    assert job.patch(late, status_details="Oops").status_code == 200
    assert job.scores(accuracy=0.9).status_code == 200
    job.store("scoring_result", b"x")
    deliveries.sweep()
    ended = fresh(result)
    assert (ended.status, ended.status_details) == ("Finished", "")
    assert Score.objects.get(submission=result).value == 0.5


def test_a_worker_that_begins_what_is_over_is_sent_away(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.score(accuracy=0.5)
    assert job.patch("Running", status_details=HOST).status_code == 403
    with pytest.raises(WebSocketDisconnect), job.socket():
        pass


def test_scores_and_output_after_a_cancellation_change_nothing(
    take: Callable[[], Job], result: Submission, pat: User
) -> None:
    job = take()
    job.begin()
    with job.socket() as socket:
        socket.send_text(json.dumps({"kind": "program", "message": "before\n"}))
    services.cancel(submission=fresh(result), by=pat)
    for value in (0.5, "good"):
        assert job.scores(accuracy=value).status_code == 200
    with pytest.raises(AttemptOver):
        deliveries.add_output(attempt_id=job.attempt, pieces=[(Stream.STDOUT, b"late")])
    assert (fresh(result).status, log_of(result)) == ("Cancelled", "before\n")
    assert Delivery.objects.get(attempt=job.attempt).scores is None


def test_scores_of_a_prediction_are_none(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    for value in (0.5, "good"):
        assert job.scores(accuracy=value).status_code == 200
    assert Delivery.objects.get(attempt=job.attempt).scores is None
    assert fresh(code).status == "Preparing"


def test_a_call_that_is_too_large_is_refused_before_it_is_read(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    assert job.scores(accuracy=0.5, more="x" * MAX_SCORES_BYTES).status_code == 413
    assert job.patch("Failed", status_details="x" * MAX_REPORT_BYTES).status_code == 413
    assert fresh(result).status == "Preparing"


def test_scores_that_come_twice_count_once(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    job.patch("Finished")
    job.scores(accuracy=0.5)
    job.scores(accuracy=0.5)
    job.patch("Finished")
    job.store("scoring_result", SCORED)
    deliveries.sweep()
    deliveries.sweep()
    assert Score.objects.get(submission=result).value == 0.5


@pytest.mark.parametrize("word", ["Submitting", "Submitted", "Cancelled", "Finished"])
def test_a_word_that_is_not_the_worker_s_to_say_changes_nothing(
    word: str, take: Callable[[], Job], code: Submission
) -> None:
    job = take()
    job.begin()
    before = fresh(code).status
    assert job.patch(word).status_code == 200
    assert fresh(code).status == before
    assert job.patch("Nonsense").status_code == 400


# Failures


@pytest.mark.parametrize(
    ("text", "cause", "fault", "message"),
    [
        ("Execution Time Limit exceeded. Limit was 3 seconds", "time_limit", "organizer", "Limit was 3 seconds"),
        ("Pull for x/y:1 failed! Check the logs for more information", "image_pull", "platform", "x/y:1"),
        ("program_rc=2, async=[None, None, None]", "scorer_failed", "organizer", "exit code 2"),
        ("Could not find scores file, did it output it?", "missing_output", "organizer", "scores.json"),
        ("Could not decode scores json properly, it contains an error.\nx", "bad_scores", "organizer", "decode"),
        ("Bad or empty zip file", "unpack", "participant", "zip"),
        ("Problem fetching http://h/files/secret-thing to put in x", "platform", "platform", "(address)"),
        ("", "scorer_failed", "organizer", "scoring program"),
    ],
)  # fmt: skip
def test_a_worker_s_words_become_a_cause(  # noqa: PLR0917 - what goes in and what comes out
    text: str, cause: str, fault: str, message: str, take: Callable[[], Job], result: Submission
) -> None:
    for _ in range(3 if fault == "platform" else 1):  # a platform's fault is tried again
        assert fresh(result).status != "Failed"
        job = take()
        job.begin()
        assert job.patch("Failed", status_details=text).status_code == 200
        assert job.patch("Failed", status_details="Child task failed or non-zero return code").status_code == 200
    ended = fresh(result)
    assert (ended.status, ended.cause, ended.fault) == ("Failed", cause, fault)
    assert message in ended.status_details
    assert "secret-thing" not in ended.status_details


def test_a_failure_after_finished_is_the_verdict(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    job.patch("Finished")
    job.patch("Failed", status_details="Could not find scores file, did the scoring program output it?")
    assert (fresh(result).status, fresh(result).cause) == ("Failed", "missing_output")


def test_a_prediction_that_ended_with_an_error_is_not_scored(take: Callable[[], Job], code: Submission) -> None:
    take().predict(zip_of({"metadata": "exitCode: 3\nelapsedTime: 0.1\n"}))
    ended = fresh(code)
    assert (ended.status, ended.cause, ended.fault) == ("Failed", "exit_code", "participant")
    assert "exit code 3" in ended.status_details
    assert log_of(code) == "predicting\n", "the log is kept"


@pytest.mark.parametrize("value", ["NaN", "text", None, [1]])
def test_scores_that_are_no_finite_number_fail_with_the_key_named(
    value: Any, take: Callable[[], Job], result: Submission
) -> None:
    job = take()
    job.begin()
    job.patch("Finished")
    answer = job.scores(accuracy=float("nan") if value == "NaN" else value)
    assert answer.status_code == 400
    assert (fresh(result).status, fresh(result).cause) == ("Failed", "bad_scores")
    assert "accuracy" in fresh(result).status_details


def test_what_a_worker_tells_of_a_pull_is_in_the_log_without_addresses(
    take: Callable[[], Job], result: Submission
) -> None:
    job = take()
    job.begin()
    job.patch(type="Docker_Image_Pull_Fail", error_message="no http://x/files/abc here", is_scoring="True")
    assert log_of(result, Stream.STDERR) == "no (address) here\n"


# Deadlines


def test_an_offer_that_nobody_takes_is_offered_anew_and_costs_nothing(
    take: Callable[[], Job], result: Submission
) -> None:
    old = take()
    assert deliveries.sweep() == 0
    assert services.sweep() == 0
    let_time_pass()
    assert deliveries.sweep() == 1
    assert not Attempt.objects.exists()
    new = take()
    assert old.patch("Running").status_code == 403, "the old message is worth nothing"
    new.score(accuracy=0.5)
    assert fresh(result).status == "Finished"
    assert Attempt.objects.get().number == 1


def test_a_worker_that_starts_and_falls_silent_loses_the_attempt(take: Callable[[], Job], result: Submission) -> None:
    take().begin()
    let_time_pass()
    assert services.sweep() == 0, "it has no lease to renew"
    assert deliveries.sweep() == 1
    assert fresh(result).status == "Submitted"
    assert Attempt.objects.get().cause == "worker_lost"
    take().score(accuracy=0.5)
    assert fresh(result).status == "Finished"


def test_the_time_limit_is_enforced_by_the_platform(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    job.say("never ending\n")
    let_time_pass()
    deliveries.sweep()
    ended = fresh(code)
    assert (ended.status, ended.cause) == ("Failed", "time_limit")
    assert ended.limit == f"{job.args['execution_time_limit']} s"
    assert log_of(code) == "never ending\n"
    assert deliveries.to_revoke(Queue.objects.get()) == [Delivery.objects.get().message_id]


def test_the_time_limit_runs_from_the_first_program_on(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    preparing = Attempt.objects.get().lease_until
    job.say("begun\n")
    running = Attempt.objects.get().lease_until
    assert running < preparing
    job.say("more\n", kind="ingestion")
    assert Attempt.objects.get().lease_until == running


def test_an_output_that_never_arrives_is_tried_again(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    job.patch("Scoring")
    let_time_pass()
    deliveries.sweep()
    assert fresh(code).status == "Submitted"
    assert Attempt.objects.get().cause == "platform"


def test_scores_that_never_arrive_fail_the_scoring(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    job.patch("Finished")
    let_time_pass()
    deliveries.sweep()
    assert (fresh(result).status, fresh(result).cause) == ("Failed", "bad_scores")


# Cancelling


def test_cancelling_needs_no_word_of_the_worker(take: Callable[[], Job], code: Submission, pat: User) -> None:
    job = take()
    job.begin()
    job.say("running\n")
    assert services.cancel(submission=fresh(code), by=pat)
    assert fresh(code).status == "Cancelled"
    assert deliveries.to_revoke(Queue.objects.get()) == [job.message.message_id]
    assert job.patch("Scoring").status_code == 200
    job.store("prediction_result", PREDICTED)
    deliveries.sweep()
    assert fresh(code).status == "Cancelled"
    deliveries.revoked([job.message.message_id])
    assert deliveries.to_revoke(Queue.objects.get()) == []


def test_an_offer_is_cancelled_before_it_started(take: Callable[[], Job], code: Submission, pat: User) -> None:
    job = take()
    services.cancel(submission=fresh(code), by=pat)
    assert fresh(code).status == "Cancelled"
    assert sum(entry.amount for entry in TryEntry.objects.all()) == 0
    assert job.patch("Running").status_code == 403


def test_a_job_that_ended_well_is_not_revoked(take: Callable[[], Job], result: Submission) -> None:
    take().score(accuracy=0.5)
    assert deliveries.to_revoke(Queue.objects.get()) == []


# Output


def test_live_output_is_capped_with_a_mark(
    take: Callable[[], Job], code: Submission, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "max_log_bytes", 2000)
    job = take()
    job.begin()
    job.say(*["x" * 700] * 10)
    text = log_of(code)
    assert text.startswith("x" * 2000 + "\n[output truncated")
    assert len(text) < 2100


def test_frames_that_say_nothing_change_nothing_and_keep_the_socket(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    with job.socket() as socket:
        for text in ("", "{", "[]", "1", '{"kind": "program"}', '{"kind": "nonsense", "message": "x"}',
                     '{"kind": "program", "message": 1}', "[" * 100_000):  # fmt: skip
            socket.send_text(text)
        socket.send_text(json.dumps({"kind": "program", "message": "ok\ud800\0"}))
        socket.send_text(json.dumps({"kind": "program", "message": "x" * MAX_FRAME_BYTES}))
    assert log_of(code).startswith("ok")
    assert "x" not in log_of(code), "a frame beyond the cap is left out"


def test_the_stored_files_are_the_log_where_nothing_was_seen_live(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    job.store("prediction_stdout", b"out\n")
    job.store("prediction_stderr", b"err\n")
    job.patch("Scoring")
    job.store("prediction_result", PREDICTED)
    deliveries.sweep()
    assert (log_of(code), log_of(code, Stream.STDERR)) == ("out\n", "err\n")


def test_what_was_seen_live_is_not_repeated_from_the_stored_files(take: Callable[[], Job], code: Submission) -> None:
    job = take()
    job.begin()
    job.say("out\nerr\n")
    job.store("prediction_stdout", b"out\n")
    job.store("prediction_stderr", b"err\n")
    job.patch("Scoring")
    job.store("prediction_result", PREDICTED)
    deliveries.sweep()
    assert (log_of(code), log_of(code, Stream.STDERR)) == ("out\nerr\n", "")


# Podium's own worker at the same broker


def test_a_worker_of_podium_takes_the_message_and_is_from_then_on_as_any_other(
    take: Callable[[], Job], result: Submission
) -> None:
    job, token = take(), "t" * 40
    asked = {"submission": result.pk, "token": token, "claim": Claim(worker="w", hostname="near").model_dump()}
    headers = {"Authorization": f"Bearer {job.secret}"}
    answer = job.client.post("/api/worker/take", json=asked, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["attempt"] == job.attempt
    assert job.client.post("/api/worker/take", json=asked, headers=headers).status_code == 200, "asked again"
    other = {**asked, "token": "u" * 40}
    assert job.client.post("/api/worker/take", json=other, headers=headers).status_code == 409, "delivered again"
    assert job.patch("Running").status_code == 403, "the message's secret is worth nothing any more"
    beat = {"Authorization": f"Bearer {token}"}
    path = f"/api/worker/attempts/{job.attempt}"
    assert job.client.post(f"{path}/beat", json={"phase": "running"}, headers=beat).status_code == 200
    let_time_pass()
    assert deliveries.sweep() == 0
    assert services.sweep() == 1, "its lease runs as any other's"


def test_a_drained_worker_of_podium_leaves_the_message_to_others(
    take: Callable[[], Job], result: Submission, queue: Queue
) -> None:
    job = take()
    Worker.objects.create(queue=queue, name="w", drained_when=timezone.now())
    asked = {"submission": result.pk, "token": "t" * 40, "claim": {"worker": "w"}}
    headers = {"Authorization": f"Bearer {job.secret}"}
    assert job.client.post("/api/worker/take", json=asked, headers=headers).status_code == 204
    assert Delivery.objects.get(attempt=job.attempt).taken_when is None
    asked["claim"] = {"worker": "another"}
    assert job.client.post("/api/worker/take", json=asked, headers=headers).status_code == 200


def test_a_job_that_a_foreign_worker_has_is_not_taken(take: Callable[[], Job], result: Submission) -> None:
    job = take()
    job.begin()
    asked = {"submission": result.pk, "token": "t" * 40, "claim": {"worker": "w"}}
    headers = {"Authorization": f"Bearer {job.secret}"}
    assert job.client.post("/api/worker/take", json=asked, headers=headers).status_code == 409
    headers = {"Authorization": f"Bearer {uuid.uuid4()}"}
    assert job.client.post("/api/worker/take", json=asked, headers=headers).status_code == 403


def test_no_more_is_offered_than_can_start(queue: Queue, competition: Competition, pat: User) -> None:
    for _ in range(3):
        submit(pat, competition, RESULT)
    offers = [deliveries.offer_run(queue=queue, most=2) for _ in range(3)]
    assert [offer is not None for offer in offers] == [True, True, False]
    assert deliveries.take_back_all(queue=queue) == 2
    assert deliveries.offer_run(queue=queue, most=1) is not None
