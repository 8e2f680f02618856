"""What a worker without heartbeat changes, and what happens when it falls silent.

The states of a delivery, whose attempt is active all the while:

    offered    the message lies in the broker, or is on its way there; nobody has said a word
    started    a worker has said Running; it fetches files and image
    running    the first program speaks
    announced  the worker has said Scoring or Finished; what that announces is on its way
    (taken)    a worker of Podium's own took it: it beats, and is from then on an attempt as any other

It is settled when what was announced has arrived, and ended as failed by the worker's word. Each state has a deadline
of its own, kept as the attempt's lease: an offer is taken back as if it had never been made, a started one is lost and
its run gets another attempt, one that runs has used its time, an announced one has lost its results. Whoever ends a
delivery locks the attempt's row and looks at its state again, so that of two only one does.

Every attempt has a secret of its own. When the broker delivers a message again because the first worker is gone, the
second one says Running once more: that costs the attempt, not the submission, and the secret is worth nothing from
then on, whoever still uses it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from podium.formats.scores import ScoresError, scores_in_message
from podium.protocol import Cause, Claim, Failure, Outcome, Score, Step, Stream
from podium.site.evaluation import logs, wakeups
from podium.site.evaluation.codabench_worker import outputs, words
from podium.site.evaluation.limits import run_limits
from podium.site.evaluation.models import Attempt, Delivery, Run, Submission
from podium.site.evaluation.services import attempts, moving, output
from podium.site.evaluation.services.attempts import AttemptOver, WrongToken
from podium.site.evaluation.services.transitions import move_run
from podium.site.evaluation.states import AttemptState, RunState, SubmissionStatus
from podium.site.queues.models import Queue, Worker, hash_token, new_token
from podium.site.queues.services import introduce
from podium.site.resources import storage

log = structlog.get_logger(__name__)

ENGINE = "codabench"
"""What is shown as the engine of workers that speak this protocol."""
_STARTING = {SubmissionStatus.RUNNING, SubmissionStatus.PREPARING}
_ANNOUNCING = {Step.PREDICTION: SubmissionStatus.SCORING, Step.SCORING: SubmissionStatus.FINISHED}


@dataclass(frozen=True)
class Offer:
    """An attempt on its way into the broker, with the one secret that its worker will know."""

    delivery: Delivery
    secret: uuid.UUID
    limit: float


def _later(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def time_limit(run: Run) -> float:
    """The time limit of a step in seconds, as far as the platform decides it."""
    return run_limits(run).wall_seconds


def offer_run(*, queue: Queue, most: int) -> Offer | None:
    """Claim the run whose turn it is for whoever takes it from the broker.

    most: how many deliveries of the queue may be under way at once. None when there are as many, or nothing waits.
    """

    def room() -> bool:
        return Delivery.objects.filter(queue=queue, attempt__state=AttemptState.ACTIVE).count() < most

    def offer(run: Run) -> Offer:
        secret = uuid.uuid4()
        attempt = attempts.new_attempt(
            run,
            token_hash=hash_token(new_token()),  # nobody is told this token: the secret does not open Podium's own API
            lease_until=_later(settings.CONFIG.lease_seconds),  # until the message is confirmed
            deadline=_later(settings.CONFIG.broker_start_seconds + settings.CONFIG.lease_seconds),
        )
        delivery = Delivery.objects.create(attempt=attempt, queue=queue, secret_hash=hash_token(str(secret)))
        return Offer(delivery, secret, attempts.note_limits(run, None).wall_seconds)

    return attempts.hand_out(queue=queue, give=offer, may=room)


def published(*, delivery: Delivery) -> None:
    """The broker has confirmed the message; a worker may have been quicker to start than this note."""
    Delivery.objects.filter(pk=delivery.pk).update(published_when=timezone.now())
    Attempt.objects.filter(pk=delivery.attempt_id, state=AttemptState.ACTIVE, delivery__started_when=None).update(
        lease_until=_later(settings.CONFIG.broker_start_seconds),
        deadline=_later(settings.CONFIG.broker_start_seconds),
    )


def _locked(condition: Q) -> Attempt | None:
    return (
        Attempt.objects.select_for_update(of=("self",))
        .select_related("delivery", "run__submission__phase__leaderboard", "run__submission__phase__competition")
        .filter(condition, delivery__isnull=False)
        .first()
    )


def _known(submission_id: int, secret: str) -> Attempt:
    """The attempt that a secret belongs to, locked. Raises WrongToken."""
    attempt = _locked(Q(delivery__secret_hash=hash_token(secret), run__submission=submission_id))
    if attempt is None:
        raise WrongToken
    return attempt


@transaction.atomic
def take_back(*, attempt_id: int) -> bool:
    """Take an offer back that nobody has taken, as if it had never been made; returns whether nobody had."""
    attempt = _locked(Q(pk=attempt_id, state=AttemptState.ACTIVE, delivery__started_when=None))
    if attempt is None:
        return False
    run = attempt.run
    attempt.delete()
    move_run(run, RunState.QUEUED)
    moving.queue_again(run)
    return True


def take_back_all(*, queue: Queue) -> int:
    """Take every offer of a queue back that nobody has taken: its messages are gone, or nobody listens any more."""
    waiting = Delivery.objects.filter(queue=queue, started_when=None, attempt__state=AttemptState.ACTIVE)
    return sum(take_back(attempt_id=pk) for pk in list(waiting.values_list("attempt", flat=True)))


# What workers of Podium's own do


@transaction.atomic
def take(*, submission_id: int, secret: str, claim: Claim, token: str) -> tuple[Attempt, str, float]:
    """Turn a delivery into an attempt as any other, for a worker that beats.

    token: made by the worker, so that the same call again gets the same answer.
    Raises WrongToken, AttemptOver when the job is somebody else's or ended, and Drained.
    """
    attempt = _known(submission_id, secret)
    delivery, run = attempt.delivery, attempt.run
    if attempt.state == AttemptState.ACTIVE and delivery.taken_when and attempt.token_hash == hash_token(token):
        attempt.run = attempts.described(run.pk)
        return attempt, token, time_limit(run)
    if attempt.state != AttemptState.ACTIVE or delivery.started_when:
        raise AttemptOver
    worker = introduce(delivery.queue, claim)
    if worker.drained_when is not None:
        raise attempts.Drained
    limit = attempts.note_limits(run, claim.ceilings).wall_seconds
    attempt.run = attempts.described(run.pk)
    now = timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(started_when=now, taken_when=now, closed_when=now)
    facts = {**attempts.in_hand(worker, claim, limit), "token_hash": hash_token(token), "claimed_when": now}
    Attempt.objects.filter(pk=attempt.pk).update(**facts)
    attempts.show_begun(run)
    return attempt, token, limit


# What workers say


def report(*, submission_id: int, secret: str, status: str, details: str = "") -> Submission:
    """Follow a worker's status as far as it means anything; returns the submission as it is then.

    What makes no sense is logged and changes nothing, because the worker would only try again.
    Raises WrongToken, and AttemptOver when a worker begins a job that is no longer to be done.
    """
    with transaction.atomic():
        attempt = _known(submission_id, secret)
        goes_on = _follow(attempt, status, details)
    settle(attempt_id=attempt.pk)
    if not goes_on:
        raise AttemptOver
    return Submission.objects.select_related("data", "phase").get(pk=submission_id)


def _follow(attempt: Attempt, status: str, details: str) -> bool:
    """Returns whether the worker is to go on."""
    delivery, step = attempt.delivery, Step(attempt.run.step)
    if attempt.state != AttemptState.ACTIVE or delivery.taken_when is not None:
        log.info("late word of a worker changes nothing", attempt=attempt.pk, said=status, state=attempt.state)
        return status not in _STARTING
    if status == SubmissionStatus.RUNNING and delivery.started_when is not None:
        return _started_again(attempt, details)
    if delivery.started_when is None:
        _start(attempt, details)
    if status == SubmissionStatus.RUNNING:
        return True
    _hear(delivery)
    if status == SubmissionStatus.FAILED:
        _keep_logs(attempt)
        attempts.conclude(attempt, Outcome(failure=words.failure_of(step, details)))
        _close(delivery)
    elif status == _ANNOUNCING[step]:
        _announce(attempt)
    elif status not in {"", SubmissionStatus.PREPARING}:
        log.warning("illegal word of a worker changes nothing", attempt=attempt.pk, said=status, step=step.value)
    return True


def _start(attempt: Attempt, details: str) -> None:
    """A worker has the job in hand."""
    name = details.partition("_hostname-")[2].replace("\0", "").strip()[:255] or "unknown"
    queue, limit = attempt.delivery.queue, time_limit(attempt.run)
    facts = {"hostname": name, "engine": ENGINE, "slots": 1, "last_seen": timezone.now()}
    worker, _ = Worker.objects.update_or_create(queue=queue, name=f"{name} (RabbitMQ)"[:255], defaults=facts)
    now = timezone.now()
    until = _later(settings.CONFIG.broker_preparing_seconds + limit + settings.CONFIG.broker_grace_seconds)
    Attempt.objects.filter(pk=attempt.pk).update(
        worker=worker, worker_name=name, claimed_when=now, lease_until=until, deadline=until
    )
    attempt.worker_name = name
    Delivery.objects.filter(pk=attempt.delivery.pk).update(started_when=now)
    attempt.delivery.started_when = now
    attempts.show_begun(attempt.run)


def _started_again(attempt: Attempt, details: str) -> bool:
    """Running once more: the same call repeated, or the message delivered to another worker because one is gone."""
    same = details.partition("_hostname-")[2].strip()[:255] in {"", attempt.worker_name}
    if same and attempt.delivery.heard_when is None:
        return True  # the worker that says so has done nothing yet
    _keep_logs(attempt)
    attempts.take_away(attempt, "The worker went away, and its job came back from the broker.")
    return False


def _hear(delivery: Delivery) -> None:
    if delivery.heard_when is None:
        Delivery.objects.filter(pk=delivery.pk, heard_when=None).update(heard_when=timezone.now())


def _announce(attempt: Attempt) -> None:
    """The worker says that it is done; what counts is what arrives."""
    if attempt.delivery.announced_when is not None:
        return
    Delivery.objects.filter(pk=attempt.delivery.pk).update(announced_when=timezone.now())
    until = _later(settings.CONFIG.broker_upload_seconds)
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=until, deadline=until)


def take_scores(*, submission_id: int, secret: str, message: bytes) -> None:
    """Keep the scores of a call until its attempt is settled; the same call again changes nothing.

    message: the call's body, whose "scores" are read so that their text is kept as it was given.
    Raises WrongToken, and ScoresError when they cannot be used, which fails the submission.
    """
    refused: ScoresError | None = None
    with transaction.atomic():
        attempt = _known(submission_id, secret)
        if attempt.state != AttemptState.ACTIVE or attempt.delivery.taken_when or attempt.run.step != Step.SCORING:
            log.info("late scores change nothing", attempt=attempt.pk, state=attempt.state)
            return
        board = attempt.run.submission.phase.leaderboard
        columns = [column.key for column in board.columns.all() if not column.computation] if board else None
        try:
            given = scores_in_message(message, "scores", columns).values
        except ScoresError as error:
            refused = error
            failure = Failure(cause=Cause(error.code), step=Step.SCORING, message=str(error))
            _keep_logs(attempt)
            attempts.conclude(attempt, Outcome(failure=failure))
            _close(attempt.delivery)
        else:
            kept = {key: [score.number, score.text, score.bounds] for key, score in given.items()}
            Delivery.objects.filter(pk=attempt.delivery.pk).update(scores=kept, heard_when=timezone.now())
    if refused is not None:
        raise refused
    settle(attempt_id=attempt.pk)


@transaction.atomic
def program_speaks(*, submission_id: int, owner_id: int, secret: str, is_program: bool) -> int:
    """A worker opens the socket of a program's output; returns the attempt.

    is_program: whether it is a program's, so that the time limit runs from now on.
    Raises WrongToken when secret, submission and owner do not belong together, AttemptOver when it has ended.
    """
    attempt = _known(submission_id, secret)
    if attempt.run.submission.owner_id != owner_id:
        raise WrongToken
    if attempt.state != AttemptState.ACTIVE or attempt.delivery.taken_when is not None:
        raise AttemptOver
    delivery = attempt.delivery
    _hear(delivery)
    if is_program and delivery.running_when is None and delivery.announced_when is None:
        Delivery.objects.filter(pk=delivery.pk).update(running_when=timezone.now())
        until = _later(time_limit(attempt.run) + settings.CONFIG.broker_grace_seconds)
        Attempt.objects.filter(pk=attempt.pk).update(lease_until=until, deadline=until)
        attempts.show_running(attempt.run, attempt.run.submission)
    return attempt.pk


@transaction.atomic
def add_output(*, attempt_id: int, pieces: list[tuple[Stream, bytes]]) -> None:
    """Keep live output up to the cap of every log, with a mark where it is cut. Raises AttemptOver."""
    attempt = _locked(Q(pk=attempt_id))
    if attempt is None or attempt.state != AttemptState.ACTIVE:
        raise AttemptOver
    joined: dict[Stream, bytes] = {}
    for stream, data in pieces:
        joined[stream] = joined.get(stream, b"") + data
    if output.add(attempt, joined):
        wakeups.notify(wakeups.submission_topic(attempt.run.submission_id))


def add_remark(*, submission_id: int, secret: str, text: str) -> None:
    """Keep in the error log what a worker tells beside its programs' output. Raises WrongToken."""
    with transaction.atomic():
        attempt = _known(submission_id, secret)
        if attempt.state == AttemptState.ACTIVE and attempt.delivery.taken_when is None:
            output.add(attempt, {Stream.STDERR: words.without_addresses(text).encode() + b"\n"})
            wakeups.notify(wakeups.submission_topic(submission_id))


def _keep_logs(attempt: Attempt) -> None:
    """Take a program's log from the files that the worker stored, where they hold more than was seen live.

    The live stream does not tell stdout from stderr, the files do; but whoever has read the live stream need not read
    it again.
    """
    cap = settings.CONFIG.max_log_bytes
    for pair in ((Stream.STDOUT, Stream.STDERR), (Stream.INGESTION_STDOUT, Stream.INGESTION_STDERR)):
        files = {stream: outputs.log_of(attempt.delivery.log_key(stream), cap) for stream in pair}
        live = sum(logs.size(attempt, stream) for stream in pair)
        if sum(len(data) for data in files.values()) > live:
            output.replace(attempt, files)
    discard_logs(attempt)


def discard_logs(attempt: Attempt) -> None:
    """Remove the files that a worker stored its programs' output in, once the attempt is over."""
    for stream in Stream:
        transaction.on_commit(partial(storage.discard_incoming, attempt.delivery.log_key(stream)))


# What the platform finds


def settle(*, attempt_id: int) -> bool:
    """Settle an attempt whose announced results have all arrived; returns whether they had."""
    known = Attempt.objects.filter(pk=attempt_id, delivery__announced_when__isnull=False, state=AttemptState.ACTIVE)
    waiting = known.select_related("delivery", "run").first()
    if waiting is None or not _complete(waiting):
        return False
    # Read before the rows are locked: an archive of gigabytes takes its time.
    step = Step(waiting.run.step)
    programs = outputs.programs_of(waiting.output_key)
    failure = outputs.failed_program(programs, step)
    broken = outputs.unpackable(waiting.output_key) if step is Step.PREDICTION and failure is None else None
    if step is Step.SCORING:
        outputs.part_private(waiting.output_key, waiting.private_output_key)
    if broken is not None:
        failure = Failure(cause=Cause.PLATFORM, step=step, message=f"The worker's output cannot be used. {broken}")
    with transaction.atomic():
        attempt = _locked(Q(pk=attempt_id, state=AttemptState.ACTIVE))
        if attempt is None or not _complete(attempt):
            return False
        _keep_logs(attempt)
        outcome = Outcome(
            failure=failure,
            programs=programs,
            scores={key: _score(*kept) for key, kept in (attempt.delivery.scores or {}).items()},
            output_uploaded=True,
            private_output_uploaded=storage.incoming_size(attempt.private_output_key) is not None,
            detailed_results_uploaded=storage.incoming_size(attempt.detailed_results_key) is not None,
            sandbox_seconds=sum(program.wall_seconds for program in programs),
        )
        attempts.conclude(attempt, outcome)
        _close(attempt.delivery)
    return True


def _score(value: float, text: str, bounds: Mapping[str, Any] | None = None) -> Score:
    return Score(value=value, text=text, **(bounds or {}))


def _complete(attempt: Attempt) -> bool:
    scored = attempt.run.step != Step.SCORING or attempt.delivery.scores is not None
    return scored and bool(storage.incoming_size(attempt.output_key))


def sweep() -> int:
    """Settle what has arrived and end what stands still; returns how many deliveries that were."""
    active = Delivery.objects.filter(attempt__state=AttemptState.ACTIVE, taken_when=None)
    announced = list(active.filter(announced_when__isnull=False).values_list("attempt", flat=True))
    done = sum(settle(attempt_id=pk) for pk in announced)
    overdue = list(active.filter(attempt__lease_until__lte=timezone.now()).values_list("attempt", "started_when"))
    for attempt_id, started in overdue:
        done += _end(attempt_id) if started else take_back(attempt_id=attempt_id)
    return done


@transaction.atomic
def _end(attempt_id: int) -> bool:
    """End a delivery that stands still since its deadline."""
    attempt = _locked(Q(pk=attempt_id, state=AttemptState.ACTIVE, lease_until__lte=timezone.now()))
    if attempt is None:
        return False
    delivery = attempt.delivery
    log.warning("delivery stands still", attempt=attempt.pk, submission=attempt.run.submission_id)
    _keep_logs(attempt)
    if delivery.announced_when is not None:
        attempts.conclude(attempt, Outcome(failure=_not_arrived(attempt)))
    elif delivery.running_when is not None:
        attempts.conclude(attempt, Outcome(failure=_out_of_time(attempt)))
    else:
        attempts.take_away(attempt, "The worker took the job and was not heard of again.")
    return True


def _not_arrived(attempt: Attempt) -> Failure:
    """What an announced step has not delivered, as exactly as can be told."""
    within = f"within {settings.CONFIG.broker_upload_seconds:.0f} s"
    if attempt.run.step == Step.SCORING and attempt.delivery.scores is None:
        message = (
            f"The worker reported the end of scoring, but sent no scores {within}. Scores that are no finite numbers "
            "have this effect."
        )
        return Failure(cause=Cause.BAD_SCORES, step=Step.SCORING, message=message)
    message = f"The worker reported its end, but the output did not arrive {within}."
    return Failure(cause=Cause.PLATFORM, step=Step(attempt.run.step), message=message)


def _out_of_time(attempt: Attempt) -> Failure:
    limit = f"{time_limit(attempt.run):.0f} s"
    message = f"The programs had not ended {settings.CONFIG.broker_grace_seconds:.0f} s after their time limit."
    return Failure(cause=Cause.TIME_LIMIT, step=Step(attempt.run.step), message=message, limit=limit)


def _close(delivery: Delivery) -> None:
    """The worker has come to its end by itself: it need not be told."""
    Delivery.objects.filter(pk=delivery.pk).update(closed_when=timezone.now())


def to_revoke(queue: Queue) -> list[uuid.UUID]:
    """The messages of a queue whose jobs are no longer to be done, though a worker may still be at it."""
    ended = Delivery.objects.filter(queue=queue, closed_when=None).exclude(attempt__state=AttemptState.ACTIVE)
    return list(ended.values_list("message_id", flat=True))


def revoked(message_ids: list[uuid.UUID]) -> None:
    """Note that workers were told to drop these jobs."""
    Delivery.objects.filter(message_id__in=message_ids).update(closed_when=timezone.now())
