"""Changes of state as compare-and-set: what the tables in `states` do not allow is refused and logged.

Every function here works inside the caller's transaction.
"""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils import timezone

from podium.site.evaluation.models import Attempt, Run
from podium.site.evaluation.states import OPEN_RUNS, AttemptState, IllegalTransition, RunState, State, sources_of
from podium.site.resources import storage

log = structlog.get_logger(__name__)


def refused(what: str, *, seen: str, target: State) -> IllegalTransition:
    """Log a change that is not made, and give the error to raise."""
    log.warning("illegal transition refused", what=what, seen=str(seen), target=str(target))
    return IllegalTransition(f"{what}: {seen} -> {target}")


def move_run(run: Run, target: RunState) -> None:
    """Set the state of a run. Raises IllegalTransition."""
    finished = None if target in OPEN_RUNS else timezone.now()
    allowed = Run.objects.filter(pk=run.pk, state__in=sources_of(target))
    if not allowed.update(state=target, finished_when=finished):
        raise refused(f"run {run.pk}", seen=run.state, target=target)
    run.state, run.finished_when = target, finished


def end_attempt(attempt: Attempt, target: AttemptState, *, cause: str = "", message: str = "") -> None:
    """End an attempt, and forget what its worker has uploaded and nobody has sealed. Raises IllegalTransition."""
    allowed = Attempt.objects.filter(pk=attempt.pk, state__in=sources_of(target))
    if not allowed.update(state=target, finished_when=timezone.now(), cause=cause, message=message):
        raise refused(f"attempt {attempt.pk}", seen=attempt.state, target=target)
    attempt.state = target
    for key in (attempt.output_key, attempt.private_output_key, attempt.detailed_results_key):
        transaction.on_commit(lambda key=key: storage.discard_incoming(key))  # type: ignore[misc]
