"""Reads of submissions that join."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q, QuerySet

from podium.protocol import Step, Stream
from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import logs as log_store
from podium.site.evaluation import policies, reports, waiting
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.states import AttemptState
from podium.site.leaderboards.models import Leaderboard, Score
from podium.site.resources import grants
from podium.site.searching import terms

LOG_NAMES = {
    (step, stream): f"{step.value}_{stream.value}"
    for step in (Step.PREDICTION, Step.SCORING)
    for stream in (Stream.STDOUT, Stream.STDERR, Stream.INGESTION_STDOUT, Stream.INGESTION_STDERR)
}
"""Codabench's eight names of logs."""


_SCORES = ("scores__column__leaderboard", "children__scores__column__leaderboard")
"""What `list_scores` reads."""


def mine(user: Any, phase: Phase) -> QuerySet[Submission]:
    """A person's submissions to a phase, newest first, without the children."""
    if not user.is_authenticated:
        return Submission.objects.none()
    return (
        policies.visible_to(user)
        .filter(owner=user, phase=phase, parent__isnull=True)
        .select_related("phase__competition", "phase__leaderboard", "data", "task", "entry", "organization")
        .prefetch_related("children__task", *_SCORES)
        .order_by("-pk")
    )


def of_competition(
    user: Any, competition: Competition, *, phase: int | None = None, status: str = "", search: str = ""
) -> QuerySet[Submission]:
    """Everybody's submissions to a competition that `user` runs, newest first, without the children.

    phase: id of one phase. status: one of SubmissionStatus. search: in the owner's name or the file's.
    """
    if not competitions.can_administer(user, competition):
        return Submission.objects.none()
    rows = policies.seen_by_organizers(competition).filter(parent__isnull=True)
    if phase is not None:
        rows = rows.filter(phase=phase)
    if status:
        rows = rows.filter(status=status)
    rows = saying(rows, search, "data__file_name")
    return (
        rows.select_related("phase__competition", "owner", "data", "task", "entry")
        .prefetch_related("children__task", *_SCORES)
        .order_by("-pk")
    )


MANY_OWNERS: Final = 1000


def saying(rows: QuerySet[Submission], text: str, *fields: str) -> QuerySet[Submission]:
    """The submissions in which each word of a text is part of one of the fields, or of the owner's user name.

    People are looked for first: their names, joined to every submission, took a third of a search (measured).
    """
    for word in terms(text):
        found = reduce(or_, (Q(**{f"{name}__icontains": word}) for name in fields))
        people = User.objects.filter(username__icontains=word).order_by()
        owners = list(people.values_list("pk", flat=True)[: MANY_OWNERS + 1])
        named = Q(owner__username__icontains=word) if len(owners) > MANY_OWNERS else Q(owner__in=owners)
        rows = rows.filter(found | named if owners else found)
    return rows


@dataclass(frozen=True)
class Log:
    """One program stream's stored output; nothing of it is read before it is asked for."""

    name: str
    step: str
    stream: str
    attempt: Attempt

    def tail(self, most: int) -> tuple[str, bool]:
        """The end of it, at most so many bytes, and whether something is before."""
        return log_store.tail(self.attempt, self.stream, most)


@dataclass(frozen=True)
class File:
    """A download: what it is called, a short-lived address, its size in bytes; what tells its content from others."""

    name: str
    url: str
    size: int
    version: str = ""


@dataclass(frozen=True)
class Details:
    """What a person may see of a submission's insides; what is hidden from them is None or empty."""

    rights: policies.OutputRights
    submission_file: File | None = None
    prediction_result: File | None = None
    scoring_result: File | None = None
    private_result: File | None = None
    detailed_result: File | None = None
    logs: list[Log] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def last_attempts(submission: Submission) -> dict[str, Attempt]:
    """The newest attempt of each step."""
    attempts = Attempt.objects.filter(run__submission=submission).select_related("run", "log").order_by("number")
    return {attempt.run.step: attempt for attempt in attempts}


def log_text(submission: Submission, step: str, stream: str) -> str:
    """What a stream of the newest attempt of a step has written so far."""
    attempt = last_attempts(submission).get(step)
    return "" if attempt is None else log_store.read(attempt, stream).decode("utf-8", errors="replace")


def logs(submission: Submission, rights: policies.OutputRights) -> list[Log]:
    """All stored output that the rights allow, in Codabench's order of names; empty streams are left out."""
    attempts = last_attempts(submission)
    return [
        Log(name=name, step=step.value, stream=stream.value, attempt=attempt)
        for (step, stream), name in LOG_NAMES.items()
        if (attempt := attempts.get(step)) is not None
        and rights.logs_of(step)
        and log_store.size(attempt, stream.value)
    ]


def details(user: Any, submission: Submission, *, absolute: bool = False) -> Details:
    """What `user`, who may see the submission, may see of its files and logs.

    absolute: with addresses that carry the host, as API clients expect.
    """
    rights = policies.output_rights(user, submission)
    runs = list(submission.runs.select_related("output", "private_output", "detailed_results").order_by("pk"))
    by_step = {run.step: run for run in runs}
    prediction, scoring = by_step.get(Step.PREDICTION), by_step.get(Step.SCORING)

    def link(file: Any, name: str, allowed: bool, content_type: str = "application/zip") -> File | None:
        if file is None or not allowed:
            return None
        url = grants.download_url(file, name=name, content_type=content_type, absolute=absolute)
        return File(name=name, url=url, size=file.size, version=file.sha256)

    submitted = submission.data.data_file if submission.data else None
    return Details(
        rights=rights,
        submission_file=link(submitted, submission.file_name, rights.submission_file),
        prediction_result=link(
            prediction and prediction.output, f"prediction_result_{submission.pk}.zip", rights.prediction_output
        ),
        scoring_result=link(scoring and scoring.output, f"scoring_result_{submission.pk}.zip", rights.score_output),
        private_result=link(
            scoring and scoring.private_output, f"private_result_{submission.pk}.zip", rights.private_output
        ),
        detailed_result=link(
            scoring and scoring.detailed_results,
            "detailed_results.html",
            rights.detailed_results,
            content_type="text/html",
        )
        or (_growing_report(scoring, absolute) if scoring and rights.detailed_results else None),
        logs=logs(submission, rights),
        runs=runs if rights.details else [],
    )


def _growing_report(scoring: Run, absolute: bool) -> File | None:
    """The report of a scoring run that has not ended, as far as it has come."""
    attempt = scoring.attempts.filter(state=AttemptState.ACTIVE).select_related("run").first()
    report = attempt and reports.growing(attempt)
    if not report:
        return None
    url = report.url(absolute=absolute)
    return File(name="detailed_results.html", url=url, size=report.size, version=report.version)


def scores(submission: Submission, *, organizer: bool) -> list[Score]:
    """The scores of a submission in the order of the columns; hidden columns are for organizers."""
    rows = Score.objects.filter(submission=submission).select_related("column").order_by("column__index")
    return list(rows if organizer else rows.filter(column__hidden=False))


def boards_of(submission: Submission, *, organizer: bool) -> list[Leaderboard]:
    """The boards for which a submission, or one of its parts, has scores; hidden ones are for organizers."""
    parts = submission.children.values_list("pk", flat=True) if submission.has_children else ()
    scored = Score.objects.filter(submission__in=[submission.pk, *parts])
    rows = Leaderboard.objects.filter(pk__in=scored.order_by().values("column__leaderboard"))
    return list((rows if organizer else rows.filter(hidden=False)).prefetch_related("columns").order_by("pk"))


def place_in_queue(submission: Submission) -> int | None:
    """How many runs start before this submission's if nothing new is queued, None when none of its own waits.

    Counted in the order of claims (see `services.order`), up to a thousand.
    """
    own = waiting.own_waiting(submission)
    return None if own is None else waiting.place_of(own)


def wait(submission: Submission) -> waiting.Wait | None:
    """What is told of a submission's wait: its place, who serves its queue, how long; None when nothing of it waits."""
    own = waiting.own_waiting(submission)
    return None if own is None else waiting.wait_of(own)


def waiting_estimate(submission: Submission) -> float | None:
    """About how many seconds pass until this submission's next run starts, by the queue's recent runs.

    None when nothing of it waits, or while the queue has no worker or has not finished anything yet.
    """
    own = waiting.own_waiting(submission)
    return None if own is None else waiting.wait_of(own).middle
