"""Reads of queues and workers that join."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Max, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.utils import timezone

from podium.protocol import Cause
from podium.site.competitions import policies as competitions
from podium.site.evaluation.models import Attempt
from podium.site.evaluation.states import AttemptState
from podium.site.queues import policies
from podium.site.queues.models import WORKER_SEEN, BrokerAccess, Queue, QueueToken, Worker

FORGOTTEN = timedelta(days=7)
"""A worker that was silent for longer is not listed any more."""
RECENT = 3
"""How many ended jobs are listed with a worker."""
MACHINE_CAUSES = [Cause.IMAGE_PULL, Cause.WORKER_LOST, Cause.PLATFORM]
"""Why an attempt ended through no program's fault: what tells of a worker that it is not well."""


def with_people(queues: QuerySet[Queue], user: Any) -> QuerySet[Queue]:
    """Queues with their owner, organizers, and as `shown_competitions` those of their competitions that `user` sees."""
    seen = competitions.visible_to(user).order_by("title", "pk")
    return queues.select_related("owner", "broker_access").prefetch_related(
        "organizers", Prefetch("competitions", queryset=seen, to_attr="shown_competitions")
    )


def listed(user: Any, *, public: bool, search: str = "") -> QuerySet[Queue]:
    """The queues that `user` owns or organizes, with `public` also everybody's, by name (Codabench's rule).

    search: every word must be in the name.
    """
    rows = policies.owned_or_organized_by(user)
    if public and user.is_authenticated:
        rows = rows | Queue.objects.filter(is_public=True, deleted_when__isnull=True)
    for word in search.split():
        rows = rows.filter(name__icontains=word)
    return with_people(rows, user).order_by("name", "pk")


def tokens(queue: Queue) -> QuerySet[QueueToken]:
    """The tokens that open a queue, newest first."""
    return queue.tokens.filter(revoked_when__isnull=True).select_related("created_by")


def slots_of(keys: Iterable[int]) -> dict[int, int]:
    """How many jobs at once are done for each of these queues that is served at all.

    Workers count that were seen lately and are not drained. One that listens to RabbitMQ says nothing before it has a
    job, so where more listen than were seen, those who listen count.
    """
    wanted, lately = list(keys), timezone.now() - WORKER_SEEN
    seen = Worker.objects.filter(queue__in=wanted, last_seen__gte=lately, drained_when__isnull=True)
    slots = {row["queue"]: row["total"] for row in seen.order_by().values("queue").annotate(total=Sum("slots"))}
    listening = BrokerAccess.objects.filter(queue__in=wanted, counted_when__gte=lately, consumers__gt=0)
    for queue, consumers in listening.values_list("queue", "consumers"):
        slots[queue] = max(consumers, slots.get(queue, 0))
    return slots


def not_working(keys: Iterable[int]) -> dict[int, str]:
    """Of these queues, which nobody serves, those that had workers lately: they are "drained" or "away"."""
    now = timezone.now()
    seen = Worker.objects.filter(queue__in=list(keys), last_seen__gte=now - FORGOTTEN)
    rows = seen.order_by().values("queue").annotate(last=Max("last_seen"))
    return {row["queue"]: "drained" if row["last"] >= now - WORKER_SEEN else "away" for row in rows}


def served(keys: Iterable[int]) -> set[int]:
    """Of these queues those that a worker serves."""
    return set(slots_of(keys))


@dataclass
class WorkerRow:
    """A worker with what it does and what became of its last jobs."""

    worker: Worker
    running: list[Attempt] = field(default_factory=list)
    recent: list[Attempt] = field(default_factory=list)
    last_error: Attempt | None = None

    @property
    def is_here(self) -> bool:
        """Whether it was heard of lately: it asked for a job, or one of its jobs is alive."""
        return bool(self.running) or self.worker.last_seen >= timezone.now() - WORKER_SEEN

    @property
    def state(self) -> str:
        """One word for the page: drained, away, working or idle."""
        if not self.is_here:
            return "away"
        if self.worker.drained_when is not None:
            return "drained"
        return "working" if self.running else "idle"


def listed_workers(user: Any, queue: Queue | None = None) -> QuerySet[Worker]:
    """The workers whose queues `user` operates, of one queue or of all; those seen last come first."""
    mine = policies.operated_by(user)
    rows = Worker.objects.filter(queue__in=mine, last_seen__gte=timezone.now() - FORGOTTEN)
    if queue is not None:
        rows = rows.filter(queue=queue)
    return rows.select_related("queue").order_by("-last_seen", "name", "pk")


def with_jobs(workers: Iterable[Worker]) -> list[WorkerRow]:
    """The workers with their jobs: three queries, however many jobs they did."""
    keys = [worker.pk for worker in workers]
    ended = Attempt.objects.filter(worker=OuterRef("pk")).exclude(state=AttemptState.ACTIVE).order_by("-pk")
    failed = Attempt.objects.filter(
        cause__in=MACHINE_CAUSES, worker=OuterRef("pk"), state__in=[AttemptState.FAILED, AttemptState.LOST]
    ).order_by("-pk")
    names = [f"recent_{place}" for place in range(RECENT)]
    last = {name: Subquery(ended.values("pk")[place : place + 1]) for place, name in enumerate(names)}
    annotated = Worker.objects.filter(pk__in=keys).annotate(error=Subquery(failed.values("pk")[:1]), **last)
    rows: list[Any] = list(annotated.values("id", "error", *names))
    wanted = {row[name] for row in rows for name in (*names, "error")} - {None}
    joined = Attempt.objects.select_related("run__submission__phase__competition")
    found = {attempt.pk: attempt for attempt in joined.filter(pk__in=wanted)}
    of_worker = {row["id"]: row for row in rows}
    listed = {worker.pk: WorkerRow(worker) for worker in workers}
    for attempt in joined.filter(worker__in=keys, state=AttemptState.ACTIVE).order_by("pk"):
        if attempt.worker_id is not None:
            listed[attempt.worker_id].running.append(attempt)
    for key, row in listed.items():
        facts = of_worker[key]
        row.recent = [found[facts[name]] for name in names if facts[name] is not None]
        row.last_error = found[facts["error"]] if facts["error"] is not None else None
    return list(listed.values())
