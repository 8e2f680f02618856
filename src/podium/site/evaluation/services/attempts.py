"""What workers do: claim a run, renew the lease, report the end; and what happens when they do not.

States of the race between a worker and the sweeper: an attempt is ACTIVE from its claim until exactly one of `finish`,
`lose` and `cancel_now` ends it. Each locks the attempt's row (PostgreSQL) or holds the only write transaction (SQLite)
and looks at the state again; whoever comes second finds it ended and changes nothing. A worker that comes second is
told so (AttemptOver, 409) and kills what it still runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from podium.formats.scores import ScoresError, ScoreValue, validate_scores
from podium.protocol import Beat, BeatAnswer, Cause, Ceilings, Claim, Failure, Fault, JobLimits, Outcome, Phase, Step
from podium.site.evaluation import policies, wakeups
from podium.site.evaluation.limits import job_limits, run_limits
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.services import limits, moving, order, output, verdicts
from podium.site.evaluation.services.transitions import end_attempt, move_run
from podium.site.evaluation.states import TERMINAL, AttemptState, IllegalTransition, RunState, SubmissionStatus
from podium.site.leaderboards import services as leaderboards
from podium.site.queues.models import Queue, Worker, hash_token, new_token
from podium.site.queues.services import introduce
from podium.site.queues.services.tokens import opens
from podium.site.resources import storage
from podium.site.resources.models import TaskVersion

log = structlog.get_logger(__name__)
Given = TypeVar("Given")

MAX_ATTEMPTS = 3
TRANSFER_SECONDS = 3600
"""What an attempt may take beyond its time limit, for fetching, unpacking and uploading."""


_DESCRIBED = (
    "lane",
    "submission__phase__competition",
    "submission__phase__leaderboard",
    "submission__data__data_file",
    *(f"submission__task_version__{part}__data_file" for part in TaskVersion.PARTS),
)
_COLUMNS = "submission__phase__leaderboard__columns"
"""What a claimed run comes with: all that its job is described by."""


class AttemptOver(Exception):
    """The attempt has ended; whatever its worker says changes nothing."""


class Drained(Exception):
    """The worker gets no new job until it is undrained."""


class TokenRevoked(Exception):
    """The queue's token was revoked since the worker showed it."""


class WrongToken(Exception):
    """No attempt with this id and token."""


def note_limits(run: Run, ceilings: Ceilings | None) -> JobLimits:
    """Keep on a run the limits that it has with a worker which cannot be chosen, for it comes by a broker.

    ceilings: the worker's; None for a worker that does not tell them.
    """
    run.limits = {}
    in_effect = run_limits(run, ceilings)
    run.limits = in_effect.model_dump()
    Run.objects.filter(pk=run.pk).update(limits=run.limits)
    return in_effect


def settle(run: Run, claim: Claim) -> JobLimits:
    """The effective limits of a run for the worker that is about to get it; they are kept on the run.

    Inside the transaction of the hand-out. Raises `limits.Unfit` when the worker gives less than the phase is due.
    """
    due = limits.settled_for(
        phase=run.submission.phase, queue_id=run.queue_id, worker=claim.worker, ceilings=claim.ceilings
    )
    in_effect = job_limits(due, claim.ceilings)
    run.limits = in_effect.model_dump()
    Run.objects.filter(pk=run.pk).update(limits=run.limits)
    return in_effect


def claim_run(*, queue: Queue, claim: Claim, token_id: int | None = None) -> tuple[Attempt, str, float] | None:
    """Give a worker the run of `queue` whose turn it is (see `order`).

    Runs of phases that ask for more than the worker gives are passed over (see `services.limits`).

    token_id: key of the queue's token by which the worker came in, None where it needed none.
    Returns the attempt with all that describes its job, its token and its time limit in seconds, or None when nothing
    waits that it may have. Raises Drained, and TokenRevoked when the token does not open the queue any more.
    """
    worker = introduce(queue, claim)
    if worker.drained_when is not None:
        raise Drained
    if claim.not_ready:
        return None

    def still_open() -> bool:
        if token_id is not None and not opens(token_id):
            raise TokenRevoked
        return True

    def begin(run: Run) -> tuple[Attempt, str, float]:
        limit, token = settle(run, claim).wall_seconds, new_token()
        attempt = new_attempt(run, token_hash=hash_token(token), **in_hand(worker, claim, limit))
        show_begun(run)
        return attempt, token, limit

    return hand_out(queue=queue, give=begin, may=still_open)


def hand_out(*, queue: Queue, give: Callable[[Run], Given], may: Callable[[], bool] = lambda: True) -> Given | None:
    """Take the run of `queue` whose turn it is and give it to somebody, in one transaction.

    give: makes the attempt of the run; its answer is returned. Where it raises `limits.Unfit`, other phases' runs are
    looked at. may: asked with the queue's row locked, so that no other claim comes between the answer and what follows
    from it.
    """
    passed: list[int] = []
    unfit: list[int] = []
    while order.something_waits(queue.pk):
        # Idle workers look without a write transaction, so that they do not stand in the way of the others.
        try:
            return _hand_out_next(queue, give, may, passed, unfit)
        except limits.Unfit as phase:
            unfit.append(phase.phase_id)
        except limits.SettledMeanwhile:
            continue
        except order.Empty as empty:
            if not order.tidy(empty) and empty.lane is not None:
                passed.append(empty.lane.pk)
    return None


@transaction.atomic
def _hand_out_next(
    queue: Queue, give: Callable[[Run], Given], may: Callable[[], bool], passed: list[int], unfit: list[int]
) -> Given | None:
    # The queue's row is the lock under which turns are taken and tokens revoked; rows that name it can be written.
    Queue.objects.select_for_update(no_key=True).get(pk=queue.pk)
    if not may():
        return None
    found = order.next_run(queue, passed, unfit)
    if found is None or not Run.objects.filter(pk=found.pk, state=RunState.QUEUED).update(state=RunState.CLAIMED):
        return None
    run = described(found.pk)
    given = give(run)
    order.served(run)
    return given


def described(run_id: int) -> Run:
    """A run with all that its job is described by."""
    return Run.objects.select_related(*_DESCRIBED).prefetch_related(_COLUMNS).get(pk=run_id)


def in_hand(worker: Worker, claim: Claim, limit: float) -> dict[str, Any]:
    """An attempt's columns from when a worker has the job in hand; `limit` is its time limit in seconds."""
    now = timezone.now()
    return {
        "worker": worker,
        "worker_name": claim.hostname or claim.worker,
        "lease_until": now + timedelta(seconds=settings.CONFIG.lease_seconds),
        "deadline": now + timedelta(seconds=limit + TRANSFER_SECONDS),
    }


def new_attempt(run: Run, *, token_hash: str, **facts: Any) -> Attempt:
    """Make the next attempt of a claimed run."""
    last = run.attempts.aggregate(last=Max("number"))["last"] or 0
    return Attempt.objects.create(run=run, number=last + 1, token_hash=token_hash, **facts)


def show_begun(run: Run) -> None:
    """The submission no longer waits for a worker."""
    if run.submission.status == SubmissionStatus.SUBMITTED:
        verdicts.advance(run.submission, SubmissionStatus.PREPARING)


def _attempt(attempt_id: int, token: str) -> Attempt:
    """The attempt, locked. Raises WrongToken."""
    found = (
        Attempt.objects.select_for_update(of=("self",))
        .select_related("run__submission__phase__leaderboard", "run__submission__phase__competition")
        .filter(pk=attempt_id, token_hash=hash_token(token))
        .first()
    )
    if found is None:
        raise WrongToken
    return found


@transaction.atomic
def beat(*, attempt_id: int, token: str, message: Beat) -> BeatAnswer:
    """Renew the lease, store new output, follow the attempt's phase.

    Raises WrongToken, and AttemptOver when the attempt has ended.
    """
    attempt = _attempt(attempt_id, token)
    if attempt.state != AttemptState.ACTIVE:
        raise AttemptOver
    lease = settings.CONFIG.lease_seconds
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=timezone.now() + timedelta(seconds=lease))
    submission = attempt.run.submission
    if output.keep(attempt, message.frames):
        wakeups.notify(wakeups.submission_topic(submission.pk))
        if submission.parent_id is not None:
            wakeups.notify(wakeups.submission_topic(submission.parent_id))
    if message.phase is not Phase.PREPARING:
        show_running(attempt.run, submission)
    return BeatAnswer(lease_seconds=lease, cancel=submission.cancel_requested_when is not None)


def show_running(run: Run, submission: Submission) -> None:
    target = SubmissionStatus.SCORING if run.step == Step.SCORING else SubmissionStatus.RUNNING
    if submission.status in {SubmissionStatus.PREPARING} and submission.status != target:
        verdicts.advance(submission, target)


@transaction.atomic
def finish(*, attempt_id: int, token: str, outcome: Outcome) -> None:
    """Take the end of an attempt: outputs, scores and verdict, all in one transaction.

    A repeated report of the same attempt changes nothing. Raises WrongToken, and AttemptOver when the attempt was
    taken from the worker before.
    """
    attempt = _attempt(attempt_id, token)
    if attempt.state in {AttemptState.SUCCEEDED, AttemptState.FAILED}:
        return
    if attempt.state != AttemptState.ACTIVE:
        raise AttemptOver
    conclude(attempt, outcome)


def conclude(attempt: Attempt, outcome: Outcome) -> None:
    """Settle an active attempt, whose row the caller's transaction has locked."""
    run, submission = attempt.run, attempt.run.submission
    _store_outputs(attempt, run, outcome)
    if submission.cancel_requested_when is not None or (outcome.failure and outcome.failure.cause is Cause.CANCELLED):
        verdicts.cancel_now(submission)
        return
    if outcome.notes:
        submission.notes = [*submission.notes, *(policies.note_of(run.step, note) for note in outcome.notes)]
        Submission.objects.filter(pk=submission.pk).update(notes=submission.notes)
    failure = outcome.failure or _missing(attempt, run) or _refused_scores(run, outcome)
    if failure is not None:
        _fail(attempt, failure)
        return
    end_attempt(attempt, AttemptState.SUCCEEDED)
    move_run(run, RunState.SUCCEEDED)
    show_running(run, submission)
    if run.step == Step.PREDICTION:
        verdicts.advance(submission, SubmissionStatus.SCORING)
        verdicts.enqueue(submission, Step.SCORING, begun=True)
        return
    leaderboards.record_scores(submission=submission, scores=outcome.scores)
    leaderboards_follow(submission)
    verdicts.advance(submission, SubmissionStatus.FINISHED)


def leaderboards_follow(submission: Submission) -> None:
    """Bring the board up to date with a finished submission; a child waits for its siblings."""
    if submission.parent_id is None:
        leaderboards.on_verdict(submission=submission)


def _missing(attempt: Attempt, run: Run) -> Failure | None:
    """A step that reports success must have delivered its output."""
    if run.output_id is not None:
        return None
    log.error("attempt without output", attempt=attempt.pk)
    return Failure(
        cause=Cause.PLATFORM, step=Step(run.step), message="The worker's output did not arrive on the platform."
    )


def _refused_scores(run: Run, outcome: Outcome) -> Failure | None:
    """Check the scores against the board's columns, as the worker did: what comes from a worker is not believed."""
    board = run.submission.phase.leaderboard
    if run.step != Step.SCORING or board is None:
        return None
    keys = [column.key for column in board.columns.all() if not column.computation]
    try:
        validate_scores({key: ScoreValue(s.value, s.text) for key, s in outcome.scores.items()}, keys)
    except ScoresError as error:
        return Failure(cause=Cause(error.code), step=Step.SCORING, message=str(error))
    return None


def _store_outputs(attempt: Attempt, run: Run, outcome: Outcome) -> None:
    """Keep what this attempt has delivered, in place of what an earlier one had."""
    replaced = [file for file in (run.output, run.private_output, run.detailed_results) if file is not None]
    changes: dict[str, object] = {
        "output": None,
        "private_output": None,
        "detailed_results": None,
        "programs": [program.model_dump() for program in outcome.programs],
        "image_digest": outcome.image_digest or "",
        "sandbox_seconds": outcome.sandbox_seconds,
    }
    if outcome.output_uploaded and storage.incoming_size(attempt.output_key) is not None:
        changes["output"] = storage.seal(attempt.output_key, folder=f"{run.step}_result", name=f"{run.step}.zip")
    if outcome.private_output_uploaded and storage.incoming_size(attempt.private_output_key) is not None:
        changes["private_output"] = storage.seal(
            attempt.private_output_key, folder="private_result", name="private.zip"
        )
    if outcome.detailed_results_uploaded and storage.incoming_size(attempt.detailed_results_key) is not None:
        changes["detailed_results"] = storage.seal(
            attempt.detailed_results_key, folder="detailed_result", name="detailed_results.html"
        )
    Run.objects.filter(pk=run.pk).update(**changes)
    for name, value in changes.items():
        setattr(run, name, value)
    for file in replaced:
        storage.delete(file)


def _fail(attempt: Attempt, failure: Failure) -> None:
    """End an attempt as failed: a platform's fault is tried again, anything else is the verdict."""
    end_attempt(attempt, AttemptState.FAILED, cause=failure.cause, message=failure.message)
    _retry_or_fail(attempt, failure)


def _retry_or_fail(attempt: Attempt, failure: Failure) -> None:
    run, submission = attempt.run, attempt.run.submission
    if submission.status in TERMINAL:
        move_run(run, RunState.CANCELLED)  # a run of what has ended must not be claimed again
        return
    if failure.blamed is Fault.PLATFORM and attempt.number < MAX_ATTEMPTS:
        move_run(run, RunState.QUEUED)
        if submission.status in {SubmissionStatus.PREPARING, SubmissionStatus.RUNNING}:
            verdicts.advance(submission, SubmissionStatus.SUBMITTED)
        moving.queue_again(run)
        return
    move_run(run, RunState.FAILED)
    verdicts.fail(submission, failure)


@transaction.atomic
def lose(*, attempt_id: int, now: datetime) -> bool:
    """Take an attempt from a worker whose lease or deadline has passed; returns whether it was still its own."""
    attempt = (
        Attempt.objects.select_for_update(of=("self",))
        .select_related("run__submission__phase__competition")
        .filter(pk=attempt_id, state=AttemptState.ACTIVE)
        .first()
    )
    if attempt is None or (attempt.lease_until > now and attempt.deadline > now):
        return False
    overdue = attempt.deadline <= now
    message = (
        "The worker did not finish in the time that it had."
        if overdue
        else f"The worker was silent for {settings.CONFIG.lease_seconds:.0f} s."
    )
    take_away(attempt, message)
    return True


def take_away(attempt: Attempt, message: str) -> None:
    """Take an active attempt, whose row is locked, from a worker that is gone; the run gets another attempt."""
    submission = attempt.run.submission
    end_attempt(attempt, AttemptState.LOST, cause=Cause.WORKER_LOST, message=message)
    log.warning("attempt lost", attempt=attempt.pk, submission=submission.pk, worker=attempt.worker_name)
    if submission.cancel_requested_when is not None:
        verdicts.cancel_now(submission)
        return
    final = f"{message} It was tried {attempt.number} times." if attempt.number >= MAX_ATTEMPTS else message
    _retry_or_fail(attempt, Failure(cause=Cause.WORKER_LOST, step=Step(attempt.run.step), message=final))


def sweep() -> int:
    """Enforce every deadline that has passed; returns how many attempts were taken from their workers.

    Workers without heartbeat have deadlines of another kind, see `codabench_worker.services.sweep`.
    """
    now = timezone.now()
    beating = Q(delivery__isnull=True) | Q(delivery__taken_when__isnull=False)
    overdue = Attempt.objects.filter(beating, Q(lease_until__lte=now) | Q(deadline__lte=now), state=AttemptState.ACTIVE)
    lost = 0
    for pk in overdue.values_list("pk", flat=True):
        try:
            lost += lose(attempt_id=pk, now=now)
        except IllegalTransition:
            continue  # logged where it was refused; one of them must not keep the others from being lost
    return lost


def discard_late_uploads(*, older_than_seconds: float) -> int:
    """Remove what workers have uploaded for attempts that were over by then; returns how many files went."""
    names = storage.incoming_names(older_than_seconds=older_than_seconds)
    by_attempt: dict[int, list[str]] = {}
    for name in names:
        if found := re.match(r"attempt-(\d{1,18})-", name):
            by_attempt.setdefault(int(found[1]), []).append(name)
    active = Attempt.objects.filter(pk__in=by_attempt, state=AttemptState.ACTIVE).values_list("pk", flat=True)
    late = [name for pk in set(by_attempt) - set(active) for name in by_attempt[pk]]
    for name in late:
        storage.discard_incoming(f"incoming/{name}")
    return len(late)


@transaction.atomic
def abandon(*, attempt_id: int, reason: str) -> None:
    """End an attempt that the platform itself cannot describe any more (its file or task is gone)."""
    attempt = Attempt.objects.select_related("run__submission__phase__competition").get(pk=attempt_id)
    end_attempt(attempt, AttemptState.FAILED, cause=Cause.PLATFORM, message=reason)
    move_run(attempt.run, RunState.FAILED)
    message = "A file that this submission needs was deleted, so it cannot be evaluated."
    verdicts.fail(attempt.run.submission, Failure(cause=Cause.PLATFORM, step=Step(attempt.run.step), message=message))
