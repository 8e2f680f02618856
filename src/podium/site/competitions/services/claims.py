"""Who works on a long job in the background, and what happens when they die.

States of the race, in prose once: a job is *queued* until a site-worker claims it; a claim counts the attempt up and
promises a sign of life until `alive_until`, renewed by a thread beside the work. Every later write names its attempt
and only counts while the job is open under that number, the one that finishes it inside the transaction that makes the
result; so of two site-workers that both believe to have it, one succeeds and the other changes nothing. The sweeper
queues a silent job again, at most three times, and removes what was half written.

A job's row has `status`, `attempt`, `alive_until` (null: queued), `created_when`, `finished_when`, `details`, and
`created_by`, whose turn it takes, and `files`, the storage keys that it may write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from podium.site.background import turn
from podium.site.resources import storage

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3


class Superseded(Exception):
    """The job has ended or belongs to another site-worker; whatever this one still does changes nothing."""


def lease() -> timedelta:
    """How long a site-worker may be silent about a job."""
    return timedelta(seconds=settings.CONFIG.lease_seconds)


@dataclass(frozen=True)
class Claims:
    """The claims on one kind of job.

    model: its rows. queued, running, failed: the values of `status`; the first two may be one. task: gives the
    background task, late, since tasks import the services. joined: what a claimed row is fetched with. given_up: what
    is written, beside the state, on a job that was interrupted too often.
    """

    model: type[models.Model]
    queued: str
    running: str
    failed: str
    task: Callable[[], Any]
    given_up: Callable[[Any], Mapping[str, object]]
    joined: Sequence[str] = ()

    def _open(self, **filters: object) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows.filter(status__in={self.queued, self.running}, **filters)

    def enqueue(self, job: Any) -> None:
        """Queue a job, behind as many turns of others as its person has jobs of this kind already."""
        before = self._open(created_by=job.created_by_id, pk__lt=job.pk).count()
        self.task().using(priority=turn(before)).enqueue(job.pk)

    def claim(self, pk: int) -> Any:
        """Take a queued job, and remove what an earlier attempt left; None when there is nothing to do."""
        seen = self._open(pk=pk).first()
        if seen is None:
            return None
        now = timezone.now()
        free = self._open(pk=pk, attempt=seen.attempt).filter(Q(alive_until__isnull=True) | Q(alive_until__lte=now))
        begun = {"status": self.running, "attempt": seen.attempt + 1, "alive_until": now + lease(), "files": []}
        if not free.update(**begun):
            return None
        _remove(seen.files)
        return self._open(pk=pk).select_related(*self.joined).first()

    def change(self, job: Any, /, **values: object) -> None:
        """Write down how far a claimed job has come. Raises Superseded when the claim no longer holds."""
        if not self._open(pk=job.pk, attempt=job.attempt).update(**values):
            raise Superseded
        for name, value in values.items():
            setattr(job, name, value)

    @contextmanager
    def kept_alive(self, job: Any) -> Iterator[None]:
        """Give signs of life for a claimed job while the block runs."""
        stopped = threading.Event()
        name = f"{self.model.__name__}-{job.pk}"
        thread = threading.Thread(target=self._beat, args=(job, stopped), name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _beat(self, job: Any, stopped: threading.Event) -> None:
        while not stopped.wait(lease().total_seconds() / 3):
            try:
                self.change(job, alive_until=timezone.now() + lease())
            except Superseded:
                return
            except DatabaseError:
                log.exception("a sign of life was not stored, the next one may be", **self._named(job))
            finally:
                connection.close()

    def recover(self) -> int:
        """Queue again, or fail, every job whose site-worker is gone; returns how many there were."""
        now = timezone.now()
        silent = Q(alive_until__lte=now) | Q(alive_until__isnull=True, created_when__lte=now - lease())
        return sum(self._recovered(job) for job in self._open().filter(silent))

    def _tasks(self, job: Any, state: TaskResultStatus) -> QuerySet[DBTaskResult]:
        path = self.task().module_path
        return DBTaskResult.objects.filter(status=state, task_path=path, args_kwargs__args__0=job.pk)

    def _recovered(self, job: Any) -> bool:
        now, running = timezone.now(), self._tasks(job, TaskResultStatus.RUNNING)
        if job.alive_until is None and (
            self._tasks(job, TaskResultStatus.READY).exists() or running.filter(started_at__gt=now - lease()).exists()
        ):
            return False  # it waits for a site-worker, or one has taken it this moment
        with transaction.atomic():
            try:
                if job.attempt >= MAX_ATTEMPTS:
                    self._give_up(job)
                else:
                    self.change(job, status=self.queued, alive_until=None)
                    self.enqueue(job)
            except Superseded:
                return False
            # Rows of tasks whose process is gone would say "running" for ever.
            running.update(status=TaskResultStatus.FAILED, finished_at=now, traceback="The site-worker was gone.")
        log.warning("job recovered", **self._named(job), attempts=job.attempt, state=job.status)
        return True

    def _give_up(self, job: Any) -> None:
        files = job.files
        self.change(job, status=self.failed, finished_when=timezone.now(), files=[], **self.given_up(job))
        transaction.on_commit(lambda: _remove(files))

    def _named(self, job: Any) -> dict[str, Any]:
        return {"job": self.model.__name__, "id": job.pk}


def _remove(keys: list[str]) -> None:
    for key in keys:
        storage.remove_content(key)
