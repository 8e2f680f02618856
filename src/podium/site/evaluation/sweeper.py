"""Looks for missed deadlines, again and again; part of the site-worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import close_old_connections

from podium.site.analytics.services import orphans, snapshots
from podium.site.audit import services as audit
from podium.site.competitions import counts
from podium.site.competitions.services import creation_claims, deleting, dumping, migration
from podium.site.evaluation import services
from podium.site.evaluation.codabench_worker import services as deliveries
from podium.site.evaluation.services import attempts, moving, output, phase_work, repairs
from podium.site.forums.services import moderating
from podium.site.idempotency import keeping
from podium.site.leaderboards.services import recount
from podium.site.mails import services as mails
from podium.site.queues import broker
from podium.site.resources import grants, storage, uploads
from podium.site.webhooks import services as webhooks

log = structlog.get_logger(__name__)

OFTEN = 5
"""How many sweeps pass before what is not urgent is looked at again."""
SELDOM_SECONDS = 60.0


class Sweeper:
    """Enforces deadlines every `PODIUM_SWEEP_SECONDS` until stopped; a failing sweep is logged and tried again.

    What nobody waits for is looked at more seldom, so that a site where nothing happens has little to do.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until `stop`."""
        rhythms = self._rhythms()
        due = [0.0] * len(rhythms)
        while not self._stopped.wait(settings.CONFIG.sweep_seconds):
            for place, (seconds, sweeps) in enumerate(rhythms):
                if time.monotonic() >= due[place]:
                    due[place] = time.monotonic() + seconds
                    for sweep in sweeps:
                        self._do(sweep)

    @staticmethod
    def _rhythms() -> tuple[tuple[float, tuple[Callable[[], object], ...]], ...]:
        """What is looked at, and at least how many seconds lie between two looks."""
        config = settings.CONFIG
        forgotten, stale = config.forgotten_seconds, grants.FIVE_DAYS + 24 * 3600
        deliver = (deliveries.sweep,)
        return (
            (0.0, (services.sweep, *(deliver if broker.is_configured() else ()))),
            (
                OFTEN * config.sweep_seconds,
                (
                    output.seal_ended,
                    moving.follow_all,
                    creation_claims.recover,
                    dumping.recover,
                    migration.migrate_due,
                    phase_work.recover,
                    webhooks.tell_turns,
                    mails.recover,
                    orphans.recover,
                ),
            ),
            (SELDOM_SECONDS, (repairs.repair, recount.Rounds().look, *deliver)),
            (
                config.tidy_seconds,
                (
                    lambda: storage.discard_stale_incoming(
                        older_than_seconds=stale, drafts_older_than_seconds=forgotten
                    ),
                    lambda: attempts.discard_late_uploads(older_than_seconds=forgotten),
                    lambda: uploads.sweep(older_than_seconds=forgotten),
                    lambda: storage.discard_orphans(older_than_seconds=forgotten),
                    counts.recount,
                    snapshots.take_due,
                    snapshots.thin_out,
                    dumping.forget_old,
                    keeping.forget_old,
                    webhooks.forget_old,
                    deleting.purge_due,
                    audit.forget_old,
                    moderating.purge_due,
                ),
            ),
        )

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
