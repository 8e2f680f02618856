"""Reruns: a new submission on the tasks as they are now, that costs no try and harms no original."""

# ruff: noqa: PLR0917 - pytest's fixtures come by name

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import tries
from podium.site.evaluation.models import Run, Submission
from podium.site.evaluation.services import deletion
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources.models import TaskVersion
from tests.factories import CODE, ParticipantFactory, UserFactory, task
from tests.site.acting import WorkerDouble, background, phase_of, scores, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def path(submission: Submission) -> str:
    return f"/api/submissions/{submission.pk}/re_run_submission/"


def the_rerun(original: Submission) -> Submission:
    return Submission.objects.get(original=original)


def newer_version(submission: Submission) -> TaskVersion:
    old = submission.task_version
    assert old is not None
    assert submission.task is not None
    return TaskVersion.objects.create(task=submission.task, number=2, scoring_program=old.scoring_program)


def test_a_rerun_is_a_new_submission_of_the_same_file_on_the_newest_version(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    version = newer_version(original)
    before = tries.tries(pat, phase_of(competition)).used_total
    answer = client_of(olivia).post(path(original))
    made = the_rerun(original)
    assert (answer.status_code, answer.json()) == (200, {"id": made.pk})
    assert (made.owner, made.data, made.phase, made.task_version) == (pat, original.data, original.phase, version)
    worker.work_off(accuracy=0.25)
    assert tries.tries(pat, phase_of(competition)).used_total == before
    assert [s.value for s in Score.objects.filter(submission=original)] == [0.5], "the original keeps its scores"


def test_the_original_keeps_its_place_until_the_rule_replaces_it(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(rule="Force_Best")
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    for value, stands in ((0.25, original.pk), (0.75, None)):
        client_of(olivia).post(path(original))
        assert Entry.objects.get().submission_id == original.pk, "while the rerun waits"
        worker.work_off(accuracy=value)
        assert Entry.objects.get().submission_id == (stands or Submission.objects.latest("pk").pk)


def test_what_is_rerun_stays_as_old_as_it_was(
    make_competition: Make, olivia: User, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(rule="Force_Last", participants=(pat, sam))
    old, last = submit(pat, competition), submit(pat, competition)
    other = submit(sam, competition)
    worker.work_off(accuracy=0.5)
    assert order_on_board() == [last.pk, other.pk], "equal scores: who was earlier"
    client_of(olivia).post(path(old))
    worker.work_off(accuracy=0.75)
    assert order_on_board() == [last.pk, other.pk], "a rerun of something older is not the latest"
    client_of(olivia).post(path(last))
    worker.work_off(accuracy=0.5)
    again = the_rerun(last)
    assert order_on_board() == [again.pk, other.pk], "it takes its original's place, and is no later than that was"
    client_of(olivia).post(path(again))
    worker.work_off(accuracy=0.5)
    twice = the_rerun(again)
    deletion.delete(submission=last, by=olivia)
    assert order_on_board() == [twice.pk, other.pk], "also when the original is gone"
    (row, _) = client_of(pat).get(f"/api/phases/{phase_of(competition).pk}/get_leaderboard/").json()["submissions"]
    assert parse_datetime(row["created_when"]) == last.created_when, "the board shows the moment that it goes by"


def order_on_board() -> list[int]:
    return list(Entry.objects.order_by("sort_key").values_list("submission", flat=True))


def test_a_rerun_ignores_limits_and_dates(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1, "max_submissions": 1})
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    assert client_of(olivia).post(path(original)).status_code == 200


def test_a_submission_to_several_tasks_is_rerun_whole_also_from_one_of_its_parts(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, make_competition(tasks=3))
    worker.work_off(accuracy=0.5)
    part = original.children.order_by("pk")[1]
    client_of(olivia).post(path(part))
    made = the_rerun(original)
    assert [c.task_id for c in made.children.order_by("pk")] == [c.task_id for c in original.children.order_by("pk")]
    assert worker.work_off(accuracy=0.6) == 3
    made.refresh_from_db()
    assert made.status == "Finished"


def test_a_rerun_on_a_chosen_task_stands_on_no_board_nor_does_its_own_rerun(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    other = task(olivia, "Another")
    client_of(olivia).post(f"{path(original)}?task_key={other.key}")
    made = the_rerun(original)
    assert (made.task, made.is_specific_task_re_run) == (other, True)
    worker.work_off(accuracy=0.9)
    client_of(olivia).post(path(made))
    worker.work_off(accuracy=0.9)
    assert Submission.objects.filter(status="Finished").count() == 3
    assert Entry.objects.get().submission == original


def test_a_task_that_one_may_not_see_cannot_be_chosen(
    competition: Competition, olivia: User, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    for key in (task(sam, "Sam's own").key, uuid.uuid4(), "no-key"):
        assert client_of(olivia).post(f"{path(original)}?task_key={key}").status_code == 400
    assert not Submission.objects.filter(original=original).exists()


@pytest.mark.parametrize(
    ("name", "robots", "status"),
    [
        ("olivia", False, 200),
        ("ada", False, 200),
        ("colin", False, 200),
        ("pat", False, 403),
        ("sam", False, 403),
        ("bot", True, 200),
        ("bot", False, 403),
    ],
)
def test_organizers_administrators_and_bots_that_are_let_in_may_rerun(
    competition: Competition,
    olivia: User,
    ada: User,
    pat: User,
    sam: User,
    worker: WorkerDouble,
    client_of: Client,
    name: str,
    robots: bool,
    status: int,
) -> None:
    people = {"olivia": olivia, "ada": ada, "pat": pat, "sam": sam, "bot": UserFactory(is_bot=True)}
    people["colin"] = UserFactory()
    competition.collaborators.add(people["colin"])
    Competition.objects.filter(pk=competition.pk).update(allow_robot_submissions=robots)
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    client = client_of(people[name])
    answers = [
        client.post(path(original)),
        client.post("/api/submissions/re_run_many_submissions/", [original.pk], format="json"),
        client.post(f"/api/phases/{original.phase_id}/rerun_submissions/"),
    ]
    assert [answer.status_code for answer in answers] == [status] * 3
    if status == 403:
        assert answers[0].json()["detail"] == "You do not have permission to re-run submissions"
        assert Submission.objects.count() == 1


def test_what_has_not_ended_cannot_be_rerun(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    answer = client_of(olivia).post(path(original))
    assert answer.status_code == 403
    assert answer.json()["detail"] == "Cannot request a re-run on a submission that has not finished processing."
    client_of(olivia).post("/api/submissions/re_run_many_submissions/", [original.pk], format="json")
    assert Submission.objects.count() == 1


def test_a_deleted_task_is_told_as_codabench_does(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    Submission.objects.filter(pk=original.pk).update(task=None)
    answer = client_of(olivia).post(path(original))
    assert answer.status_code == 404
    assert "deleted" in answer.json()["error_msg"]


def test_a_selection_is_rerun_all_or_none(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    mine, foreign = make_competition(), make_competition()
    Competition.objects.filter(pk=foreign.pk).update(created_by=UserFactory())
    first, second, third = submit(pat, mine), submit(pat, mine), submit(pat, foreign)
    worker.work_off(accuracy=0.5)
    many = "/api/submissions/re_run_many_submissions/"
    assert client_of(olivia).post(many, [first.pk, third.pk], format="json").status_code == 403
    assert client_of(olivia).post(many, [first.pk, 10**6], format="json").status_code == 404
    assert client_of(olivia).post(many, {"ids": [first.pk]}, format="json").status_code == 400
    assert not Submission.objects.filter(original__isnull=False).exists()
    answer = client_of(olivia).post(many, [first.pk, second.pk], format="json")
    assert (answer.status_code, answer.json()) == (200, {})
    assert set(Submission.objects.filter(is_bulk_rerun=True).values_list("original", flat=True)) == {
        first.pk,
        second.pk,
    }


def test_no_more_are_rerun_at_once_than_a_shared_queue_bears(
    make_competition: Make,
    olivia: User,
    ada: User,
    queue: Queue,
    worker: WorkerDouble,
    client_of: Client,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    """Codabench's 30, by the phase and by the selection; administrators and owners of the queue any number."""
    assert settings.CONFIG.rerun_limit == 30
    monkeypatch.setattr(settings.CONFIG, "rerun_limit", 2)
    competition = make_competition()
    phase = phase_of(competition)
    crowd = [ParticipantFactory(competition=competition, user=UserFactory()).user for _ in range(3)]
    made = [submit(person, phase).pk for person in crowd]
    worker.work_off(accuracy=0.5)
    whole, many = f"/api/phases/{phase.pk}/rerun_submissions/", "/api/submissions/re_run_many_submissions/"

    def ask(user: User, path: str, body: Any = None) -> Any:
        return client_of(user).post(path, body, format="json")

    for refused in (ask(olivia, whole), ask(olivia, many, made)):
        assert (refused.status_code, refused.json()["code"]) == (403, "too_many_reruns")
        assert refused.json()["detail"] == (
            "These are 3 submissions, and 2 may be re-run at once on the site's shared queue."
        )
        assert "queue of your own" in refused.json()["hint"]
    theirs = create_queue(user=ada, name="Ada's", is_public=True, organizers=[])
    Competition.objects.filter(pk=competition.pk).update(queue=theirs)
    assert "“Ada's”, not yours" in ask(olivia, whole).json()["detail"]
    page = client_of(olivia).get(f"/competitions/{competition.pk}/phases/{phase.pk}/rerun/").content.decode()
    assert "2 may be re-run at once" in page
    assert "Choose submissions" in page
    assert not Submission.objects.filter(original__isnull=False).exists()
    assert ask(olivia, many, made[:2]).status_code == 200
    theirs.organizers.add(olivia)
    assert ask(olivia, many, made).status_code == 200, "on a queue that she operates"
    Competition.objects.filter(pk=competition.pk).update(queue=None)
    assert ask(ada, many, made).status_code == 200


def test_a_phase_is_rerun_once_and_behind_everything_else(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(ingestion=True)
    crowd = [ParticipantFactory(competition=competition, user=UserFactory()).user for _ in range(3)]
    for person in crowd:
        submit(person, competition, CODE)
    worker.work_off(accuracy=0.5)
    address = f"/api/phases/{phase_of(competition).pk}/rerun_submissions/"
    assert client_of(olivia).post(address).json() == {"count": 3}
    assert client_of(olivia).post(address).json() == {"count": 0}, "that was asked for already"
    background()
    assert client_of(olivia).post(address).json() == {"count": 0}, "they are under way"
    worker.finish(worker.job())
    submit(pat, competition, CODE)
    owners = []
    while (job := worker.claim()) is not None:
        owners.append(Run.objects.get(pk=job.run).submission.owner)
        worker.finish(job, scores(accuracy=0.5) if job.step == "scoring" else None)
    assert owners[:2] == [pat, pat], "also before the scoring of what is rerun"
    assert client_of(olivia).post(address).json() == {"count": 4}, "the originals, not the reruns"


def test_a_phase_is_rerun_by_get_with_a_token_only(competition: Competition, olivia: User, client_of: Client) -> None:
    from rest_framework.authtoken.models import Token  # noqa: PLC0415 - once Django is set up

    address = f"/api/phases/{phase_of(competition).pk}/rerun_submissions/"
    assert client_of(olivia).get(address).status_code == 405
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=olivia).key}")
    assert client.get(address).json() == {"count": 0}
