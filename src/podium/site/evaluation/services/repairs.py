"""The last net: states that no transaction should ever leave, found and brought to an end.

Whatever waits or runs has a deadline as long as rows agree with one another: a claimed run has an active attempt with a
lease, a queued run stands in a lane that is looked at, a submission under way has a run that is queued or claimed, a
parent follows its children. Were that ever not so (a fault of ours, rows changed by hand), nothing would wait for the
submission any more and it would hang for ever. Each case here is one query, asked once a minute, and one mend, which
looks again under the lock; each mend is logged as an error, since it means that something else is to be mended.
"""

from __future__ import annotations

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from podium.protocol import Cause, Failure, Step
from podium.site.evaluation.models import Attempt, CompetitionLane, ParticipantLane, Run, Submission
from podium.site.evaluation.services import order, transitions, verdicts
from podium.site.evaluation.states import OPEN_RUNS, TERMINAL, AttemptState, RunState, SubmissionStatus

log = structlog.get_logger(__name__)

MESSAGE = "The platform lost track of this submission. Submit it again; the administrators find it in the log."


def repair() -> int:
    """Mend every row that contradicts another; returns how many there were, which should be none."""
    return sum((_close_ended(), _queue_unclaimed(), _mark_unmarked(), _fail_stranded(), _follow_ended_children()))


def _told(what: str, *, found: int) -> int:
    if found:
        log.error("rows that contradict one another were mended", what=what, rows=found)
    return found


@transaction.atomic
def _close_ended() -> int:
    """Runs and attempts of a submission that has ended."""
    attempts = Attempt.objects.filter(state=AttemptState.ACTIVE).filter(
        Q(run__submission__status__in=TERMINAL) | ~Q(run__state=RunState.CLAIMED)
    )
    runs = Run.objects.filter(state__in=OPEN_RUNS, submission__status__in=TERMINAL)
    found_runs = list(runs.select_for_update(of=("self",)).order_by("pk"))
    found_attempts = list(attempts.select_for_update(of=("self",)).order_by("pk"))
    for attempt in found_attempts:
        transitions.end_attempt(attempt, AttemptState.CANCELLED, cause=Cause.PLATFORM, message="Its run was over.")
    for run in found_runs:
        transitions.move_run(run, RunState.CANCELLED)
    return _told("open runs and attempts of what has ended", found=len(found_attempts) + len(found_runs))


@transaction.atomic
def _queue_unclaimed() -> int:
    """Claimed runs that nobody works on."""
    active = Attempt.objects.filter(run=OuterRef("pk"), state=AttemptState.ACTIVE)
    unclaimed = Run.objects.filter(~Exists(active), state=RunState.CLAIMED).select_related("lane", "submission")
    found = list(unclaimed.select_for_update(of=("self",)).order_by("pk"))
    for run in found:
        transitions.move_run(run, RunState.QUEUED)
        if run.submission.status in {SubmissionStatus.PREPARING, SubmissionStatus.RUNNING}:
            verdicts.advance(run.submission, SubmissionStatus.SUBMITTED)
        order.queued_again(run)
    return _told("claimed runs without an attempt", found=len(found))


@transaction.atomic
def _mark_unmarked() -> int:
    """Queued runs in lanes that no claim looks at."""
    marked = CompetitionLane.objects.filter(
        queue=OuterRef("queue"), priority=OuterRef("priority"), competition=OuterRef("competition"), waiting=True
    )
    lanes = ParticipantLane.objects.filter(
        Exists(Run.objects.filter(lane=OuterRef("pk"), state=RunState.QUEUED)), ~Q(waiting=True) | ~Exists(marked)
    )
    found = list(lanes)
    for lane in found:
        order.mark_waiting(
            queue_id=lane.queue_id, competition_id=lane.competition_id, owner_id=lane.owner_id, priority=lane.priority
        )
    return _told("waiting lanes without a mark", found=len(found))


@transaction.atomic
def _fail_stranded() -> int:
    """Submissions under way of which nothing is queued or claimed."""
    open_runs = Run.objects.filter(submission=OuterRef("pk"), state__in=OPEN_RUNS)
    under_way = set(SubmissionStatus) - TERMINAL - {SubmissionStatus.SUBMITTING}
    stranded = Submission.objects.filter(~Exists(open_runs), has_children=False, status__in=under_way)
    found = list(stranded.select_for_update(of=("self",)).select_related("phase").order_by("pk"))
    for submission in found:
        step = Step.SCORING if submission.status == SubmissionStatus.SCORING else Step.PREDICTION
        verdicts.fail(submission, Failure(cause=Cause.PLATFORM, step=step, message=MESSAGE))
    return _told("submissions under way without a run", found=len(found))


@transaction.atomic
def _follow_ended_children() -> int:
    """Parents that did not notice the end of their last child."""
    under_way = Submission.objects.filter(parent=OuterRef("pk")).exclude(status__in=TERMINAL)
    parents = Submission.objects.filter(~Exists(under_way), has_children=True).exclude(status__in=TERMINAL)
    found = list(parents.values_list("pk", flat=True))
    for pk in found:
        verdicts.follow_children(pk)
    return _told("parents whose children have ended", found=len(found))
