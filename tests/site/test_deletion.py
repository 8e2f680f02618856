"""Deleting submissions and showing them to all: who may, what goes, and what the board makes of it."""

# ruff: noqa: PLR0917 - pytest's fixtures come by name

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import services, tries
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, StoredFile
from tests.factories import dataset
from tests.site.acting import WorkerDouble, files_in, frame, phase_of, scores, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def path(submission: Submission, action: str = "") -> str:
    return f"/api/submissions/{submission.pk}/" + (f"{action}/" if action else "")


def test_a_deleted_submission_leaves_neither_rows_nor_files(
    competition: Competition,
    olivia: User,
    pat: User,
    worker: WorkerDouble,
    client_of: Client,
    files: Path,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    before, rows = files_in(files), StoredFile.objects.count()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        submission = submit(pat, competition)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        worker.work_off(accuracy=0.5)
    assert len(files_in(files)) > len(before)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        assert client_of(olivia).delete(path(submission)).status_code == 204
    assert (files_in(files), StoredFile.objects.count()) == (before, rows)
    assert not Submission.objects.exists()
    assert not Entry.objects.exists()


def test_files_go_only_once_the_deletion_is_committed(
    competition: Competition,
    olivia: User,
    pat: User,
    worker: WorkerDouble,
    client_of: Client,
    files: Path,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    submission = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    there = files_in(files)
    with django_capture_on_commit_callbacks(execute=False):  # type: ignore[attr-defined]
        client_of(olivia).delete(path(submission))
    assert files_in(files) == there


def test_a_file_that_another_submission_uses_stays(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    file = dataset(pat)
    first, second = (services.submit(user=pat, phase=phase_of(competition), data=file) for _ in range(2))
    worker.work_off(accuracy=0.5)
    client = client_of(olivia)
    client.delete(path(first))
    assert Dataset.objects.filter(pk=file.pk).exists()
    client.delete(path(second))
    assert not Dataset.objects.filter(pk=file.pk).exists()


def test_when_the_best_is_deleted_the_next_best_takes_its_place(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(rule="Force_Best")
    made = []
    for value in (0.5, 0.9, 0.7):
        made.append(submit(pat, competition))
        worker.work_off(accuracy=value)
    assert Entry.objects.get().submission == made[1]
    client_of(olivia).delete(path(made[1]))
    assert Entry.objects.get().submission == made[2]
    client_of(olivia).delete(path(made[2]))
    assert Entry.objects.get().submission == made[0]


def test_a_submission_to_several_tasks_is_deleted_whole(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, make_competition(tasks=2))
    worker.work_off(accuracy=0.5)
    answer = client_of(olivia).delete(path(submission.children.all()[0]))
    assert (answer.status_code, answer.json()["code"]) == (400, "child")
    assert client_of(olivia).delete(path(submission)).status_code == 204
    assert not Submission.objects.exists()


def test_the_owner_deletes_what_is_on_no_board_and_the_try_stays_used(
    competition: Competition, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    first = submit(pat, competition)
    second = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    answer = client_of(pat).delete(path(second))
    assert (answer.status_code, answer.json()["detail"]) == (403, "You cannot delete a leaderboard submission!")
    assert client_of(pat).delete(path(first)).status_code == 204
    assert tries.tries(pat, phase_of(competition)).used_total == 2


def test_a_try_is_given_back_when_an_organizer_deletes(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    client_of(olivia).delete(path(submission))
    assert tries.tries(pat, phase_of(competition)).used_total == 0


def test_strangers_and_the_anonymous_delete_nothing(
    competition: Competition, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    for user in (sam, None):
        assert client_of(user).delete(path(submission)).status_code == 403
        many = client_of(user).delete("/api/submissions/delete_many/", [submission.pk], format="json")
        assert many.status_code == 403
    assert Submission.objects.exists()


def test_what_is_being_evaluated_is_cancelled_before_it_can_be_deleted(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    answer = client_of(olivia).delete(path(submission))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ended")
    assert worker.claim() is not None


def test_a_selection_is_deleted_all_or_none(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    first, second = submit(pat, competition), submit(pat, competition)
    worker.work_off(accuracy=0.5)
    many = "/api/submissions/delete_many/"
    assert client_of(pat).delete(many, [first.pk, second.pk], format="json").status_code == 403, "one is on the board"
    assert client_of(olivia).delete(many, [first.pk, 10**6], format="json").status_code == 404
    assert client_of(olivia).delete(many, [], format="json").status_code == 404
    assert Submission.objects.count() == 2
    answer = client_of(olivia).delete(many, [first.pk, second.pk], format="json")
    assert (answer.status_code, answer.json()) == (200, {})
    assert not Submission.objects.exists()


def test_a_soft_delete_removes_the_files_and_keeps_row_and_scores(
    competition: Competition, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    job = worker.job()
    worker.beat(job, frames=[frame("hello")])
    worker.finish(job, scores(accuracy=0.5))
    submit(pat, competition)
    worker.work_off(accuracy=0.6)
    answer = client_of(pat).delete(path(submission, "soft_delete"))
    assert (answer.status_code, answer.json()) == (200, {"message": "Submission deleted successfully"})
    submission.refresh_from_db()
    assert (submission.is_soft_deleted, submission.data, submission.status) == (True, None, "Finished")
    assert Score.objects.get(submission=submission).value == 0.5
    run = submission.runs.get()
    assert (run.output, run.attempts.get().log_chunks.count()) == (None, 0)
    again = client_of(pat).delete(path(submission, "soft_delete"))
    assert (again.status_code, again.json()["error"]) == (400, "Submission already deleted")


def test_a_soft_delete_checks_in_codabenchs_order(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    running = submit(pat, competition)
    answer = client_of(pat).delete(path(running, "soft_delete"))
    assert (answer.status_code, answer.json()["error"]) == (403, "You are not allowed to delete a running submission")
    worker.work_off(accuracy=0.5)
    answer = client_of(olivia).delete(path(running, "soft_delete"))
    assert (answer.status_code, answer.json()["error"]) == (403, "You are not allowed to delete this submission")
    answer = client_of(pat).delete(path(running, "soft_delete"))
    expected = "You are not allowed to delete a leaderboard submission"
    assert (answer.status_code, answer.json()["error"]) == (403, expected)


def test_a_submission_and_its_file_are_shown_and_hidden_again(
    competition: Competition, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    for public in (True, False):
        answer = client_of(pat).post(path(submission, "toggle_public"))
        assert (answer.status_code, answer.json()) == (200, {"is_public": public})
        submission.refresh_from_db()
        assert submission.data is not None
        assert (submission.is_public, Dataset.objects.get(pk=submission.data.pk).is_public) == (public, public)
    assert client_of(sam).post(path(submission, "toggle_public")).status_code == 403
    assert client_of(pat).get(path(submission, "toggle_public")).status_code == 405


def test_where_it_is_forbidden_nothing_is_made_public_but_can_be_hidden(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    submission = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    Competition.objects.filter(pk=competition.pk).update(can_participants_make_submissions_public=False)
    for user in (pat, olivia):
        assert client_of(user).post(path(submission, "toggle_public")).status_code == 403
    Submission.objects.filter(pk=submission.pk).update(is_public=True)
    assert client_of(pat).post(path(submission, "toggle_public")).json() == {"is_public": False}
