"""What Prometheus reads: true figures, for those who may have them, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.models import Attempt, Run
from podium.site.monitoring import exposition, figures
from podium.site.queues.models import BrokerAccess, Queue, Worker
from tests.site.acting import WorkerDouble, submit

pytestmark = pytest.mark.django_db
Read = Callable[..., float | None]


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    exposition.site_figures.forget()
    yield
    exposition.site_figures.forget()


@pytest.fixture
def read(ada: User, client_of: Any) -> Read:
    """The value of a metric with certain labels, as an administrator reads it; None when there is none."""
    client = client_of(ada)

    def value(metric: str, /, **labels: object) -> float | None:
        exposition.site_figures.forget()
        wanted = {key: str(text) for key, text in labels.items()}
        for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
            for sample in family.samples:
                if sample.name == f"podium_{metric}" and wanted.items() <= sample.labels.items():
                    return sample.value
        return None

    return value


def with_token(token: str) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_metrics_are_closed_until_a_token_is_set(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get("/metrics").status_code == 403
    assert with_token("").status_code == 403
    assert with_token("None").status_code == 403
    monkeypatch.setattr(settings.CONFIG, "metrics_token", SecretStr(""))
    assert with_token("").status_code == 403


def test_the_scrape_token_opens_them_and_another_does_not(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.CONFIG, "metrics_token", SecretStr("scrape-me-please"))
    answer = with_token("scrape-me-please")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert with_token("scrape-me-pleasE").status_code == 403
    assert with_token("").status_code == 403


def test_a_wrong_token_is_not_made_good_by_nobody_s_session(pat: User, ada: User, client_of: Any) -> None:
    assert client_of(pat).get("/metrics").status_code == 403
    assert client_of(ada).get("/metrics").status_code == 200


def test_waiting_and_claimed_steps_are_counted_by_queue_with_their_age(
    competition: Competition, pat: User, queue: Queue, read: Read
) -> None:
    for _ in range(3):
        submit(pat, competition)
    Run.objects.filter(pk=Run.objects.earliest("pk").pk).update(created_when=timezone.now() - timedelta(hours=2))
    assert read("runs", queue=queue.pk, state="queued") == 3
    assert 7200 <= (read("runs_oldest_seconds", queue=queue.pk, state="queued") or 0) < 7400
    assert read("runs", queue=queue.pk, state="claimed") is None
    job = WorkerDouble(queue).job()
    Attempt.objects.filter(pk=job.attempt).update(claimed_when=timezone.now() - timedelta(hours=1))
    assert read("runs", queue=queue.pk, state="queued") == 2
    assert read("runs", queue=queue.pk, state="claimed") == 1
    assert 3600 <= (read("runs_oldest_seconds", queue=queue.pk, state="claimed") or 0) < 3800
    assert read("submissions_under_way", status="Submitted") == 2
    assert read("submissions_under_way", status="Preparing") == 1
    assert read("queue_info", queue=queue.pk, name=queue.name) == 1


def test_an_attempt_that_nobody_takes_away_is_seen(
    competition: Competition, pat: User, queue: Queue, read: Read
) -> None:
    submit(pat, competition)
    job = WorkerDouble(queue).job()
    assert read("attempts_overdue") == 0
    assert read("attempts_overdue_seconds") == 0
    Attempt.objects.filter(pk=job.attempt).update(lease_until=timezone.now() - timedelta(minutes=5))
    assert read("attempts_overdue") == 1
    assert 300 <= (read("attempts_overdue_seconds") or 0) < 400
    services.sweep()
    assert read("attempts_overdue") == 0
    assert read("attempts_lost_last_hour", queue=queue.pk) == 1


def test_failures_are_counted_by_cause_and_fault_for_an_hour(
    competition: Competition, pat: User, queue: Queue, read: Read
) -> None:
    worker = WorkerDouble(queue)
    for message in ("one", "two"):
        submit(pat, competition)
        failure = Failure(cause=Cause.BAD_SCORES, step=Step.SCORING, message=message)
        worker.finish(worker.job(), failure=failure)
    assert read("submissions_failed_last_hour", cause="bad_scores", fault="organizer") == 2
    competition.phases.get().submissions.update(finished_when=timezone.now() - timedelta(hours=2))
    assert read("submissions_failed_last_hour", cause="bad_scores") is None


def test_workers_are_counted_while_they_are_heard_of(
    competition: Competition, pat: User, queue: Queue, read: Read
) -> None:
    now = timezone.now()
    Worker.objects.create(queue=queue, name="fresh", slots=4, last_seen=now)
    Worker.objects.create(queue=queue, name="silent", slots=2, last_seen=now - timedelta(minutes=10))
    Worker.objects.create(queue=queue, name="forgotten", slots=2, last_seen=now - timedelta(days=2))
    assert read("queue_workers", queue=queue.pk) == 1
    assert read("queue_slots", queue=queue.pk) == 4
    assert 600 <= (read("worker_silent_seconds", worker="silent") or 0) < 700
    assert read("worker_silent_seconds", worker="forgotten") is None


def test_those_who_listen_to_the_broker_are_counted(queue: Queue, read: Read) -> None:
    BrokerAccess.objects.create(queue=queue, vhost="fresh", consumers=3, counted_when=timezone.now())
    assert read("queue_consumers", queue=queue.pk) == 3


def test_a_queue_without_workers_says_zero(queue: Queue, read: Read) -> None:
    assert read("queue_workers", queue=queue.pk) == 0
    assert read("queue_slots", queue=queue.pk) == 0


def test_a_busy_worker_that_asks_for_nothing_is_heard_of_by_its_beats(
    competition: Competition, pat: User, queue: Queue, read: Read
) -> None:
    submit(pat, competition)
    double = WorkerDouble(queue, name="busy")
    job = double.job()
    Worker.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    double.beat(job)
    assert (read("worker_silent_seconds", worker="busy") or 0) < 100
    assert read("queue_workers", queue=queue.pk) == 1


def test_a_worker_s_name_cannot_forge_a_figure(queue: Queue, read: Read) -> None:
    name = 'w"} 0\npodium_database_up 0\n# '
    Worker.objects.create(queue=queue, name=name)
    assert read("database_up") == 1
    assert read("worker_silent_seconds", worker=name) is not None


def test_rooms_and_tasks_are_there(read: Read) -> None:
    assert (read("disk_free_bytes", folder="data") or 0) > 0
    assert (read("disk_size_bytes", folder="data") or 0) >= (read("disk_free_bytes", folder="data") or 0)
    assert (read("database_size_bytes") or 0) > 0
    assert read("tasks", state="ready") == 0


def test_a_task_that_waits_is_counted(read: Read) -> None:
    from podium.site.competitions.tasks import create_competition  # noqa: PLC0415 - with the apps that are loaded

    create_competition.enqueue(1)
    assert read("tasks", state="ready") == 1


def test_reading_costs_the_same_queries_however_much_there_is(
    competition: Competition, pat: User, queue: Queue
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            list(figures.all_figures())
        return len(queries)

    empty = cost()
    for n in range(5):
        submit(pat, competition)
        Worker.objects.create(queue=queue, name=f"w{n}")
    WorkerDouble(queue).job()
    assert cost() == empty <= 14


def test_scrapes_that_follow_each_other_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    real = figures.all_figures

    def counted() -> Any:
        nonlocal reads
        reads += 1
        return real()

    monkeypatch.setattr(figures, "all_figures", counted)
    for _ in range(5):
        exposition.exposition()
    assert reads == 1


def test_without_a_database_the_process_s_own_counters_are_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(figures, "all_figures", away)
    text = exposition.exposition().decode()
    assert "podium_database_up 0.0" in text
    assert "podium_http_requests_open" in text


def test_counters_carry_their_process(read: Read) -> None:
    import os  # noqa: PLC0415

    text = exposition.exposition().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    (resident,) = families["podium_process_resident_memory_bytes"].samples
    assert resident.labels["process"].endswith(f":{os.getpid()}")
