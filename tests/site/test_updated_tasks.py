"""A task gets other programs or data, what was submitted is run again, and old and new stand side by side."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import comparison
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import reruns
from podium.site.leaderboards.models import Entry, Score
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, Task, TaskVersion
from tests.factories import SCORER, ParticipantFactory, UserFactory, dataset, zip_of
from tests.site.acting import WorkerDouble, background, files_in, fresh, phase_of, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def task_of(competition: Competition) -> Task:
    return phase_of(competition).phase_tasks.get().task


def newest(task: Task) -> TaskVersion:
    return task.versions.order_by("-number")[0]


def zipped(name: str, content: str = "43\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zip_of({"truth.txt": content}))


# The API


def test_its_owner_gives_a_task_other_data_and_what_is_not_named_stays(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    task = task_of(competition)
    before = newest(task)
    data = dataset(olivia, zip_of({"truth.txt": "43\n"}), type="reference_data")
    answer = client_of(olivia).patch(f"/api/tasks/{task.pk}/", {"reference_data": str(data.key), "name": "Better"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["version"], answer.json()["name"]) == (2, "Better")
    assert answer.json()["reference_data"] == str(data.key)
    after = newest(task)
    assert (after.number, after.reference_data, after.scoring_program) == (2, data, before.scoring_program)
    before.refresh_from_db()
    assert before.reference_data != data, "a version never changes"


def test_what_changes_nothing_makes_no_version(competition: Competition, olivia: User, client_of: Client) -> None:
    task = task_of(competition)
    program = newest(task).scoring_program
    for body in ({"name": "Other"}, {"scoring_program": str(program.key)}, {}):
        assert client_of(olivia).patch(f"/api/tasks/{task.pk}/", body).status_code == 200
    assert task.versions.count() == 1


def test_only_whoever_made_a_task_and_administrators_change_it(
    competition: Competition, olivia: User, pat: User, sam: User, ada: User, client_of: Client
) -> None:
    task = task_of(competition)
    Task.objects.filter(pk=task.pk).update(is_public=True)
    for person, status in ((None, 403), (sam, 403), (pat, 403), (ada, 200), (olivia, 200)):
        assert client_of(person).patch(f"/api/tasks/{task.pk}/", {"name": "Mine"}).status_code == status, person
    Task.objects.filter(pk=task.pk).update(is_public=False)
    assert client_of(sam).patch(f"/api/tasks/{task.pk}/", {"name": "Mine"}).status_code == 404
    assert client_of(sam).get(f"/api/tasks/{task.pk}/").status_code == 404


@pytest.mark.parametrize("fault", ["foreign", "type", "no zip", "no program"])
def test_a_dataset_that_does_not_fit_is_refused_by_its_field(
    fault: str, competition: Competition, olivia: User, sam: User, client_of: Client
) -> None:
    task = task_of(competition)
    made = {
        "foreign": lambda: str(dataset(sam, type="reference_data", is_public=True).key),
        "type": lambda: str(dataset(olivia, type="input_data").key),
        "no zip": lambda: str(dataset(olivia, b"no zip at all", type="reference_data").key),
        "no program": lambda: None,
    }[fault]()
    field = "scoring_program" if fault == "no program" else "reference_data"
    answer = client_of(olivia).patch(f"/api/tasks/{task.pk}/", {field: made})
    assert answer.status_code == 400
    assert field in answer.json()
    assert task.versions.count() == 1


def test_tasks_are_listed_to_whom_they_are_visible(
    competition: Competition, olivia: User, sam: User, client_of: Client
) -> None:
    task = task_of(competition)
    assert [row["id"] for row in client_of(olivia).get("/api/tasks/").json()["results"]] == [task.pk]
    assert client_of(sam).get("/api/tasks/").json()["results"] == []
    Task.objects.filter(pk=task.pk).update(is_public=True)
    assert client_of(sam).get("/api/tasks/").json()["results"] == []
    (row,) = client_of(sam).get("/api/tasks/?public=true").json()["results"]
    assert (row["id"], "shared_with" in row) == (task.pk, False)


# The page


def browser(user: User) -> Browser:
    client = Browser()
    client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
    return client


def test_an_organizer_replaces_files_on_the_page(competition: Competition, olivia: User) -> None:
    task = task_of(competition)
    collaborator = UserFactory()
    competition.collaborators.add(collaborator)
    for number, person in enumerate((olivia, collaborator), start=2):
        answer = browser(person).post(
            f"/competitions/{competition.pk}/tasks/{task.pk}/", {"reference_data": zipped("truth.zip", str(number))}
        )
        assert answer.status_code == 302, answer.content
        assert (newest(task).number, newest(task).created_by) == (number, person)
    page = browser(olivia).get(f"/competitions/{competition.pk}/tasks/").content.decode()
    assert "truth.zip" in page
    assert "Version" in page


def test_a_bad_file_is_told_beside_its_field_and_leaves_nothing_behind(
    competition: Competition, olivia: User, files: Path
) -> None:
    task = task_of(competition)
    before, datasets = files_in(files), Dataset.objects.count()
    answer = browser(olivia).post(
        f"/competitions/{competition.pk}/tasks/{task.pk}/",
        {"reference_data": zipped("truth.zip"), "scoring_program": SimpleUploadedFile("score.zip", b"no zip")},
    )
    assert answer.status_code == 400
    assert "not a zip" in answer.content.decode()
    assert (task.versions.count(), Dataset.objects.count(), files_in(files)) == (1, datasets, before)


def test_a_task_that_somebody_else_made_is_not_the_organizers_to_change(
    competition: Competition, olivia: User, sam: User
) -> None:
    task = task_of(competition)
    Task.objects.filter(pk=task.pk).update(created_by=sam)
    address = f"/competitions/{competition.pk}/tasks/{task.pk}/"
    assert browser(olivia).get(address).status_code == 404
    assert browser(olivia).post(address, {"reference_data": zipped("truth.zip")}).status_code == 404
    assert task.versions.count() == 1


# Old and new


def test_old_and_new_scores_ranks_and_failures_stand_side_by_side(
    competition: Competition, olivia: User, pat: User, sam: User, ada: User, worker: WorkerDouble, client_of: Client
) -> None:
    people = [pat, sam, ada]
    for person in (sam, ada):
        ParticipantFactory(competition=competition, user=person)
    phase = phase_of(competition)
    olds = [submit(person, phase) for person in people]
    for value in (0.9, 0.5, 0.7):
        worker.finish(worker.job(), scores(accuracy=value))
    old_scores = {one.owner_id: Score.objects.get(submission=one).value for one in olds}
    data = dataset(olivia, zip_of({"truth.txt": "43\n"}), type="reference_data")
    client_of(olivia).patch(f"/api/tasks/{task_of(competition).pk}/", {"reference_data": str(data.key)})
    assert reruns.rerun_phase(phase=phase, by=olivia) == 3
    background()
    under_way = client_of(olivia).get(f"/api/phases/{phase.pk}/rerun_comparison/").json()
    assert (under_way["under_way"], [line["new"]["rank"] for line in under_way["participants"]]) == (3, [None] * 3)

    new_values = {pat.pk: 0.1, sam.pk: 0.8}
    while (job := worker.claim()) is not None:
        submission = Submission.objects.get(runs__attempts=job.attempt)
        assert submission.task_version is not None
        assert submission.task_version.reference_data == data, "on the task as it is now"
        if submission.owner_id in new_values:
            worker.finish(job, scores(accuracy=new_values[submission.owner_id]))
        else:
            worker.finish(job, failure=Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="No."))
    told = client_of(olivia).get(f"/api/phases/{phase.pk}/rerun_comparison/").json()
    assert (told["under_way"], told["failed"], told["column"]) == (0, 1, "Accuracy")
    old_rank = {pk: place for place, pk in enumerate(sorted(old_scores, key=lambda k: -old_scores[k]), start=1)}
    lines = {line["owner"]: line for line in told["participants"]}
    for person, new_rank in ((sam, 1), (pat, 2)):
        line = lines[person.shown_name]
        assert line["old"]["scores"] == [old_scores[person.pk]]
        assert line["new"]["scores"] == [new_values[person.pk]]
        assert (line["old"]["rank"], line["new"]["rank"]) == (old_rank[person.pk], new_rank)
        assert line["rank_change"] == old_rank[person.pk] - new_rank
    failed = lines[ada.shown_name]
    assert (failed["new"]["status"], failed["new"]["cause"]) == ("Failed", "exit_code")
    assert (failed["new"]["rank"], failed["rank_change"]) == (None, None)
    page = browser(olivia).get(f"/competitions/{competition.pk}/phases/{phase.pk}/comparison/").content.decode()
    assert "1 failed" in page
    for person in people:
        assert person.shown_name in page


def test_under_the_best_rule_the_best_old_is_set_beside_the_best_new(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    phase = phase_of(make_competition(rule="Force_Best"))
    first, second = submit(pat, phase), submit(pat, phase)
    for value in (0.9, 0.5):
        worker.finish(worker.job(), scores(accuracy=value))
    reruns.rerun_phase(phase=phase, by=olivia)
    background()
    for value in (0.2, 0.6):
        worker.finish(worker.job(), scores(accuracy=value))
    (line,) = comparison.compare(phase).lines
    assert (line.old.submission, line.old.scores) == (first, (0.9,))
    assert (line.new.submission.original, line.new.scores) == (second, (0.6,))


def test_several_tasks_and_reruns_of_reruns_are_followed_to_their_ends(
    make_competition: Make, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    phase = phase_of(make_competition(tasks=2))
    original = submit(pat, phase)
    worker.work_off(accuracy=0.5)
    middle = reruns.rerun(submission=fresh(original), by=olivia)
    worker.work_off(accuracy=0.6)
    last = reruns.rerun(submission=fresh(middle), by=olivia)
    worker.work_off(accuracy=0.7)
    (line,) = comparison.compare(phase).lines
    assert (line.old.submission, line.old.scores) == (original, (0.5, 0.5))
    assert (line.new.submission, line.new.scores, line.change) == (last, (0.7, 0.7), 0)


def test_the_comparison_costs_as_many_queries_with_forty_as_with_four(
    competition: Competition, olivia: User, worker: WorkerDouble, django_assert_num_queries: Callable[..., object]
) -> None:
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    phase, counts = phase_of(competition), []
    for size in (4, 16):
        for _ in range(size):
            person = UserFactory()
            ParticipantFactory(competition=competition, user=person)
            submit(person, phase)
        worker.work_off(accuracy=0.5)
        reruns.rerun_phase(phase=phase, by=olivia)
        background()
        fresh_phase = phase_of(competition)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            comparison.compare(fresh_phase)
        counts.append(len(asked))
        worker.work_off(accuracy=0.5)
    assert counts[0] == counts[1] <= 6


def test_only_organizers_compare(competition: Competition, pat: User, sam: User, ada: User, client_of: Client) -> None:
    phase = phase_of(competition)
    for person, status in ((None, 403), (sam, 403), (pat, 403), (ada, 200)):
        assert client_of(person).get(f"/api/phases/{phase.pk}/rerun_comparison/").status_code == status


def test_a_bot_runs_a_submission_on_any_task_that_it_may_see(
    competition: Competition, olivia: User, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    original = submit(pat, competition)
    worker.work_off(accuracy=0.5)
    bot = UserFactory(is_bot=True)
    Competition.objects.filter(pk=competition.pk).update(allow_robot_submissions=True)
    program = dataset(sam, zip_of(SCORER), type="scoring_program")
    tasks = {}
    for name, facts in (("public", {"is_public": True}), ("shared", {}), ("private", {})):
        task = Task.objects.create(name=name, created_by=sam, **facts)
        TaskVersion.objects.create(task=task, number=1, scoring_program=program)
        tasks[name] = task
    tasks["shared"].shared_with.add(bot)
    for name, status in (("public", 200), ("shared", 200), ("private", 400)):
        url = f"/api/submissions/{original.pk}/re_run_submission/?task_key={tasks[name].key}"
        assert client_of(bot).post(url).status_code == status, name
    worker.work_off(accuracy=0.9)
    made = Submission.objects.filter(original=original).order_by("pk")
    assert [(one.owner, one.task, one.status) for one in made] == [
        (pat, tasks["public"], "Finished"),
        (pat, tasks["shared"], "Finished"),
    ]
    assert Entry.objects.get().submission == original, "on a task of one's choice it stands on no board"
