"""The life of submissions: whatever workers, people and deadlines do, in whatever order, the invariants hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from podium.protocol import Cause, Claim, Failure, Job, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import services
from podium.site.evaluation.intake import _claim
from podium.site.evaluation.models import Attempt, Run, Submission, TryEntry
from podium.site.evaluation.services.attempts import MAX_ATTEMPTS, AttemptOver
from podium.site.evaluation.states import (
    SUBMISSION_TRANSITIONS,
    TERMINAL,
    AttemptState,
    RunState,
    SubmissionStatus,
    parent_status,
    sources_of,
)
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue
from tests.factories import CODE, RESULT, ParticipantFactory, UserFactory, queue_token
from tests.site.acting import WorkerDouble, frame, phase_of, scores, submit

S = SubmissionStatus


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ([S.SUBMITTED, S.SUBMITTED], S.SUBMITTED),
        ([S.SUBMITTED, S.PREPARING], S.PREPARING),
        ([S.PREPARING, S.RUNNING], S.RUNNING),
        ([S.SUBMITTED, S.SCORING], S.RUNNING),
        ([S.SCORING, S.SCORING], S.SCORING),
        ([S.FINISHED, S.SUBMITTED], S.RUNNING),
        ([S.FAILED, S.SUBMITTED], S.RUNNING),
        ([S.FINISHED, S.SCORING], S.SCORING),
        ([S.FINISHED, S.FINISHED], S.FINISHED),
        ([S.FINISHED, S.FAILED], S.FINISHED),
        ([S.FINISHED, S.CANCELLED], S.FINISHED),
        ([S.FAILED, S.CANCELLED], S.FAILED),
        ([S.FAILED, S.FAILED], S.FAILED),
        ([S.CANCELLED, S.CANCELLED], S.CANCELLED),
        ([S.SUBMITTING, S.SUBMITTING], S.SUBMITTING),
    ],
)
def test_a_parents_status_follows_from_its_childrens(
    children: list[SubmissionStatus], expected: SubmissionStatus
) -> None:
    assert parent_status(children) is expected
    assert parent_status(children[::-1]) is expected


def test_nothing_leaves_a_terminal_state() -> None:
    assert all(not SUBMISSION_TRANSITIONS[state] for state in TERMINAL)
    assert all(not set(sources_of(state)) & TERMINAL for state in S)


def test_every_state_under_way_can_fail_and_be_cancelled() -> None:
    for state in set(S) - TERMINAL:
        assert {S.FAILED, S.CANCELLED} <= SUBMISSION_TRANSITIONS[state]


OUTCOMES = ["good", "bad", "participant", "platform", "no output"]


def machine(competition: Competition, queue: Queue, content: bytes) -> type[RuleBasedStateMachine]:
    """A state machine over one competition; each example's rows are rolled back."""

    class Life(RuleBasedStateMachine):
        jobs = Bundle("jobs")

        def __init__(self) -> None:
            super().__init__()
            self.savepoint = transaction.atomic()
            self.savepoint.__enter__()
            self.worker = WorkerDouble(queue)
            self.phase = phase_of(competition)
            self.people: list[User] = []
            self.roots: list[int] = []
            self.ended: dict[int, tuple[Any, ...]] = {}
            self.value = 0

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

        @rule()
        def submit(self) -> None:
            if len(self.roots) < 3:
                person = UserFactory()
                ParticipantFactory(competition=competition, user=person)
                self.roots.append(submit(person, self.phase, content).pk)

        @rule(target=jobs)
        def claim(self) -> Any:
            job = self.worker.claim()
            return multiple() if job is None else job

        @rule(job=jobs, phase=st.sampled_from(["preparing", "running", "uploading"]), text=st.sampled_from(["", "a"]))
        def beat(self, job: Job, phase: str, text: str) -> None:
            active = Attempt.objects.get(pk=job.attempt).state == AttemptState.ACTIVE
            try:
                self.worker.beat(job, phase, [frame(text)])
            except AttemptOver:
                assert not active
            else:
                assert active

        @rule(job=jobs, how=st.sampled_from(OUTCOMES))
        def finish(self, job: Job, how: str) -> None:
            before = Attempt.objects.get(pk=job.attempt).state
            self.value += 1
            causes = {"participant": Cause.EXIT_CODE, "platform": Cause.PLATFORM}
            failure = Failure(cause=causes[how], step=job.step, message="It failed.") if how in causes else None
            key = "nonsense" if how == "bad" else "accuracy"
            given = scores(**{key: float(self.value)}) if job.step is Step.SCORING and failure is None else {}
            try:
                self.worker.finish(job, given, failure=failure, output=how != "no output")
            except AttemptOver:
                assert before in {AttemptState.LOST, AttemptState.CANCELLED}
            else:
                assert before not in {AttemptState.LOST, AttemptState.CANCELLED}

        @rule(job=jobs, deadline=st.booleans())
        def lose(self, job: Job, deadline: bool) -> None:
            past = timezone.now() - timedelta(seconds=1)
            Attempt.objects.filter(pk=job.attempt).update(**{"deadline" if deadline else "lease_until": past})
            services.sweep()
            assert Attempt.objects.get(pk=job.attempt).state != AttemptState.ACTIVE

        @rule(which=st.integers(0, 2))
        def cancel(self, which: int) -> None:
            if which < len(self.roots):
                submission = Submission.objects.select_related("phase__competition", "owner").get(pk=self.roots[which])
                over = submission.status in TERMINAL
                assert services.cancel(submission=submission, by=submission.owner) is not over

        @invariant()
        def a_run_has_one_active_attempt_exactly_while_it_is_claimed(self) -> None:
            for run in Run.objects.prefetch_related("attempts"):
                active = [a for a in run.attempts.all() if a.state == AttemptState.ACTIVE]
                assert len(active) == (1 if run.state == RunState.CLAIMED else 0)
                assert run.attempts.count() <= MAX_ATTEMPTS

        @invariant()
        def what_has_ended_stays_as_it_is(self) -> None:
            for one in Submission.objects.filter(status__in=TERMINAL).prefetch_related("scores"):
                facts = (one.status, one.finished_when, one.cause, tuple(sorted(s.value for s in one.scores.all())))
                assert self.ended.setdefault(one.pk, facts) == facts
                open_runs = one.runs.filter(state__in=[RunState.QUEUED, RunState.CLAIMED])
                assert not open_runs.exists()

        @invariant()
        def the_ledger_says_what_the_verdict_says(self) -> None:
            for root in Submission.objects.filter(pk__in=self.roots):
                lines = TryEntry.objects.filter(submission=root)
                given_back = root.status == S.FAILED or (root.status == S.CANCELLED and not root.started_when)
                assert lines.aggregate(sum=Sum("amount"))["sum"] == (0 if given_back else 1)
            assert not TryEntry.objects.exclude(submission__in=self.roots).exists()

        @invariant()
        def finished_means_scored_stored_and_placed(self) -> None:
            for one in Submission.objects.filter(status=S.FINISHED):
                if one.parent_id is None:
                    assert Entry.objects.filter(submission=one).exists()
                if not one.has_children:
                    assert Score.objects.filter(submission=one).count() == 1
                    assert all(run.state == RunState.SUCCEEDED and run.output_id for run in one.runs.all())

        @invariant()
        def only_finished_submissions_have_scores_and_places(self) -> None:
            assert not Score.objects.exclude(submission__status=S.FINISHED).exists()
            assert not Entry.objects.exclude(submission__status=S.FINISHED).exists()

        @invariant()
        def failed_means_with_a_cause_and_a_sentence(self) -> None:
            for one in Submission.objects.filter(status=S.FAILED):
                assert one.cause and one.fault and one.failed_step and one.status_details

        @invariant()
        def a_parent_is_what_its_children_are(self) -> None:
            for parent in Submission.objects.filter(has_children=True).prefetch_related("children"):
                assert parent.status == parent_status([S(child.status) for child in parent.children.all()])

    return Life


@pytest.mark.parametrize("shape", ["results", "code", "three tasks"])
def test_no_order_of_events_breaks_the_life_of_a_submission(
    shape: str, make_competition: Callable[..., Competition], queue: Queue
) -> None:
    options = {"results": {}, "code": {"ingestion": True}, "three tasks": {"tasks": 3}}[shape]
    content = {"content": CODE} if shape == "code" else {}
    competition = make_competition(**options)
    life = machine(competition, queue, content.get("content", RESULT))
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_after_three_lost_workers_the_submission_fails_and_the_try_comes_back(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    for number in (1, 2, 3):
        job = worker.job()
        assert job.number == number
        submission.refresh_from_db()
        assert submission.status == S.PREPARING
        Attempt.objects.filter(pk=job.attempt).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert services.sweep() == 1
    submission.refresh_from_db()
    assert (submission.status, submission.cause, submission.fault) == ("Failed", "worker_lost", "platform")
    assert "It was tried 3 times." in submission.status_details
    assert list(submission.tries.values_list("amount", flat=True)) == [1, -1]
    assert worker.claim() is None


def test_a_late_finish_of_a_lost_attempt_does_not_touch_the_next_one(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    slow, quick = WorkerDouble(queue, "slow"), WorkerDouble(queue, "quick")
    first = slow.job()
    Attempt.objects.filter(pk=first.attempt).update(lease_until=timezone.now() - timedelta(seconds=1))
    services.sweep()
    second = quick.job()
    with pytest.raises(AttemptOver):
        slow.finish(first, scores(accuracy=0.1))
    quick.finish(second, scores(accuracy=0.9))
    with pytest.raises(AttemptOver):
        slow.finish(first, scores(accuracy=0.2))
    assert [score.value for score in Score.objects.filter(submission=submission)] == [0.9]


def test_a_failure_that_is_the_platforms_is_tried_again_and_can_still_succeed(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), failure=Failure(cause=Cause.IMAGE_PULL, step=Step.SCORING, message="No such image."))
    submission.refresh_from_db()
    assert submission.status == S.SUBMITTED
    assert worker.work_off(accuracy=1.0) == 1
    submission.refresh_from_db()
    assert submission.status == S.FINISHED


def test_an_image_that_can_never_be_had_costs_three_attempts_and_no_try(
    make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    competition = make_competition()
    competition.phases.update(failed_submissions_count=True)
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    for _ in range(3):
        failure = Failure(cause=Cause.IMAGE_PULL, step=Step.SCORING, message="The registry is away.")
        worker.finish(worker.job(), failure=failure, output=False)
    submission.refresh_from_db()
    assert (submission.status, submission.cause, submission.fault) == (S.FAILED, "image_pull", "platform")
    assert submission.tries.aggregate(sum=Sum("amount"))["sum"] == 0


def test_a_fault_that_the_worker_knows_better_decides_about_the_try(
    make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    competition = make_competition()
    competition.phases.update(failed_submissions_count=True)
    worker = WorkerDouble(queue)
    submission = submit(pat, competition)
    # unpack is the participant's fault by itself; here it was the organizer's archive that could not be unpacked
    broken = Failure(cause=Cause.UNPACK, step=Step.SCORING, message="The scorer is no zip.", fault="organizer")
    worker.finish(worker.job(), failure=broken)
    submission.refresh_from_db()
    assert (submission.status, submission.fault) == ("Failed", "organizer")
    assert submission.tries.aggregate(sum=Sum("amount"))["sum"] == 0


def test_cancelling_a_claimed_submission_reaches_the_worker_with_its_next_beat(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    assert worker.beat(job).cancel is False
    assert services.cancel(submission=submission, by=pat) is True
    assert worker.beat(job).cancel is True
    submission.refresh_from_db()
    assert submission.status != S.CANCELLED, "it is cancelled when the sandbox is dead, not before"
    worker.finish(job, failure=Failure(cause=Cause.CANCELLED, step=Step.SCORING, message="Cancelled."), output=False)
    submission.refresh_from_db()
    assert submission.status == S.CANCELLED
    assert not Score.objects.exists()


def test_scores_that_arrive_after_a_cancel_request_do_not_count(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    services.cancel(submission=submission, by=pat)
    worker.finish(job, scores(accuracy=1.0))
    submission.refresh_from_db()
    assert submission.status == S.CANCELLED
    assert not Score.objects.exists() and not Entry.objects.exists()


def test_a_cancelled_submission_whose_worker_dies_ends_as_cancelled(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    job = WorkerDouble(queue).job()
    services.cancel(submission=submission, by=pat)
    Attempt.objects.filter(pk=job.attempt).update(lease_until=timezone.now() - timedelta(seconds=1))
    services.sweep()
    submission.refresh_from_db()
    assert submission.status == S.CANCELLED


def test_scoring_is_claimed_before_new_predictions(
    make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    competition = make_competition(ingestion=True)
    first, _second = submit(pat, competition, CODE), submit(pat, competition, CODE)
    worker = WorkerDouble(queue)
    prediction = worker.job()
    worker.finish(prediction)
    following = worker.job()
    assert (following.step, following.label) == (Step.SCORING, f"submission-{first.pk}-scoring-1")


def test_a_submission_whose_file_is_gone_fails_with_the_platform_as_cause(
    competition: Competition, pat: User, queue: Queue
) -> None:
    submission = submit(pat, competition)
    Submission.objects.filter(pk=submission.pk).update(data=None)
    assert _claim(queue_token(queue, "t"), Claim(worker="w")) is None
    submission.refresh_from_db()
    assert (submission.status, submission.cause, submission.fault) == ("Failed", "platform", "platform")
    assert submission.tries.aggregate(sum=Sum("amount"))["sum"] == 0
