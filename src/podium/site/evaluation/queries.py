"""Reads of submissions that join."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from podium.protocol import Step, Stream
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import policies, waiting
from podium.site.evaluation.models import Attempt, LogChunk, Run, Submission
from podium.site.leaderboards.models import Score
from podium.site.resources import grants

LOG_NAMES = {
    (step, stream): f"{step.value}_{stream.value}"
    for step in (Step.PREDICTION, Step.SCORING)
    for stream in (Stream.STDOUT, Stream.STDERR, Stream.INGESTION_STDOUT, Stream.INGESTION_STDERR)
}
"""Codabench's eight names of logs."""


def mine(user: Any, phase: Phase) -> QuerySet[Submission]:
    """A person's submissions to a phase, newest first, without the children."""
    if not user.is_authenticated:
        return Submission.objects.none()
    return (
        policies.visible_to(user)
        .filter(owner=user, phase=phase, parent__isnull=True)
        .select_related("phase__competition", "phase__leaderboard", "data", "task", "entry")
        .prefetch_related("children__task", "scores__column")
        .order_by("-pk")
    )


def of_competition(
    user: Any, competition: Competition, *, phase: int | None = None, status: str = "", search: str = ""
) -> QuerySet[Submission]:
    """Everybody's submissions to a competition that `user` runs, newest first, without the children.

    phase: id of one phase. status: one of SubmissionStatus. search: in the owner's name or the file's.
    """
    rows = policies.visible_to(user).filter(phase__competition=competition, parent__isnull=True)
    if not competitions.can_administer(user, competition):
        return rows.none()
    if phase is not None:
        rows = rows.filter(phase=phase)
    if status:
        rows = rows.filter(status=status)
    for word in search.split():
        rows = rows.filter(Q(owner__username__icontains=word) | Q(data__file_name__icontains=word))
    return (
        rows.select_related("phase__competition", "owner", "data", "task", "entry")
        .prefetch_related("children__task", "scores__column")
        .order_by("-pk")
    )


@dataclass(frozen=True)
class Log:
    """One program stream's stored output."""

    name: str
    step: str
    stream: str
    text: str


@dataclass(frozen=True)
class File:
    """A download: what it is called, a short-lived address, its size in bytes."""

    name: str
    url: str
    size: int


@dataclass(frozen=True)
class Details:
    """What a person may see of a submission's insides; what is hidden from them is None or empty."""

    rights: policies.OutputRights
    submission_file: File | None = None
    prediction_result: File | None = None
    scoring_result: File | None = None
    detailed_result: File | None = None
    logs: list[Log] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def last_attempts(submission: Submission) -> dict[str, Attempt]:
    """The newest attempt of each step."""
    attempts = Attempt.objects.filter(run__submission=submission).select_related("run").order_by("number")
    return {attempt.run.step: attempt for attempt in attempts}


def log_text(submission: Submission, step: str, stream: str) -> str:
    """What a stream of the newest attempt of a step has written so far."""
    attempt = last_attempts(submission).get(step)
    if attempt is None:
        return ""
    return assemble(LogChunk.objects.filter(attempt=attempt, stream=stream).order_by("offset"))


def assemble(chunks: QuerySet[LogChunk]) -> str:
    """Join the chunks of one stream, in the order of their offsets; overlaps are written once."""
    text, end = bytearray(), 0
    for chunk in chunks:
        data = bytes(chunk.data)
        if chunk.offset + len(data) > end:
            text += data[max(0, end - chunk.offset) :]
            end = chunk.offset + len(data)
    return text.decode("utf-8", errors="replace")


def logs(submission: Submission, rights: policies.OutputRights) -> list[Log]:
    """All stored output that the rights allow, in Codabench's order of names; empty streams are left out."""
    attempts = last_attempts(submission)
    found: list[Log] = []
    for (step, stream), name in LOG_NAMES.items():
        attempt = attempts.get(step)
        if attempt is None or not rights.logs_of(step):
            continue
        text = assemble(LogChunk.objects.filter(attempt=attempt, stream=stream).order_by("offset"))
        if text:
            found.append(Log(name=name, step=step.value, stream=stream.value, text=text))
    return found


def details(user: Any, submission: Submission, *, absolute: bool = False) -> Details:
    """What `user`, who may see the submission, may see of its files and logs.

    absolute: with addresses that carry the host, as API clients expect.
    """
    rights = policies.output_rights(user, submission)
    runs = list(submission.runs.select_related("output", "detailed_results").order_by("pk"))
    by_step = {run.step: run for run in runs}
    prediction, scoring = by_step.get(Step.PREDICTION), by_step.get(Step.SCORING)

    def link(file: Any, name: str, allowed: bool, content_type: str = "application/zip") -> File | None:
        if file is None or not allowed:
            return None
        url = grants.download_url(file, name=name, content_type=content_type, absolute=absolute)
        return File(name=name, url=url, size=file.size)

    submitted = submission.data.data_file if submission.data else None
    return Details(
        rights=rights,
        submission_file=link(submitted, submission.file_name, rights.submission_file),
        prediction_result=link(
            prediction and prediction.output, f"prediction_result_{submission.pk}.zip", rights.prediction_output
        ),
        scoring_result=link(scoring and scoring.output, f"scoring_result_{submission.pk}.zip", rights.score_output),
        detailed_result=link(
            scoring and scoring.detailed_results,
            "detailed_results.html",
            rights.detailed_results,
            content_type="text/html",
        ),
        logs=logs(submission, rights),
        runs=runs if rights.details else [],
    )


def scores(submission: Submission, *, organizer: bool) -> list[Score]:
    """The scores of a submission in the order of the columns; hidden columns are for organizers."""
    rows = Score.objects.filter(submission=submission).select_related("column").order_by("column__index")
    return list(rows if organizer else rows.filter(column__hidden=False))


def place_in_queue(submission: Submission) -> int | None:
    """How many runs start before this submission's if nothing new is queued, None when none of its own waits.

    Counted in the order of claims (see `services.order`), up to a thousand.
    """
    own = waiting.own_waiting(submission)
    return None if own is None else waiting.place_of(own)


def waiting_estimate(submission: Submission) -> float | None:
    """About how many seconds pass until this submission's next run starts, by the queue's recent runs.

    None when nothing of it waits, or while the queue has no worker or has not finished anything yet.
    """
    own = waiting.own_waiting(submission)
    return None if own is None else waiting.estimate(own)
