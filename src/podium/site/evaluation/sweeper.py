"""Looks for missed deadlines, again and again; part of the site-worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import close_old_connections

from podium.site.competitions.services import creation_claims, dumping, migration
from podium.site.evaluation import services
from podium.site.evaluation.codabench_worker import services as deliveries
from podium.site.evaluation.services import attempts, moving, output, phase_work, repairs
from podium.site.resources import grants, storage

log = structlog.get_logger(__name__)

REPAIR_SECONDS = 60


class Sweeper:
    """Enforces deadlines every `PODIUM_SWEEP_SECONDS` until stopped; a failing sweep is logged and tried again."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until `stop`; now and then also look for contradictions, and for files that nobody will need."""
        repair_at = tidy_at = 0.0
        while not self._stopped.wait(settings.CONFIG.sweep_seconds):
            self._do(services.sweep)
            self._do(deliveries.sweep)
            self._do(moving.follow_all)
            self._do(output.seal_ended)
            self._do(creation_claims.recover)
            self._do(migration.migrate_due)
            self._do(phase_work.recover)
            self._do(dumping.fail_lost)
            if time.monotonic() >= repair_at:
                repair_at = time.monotonic() + REPAIR_SECONDS
                self._do(repairs.repair)
            if time.monotonic() >= tidy_at:
                tidy_at = time.monotonic() + settings.CONFIG.tidy_seconds
                self._tidy()

    def _tidy(self) -> None:
        """Clear uploads that nobody completed, and content that no row knows."""
        forgotten, stale = settings.CONFIG.forgotten_seconds, grants.FIVE_DAYS + 24 * 3600
        self._do(lambda: storage.discard_stale_incoming(older_than_seconds=stale, drafts_older_than_seconds=forgotten))
        self._do(lambda: attempts.discard_late_uploads(older_than_seconds=forgotten))
        self._do(lambda: storage.discard_orphans(older_than_seconds=forgotten))

    @staticmethod
    def _do(sweep: Callable[[], object]) -> None:
        """One kind of deadline; that it fails must not keep the others from being enforced."""
        close_old_connections()
        try:
            sweep()
        except Exception:
            log.exception("sweep failed")
        finally:
            close_old_connections()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()
