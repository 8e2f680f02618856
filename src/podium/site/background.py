"""Runs background tasks, and costs little while there are none."""

from __future__ import annotations

import os
import socket
import time

from django.db import close_old_connections, connection
from django_tasks.base import TASK_MIN_PRIORITY
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

PAUSE = 0.2
"""Seconds between two looks for tasks."""

BEFORE_OTHERS = 10
"""The priority of mails: who waits for a link to log in does not wait for the bundles that others have uploaded."""


def turn(before: int) -> int:
    """The priority of a person's next long job, so that people take turns however much each asks for.

    before: how many of theirs wait or run. The first of everybody comes before the second of anybody.
    """
    return max(TASK_MIN_PRIORITY, -before)


class TaskRunner(Worker):
    """Runs tasks until it is told to stop.

    Its parent looks for tasks with a write transaction that fetches the whole next row, many times a second; here that
    is done only once a small statement outside of any transaction has found something.
    """

    def __init__(self) -> None:
        super().__init__(
            queue_names=["default"],
            interval=PAUSE,
            batch=True,  # so that the parent comes back as soon as nothing waits
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=f"{socket.gethostname()[:40]}-{os.getpid()}",
            excluded_queue_names=[],
        )
        waiting = DBTaskResult.objects.filter(status="READY", backend_name=self.backend_name).order_by()
        self._look = waiting.values("pk")[:1].query.sql_with_params()

    def run(self) -> None:
        """Run what comes. Raises Django's OperationalError or InterfaceError when the database does not answer."""
        while self.running:
            close_old_connections()
            if self._something_waits():
                super().run()
            close_old_connections()
            if self.running:
                time.sleep(self.interval)

    def _something_waits(self) -> bool:
        """Whether a task may be due; those that are to run later count as well."""
        with connection.cursor() as cursor:
            cursor.execute(*self._look)
            return cursor.fetchone() is not None
