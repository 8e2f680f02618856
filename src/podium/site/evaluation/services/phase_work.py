"""Work on all submissions of a phase at once, in the background: asked for at once, done in pieces, resumed or failed.

States of the race, in prose once: a work is *waiting* until a site-worker claims it; a claim counts the attempt up and
promises a sign of life until `alive_until`. Each piece is one transaction that moves the cursor by compare-and-set on
the attempt, so what a piece does and that it is done become true together, and of two site-workers that both believe to
have the work one goes on and the other changes nothing. A silent work is queued again by the sweeper, at most three
times, and goes on behind its cursor; after that it is failed with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from podium.site.accounts.models import User
from podium.site.background import turn
from podium.site.competitions.models import Phase
from podium.site.errors import Refused
from podium.site.evaluation.models import PhaseWork, Submission, WorkKind, WorkState

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
PIECE = 50
"""Submissions that are looked at in one transaction."""


class Superseded(Exception):
    """The work has ended or belongs to another site-worker."""


class Plan:
    """What a kind of work does: which submissions it is about, and what is done to a piece of them.

    rows: the submissions of a phase that there is something to do for.
    do: does it, in the transaction that moves the cursor. end: what follows when all is done.
    """

    def __init__(
        self,
        *,
        rows: Callable[[Phase], QuerySet[Submission]],
        do: Callable[[Phase, Sequence[int]], int],
        end: Callable[[Phase], None] = lambda _: None,
    ) -> None:
        self.rows, self.do, self.end = rows, do, end


_PLANS: dict[WorkKind, Plan] = {}


def register(kind: WorkKind, plan: Plan) -> None:
    """Say what a kind of work does; each module that knows one calls it when it is imported."""
    _PLANS[kind] = plan


def begin(*, kind: WorkKind, phase: Phase, by: User | None) -> int:
    """Ask for a work; returns how many submissions it is about, 0 where the same work is under way or nothing to do.

    by: None where the platform itself asks. The caller has checked the right.
    """
    if PhaseWork.objects.filter(phase=phase, kind=kind, state__in=PhaseWork.OPEN).exists():
        return 0
    found = _PLANS[kind].rows(phase).aggregate(total=Count("pk"), until=Max("pk"))
    if not found["total"]:
        _PLANS[kind].end(phase)
        return 0
    try:
        with transaction.atomic():
            work = PhaseWork.objects.create(phase=phase, kind=kind, created_by=by, **found)
            _enqueue(work)
    except IntegrityError:
        return 0  # somebody was quicker
    return int(found["total"])


def _enqueue(work: PhaseWork) -> None:
    """Queue a work, behind as many turns of others as its person has works already."""
    before = PhaseWork.objects.filter(created_by=work.created_by_id, state__in=PhaseWork.OPEN, pk__lt=work.pk)
    _task().using(priority=turn(before.count())).enqueue(work.pk)


def stop(*, kind: WorkKind, phase: Phase, reason: str) -> None:
    """End a work that is under way, so that it can be begun anew; a site-worker that has it changes nothing more."""
    under_way = PhaseWork.objects.filter(phase=phase, kind=kind, state__in=PhaseWork.OPEN)
    under_way.update(state=WorkState.FAILED, finished_when=timezone.now(), details=reason)


def _lease() -> timedelta:
    return timedelta(seconds=settings.CONFIG.lease_seconds)


def _change(work: PhaseWork, **values: object) -> None:
    """Write how far a claimed work has come. Raises Superseded."""
    own = PhaseWork.objects.filter(pk=work.pk, state__in=PhaseWork.OPEN, attempt=work.attempt)
    if not own.update(**values):
        raise Superseded
    for name, value in values.items():
        setattr(work, name, value)


def run(*, work_id: int) -> None:
    """Carry out a work from where it stands; run by the site-worker. A second run at the same time changes nothing."""
    work = _claim(work_id)
    if work is None:
        return
    try:
        while _piece(work):
            pass
        with transaction.atomic():
            _PLANS[WorkKind(work.kind)].end(work.phase)
            _change(work, state=WorkState.FINISHED, finished_when=timezone.now())
    except Superseded:
        log.warning("work on a phase superseded", work=work.pk, attempt=work.attempt)
    except Refused as refused:
        _fail(work, refused.message)
    except Exception:
        log.exception("work on a phase failed", work=work.pk)
        _fail(work, f"The platform failed. The administrators find the reason in the log under work {work.pk}.")


def _claim(work_id: int) -> PhaseWork | None:
    work = PhaseWork.objects.select_related("phase__competition__queue").filter(pk=work_id).first()
    if work is None:
        return None
    now, attempt = timezone.now(), work.attempt
    free = PhaseWork.objects.filter(pk=work_id, state__in=PhaseWork.OPEN, attempt=attempt).filter(
        Q(alive_until__isnull=True) | Q(alive_until__lte=now)
    )
    if not free.update(state=WorkState.RUNNING, attempt=attempt + 1, alive_until=now + _lease()):
        return None
    work.state, work.attempt = WorkState.RUNNING, attempt + 1
    return work


@transaction.atomic
def _piece(work: PhaseWork) -> bool:
    """Do the next submissions; returns whether there were any."""
    plan = _PLANS[WorkKind(work.kind)]
    ahead = plan.rows(work.phase).filter(pk__gt=work.cursor, pk__lte=work.until).order_by("pk")
    keys = list(ahead.values_list("pk", flat=True)[:PIECE])
    if not keys:
        return False
    done = plan.do(work.phase, keys)
    _change(work, cursor=keys[-1], done=work.done + done, alive_until=timezone.now() + _lease())
    return True


def _fail(work: PhaseWork, reason: str) -> None:
    try:
        _change(work, state=WorkState.FAILED, finished_when=timezone.now(), details=reason)
    except Superseded:
        log.warning("work on a phase superseded", work=work.pk, attempt=work.attempt)


def _task() -> Any:
    from podium.site.evaluation.tasks import work_on_phase  # noqa: PLC0415 - tasks call this module

    return work_on_phase


def _tasks(work: PhaseWork, status: TaskResultStatus) -> QuerySet[DBTaskResult]:
    return DBTaskResult.objects.filter(status=status, task_path=_task().module_path, args_kwargs__args__0=work.pk)


def recover() -> int:
    """Queue again, or fail, every work whose site-worker is gone; returns how many there were."""
    now = timezone.now()
    silent = Q(state=WorkState.RUNNING, alive_until__lte=now)
    # Its site-worker died between taking the task and claiming the work.
    unclaimed = Q(state=WorkState.WAITING, created_when__lte=now - _lease())
    return sum(_recovered(work) for work in PhaseWork.objects.filter(silent | unclaimed))


def _recovered(work: PhaseWork) -> bool:
    if work.state == WorkState.WAITING and _tasks(work, TaskResultStatus.READY).exists():
        return False  # it waits for a site-worker
    try:
        with transaction.atomic():
            # Rows of tasks whose process is gone would say "running" for ever.
            gone = {"status": TaskResultStatus.FAILED, "finished_at": timezone.now()}
            _tasks(work, TaskResultStatus.RUNNING).update(**gone, traceback="The site-worker was gone.")
            if work.attempt >= MAX_ATTEMPTS:
                reason = (
                    f"The platform was interrupted {work.attempt} times. {work.done} of {work.total} submissions "
                    "are done; ask again for the others."
                )
                _change(work, state=WorkState.FAILED, finished_when=timezone.now(), details=reason)
            else:
                _change(work, state=WorkState.WAITING, alive_until=None)
                _enqueue(work)
    except Superseded:
        return False
    log.warning("work on a phase recovered", work=work.pk, attempts=work.attempt, state=work.state)
    return True
