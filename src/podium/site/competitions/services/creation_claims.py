"""Who works on a creation, and what happens when they die.

States of the race, in prose once: a creation is *queued* until a site-worker claims it; a claim counts the attempt up
and promises a sign of life until `alive_until`, renewed by a thread beside the work. Every later write names its
attempt and only counts while the creation is Starting under that number, the one that finishes it inside the
transaction that makes the competition; so of two site-workers that both believe to have it, one succeeds and the other
changes nothing. The sweeper queues a silent creation again, at most three times, and removes what was half written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from podium.site.competitions.models import CreationState, CreationStatus
from podium.site.resources import storage

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3


class Superseded(Exception):
    """The creation has ended or belongs to another site-worker; whatever this one still does changes nothing."""


def _lease() -> timedelta:
    return timedelta(seconds=settings.CONFIG.lease_seconds)


def claim(status_id: int) -> CreationStatus | None:
    """Take a queued creation, and remove what an earlier attempt left; None when there is nothing to do."""
    status = CreationStatus.objects.get(pk=status_id)
    own = CreationStatus.objects.filter(pk=status_id, status=CreationState.STARTING, attempt=status.attempt)
    now = timezone.now()
    free = own.filter(Q(alive_until__isnull=True) | Q(alive_until__lte=now))
    if not free.update(attempt=status.attempt + 1, alive_until=now + _lease(), files=[]):
        return None
    _remove(status.files)
    return CreationStatus.objects.select_related("dataset__data_file", "created_by").get(pk=status_id)


def change(status: CreationStatus, /, **values: object) -> None:
    """Write down how far a claimed creation has come. Raises Superseded when the claim no longer holds."""
    own = CreationStatus.objects.filter(pk=status.pk, status=CreationState.STARTING, attempt=status.attempt)
    if not own.update(**values):
        raise Superseded
    for name, value in values.items():
        setattr(status, name, value)


@contextmanager
def kept_alive(status: CreationStatus) -> Iterator[None]:
    """Give signs of life for a claimed creation while the block runs."""
    stopped = threading.Event()
    thread = threading.Thread(target=_beat, args=(status, stopped), name=f"creation-{status.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _beat(status: CreationStatus, stopped: threading.Event) -> None:
    while not stopped.wait(_lease().total_seconds() / 3):
        try:
            change(status, alive_until=timezone.now() + _lease())
        except Superseded:
            return
        except DatabaseError:
            log.exception("a sign of life was not stored, the next one may be", creation=status.pk)
        finally:
            connection.close()


def recover() -> int:
    """Queue again, or fail, every creation whose site-worker is gone; returns how many there were."""
    now = timezone.now()
    silent = Q(alive_until__lte=now) | Q(alive_until__isnull=True, created_when__lte=now - _lease())
    creations = CreationStatus.objects.filter(silent, status=CreationState.STARTING)
    return sum(_recovered(status) for status in creations)


def _tasks(status: CreationStatus, state: TaskResultStatus) -> QuerySet[DBTaskResult]:
    from podium.site.competitions.tasks import create_competition  # noqa: PLC0415 - tasks call this module

    return DBTaskResult.objects.filter(
        status=state, task_path=create_competition.module_path, args_kwargs__args__0=status.pk
    )


def _recovered(status: CreationStatus) -> bool:
    from podium.site.competitions.tasks import create_competition  # noqa: PLC0415 - tasks call this module

    now, running = timezone.now(), _tasks(status, TaskResultStatus.RUNNING)
    if status.alive_until is None and (
        _tasks(status, TaskResultStatus.READY).exists() or running.filter(started_at__gt=now - _lease()).exists()
    ):
        return False  # it waits for a site-worker, or one has taken it this moment
    with transaction.atomic():
        try:
            if status.attempt >= MAX_ATTEMPTS:
                _give_up(status)
            else:
                change(status, alive_until=None)
                create_competition.enqueue(status.pk)
        except Superseded:
            return False
        # Rows of tasks whose process is gone would say "running" for ever.
        running.update(status=TaskResultStatus.FAILED, finished_at=now, traceback="The site-worker was gone.")
    log.warning("creation recovered", creation=status.pk, attempts=status.attempt, state=status.status)
    return True


def _give_up(status: CreationStatus) -> None:
    steps = [{**step, "state": "failed" if step["state"] == "running" else step["state"]} for step in status.steps]
    files = status.files
    change(
        status,
        status=CreationState.FAILED,
        finished_when=timezone.now(),
        steps=steps,
        files=[],
        details=f"The platform was interrupted {status.attempt} times while it read this bundle. Nothing was created; "
        "upload the bundle again, and tell the administrators if that happens twice.",
    )
    transaction.on_commit(lambda: _remove(files))


def _remove(keys: list[str]) -> None:
    for key in keys:
        storage.remove_content(key)
