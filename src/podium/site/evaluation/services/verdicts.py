"""How a submission moves through its states, and what each end brings with it.

Every function here works inside the caller's transaction and changes states by compare-and-set; Finished is set last,
when scores, place and outputs are already stored.
"""

from __future__ import annotations

from django.utils import timezone

from podium.protocol import Cause, Failure, Fault, Step
from podium.site.evaluation import wakeups
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.services import ledger, moving, order, transitions
from podium.site.evaluation.states import (
    OPEN_RUNS,
    TERMINAL,
    AttemptState,
    RunState,
    SubmissionStatus,
    parent_status,
    sources_of,
)
from podium.site.leaderboards import services as leaderboards
from podium.site.webhooks import outbox


def advance(submission: Submission, target: SubmissionStatus, **changes: object) -> None:
    """Set the status of `submission` if the table of transitions allows it from where it is now.

    changes: further columns set by the same update.
    Raises IllegalTransition when it does not, which is logged.
    """
    now = changes["changed_when"] = timezone.now()
    if target in TERMINAL:
        changes["finished_when"] = now
    if target in {SubmissionStatus.PREPARING, SubmissionStatus.RUNNING} and submission.started_when is None:
        changes["started_when"] = now
    allowed = Submission.objects.filter(pk=submission.pk, status__in=sources_of(target))
    if not allowed.update(status=target, **changes):
        raise transitions.refused(f"submission {submission.pk}", seen=submission.status, target=target)
    submission.status = target
    for name, value in changes.items():
        setattr(submission, name, value)
    wakeups.notify(wakeups.submission_topic(submission.pk))
    if submission.parent_id is not None:
        follow_children(submission.parent_id)
    elif target in TERMINAL:
        outbox.submission_ended(submission_id=submission.pk, status=target, phase=submission.phase)
    else:
        wakeups.notify(wakeups.competition_topic(submission.phase.competition_id))


def follow_children(parent_id: int) -> None:
    """Derive the status of a parent from its children's, and finish it with them."""
    parent = Submission.objects.select_for_update(of=("self",)).select_related("phase__leaderboard").get(pk=parent_id)
    children = list(Submission.objects.filter(parent=parent).order_by("pk"))
    derived = parent_status([SubmissionStatus(child.status) for child in children])
    if derived == parent.status or parent.status in TERMINAL:
        wakeups.notify(wakeups.submission_topic(parent.pk))
        return
    changes: dict[str, object] = {"changed_when": timezone.now()}
    if derived in TERMINAL:
        changes["finished_when"] = timezone.now()
        changes |= _summary(parent, children, derived)
    if derived is SubmissionStatus.FINISHED:
        leaderboards.on_verdict(submission=parent)
    started = [child.started_when for child in children if child.started_when]
    if parent.started_when is None and started:
        changes["started_when"] = min(started)
    Submission.objects.filter(pk=parent.pk, status=parent.status).update(status=derived, **changes)
    if derived in TERMINAL:
        outbox.submission_ended(submission_id=parent.pk, status=derived, phase=parent.phase)
    else:
        wakeups.notify(wakeups.competition_topic(parent.phase.competition_id))
    wakeups.notify(wakeups.submission_topic(parent.pk))


def reopen(parent: Submission) -> None:
    """Let a submission with several tasks that has ended be under way again, because parts were added to it.

    The one way out of an end: what it says follows from its parts, and there are more of them now.
    """
    ended = Submission.objects.filter(pk=parent.pk, status__in=(SubmissionStatus.FINISHED, SubmissionStatus.FAILED))
    unsaid = dict.fromkeys(("cause", "fault", "failed_step", "failed_program", "limit", "measured"), "")
    now = timezone.now()
    ended.update(status=SubmissionStatus.SUBMITTED, changed_when=now, finished_when=None, status_details="", **unsaid)


def _summary(parent: Submission, children: list[Submission], derived: SubmissionStatus) -> dict[str, object]:
    """What a parent says of its children's ends; gives the try back where all ended without the owner's fault."""
    failed = [child for child in children if child.status == SubmissionStatus.FAILED]
    if derived is SubmissionStatus.FINISHED:
        return {"status_details": f"{len(failed)} of {len(children)} tasks failed"} if failed else {}
    if derived is SubmissionStatus.CANCELLED:
        if not any(child.started_when for child in children):
            ledger.give_back(parent, "Cancelled before it started")
        return {"cause": Cause.CANCELLED, "fault": Fault.NOBODY, "status_details": "Cancelled"}
    worst = next((c for c in failed if c.fault == Fault.PARTICIPANT), failed[0])
    _settle_try(parent, Fault(worst.fault))
    return {
        "cause": worst.cause,
        "fault": worst.fault,
        "failed_step": worst.failed_step,
        "failed_program": worst.failed_program,
        "limit": worst.limit,
        "measured": worst.measured,
        "status_details": f"No task succeeded. The first that failed: {worst.status_details}"
        if len(children) > 1
        else worst.status_details,
    }


def _settle_try(submission: Submission, fault: Fault) -> None:
    """Give the try back unless the organizer lets failures count and the participant is at fault.

    By default a failed submission does not count (Codabench's rule).
    """
    if fault is Fault.PARTICIPANT and submission.phase.failed_submissions_count:
        return
    reasons = {
        Fault.PLATFORM: "Failed through the platform's fault",
        Fault.ORGANIZER: "Failed in the organizer's program",
        Fault.PARTICIPANT: "Failed submissions do not count in this phase",
        Fault.NOBODY: "Did not run",
    }
    ledger.give_back(submission, reasons[fault])


def fail(submission: Submission, failure: Failure) -> None:
    """End a submission as Failed, with the whole story."""
    fault = failure.blamed
    _settle_try(submission, fault)
    advance(
        submission,
        SubmissionStatus.FAILED,
        cause=failure.cause,
        fault=fault,
        failed_step=failure.step,
        failed_program=failure.program or "",
        limit=failure.limit or "",
        measured=failure.measured or "",
        status_details=failure.message,
    )


def cancel_now(submission: Submission) -> None:
    """End a submission as Cancelled and close what is open of its runs and attempts."""
    for attempt in Attempt.objects.filter(run__submission=submission, state=AttemptState.ACTIVE):
        transitions.end_attempt(attempt, AttemptState.CANCELLED, cause=Cause.CANCELLED)
    for run in Run.objects.filter(submission=submission, state__in=OPEN_RUNS):
        transitions.move_run(run, RunState.CANCELLED)
    if submission.started_when is None:
        ledger.give_back(submission, "Cancelled before it started")
    advance(
        submission,
        SubmissionStatus.CANCELLED,
        cause=Cause.CANCELLED,
        fault=Fault.NOBODY,
        status_details="Cancelled",
    )


def enqueue(submission: Submission, step: Step, *, begun: bool) -> Run:
    """Queue a step in the transaction that decides on it; call it last there, since it locks the lane.

    begun: whether an earlier step of the submission has run.
    """
    competition = submission.phase.competition
    queue = moving.queue_of(competition.pk)
    if submission.queue_id != queue.pk:
        Submission.objects.filter(pk=submission.pk).update(queue=queue)
        submission.queue = queue
    lane = order.lane_for(
        queue=queue,
        competition=competition,
        owner_id=submission.owner_id,
        priority=order.priority_of(submission, begun=begun),
    )
    run = Run.objects.create(submission=submission, step=step, queue=queue, lane=lane, image=competition.docker_image)
    wakeups.notify(wakeups.queue_topic(queue.pk))
    return run
