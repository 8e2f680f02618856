"""Looks for missed deadlines, again and again; part of the site-worker."""

from __future__ import annotations

import threading

import structlog
from django.conf import settings
from django.db import close_old_connections

from podium.site.evaluation import services

log = structlog.get_logger(__name__)


class Sweeper:
    """Runs `services.sweep` every `PODIUM_SWEEP_SECONDS` until stopped; a failing sweep is logged and tried again."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until `stop`."""
        while not self._stopped.wait(settings.CONFIG.sweep_seconds):
            close_old_connections()
            try:
                services.sweep()
            except Exception:
                log.exception("sweep failed")
            finally:
                close_old_connections()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()
