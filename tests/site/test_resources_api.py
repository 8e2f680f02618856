"""Datasets, tasks and space in the API: Codabench's paths and shapes, and nobody else's things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.queues.models import Queue
from podium.site.resources import services as resources
from podium.site.resources.models import Dataset, Solution, StoredFile, Task
from podium.site.resources.quota import GIGABYTE
from tests.factories import RESULT, SCORER, ParticipantFactory, dataset, task, zip_of
from tests.site.acting import OUTPUT, WorkerDouble, frame, put, scores, shape, submit
from tests.site.test_counts import asked, unlike

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]
PROGRAM = zip_of(SCORER)
MISSING_SPACE = "Insufficient space. Your available space is"


@dataclass(frozen=True)
class People:
    """The people of the tests, and how they come."""

    pat: User
    olivia: User
    sam: User
    ada: User
    client_of: Client


@pytest.fixture
def people(pat: User, olivia: User, sam: User, ada: User, client_of: Client) -> People:
    return People(pat, olivia, sam, ada, client_of)


def named(answer: Any) -> list[str]:
    """The names in a page of results."""
    return [one["name"] for one in answer.json()["results"]]


def of_type(owner: User, type: str, name: str = "", **facts: Any) -> Dataset:
    """A dataset of a type with a name."""
    content = PROGRAM if type.endswith("program") else RESULT
    return dataset(owner, content, type=type, name=name or f"{owner} {type}", **facts)


# --- datasets ----------------------------------------------------------------------------------------------------


def test_the_list_of_datasets_is_narrowed_as_codabenchs(people: People, competition: Competition) -> None:
    pat, sam = people.pat, people.sam
    mine = of_type(pat, "input_data", "numbers", competition=competition, description="of apples")
    of_type(pat, "submission", "try")
    of_type(pat, "competition_bundle", "bundle")
    of_type(sam, "public_data", "open", is_public=True)
    of_type(sam, "reference_data", "secret")
    client = people.client_of(pat)

    def listed(query: str = "") -> list[str]:
        return named(client.get(f"/api/datasets/?{query}"))

    assert listed() == ["open", "bundle", "try", "numbers"]
    assert listed("_type=dataset") == ["numbers"]
    assert listed("_type=dataset&_public=true") == ["open", "numbers"]
    assert listed("_type=submission") == ["try"]
    assert listed("_type=bundle") == ["bundle"]
    assert listed("type=input_data") == listed("name=numbers") == listed(f"key={mine.key}") == ["numbers"]
    assert listed("is_public=true") == ["open"]
    assert listed("search=APPLES number") == listed(f"search={str(mine.key)[:8]}") == ["numbers"]
    assert listed(f"search={competition.title}") == ["numbers"]
    assert client.get("/api/datasets/?key=x").status_code == client.get("/api/datasets/?type=x").status_code == 400
    assert named(people.client_of(people.ada).get("/api/datasets/")) == ["open"], "an administrator's list is theirs"
    assert people.client_of(None).get("/api/datasets/").status_code == 403


def test_a_dataset_says_what_uses_it_and_a_submission_how_much_it_led_to(
    people: People, make_competition: Make, queue: Queue
) -> None:
    competition = make_competition(published=False)
    version = competition.phases.get().phase_tasks.get().task.versions.get()
    kit = of_type(people.olivia, "starting_kit", is_public=True)
    Phase.objects.update(starting_kit=kit)
    solution = of_type(people.olivia, "solution")
    Solution.objects.create(name="one", data=solution).tasks.add(version.task)
    made = submit(people.pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    assert job.detailed_results_url is None
    worker.finish(job, scores(accuracy=0.5))
    used = [{"pk": competition.pk, "title": competition.title}]
    assert made.data is not None

    def item(user: User, of: Dataset) -> dict[str, Any]:
        found: dict[str, Any] = people.client_of(user).get(f"/api/datasets/{of.pk}/").json()
        return found

    for one in (version.scoring_program, version.reference_data, kit, solution):
        assert one is not None
        assert item(people.olivia, one)["in_use"] == used
    assert item(people.sam, kit)["in_use"] == [], "an unpublished competition is not told"
    found = item(people.pat, made.data)
    assert found["in_use"] == used
    sizes = [found[f"{kind}_file_size"] for kind in ("submission", "prediction_result", "scoring_result")]
    assert sizes == [len(RESULT), 0, len(OUTPUT)]
    assert (found["detailed_result_file_size"], found["file_size"]) == (0, len(RESULT) + len(OUTPUT))
    assert "submission_file_size" not in item(people.olivia, kit)


def test_lists_of_datasets_and_tasks_ask_no_more_for_many(people: People, competition: Competition) -> None:
    client = people.client_of(people.olivia)

    def grow() -> None:
        for number in range(4):
            made = task(people.olivia, f"Task {Task.objects.count()}")
            of_type(people.olivia, "submission", f"{number}")
            solution = of_type(people.olivia, "solution", f"{number} solution")
            Solution.objects.create(name="one", data=solution).tasks.add(made)

    grow()
    for path in ("/api/datasets/?page_size=100", "/api/tasks/?page_size=100", "/api/datasets/public/?page_size=100"):
        few = asked(client, path)
        grow()
        many = asked(client, path)
        assert len(many) == len(few), unlike(few, many)
        assert len(many) < 25


def test_public_data_is_listed_for_everybody(people: People) -> None:
    of_type(people.sam, "public_data", "old", is_public=True, license="MIT", downloads=5)
    of_type(people.sam, "public_data", "new", is_public=True, is_verified=True, description="of pears")
    of_type(people.sam, "public_data", "closed")
    of_type(people.sam, "input_data", "other", is_public=True)
    client = people.client_of(None)

    def listed(query: str = "") -> list[str]:
        return named(client.get(f"/api/datasets/public/?{query}"))

    assert listed() == ["new", "old"]
    assert listed("ordering=most_downloaded") == ["old", "new"]
    assert listed("has_license=true") == ["old"]
    assert listed("is_verified=true") == listed("search=PEARS") == ["new"]
    assert listed("has_license=true&is_verified=true") == []
    found = client.get("/api/datasets/public/?page_size=1").json()
    assert (found["count"], found["page_size"]) == (2, 1)
    assert found["results"][0]["file_size"] == f"{len(RESULT)}.00"
    assert found["results"][0]["created_by"] == "sam"


def test_only_its_owner_changes_a_dataset(people: People, competition: Competition) -> None:
    public = of_type(people.sam, "public_data", "open", is_public=True)
    of_type(people.sam, "input_data", "taken")
    entry = of_type(people.sam, "submission", "entry")
    program = competition.phases.get().phase_tasks.get().task.versions.get().scoring_program

    def patch(user: User | None, of: Dataset, body: Any, method: str = "patch") -> Any:
        return getattr(people.client_of(user), method)(f"/api/datasets/{of.pk}/", body)

    assert patch(people.pat, public, {"name": "mine"}).json()["detail"] == "Cannot update a dataset that is not yours"
    assert patch(people.pat, entry, {"name": "mine"}).status_code == 404
    assert patch(None, public, {"name": "mine"}).status_code == 403
    changed = patch(
        people.sam, public, {"name": "better", "license": "MIT", "key": "x", "created_by": 1, "downloads": 9}
    )
    assert changed.status_code == 200
    assert [changed.json()[name] for name in ("name", "license", "key", "created_by", "downloads")] == [
        "better",
        "MIT",
        str(public.key),
        "sam",
        0,
    ]
    assert patch(people.ada, public, {"description": "ours"}).json()["description"] == "ours"
    assert patch(people.sam, public, {"name": "taken"}).json()["code"] == "duplicate_name"
    whole = {"type": "public_data", "request_sassy_file_name": "a.zip", "name": "better"}
    assert patch(people.sam, public, whole, "put").status_code == 200, "its own name is no double"
    assert patch(people.sam, public, {"type": "public_data"}, "put").status_code == 400
    assert patch(people.sam, public, {"type": "input_data"}).json()["type"] == "input_data"
    assert patch(people.sam, public, {"type": "submission"}).status_code == 400
    assert patch(people.olivia, program, {"type": "input_data"}).json()["code"] == "in_use"
    answer = patch(people.sam, entry, {"is_public": True}).json()["is_public"][0]
    assert answer.startswith("Submission must be validated before it can be published")
    facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 1, "is_public": True}
    assert people.client_of(people.sam).post("/api/datasets/", facts).status_code == 400
    Competition.objects.update(published=False)
    assert patch(people.sam, public, {"competition": competition.pk}).status_code == 400
    facts = {**facts, "is_public": False, "competition": competition.pk}
    assert people.client_of(people.sam).post("/api/datasets/", facts).status_code == 400
    assert people.client_of(people.pat).post("/api/datasets/", facts).status_code == 201


def test_datasets_go_all_or_none_and_never_what_is_in_use(people: People, competition: Competition) -> None:
    olivia, client = people.olivia, people.client_of(people.olivia)
    version = competition.phases.get().phase_tasks.get().task.versions.get()
    kit, data = of_type(olivia, "starting_kit", "kit"), of_type(olivia, "public_data", "data")
    free, foreign = of_type(olivia, "input_data", "free"), of_type(people.sam, "input_data", "foreign", is_public=True)
    hidden = of_type(people.sam, "input_data", "hidden")
    Phase.objects.update(starting_kit=kit, public_data=data)
    in_use = "Cannot delete dataset: dataset is in use"

    def many(*of: Dataset) -> tuple[int, Any]:
        answer = client.post("/api/datasets/delete_many/", [one.pk for one in of])
        return answer.status_code, shape(answer)

    for one in (kit, data, version.scoring_program):
        answer = client.delete(f"/api/datasets/{one.pk}/")
        assert (answer.status_code, answer.json()["error"]) == (400, [in_use])
    assert many(free, kit, foreign) == (
        400,
        {"kit": in_use, "foreign": "Cannot delete a dataset that is not yours"},
    )
    assert many(free, hidden) == (400, {str(hidden.pk): "Cannot delete a dataset that is not yours"})
    assert many()[0] == client.post("/api/datasets/delete_many/", {"a": 1}).status_code == 400
    entry = submit(people.pat, competition).data
    assert entry is not None
    answer = people.client_of(people.pat).delete(f"/api/datasets/{entry.pk}/")
    assert answer.json()["error"][0].startswith("Cannot delete submission: submission belongs to an existing")
    assert Dataset.objects.filter(pk__in=[free.pk, kit.pk, data.pk, foreign.pk, hidden.pk, entry.pk]).count() == 6
    assert many(free) == (200, {"detail": "Datasets deleted successfully"})
    assert not StoredFile.objects.filter(pk=free.data_file_id).exists()


def test_a_file_is_led_to_only_for_whoever_may_have_it(people: People, competition: Competition) -> None:
    version = competition.phases.get().phase_tasks.get().task.versions.get()
    kit = of_type(people.olivia, "starting_kit")
    public = of_type(people.olivia, "public_data", is_public=True)
    Phase.objects.update(starting_kit=kit)
    ParticipantFactory(competition=competition, user=people.sam, status="pending")

    def gets(user: User | None, of: Dataset | None) -> bool:
        assert of is not None
        found = {
            people.client_of(user).get(path).status_code
            for path in (f"/datasets/download/{of.key}/", f"/datasets/download/id/{of.pk}/")
        }
        assert len(found) == 1
        return found == {302}

    program, reference = version.scoring_program, version.reference_data
    assert [gets(people.pat, one) for one in (kit, public, program, reference)] == [True, True, False, False]
    assert [gets(people.sam, one) for one in (kit, public, program, reference)] == [False, True, False, False]
    assert [gets(None, one) for one in (kit, public, program, reference)] == [False, True, False, False]
    assert [gets(people.olivia, one) for one in (kit, public, program, reference)] == [True] * 4
    Competition.objects.update(make_programs_available=True, make_input_data_available=True)
    assert [gets(people.pat, one) for one in (program, reference)] == [True, False]
    assert [gets(people.sam, one) for one in (program, reference)] == [False, False]
    public.refresh_from_db()
    assert public.downloads == 8
    answer = people.client_of(people.pat).get(f"/datasets/download/{kit.key}/")
    assert "/files/" in answer["Location"]
    assert people.client_of(people.pat).get("/datasets/download/id/999999/").status_code == 404


# --- tasks -------------------------------------------------------------------------------------------------------


def test_a_task_is_made_shared_changed_and_deleted(people: People, competition: Competition) -> None:
    olivia, client = people.olivia, people.client_of(people.olivia)
    program, data = of_type(olivia, "scoring_program", "scorer"), of_type(olivia, "input_data", "data")
    body = {"name": "Sums", "scoring_program": str(program.key), "input_data": str(data.key)}
    answer = client.post("/api/tasks/", {**body, "shared_with": [people.sam.pk], "is_public": False})
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        **{"id": made["id"], "key": made["key"], "created_when": made["created_when"]},
        **{"name": "Sums", "description": "", "created_by": olivia.pk, "is_public": False, "validated": False},
        **{"ingestion_only_during_scoring": False, "shared_with": [people.sam.pk], "version": 1},
        **{"scoring_program": str(program.key), "input_data": str(data.key)},
        **{"ingestion_program": None, "reference_data": None},
    }
    path = f"/api/tasks/{made['id']}/"
    (item,) = client.get("/api/tasks/?search=SUMS").json()["results"]
    assert (item["value"], item["solutions"], item["is_used_in_competitions"]) == (made["key"], [], False)
    assert people.client_of(people.sam).get(path).json()["shared_with"] == [], "whom its maker trusts is theirs to know"
    assert people.client_of(people.pat).get(path).status_code == 404
    assert people.client_of(people.sam).patch(path, {"name": "x"}).json()["detail"] == (
        "Cannot update a task that is not yours"
    )
    changed = client.patch(path, {"name": "More sums"}).json()
    assert {**made, "name": "More sums"} == changed, "what is absent stays"
    changed = client.patch(path, {"input_data": None, "is_public": True}).json()
    assert (changed["input_data"], changed["scoring_program"], changed["version"]) == (None, str(program.key), 2)
    assert people.client_of(people.pat).get("/api/tasks/").json()["count"] == 0
    assert people.client_of(people.pat).get("/api/tasks/?public=1").json()["count"] == 1
    assert client.put(path, {"name": "x"}).status_code == 400
    assert client.put(path, body).json()["input_data"] == str(data.key)
    stranger = people.client_of(people.pat).delete(path)
    assert (stranger.status_code, stranger.json()["error"]) == (400, ["Cannot delete a task that is not yours"])
    used = competition.phases.get().phase_tasks.get().task
    faults = client.post("/api/tasks/delete_many/", [made["id"], used.pk])
    assert (faults.status_code, list(shape(faults).values())) == (
        400,
        ["Cannot delete task: task is being used by a phase"],
    )
    assert client.get(f"/api/tasks/{used.pk}/").json()["competitions"] == [
        {"id": competition.pk, "title": competition.title}
    ]
    hidden = task(people.sam)
    assert shape(client.post("/api/tasks/delete_many/", [hidden.pk])) == {
        str(hidden.pk): "Cannot delete a task that is not yours"
    }
    assert client.post("/api/tasks/delete_many/", [made["id"]]).json() == {"detail": "Tasks deleted successfully"}
    assert list(Task.objects.order_by("pk")) == [used, hidden]
    assert Dataset.objects.filter(pk__in=[program.pk, data.pk]).count() == 2


def test_a_task_is_made_of_ones_own_fitting_files_only(people: People) -> None:
    olivia, client = people.olivia, people.client_of(people.olivia)
    program, data = of_type(olivia, "scoring_program"), of_type(olivia, "input_data")
    foreign = of_type(people.sam, "scoring_program", is_public=True)
    broken = dataset(olivia, b"no zip", type="scoring_program")

    def fault(**body: Any) -> Any:
        answer = client.post("/api/tasks/", {"name": "Sums", "scoring_program": str(program.key), **body})
        assert answer.status_code == 400, answer.json()
        return answer.json()

    assert fault(scoring_program=str(foreign.key))["scoring_program"][0].startswith("You have no dataset with the key")
    assert fault(scoring_program=str(data.key))["code"] == "wrong_type"
    assert fault(input_data=str(program.key))["code"] == "wrong_type"
    assert "scoring_program" in fault(scoring_program=str(broken.key))
    assert fault(scoring_program=None)["scoring_program"] == ["This field may not be null."]
    assert fault(shared_with=[10**9])["shared_with"]
    assert shape(client.post("/api/tasks/", {"name": "Sums"})) == {"scoring_program": ["This field is required."]}
    assert Task.objects.count() == 0
    announced = {"type": "scoring_program", "request_sassy_file_name": "s.zip", "file_size": len(PROGRAM)}
    place = client.post("/api/datasets/", announced).json()
    assert fault(scoring_program=place["key"])["code"] == "not_uploaded"
    put(place["sassy_url"], PROGRAM)  # and `completed` is forgotten
    made = client.post("/api/tasks/", {"name": "Sums", "scoring_program": place["key"]})
    assert made.status_code == 201


def test_a_task_that_scored_something_stays(people: People, competition: Competition, queue: Queue) -> None:
    submit(people.pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    link = competition.phases.get().phase_tasks.get()
    used = link.task
    link.delete()
    answer = people.client_of(people.olivia).delete(f"/api/tasks/{used.pk}/")
    assert answer.json()["error"] == ["Cannot delete task: submissions were evaluated on it"]
    assert people.client_of(people.olivia).get("/api/user_quota_cleanup/").json()["unused_tasks"] == 0


# --- space -------------------------------------------------------------------------------------------------------


def test_what_is_shown_of_the_quota_is_what_is_enforced_to_the_byte(
    people: People, make_competition: Make, queue: Queue
) -> None:
    pat, client = people.pat, people.client_of(people.pat)
    submit(pat, make_competition(enable_detailed_results=True))
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("scored\n")])
    assert job.detailed_results_url
    put(job.detailed_results_url, b"<h1>Report</h1>")
    worker.finish(job, scores(accuracy=0.5), detailed_results_uploaded=True)
    of_type(pat, "input_data")
    of_type(pat, "competition_bundle")
    log = Attempt.objects.get().log
    User.objects.filter(pk=pat.pk).update(quota=2 * GIGABYTE + 5)

    def quota() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/api/user_quota/").json()
        return found

    def announce(size: int) -> Any:
        facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": size}
        return client.post("/api/datasets/", facts)

    found = quota()
    assert found["by_kind"] == {
        "submissions": len(RESULT),
        "datasets_programs": len(RESULT),
        "competition_bundles": len(RESULT),
        "pictures": 0,
        "results": len(OUTPUT) + len(b"<h1>Report</h1>"),
        "logs": log.size if log else 0,
    }
    assert (found["quota"], found["quota_bytes"], found["reserved"]) == (2, 2 * GIGABYTE + 5, 0)
    assert found["storage_used"] == sum(found["by_kind"].values())
    assert found["available"] == found["quota_bytes"] - found["storage_used"]
    User.objects.filter(pk=pat.pk).update(quota=found["storage_used"] + 100)
    assert announce(101).json()["data_file"][0].startswith(f"{MISSING_SPACE} 100 bytes. The file size is 101 bytes.")
    first = announce(60).json()
    assert (quota()["reserved"], quota()["available"]) == (60, 40), "space is reserved before a byte has come"
    assert announce(41).status_code == 400
    assert announce(40).status_code == 201
    put(first["sassy_url"], b"x" * 50)
    assert client.put(f"/api/datasets/completed/{first['key']}/").status_code == 200
    assert (quota()["reserved"], quota()["available"]) == (40, 10), "what came counts, not what was said"
    assert quota()["by_kind"]["submissions"] == len(RESULT) + 50


def test_a_file_of_two_datasets_counts_once(people: People) -> None:
    one, two = of_type(people.pat, "input_data"), of_type(people.pat, "submission")
    Dataset.objects.filter(pk=two.pk).update(data_file=one.data_file)
    assert resources.usage(people.pat).used == len(RESULT)
    other = of_type(people.sam, "input_data")
    Dataset.objects.filter(pk=other.pk).update(data_file=one.data_file)
    assert (resources.usage(people.sam).used, resources.usage(people.pat).used) == (len(RESULT), len(RESULT))


def test_space_is_freed_of_what_nothing_needs_and_of_nothing_else(
    people: People, competition: Competition, queue: Queue
) -> None:
    olivia, pat = people.olivia, people.pat
    client = people.client_of(olivia)
    kit, data = of_type(olivia, "starting_kit"), of_type(olivia, "public_data")
    Phase.objects.update(starting_kit=kit, public_data=data)
    solution, listed = of_type(olivia, "solution"), of_type(olivia, "public_data", is_public=True)
    Solution.objects.create(name="one", data=solution)
    kept = set(Dataset.objects.values_list("pk", flat=True))
    unused_task = task(olivia, "Nobody's")  # with a scoring program of its own
    loose = of_type(olivia, "input_data")
    coming = {"type": "input_data", "request_sassy_file_name": "a.zip", "file_size": 1, "name": "coming"}
    assert client.post("/api/datasets/", coming).status_code == 201
    never = of_type(pat, "submission")
    good = submit(pat, competition)  # without `competition` in its dataset, as a script submits
    WorkerDouble(queue).work_off(accuracy=0.5)
    bad = submit(pat, competition)
    Submission.objects.filter(pk=bad.pk).update(status="Failed", cause="exit_code", finished_when=timezone.now())
    Run.objects.filter(submission=bad).delete()

    def counts(user: User) -> list[int]:
        return list(people.client_of(user).get("/api/user_quota_cleanup/").json().values())

    def clean(user: User, what: str) -> dict[str, Any]:
        answer = people.client_of(user).delete(f"/api/delete_{what}/")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    assert counts(olivia) == [1, 1, 0, 0]
    assert counts(pat) == [0, 0, 1, 1]
    assert clean(olivia, "unused_tasks") == {
        "success": True,
        "message": "Unused tasks deleted successfully",
        "deleted": 1,
        "left": 0,
    }
    assert counts(olivia) == [0, 2, 0, 0], "its program is free now"
    assert clean(olivia, "unused_datasets")["message"] == "Unused datasets and programs deleted successfully"
    assert not Task.objects.filter(pk=unused_task.pk).exists()
    assert not Dataset.objects.filter(pk=loose.pk).exists()
    assert kept <= set(Dataset.objects.values_list("pk", flat=True)), listed
    assert Dataset.objects.filter(name="coming").exists()
    old = timezone.now() - timedelta(days=6)
    Dataset.objects.filter(name="coming").update(upload_started_when=old)
    assert counts(olivia) == [0, 1, 0, 0], "it will never come"
    assert clean(pat, "unused_submissions")["deleted"] == 1
    assert not Dataset.objects.filter(pk=never.pk).exists()
    assert clean(pat, "failed_submissions")["message"] == "Failed submissions deleted successfully"
    assert list(Submission.objects.values_list("pk", flat=True)) == [good.pk]
    assert Dataset.objects.filter(pk=good.data_id, data_file__isnull=False).exists()
    assert people.client_of(None).delete("/api/delete_failed_submissions/").status_code == 403
