"""What a worker is told about an attempt."""

from __future__ import annotations

from django.conf import settings

from podium.formats.metadata import Kind
from podium.protocol import FileRef, Job, Step
from podium.site.evaluation.limits import run_limits
from podium.site.evaluation.models import Attempt, Submission
from podium.site.evaluation.provenance import provenance_of
from podium.site.evaluation.services.attempts import TRANSFER_SECONDS
from podium.site.resources import grants
from podium.site.resources.models import Dataset, StoredFile

DETAILED_RESULTS_CAP = 50 * 1024 * 1024


def _ref(file: StoredFile, name: str, seconds: float) -> FileRef:
    url = grants.download_url(file, name=name, seconds=seconds)
    return FileRef(url=url, sha256=file.sha256, size=file.size, name=name)


def _part(dataset: Dataset | None, seconds: float) -> FileRef | None:
    return _ref(dataset.data_file, f"{dataset.type}.zip", seconds) if dataset and dataset.data_file else None


def job_for(attempt: Attempt, token: str, limit: float, *, waits: float = 0) -> Job:
    """Describe an attempt to its worker; its grants end with the attempt's deadline.

    attempt: with its run as a claim gives it. limit: the effective time limit in seconds. waits: how many seconds may
    pass before the worker begins.
    """
    lifetime = waits + limit + TRANSFER_SECONDS
    run = attempt.run
    submission, scoring = run.submission, run.step == Step.SCORING
    version, phase = submission.task_version, submission.phase
    submitted = _part(submission.data, lifetime)
    if version is None or submitted is None:
        raise LookupError(f"submission {submission.pk} has lost its task or its file")
    program = _part(version.scoring_program, lifetime) if scoring else submitted
    if program is None:
        raise LookupError(f"the scoring program of task {version.task_id} is gone")
    ingestion_now = version.ingestion_only_during_scoring == scoring
    results, are_submission = _results(submission, submitted, lifetime) if scoring else (None, False)
    competition = phase.competition
    return Job(
        attempt=attempt.pk,
        token=token,
        lease_seconds=settings.CONFIG.lease_seconds,
        run=run.pk,
        number=attempt.number,
        label=f"submission-{submission.pk}-{run.step}-{attempt.number}",
        step=Step(run.step),
        image=run.image,
        limits=run_limits(run),
        program=program,
        ingestion_program=_part(version.ingestion_program, lifetime) if ingestion_now else None,
        input_data=_part(version.input_data, lifetime) if ingestion_now or not scoring else None,
        reference_data=_part(version.reference_data, lifetime) if scoring else None,
        results=results,
        results_are_submission=are_submission,
        ingestion_only_during_scoring=version.ingestion_only_during_scoring,
        detailed_results=scoring and competition.enable_detailed_results,
        output_url=grants.upload_url(attempt.output_key, max_bytes=settings.CONFIG.max_upload_bytes, seconds=lifetime),
        detailed_results_url=grants.upload_url(
            attempt.detailed_results_key, max_bytes=DETAILED_RESULTS_CAP, seconds=lifetime
        )
        if scoring and competition.enable_detailed_results
        else None,
        private_output_url=grants.upload_url(
            attempt.private_output_key, max_bytes=settings.CONFIG.max_upload_bytes, seconds=lifetime
        )
        if scoring
        else None,
        columns=[column.key for column in phase.leaderboard.columns.all() if not column.computation]
        if scoring and phase.leaderboard
        else [],
        provenance=provenance_of(submission) if scoring and competition.history else None,
    )


def _results(submission: Submission, submitted: FileRef, seconds: float) -> tuple[FileRef, bool]:
    """What is scored: the prediction step's output, or the submission where there was no such step."""
    prediction = submission.runs.filter(step=Step.PREDICTION).select_related("output").first()
    if prediction is None:
        if submission.kind != Kind.RESULT:
            raise LookupError(f"submission {submission.pk} has no prediction step")
        return submitted, True
    if prediction.output is None:
        raise LookupError(f"the prediction output of submission {submission.pk} is gone")
    return _ref(prediction.output, "prediction_result.zip", seconds), False
