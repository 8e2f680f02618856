"""What the database and the files folder owe each other, and rows that contradict one another."""

# ruff: noqa: PLR0917 - pytest's fixtures come by name

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.db import transaction
from django.utils import timezone

from podium.protocol import Cause, Failure, Outcome, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.models import Attempt, CompetitionLane, ParticipantLane, Run, Submission
from podium.site.evaluation.services import attempts, repairs, transitions, verdicts
from podium.site.evaluation.states import (
    ATTEMPT_TRANSITIONS,
    RUN_TRANSITIONS,
    AttemptState,
    IllegalTransition,
    RunState,
    SubmissionStatus,
)
from podium.site.leaderboards.models import Score
from podium.site.queues.models import Queue
from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, StoredFile
from podium.site.resources.services import complete_upload
from tests.factories import CODE, RESULT
from tests.site.acting import OUTPUT, WorkerDouble, fresh, put, scores, submit, uploaded

S = SubmissionStatus
Commits = Callable[..., Any]


class Broken(Exception):
    """Stands for a database that goes away before the commit."""


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def known() -> set[str]:
    """The keys of all rows of files."""
    return set(StoredFile.objects.values_list("key", flat=True))


def stored(files: Path) -> set[str]:
    """The keys of all content but uploads."""
    found = (path.relative_to(files) for path in files.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != "incoming"}


def arrived(files: Path) -> list[str]:
    """What lies among the uploads."""
    return sorted(path.name for path in (files / "incoming").glob("*"))


# Files and rows


def test_an_upload_survives_a_transaction_that_fails_and_is_taken_by_the_next(pat: User, files: Path) -> None:
    made = uploaded(pat, RESULT)
    with pytest.raises(Broken), transaction.atomic():
        complete_upload(dataset=made)
        raise Broken
    assert Dataset.objects.get(pk=made.pk).data_file is None
    sealed = complete_upload(dataset=made).data_file
    assert sealed is not None
    assert path_of(sealed.key).read_bytes() == RESULT


def test_an_upload_is_gone_once_what_took_it_has_committed(
    pat: User, files: Path, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        complete_upload(dataset=uploaded(pat, RESULT))
    assert arrived(files) == []
    assert stored(files) == known()


def test_an_outcome_whose_transaction_failed_can_be_reported_again(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    job = worker.job()
    put(job.output_url, OUTPUT)
    outcome = Outcome(scores=scores(accuracy=0.5), output_uploaded=True)
    with pytest.raises(Broken), transaction.atomic():
        services.finish(attempt_id=job.attempt, token=job.token, outcome=outcome)
        raise Broken
    assert fresh(submission).status == S.PREPARING
    services.finish(attempt_id=job.attempt, token=job.token, outcome=outcome)
    assert fresh(submission).status == S.FINISHED
    (run,) = Run.objects.select_related("output")
    assert run.output is not None
    assert path_of(run.output.key).read_bytes() == OUTPUT


def test_content_without_a_row_is_removed_when_it_is_old_and_nothing_else_is(
    competition: Competition, pat: User, files: Path
) -> None:
    with pytest.raises(Broken), transaction.atomic():
        complete_upload(dataset=uploaded(pat, RESULT))
        raise Broken
    (orphan,) = stored(files) - known()
    assert storage.discard_orphans(older_than_seconds=3600) == 0, "it may belong to a transaction under way"
    assert storage.discard_orphans(older_than_seconds=-1) == 1
    assert not (files / orphan).parent.exists()
    assert stored(files) == known()


def test_a_file_system_without_links_keeps_copies(
    pat: User, files: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Commits
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        sealed = complete_upload(dataset=uploaded(pat, RESULT)).data_file
    assert sealed is not None
    assert path_of(sealed.key).read_bytes() == RESULT
    assert arrived(files) == []


def test_the_output_of_an_attempt_replaces_that_of_the_one_before(
    competition: Competition, pat: User, worker: WorkerDouble, files: Path, django_capture_on_commit_callbacks: Commits
) -> None:
    submit(pat, competition)
    failure = Failure(cause=Cause.PLATFORM, step=Step.SCORING, message="The disk was full.")
    with django_capture_on_commit_callbacks(execute=True):
        worker.finish(worker.job(), failure=failure)
    before = StoredFile.objects.count()
    with django_capture_on_commit_callbacks(execute=True):
        worker.finish(worker.job(), scores(accuracy=0.5))
    assert StoredFile.objects.count() == before, "the first attempt's output has a row that nothing uses"
    assert stored(files) == known()


def test_an_attempt_without_output_does_not_pass_with_the_output_of_the_one_before(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    failure = Failure(cause=Cause.PLATFORM, step=Step.SCORING, message="The disk was full.")
    worker.finish(worker.job(), failure=failure)
    worker.finish(worker.job(), scores(accuracy=0.5), output=False)
    assert fresh(submission).status == S.SUBMITTED
    assert not Score.objects.exists()


@pytest.mark.parametrize("how", ["lost", "cancelled", "failed"])
def test_what_a_worker_has_uploaded_goes_with_its_attempt(
    how: str,
    competition: Competition,
    pat: User,
    worker: WorkerDouble,
    files: Path,
    django_capture_on_commit_callbacks: Commits,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        submission = submit(pat, competition)
    job = worker.job()
    put(job.output_url, OUTPUT)
    assert arrived(files)
    with django_capture_on_commit_callbacks(execute=True):
        if how == "lost":
            Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            services.sweep()
        elif how == "cancelled":
            verdicts.cancel_now(submission)
        else:
            failure = Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="It failed.")
            worker.finish(job, failure=failure, output=False)
    assert arrived(files) == []


def test_what_is_uploaded_for_an_attempt_that_is_over_is_removed_and_for_one_that_runs_kept(
    competition: Competition, pat: User, worker: WorkerDouble, files: Path, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first, _ = submit(pat, competition), submit(pat, competition)
    over, runs = worker.job(), worker.job()
    with django_capture_on_commit_callbacks(execute=True):
        verdicts.cancel_now(first)
    put(over.output_url, OUTPUT)
    put(runs.output_url, OUTPUT)
    assert attempts.discard_late_uploads(older_than_seconds=3600) == 0
    assert attempts.discard_late_uploads(older_than_seconds=-1) == 2, "the upload and its note"
    assert arrived(files) == [f"attempt-{runs.attempt}-output", f"attempt-{runs.attempt}-output.json"]


def test_a_draft_that_nothing_writes_to_is_removed_long_before_an_upload_that_may_be_completed(files: Path) -> None:
    put("incoming/whole", b"whole")
    (files / "incoming/broken.0123456789ab.part").write_bytes(b"half")
    day_ago = time.time() - 86400
    for path in (files / "incoming").glob("*"):
        os.utime(path, (day_ago, day_ago))
    assert storage.discard_stale_incoming(older_than_seconds=3600, drafts_older_than_seconds=-1) == 1
    assert arrived(files) == ["whole", "whole.json"]


# States


@pytest.mark.parametrize("target", [RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED])
def test_a_run_that_has_ended_stays_so_and_the_attempt_to_change_it_is_logged(
    target: RunState, competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    worker.work_off(accuracy=1.0)
    run = Run.objects.get()
    with structlog.testing.capture_logs() as log, pytest.raises(IllegalTransition):
        transitions.move_run(run, target)
    assert Run.objects.get().state == RunState.SUCCEEDED
    assert [(line["event"], line["target"]) for line in log] == [("illegal transition refused", target.value)]


def test_an_attempt_ends_once(competition: Competition, pat: User, worker: WorkerDouble) -> None:
    submit(pat, competition)
    worker.work_off(accuracy=1.0)
    with structlog.testing.capture_logs() as log, pytest.raises(IllegalTransition):
        transitions.end_attempt(Attempt.objects.get(), AttemptState.LOST)
    assert Attempt.objects.get().state == AttemptState.SUCCEEDED
    assert log[0]["event"] == "illegal transition refused"


def test_the_tables_know_every_state() -> None:
    assert set(RUN_TRANSITIONS) == set(RunState)
    assert set(ATTEMPT_TRANSITIONS) == set(AttemptState)


# Rows that contradict one another


def test_nothing_is_repaired_where_nothing_is_broken(
    make_competition: Callable[..., Competition], pat: User, worker: WorkerDouble
) -> None:
    competition = make_competition(ingestion=True, tasks=2)
    for _ in range(3):
        submit(pat, competition, CODE)
    worker.finish(worker.job())
    worker.job()
    assert repairs.repair() == 0


def test_a_claimed_run_without_an_attempt_is_queued_again(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    worker.job()
    Attempt.objects.update(state=AttemptState.LOST)
    assert worker.claim() is None
    assert repairs.repair() == 1
    assert worker.work_off(accuracy=1.0) == 1
    assert fresh(submission).status == S.FINISHED


def test_a_queued_run_in_a_lane_without_a_mark_is_found(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    for lanes in (CompetitionLane.objects, ParticipantLane.objects):
        lanes.update(waiting=False)
        assert worker.claim() is None
        assert repairs.repair() == 1
    assert worker.claim() is not None


@pytest.mark.parametrize("status", [S.SUBMITTED, S.PREPARING, S.RUNNING, S.SCORING])
def test_a_submission_under_way_without_a_run_fails_by_the_platforms_fault(
    status: SubmissionStatus, competition: Competition, pat: User
) -> None:
    submission = submit(pat, competition)
    Run.objects.all().delete()
    Submission.objects.update(status=status)
    assert repairs.repair() == 1
    found = fresh(submission)
    assert (found.status, found.cause, found.fault) == (S.FAILED, "platform", "platform")
    assert list(found.tries.values_list("amount", flat=True)) == [1, -1]


def test_a_submission_that_is_held_for_the_organizer_is_left_alone(competition: Competition, pat: User) -> None:
    Competition.objects.update(auto_run_submissions=False)
    submission = submit(pat, competition)
    assert repairs.repair() == 0
    assert fresh(submission).status == S.SUBMITTING


def test_open_runs_and_attempts_of_what_has_ended_are_closed(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    worker.job()
    Submission.objects.update(status=S.CANCELLED, finished_when=timezone.now())
    assert repairs.repair() == 2
    assert Run.objects.get().state == RunState.CANCELLED
    assert Attempt.objects.get().state == AttemptState.CANCELLED
    assert repairs.repair() == 0


def test_a_parent_whose_children_have_ended_ends(
    make_competition: Callable[..., Competition], pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, make_competition(tasks=2))
    worker.work_off(accuracy=1.0)
    Submission.objects.filter(pk=submission.pk).update(status=S.RUNNING, finished_when=None)
    assert repairs.repair() == 1
    assert fresh(submission).status == S.FINISHED


def test_one_attempt_that_cannot_be_lost_does_not_keep_others_from_being_lost(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    first, second = submit(pat, competition), submit(pat, competition)
    worker.job()
    worker.job()
    Run.objects.filter(submission=first).update(state=RunState.SUCCEEDED, finished_when=timezone.now())
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.sweep() == 1
    assert fresh(second).status == S.SUBMITTED
    assert repairs.repair() == 2, "the attempt of a run that has ended, and its submission"
    assert not Attempt.objects.filter(state=AttemptState.ACTIVE).exists()


def test_the_lost_run_of_what_has_ended_is_not_tried_again(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    worker.job()
    Submission.objects.update(status=S.CANCELLED, finished_when=timezone.now())
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.sweep() == 1
    assert Run.objects.get().state == RunState.CANCELLED


def test_what_was_held_while_its_queue_was_deleted_runs_in_the_queue_of_its_competition(
    competition: Competition, pat: User, olivia: User, worker: WorkerDouble
) -> None:
    Competition.objects.update(auto_run_submissions=False)
    submission = submit(pat, competition)
    Submission.objects.update(queue=None)
    services.start_held(submission=fresh(submission), by=olivia)
    assert worker.work_off(accuracy=1.0) == 1
    assert fresh(submission).queue == worker.queue
