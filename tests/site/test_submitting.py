"""What a participant may submit, when, and how often."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from podium.protocol import Cause, Failure, Fault, Job, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import services, tries
from podium.site.evaluation.models import Run, Submission, TryEntry
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset
from tests import factories
from tests.factories import CODE, RESULT, dataset, zip_of
from tests.site.acting import WorkerDouble, fresh, phase_of, scores, submit

Make = Callable[..., Competition]
TODAY_FULL = "Reached maximum allowed submissions for today for this phase"
PHASE_FULL = "Reached maximum allowed submissions for this phase"


def at(monkeypatch: pytest.MonkeyPatch, *when: int) -> None:
    """Let it be that moment, in UTC."""
    moment = datetime(*when, tzinfo=UTC)  # type: ignore[misc]
    monkeypatch.setattr(timezone, "now", lambda: moment)


def refusal(user: User, where: Competition | Phase, content: bytes = RESULT, **more: Any) -> Refused:
    """The refusal of a submission; nothing of it stays."""
    before = (Submission.objects.count(), Run.objects.count(), TryEntry.objects.count())
    with pytest.raises(Refused) as caught:
        submit(user, where, content, **more)
    assert (Submission.objects.count(), Run.objects.count(), TryEntry.objects.count()) == before
    return caught.value


def test_an_accepted_submission_is_queued_and_costs_one_try(competition: Competition, pat: User) -> None:
    submission = submit(pat, competition)
    assert (submission.status, submission.kind) == ("Submitted", "result")
    assert [(run.step, run.state) for run in submission.runs.all()] == [("scoring", "queued")]
    assert [(line.amount, line.reason) for line in submission.tries.all()] == [(1, "Submission accepted")]


def test_the_limit_of_a_day_is_refused_in_codabenchs_words(make_competition: Make, pat: User) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 2})
    submit(pat, competition)
    submit(pat, competition)
    refused = refusal(pat, competition)
    assert (refused.message, refused.status, refused.code) == (TODAY_FULL, 403, "limit_reached")


def test_a_day_begins_at_midnight_utc(make_competition: Make, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    at(monkeypatch, 2026, 3, 1, 23, 59, 59)
    submit(pat, competition)
    assert refusal(pat, competition).message == TODAY_FULL
    at(monkeypatch, 2026, 3, 2, 0, 0, 0)
    submit(pat, competition)
    assert refusal(pat, competition).message == TODAY_FULL


def test_the_limit_of_the_phase_counts_every_day(
    make_competition: Make, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition = make_competition(phase={"max_submissions": 2})
    at(monkeypatch, 2026, 3, 1, 12)
    submit(pat, competition)
    at(monkeypatch, 2026, 3, 2, 12)
    submit(pat, competition)
    at(monkeypatch, 2026, 3, 3, 12)
    assert refusal(pat, competition).message == PHASE_FULL


@pytest.mark.parametrize("no_limit", [0, None])
def test_zero_and_none_are_no_limit(no_limit: int | None, competition: Competition, pat: User) -> None:
    competition.phases.update(max_submissions_per_day=no_limit, max_submissions_per_person=no_limit)
    for _ in range(7):
        submit(pat, competition)
    left = tries.tries(pat, phase_of(competition))
    assert (left.used_today, left.left_today, left.left_total, left.can) == (7, None, None, True)


def test_limits_that_are_switched_off_do_not_count(competition: Competition, pat: User) -> None:
    competition.phases.update(has_max_submissions=False, max_submissions_per_day=1)
    submit(pat, competition)
    assert submit(pat, competition).pk


def test_each_phase_and_each_person_has_tries_of_their_own(make_competition: Make, pat: User, sam: User) -> None:
    competition = make_competition(phases=2, participants=(pat, sam), phase={"max_submissions_per_day": 1})
    competition.phases.update(start=timezone.now() - timedelta(days=1), end=None)
    submit(pat, competition)
    submit(sam, competition)
    submit(pat, phase_of(competition, 1))
    assert refusal(pat, competition).message == TODAY_FULL


def test_organizers_have_limits_too(make_competition: Make, olivia: User) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    submit(olivia, competition)
    assert refusal(olivia, competition).message == TODAY_FULL


def test_bots_have_no_limit_where_robots_are_let_in(make_competition: Make) -> None:
    bot = factories.UserFactory(username="bot", is_bot=True)
    competition = make_competition(
        participants=(bot,), phase={"max_submissions_per_day": 1}, allow_robot_submissions=True
    )
    submit(bot, competition)
    submit(bot, competition)
    competition.allow_robot_submissions = False
    competition.save()
    assert refusal(bot, competition).message == TODAY_FULL


def failing(cause: Cause, fault: Fault | None = None) -> Callable[[WorkerDouble, Job], None]:
    """An end of an attempt with this cause in the scoring step."""
    failure = Failure(cause=cause, step=Step.SCORING, message="It failed.", fault=fault)
    return lambda worker, job: worker.finish(job, failure=failure)


@pytest.mark.parametrize(
    ("fault", "failures_count", "used"),
    [
        (Fault.PARTICIPANT, False, 0),
        (Fault.PARTICIPANT, True, 1),
        (Fault.ORGANIZER, True, 0),
    ],
)
def test_failed_submissions_count_only_where_the_phase_says_so_and_the_participant_is_at_fault(
    fault: Fault,
    failures_count: bool,
    used: int,
    make_competition: Callable[..., Competition],
    pat: User,
    queue: Queue,
) -> None:
    competition = make_competition(phase={"failed_submissions_count": failures_count})
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    failing(Cause.UNPACK, fault)(worker, worker.job())
    assert fresh(submission).status == "Failed"
    assert tries.tries(pat, phase_of(competition)).used_today == used
    assert tries.counted(submission) is bool(used)


def test_the_platforms_faults_never_count(competition: Competition, pat: User, queue: Queue) -> None:
    competition.phases.update(failed_submissions_count=True)
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    for _ in range(3):
        failing(Cause.PLATFORM)(worker, worker.job())
    assert fresh(submission).status == "Failed"
    assert tries.tries(pat, phase_of(competition)).used_total == 0
    assert submission.tries.get(amount=-1).reason == "Failed through the platform's fault"


def test_cancelling_gives_the_try_back_only_before_the_start(competition: Competition, pat: User, queue: Queue) -> None:
    waiting = submit(pat, competition)
    services.cancel(submission=waiting, by=pat)
    assert (fresh(waiting).status, tries.tries(pat, phase_of(competition)).used_today) == ("Cancelled", 0)
    started = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    services.cancel(submission=started, by=pat)
    worker.finish(job, failure=Failure(cause=Cause.CANCELLED, step=Step.SCORING, message="Cancelled."))
    assert (fresh(started).status, tries.tries(pat, phase_of(competition)).used_today) == ("Cancelled", 1)


def test_a_try_that_comes_back_comes_back_on_the_day_of_the_submission(
    make_competition: Make, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1, "max_submissions": 5})
    at(monkeypatch, 2026, 3, 1, 23, 59)
    first = submit(pat, competition)
    at(monkeypatch, 2026, 3, 2, 0, 1)
    services.cancel(submission=fresh(first), by=pat)
    submit(pat, competition)
    assert refusal(pat, competition).message == TODAY_FULL
    assert tries.tries(pat, phase_of(competition)).used_total == 1


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (1, 2, 'The phase "Phase 0" starts on'),
        (-2, -1, 'The phase "Phase 0" ended on'),
    ],
)
def test_the_server_keeps_to_the_dates_of_a_phase(
    start: int, end: int, message: str, competition: Competition, pat: User
) -> None:
    now = timezone.now()
    competition.phases.update(start=now + timedelta(days=start), end=now + timedelta(days=end))
    refused = refusal(pat, competition)
    assert (refused.status, refused.code) == (403, "phase_not_open")
    assert refused.message.startswith(message)
    assert services.reason_against(user=pat, phase=phase_of(competition)) == refused.message


def test_the_first_and_the_last_moment_of_a_phase(
    competition: Competition, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.phases.update(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    at(monkeypatch, 2026, 3, 1, 0, 0, 0)
    submit(pat, competition)
    at(monkeypatch, 2026, 3, 2, 0, 0, 0)
    assert refusal(pat, competition).code == "phase_not_open"


@pytest.mark.parametrize("status", [None, *[s for s in ParticipantStatus if s != ParticipantStatus.APPROVED]])
def test_only_approved_participants_submit(
    status: ParticipantStatus | None, competition: Competition, sam: User
) -> None:
    if status is not None:
        Participant.objects.create(competition=competition, user=sam, status=status)
    refused = refusal(sam, competition)
    assert isinstance(refused, Forbidden)
    assert refused.message == "You do not have access to this competition to make a submission"


def test_administrators_need_a_participation_too(competition: Competition, ada: User) -> None:
    assert refusal(ada, competition).code == "not_a_participant"


def test_somebody_elses_file_is_refused(competition: Competition, pat: User, sam: User) -> None:
    file = dataset(sam)
    with pytest.raises(Refused, match="belongs to somebody else"):
        services.submit(user=pat, phase=phase_of(competition), data=file)
    assert Dataset.objects.filter(pk=file.pk).exists(), "a refusal does not delete what is not one's own"


def test_a_file_of_another_type_is_refused(competition: Competition, pat: User) -> None:
    file = dataset(pat, type="input_data")
    with pytest.raises(Refused, match="not uploaded as a submission"):
        services.submit(user=pat, phase=phase_of(competition), data=file)
    assert Dataset.objects.filter(pk=file.pk).exists()


def test_a_task_of_another_phase_is_refused(competition: Competition, pat: User, olivia: User) -> None:
    refused = refusal(pat, competition, tasks=[factories.task(olivia)])
    assert (refused.message, refused.code) == ("All tasks must be part of the current phase.", "foreign_task")


@pytest.mark.parametrize("content", [CODE, zip_of({"metadata": "command: python3 go.py\n", "go.py": ""})])
def test_phases_for_results_take_results_only(content: bytes, make_competition: Make, pat: User) -> None:
    competition = make_competition(phase={"accepts_only_result_submissions": True})
    refused = refusal(pat, competition, content)
    assert (refused.field, refused.code) == ("data", "results_only")
    assert not Dataset.objects.filter(created_by=pat).exists()
    assert submit(pat, competition).pk


@pytest.mark.parametrize(
    ("content", "ingestion", "kind", "first"),
    [
        (RESULT, False, "result", "scoring"),
        (RESULT, True, "result", "prediction"),
        (CODE, True, "code", "prediction"),
        (zip_of({"metadata": "command: python3 go.py\n", "go.py": ""}), False, "command", "prediction"),
    ],
)
def test_kinds_of_submissions_are_told_apart(
    content: bytes, ingestion: bool, kind: str, first: str, make_competition: Make, pat: User
) -> None:
    submission = submit(pat, make_competition(ingestion=ingestion), content)
    assert (submission.kind, submission.runs.get().step) == (kind, first)


QUESTIONS = {
    "bool": {
        "key": "bool",
        "type": "checkbox",
        "title": "Open source?",
        "selection": [True, False],
        "is_required": "true",
        "is_on_leaderboard": "false",
    },
    "model": {
        "key": "model",
        "type": "text",
        "title": "Model",
        "selection": "",
        "is_required": "false",
        "is_on_leaderboard": "true",
    },
}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (None, "Open source?(bool) requires an answer"),
        ({"bool": True}, "Fact Sheet keys do not match Answer keys"),
        ({"bool": True, "model": "x", "more": 1}, "Fact Sheet keys do not match Answer keys"),
        ({"bool": "", "model": "x"}, "Open source?(bool) requires an answer"),
        ({"bool": "maybe", "model": "x"}, "bool: maybe is not a valid selection from [True, False]"),
    ],
)
def test_the_fact_sheet_is_asked_for_by_the_server(
    answers: dict[str, Any] | None, message: str, make_competition: Make, pat: User
) -> None:
    competition = make_competition(fact_sheet=QUESTIONS)
    assert refusal(pat, competition, fact_sheet_answers=answers).message == message


def test_answers_to_the_fact_sheet_are_kept_for_every_task(make_competition: Make, pat: User) -> None:
    competition = make_competition(fact_sheet=QUESTIONS, tasks=2)
    answers = {"bool": True, "model": "forest"}
    submission = submit(pat, competition, fact_sheet_answers=answers)
    kept = [one.fact_sheet_answers for one in [submission, *submission.children.all()]]
    assert kept == [answers] * 3


def test_answers_without_a_fact_sheet_are_refused(competition: Competition, pat: User) -> None:
    assert refusal(pat, competition, fact_sheet_answers={"a": 1}).code == "no_fact_sheet"


def test_several_tasks_make_a_parent_with_a_child_for_each(make_competition: Make, pat: User, queue: Queue) -> None:
    competition = make_competition(tasks=3)
    parent = submit(pat, competition)
    children = list(parent.children.order_by("pk"))
    assert (parent.has_children, parent.task, parent.runs.count()) == (True, None, 0)
    assert [child.task.name for child in children if child.task] == ["Task 0", "Task 1", "Task 2"]
    assert [line.submission_id for line in TryEntry.objects.all()] == [parent.pk], "one try, however many tasks"
    worker = WorkerDouble(queue)
    jobs = [worker.job() for _ in children]
    worker.finish(jobs[0], scores(accuracy=1.0))
    assert fresh(parent).status == "Running"
    failing(Cause.SCORER_FAILED)(worker, jobs[1])
    worker.finish(jobs[2], scores(accuracy=0.5))
    ended = fresh(parent)
    assert (ended.status, ended.status_details) == ("Finished", "1 of 3 tasks failed")
    assert tries.counted(parent)


def test_a_parent_whose_tasks_all_fail_names_the_first_reason(make_competition: Make, pat: User, queue: Queue) -> None:
    parent = submit(pat, make_competition(tasks=2))
    worker = WorkerDouble(queue)
    for _ in range(2):
        failing(Cause.SCORER_FAILED)(worker, worker.job())
    ended = fresh(parent)
    assert (ended.status, ended.cause, ended.fault) == ("Failed", "scorer_failed", "organizer")
    assert ended.status_details == "No task succeeded. The first that failed: It failed."
    assert not tries.counted(parent)


def test_one_chosen_task_of_several_makes_a_plain_submission(make_competition: Make, pat: User) -> None:
    competition = make_competition(tasks=3)
    chosen = competition.phases.get().tasks.get(name="Task 1")
    submission = submit(pat, competition, tasks=[chosen])
    assert (submission.has_children, submission.task) == (False, chosen)


def test_a_score_knows_the_version_of_the_task_that_made_it(competition: Competition, pat: User) -> None:
    submission = submit(pat, competition)
    assert submission.task_version is not None
    digests = submission.task_version.digests()
    assert set(digests) == {"scoring_program", "reference_data"}
    assert all(len(digest) == 64 for digest in digests.values())


def test_a_held_submission_waits_for_its_organizer(make_competition: Make, pat: User, olivia: User) -> None:
    competition = make_competition(auto_run_submissions=False)
    submission = submit(pat, competition)
    assert (submission.status, submission.runs.count()) == ("Submitting", 0)
    with pytest.raises(Forbidden):
        services.start_held(submission=fresh(submission), by=pat)
    services.start_held(submission=fresh(submission), by=olivia)
    assert (fresh(submission).status, submission.runs.count()) == ("Submitted", 1)
    with pytest.raises(Forbidden, match="not in submitting status"):
        services.start_held(submission=fresh(submission), by=olivia)


def test_strangers_cannot_cancel(competition: Competition, pat: User, sam: User, olivia: User) -> None:
    submission = submit(pat, competition)
    with pytest.raises(Forbidden):
        services.cancel(submission=fresh(submission), by=sam)
    assert services.cancel(submission=fresh(submission), by=olivia) is True
    assert services.cancel(submission=fresh(submission), by=olivia) is False
