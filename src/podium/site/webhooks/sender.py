"""Sends what waits for webhooks; part of the site-worker, beside its tasks, so that no slow receiver holds them up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import close_old_connections

from podium.site.webhooks import services

log = structlog.get_logger(__name__)

AT_A_TIME = 8
PAUSE = 1.0


class Sender:
    """Looks for messages that are due every second, and sends some at a time, until stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send until `stop`."""
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="webhook") as threads:
            while not self._stopped.wait(PAUSE):
                self.look(threads)

    def look(self, threads: ThreadPoolExecutor) -> None:
        """Send what is due now; a failing look is logged and done again."""
        close_old_connections()
        try:
            for job in [threads.submit(self._send, pk) for pk in services.due(AT_A_TIME * 4)]:
                job.result()
        except Exception:
            log.exception("looking for webhooks failed")
        finally:
            close_old_connections()

    @staticmethod
    def _send(pk: int) -> None:
        close_old_connections()
        try:
            services.send(delivery_id=pk)
        except Exception:
            log.exception("a webhook was not sent, it is tried again", delivery=pk)
        finally:
            close_old_connections()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()
