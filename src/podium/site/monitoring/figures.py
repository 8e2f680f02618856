"""What a scrape reads from the database and the disks: how the site does as a whole, whichever process is asked.

Each query reads what is under way or happened lately, by an index that holds no more than that; none grows with the
site's history.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.states import TERMINAL, AttemptState, RunState, SubmissionStatus
from podium.site.queues.models import WORKER_SEEN, BrokerAccess, Queue, Worker

LATELY = timedelta(hours=1)
"""How far back failures are counted. They are no counters from the beginning: submissions may be deleted."""
MOST_WORKERS = 2000
FORGOTTEN = timedelta(days=1)
"""A worker that was silent for longer has no figures any more."""


@dataclass(frozen=True)
class Figure:
    """One metric: its name without the prefix, what it means, its labels, and a value for each of their values."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: list[tuple[tuple[str, ...], float]]


def all_figures() -> Iterator[Figure]:
    """Everything that is read at a scrape."""
    now = timezone.now()
    queues = {str(pk): name for pk, name in Queue.objects.values_list("pk", "name")}
    yield Figure(
        "queue_info",
        "The name of each queue, by its number.",
        ("queue", "name"),
        [(pair, 1) for pair in queues.items()],
    )
    yield from _runs(now)
    yield from _submissions(now)
    yield from _workers(now, list(queues))
    yield from _lately(now)
    yield from _tasks(now)
    yield from _room()


def _age(now: datetime, since: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _runs(now: datetime) -> Iterator[Figure]:
    # One query a state: each matches the condition of an index that holds that state alone.
    queued = _by_queue(Run.objects.filter(state=RunState.QUEUED), "queue", "created_when")
    active = Attempt.objects.filter(state=AttemptState.ACTIVE)
    claimed = _by_queue(active, "run__queue", "claimed_when")
    both = (("queued", queued), ("claimed", claimed))
    yield Figure(
        "runs",
        "Steps of submissions that wait (queued) or are being worked on (claimed).",
        ("queue", "state"),
        [((queue, state), number) for state, rows in both for queue, number, _ in rows],
    )
    yield Figure(
        "runs_oldest_seconds",
        "How long the oldest such step has been waiting, or been worked on.",
        ("queue", "state"),
        [((queue, state), _age(now, oldest)) for state, rows in both for queue, _, oldest in rows],
    )
    overdue = active.filter(Q(lease_until__lt=now) | Q(deadline__lt=now)).aggregate(
        n=Count("pk"), since=Min("lease_until")
    )
    yield Figure("attempts_overdue", "Attempts past their lease or deadline.", (), [((), overdue["n"])])
    yield Figure(
        "attempts_overdue_seconds",
        "How long the oldest of them is past its lease: the sweeper takes it away within seconds, if it runs.",
        (),
        [((), _age(now, overdue["since"]) if overdue["since"] else 0.0)],
    )


def _by_queue(rows: Any, queue: str, since: str) -> list[tuple[str, int, datetime]]:
    counted = rows.order_by().values_list(queue).annotate(n=Count("pk"), oldest=Min(since))
    return [(str(pk), number, oldest) for pk, number, oldest in counted]


def _submissions(now: datetime) -> Iterator[Figure]:
    under_way = Submission.objects.exclude(status__in=TERMINAL).filter(has_children=False).order_by()
    counted = list(under_way.values_list("queue", "status").annotate(n=Count("pk"), oldest=Min("created_when")))
    labels = ("queue", "status")
    yield Figure(
        "submissions_under_way",
        "Submissions (one for each task) that have not ended.",
        labels,
        [((str(queue or ""), status), number) for queue, status, number, _ in counted],
    )
    yield Figure(
        "submissions_oldest_seconds",
        "How long ago the oldest submission of a status was made.",
        labels,
        [((str(queue or ""), status), _age(now, oldest)) for queue, status, _, oldest in counted],
    )


def _workers(now: datetime, queues: list[str]) -> Iterator[Figure]:
    seen = list(
        Worker.objects.filter(last_seen__gte=now - FORGOTTEN)
        .order_by("-last_seen")
        .values_list("pk", "queue", "name", "slots", "last_seen")[:MOST_WORKERS]
    )
    # A worker whose slots are all busy asks for nothing; the leases of its attempts tell when it was heard of.
    lease = timedelta(seconds=settings.CONFIG.lease_seconds)
    beats: dict[int, datetime] = {}
    for worker, until in Attempt.objects.filter(state=AttemptState.ACTIVE).values_list("worker", "lease_until"):
        if worker is not None:
            beats[worker] = max(until - lease, beats.get(worker, until - lease))
    heard = [(str(queue), name, slots, max(last, beats.get(pk, last))) for pk, queue, name, slots, last in seen]
    live = [(queue, slots) for queue, _, slots, last in heard if now - last <= WORKER_SEEN]
    yield Figure(
        "queue_workers",
        f"Workers heard of within {WORKER_SEEN.seconds} seconds.",
        ("queue",),
        [((queue,), sum(one == queue for one, _ in live)) for queue in queues],
    )
    yield Figure(
        "queue_slots",
        "How many jobs those workers do at once.",
        ("queue",),
        [((queue,), sum(slots for one, slots in live if one == queue)) for queue in queues],
    )
    listening = BrokerAccess.objects.filter(counted_when__gte=now - WORKER_SEEN).values_list("queue", "consumers")
    yield Figure(
        "queue_consumers",
        "Jobs at once that those can take who listen to the queue on RabbitMQ.",
        ("queue",),
        [((str(queue),), consumers) for queue, consumers in listening],
    )
    yield Figure(
        "worker_silent_seconds",
        "How long ago a worker was heard of: it asked for a job, or an attempt of its sent a beat.",
        ("queue", "worker"),
        [((queue, name), _age(now, last)) for queue, name, _, last in heard],
    )


def _lately(now: datetime) -> Iterator[Figure]:
    since = now - LATELY
    failed = Submission.objects.filter(status=SubmissionStatus.FAILED, finished_when__gte=since, has_children=False)
    causes = failed.order_by().values_list("queue", "cause", "fault").annotate(n=Count("pk"))
    yield Figure(
        "submissions_failed_last_hour",
        "Submissions that failed within the last hour, by cause and by whose fault it was.",
        ("queue", "cause", "fault"),
        [((str(queue or ""), cause, fault), number) for queue, cause, fault, number in causes],
    )
    lost = Attempt.objects.filter(state=AttemptState.LOST, finished_when__gte=since).order_by()
    yield Figure(
        "attempts_lost_last_hour",
        "Attempts taken within the last hour from a worker that was silent or late.",
        ("queue",),
        [((str(queue),), number) for queue, number in lost.values_list("run__queue").annotate(n=Count("pk"))],
    )


def _tasks(now: datetime) -> Iterator[Figure]:
    rows = []
    for state, status in (("ready", "READY"), ("running", "RUNNING")):
        first = "enqueued_at" if state == "ready" else "started_at"
        found = DBTaskResult.objects.filter(status=status).order_by().aggregate(n=Count("pk"), oldest=Min(first))
        rows.append((state, found["n"], _age(now, found["oldest"]) if found["oldest"] else 0.0))
    yield Figure("tasks", "Background tasks that wait or run.", ("state",), [((s,), n) for s, n, _ in rows])
    yield Figure(
        "tasks_oldest_seconds",
        "How long the oldest such task has been waiting, or running.",
        ("state",),
        [((s,), age) for s, _, age in rows],
    )


def _room() -> Iterator[Figure]:
    places = {"data": settings.DATA_DIR, "files": settings.FILES_DIR}
    usage = {name: shutil.disk_usage(_existing(Path(place))) for name, place in places.items()}
    yield Figure("disk_free_bytes", "Free room.", ("folder",), [((n,), u.free) for n, u in usage.items()])
    yield Figure("disk_size_bytes", "Room in all.", ("folder",), [((n,), u.total) for n, u in usage.items()])
    yield Figure("database_size_bytes", "Size of the database.", (), [((), database_size())])


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.resolve().parents) if place.is_dir())


def database_size() -> int:
    """Bytes that the database takes, its write-ahead log included."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    main = Path(str(connection.settings_dict["NAME"]))
    files = (main, main.with_name(f"{main.name}-wal"))
    return sum(file.stat().st_size for file in files if file.is_file())
