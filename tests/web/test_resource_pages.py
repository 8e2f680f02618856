"""The pages of datasets, programs, tasks, bundles, one's own submissions and space, used without scripts."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Dump, Phase, PhaseTask
from podium.site.evaluation.models import Submission
from podium.site.pages.templatetags.podium_ui import competition_links
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, Solution, Task, TaskVersion
from podium.site.resources.services import create_task, usage
from tests.factories import RESULT, SCORER, UserFactory, dataset, task, zip_of
from tests.site.access_answers import body_of
from tests.site.acting import WorkerDouble, submit
from tests.site.test_counts import asked, unlike
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]
PROGRAM = zip_of(SCORER)


def of_type(owner: User, type: str, name: str, **facts: Any) -> Dataset:
    """A dataset of a type with a name."""
    content = PROGRAM if type.endswith("program") else RESULT
    return dataset(owner, content, type=type, name=name, **facts)


def zip_file(content: bytes = PROGRAM, name: str = "scorer.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/zip")


def order_of(text: str, *words: str) -> list[str]:
    """The words in the order in which a page has them."""
    return sorted(words, key=text.index)


# --- datasets and programs ---------------------------------------------------------------------------------------


def test_a_dataset_is_uploaded_changed_shared_and_deleted_without_scripts(
    visitor: Visiting, olivia: User, sam: User, files: Any
) -> None:
    somebody = visitor(olivia)
    page = somebody.open("/resources/datasets/")
    assert "You have no dataset" in page.text
    assert "/resources/datasets/new/" in page.links
    facts = {"name": "Numbers", "type": "public_data", "description": "Of apples", "license": "MIT"}
    page = somebody.send("/resources/datasets/new/", {**facts, "name": ""}, status=400)
    assert "This field is required." in page.text
    assert "Choose a file first." in page.text
    assert "Of apples" in somebody.response.content.decode(), "what was typed is kept"
    page = somebody.send("/resources/datasets/new/", {**facts, "file": zip_file(RESULT, "n.zip")})
    made = Dataset.objects.get()
    assert somebody.url == f"/datasets/{made.pk}/"
    assert [made.name, made.type, made.description, made.license, made.file_name] == [
        *facts.values(),
        "n.zip",
    ]
    for words in ("Of apples", "Public data", "MIT", "Only you see it"):
        assert words in page.text, words
    page = somebody.send("/resources/datasets/new/", {**facts, "file": zip_file()}, status=400)
    assert "You already have a dataset by this name" in page.text
    assert Dataset.objects.count() == 1, "a refused upload leaves nothing"
    visitor(sam).open(f"/datasets/{made.pk}/", status=404)
    page = somebody.send(f"/resources/datasets/{made.pk}/publish/", {"public": "yes"})
    assert f"/datasets/{made.pk}/" in page.text
    assert "Of apples" in visitor(None).open(f"/datasets/{made.pk}/").text
    assert "Share" not in visitor(sam).open(f"/datasets/{made.pk}/").headings
    page = somebody.send(
        f"/resources/datasets/{made.pk}/edit/", {**facts, "name": "More numbers", "type": "input_data"}
    )
    made.refresh_from_db()
    assert (made.name, made.type, made.is_public) == ("More numbers", "input_data", False)
    asked = somebody.open(f"/resources/datasets/delete/?dataset={made.pk}")
    assert "Delete 1 file?" in asked.text
    assert Dataset.objects.exists()
    page = somebody.send("/resources/datasets/delete/", {"dataset": made.pk})
    assert "Deleted: More numbers." in page.text
    assert not Dataset.objects.exists()


def test_a_name_that_is_taken_is_told_beside_the_name_and_the_uploaded_file_is_kept(
    visitor: Visiting, olivia: User, files: Any
) -> None:
    of_type(olivia, "input_data", "taken")
    arrived = of_type(olivia, "input_data", "olivia - input_data")
    somebody = visitor(olivia)
    sent = {"name": "taken", "type": "scoring_program", "data_key": str(arrived.key)}
    page = somebody.send("/resources/datasets/new/", sent, status=400)
    assert "You already have a dataset by this name" in page.text
    assert f'value="{arrived.key}"' in somebody.response.content.decode()
    somebody.send("/resources/datasets/new/", {**sent, "name": "free"})
    arrived.refresh_from_db()
    assert (arrived.name, arrived.type) == ("free", "scoring_program"), "also the type that was chosen after"
    foreign = of_type(UserFactory(), "input_data", "theirs")
    page = somebody.send("/resources/datasets/new/", {**sent, "name": "x", "data_key": str(foreign.key)}, status=400)
    assert "Choose it again." in page.text


def test_the_list_of_datasets_is_searched_filtered_and_sorted_by_the_address(
    visitor: Visiting, olivia: User, sam: User, competition: Competition
) -> None:
    small = dataset(olivia, b"x", type="input_data", name="banana", description="yellow")
    of_type(olivia, "reference_data", "Apple", is_public=True)
    of_type(sam, "input_data", "cherry", is_public=True)
    of_type(sam, "input_data", "hidden")
    somebody = visitor(olivia)

    def listed(query: str = "") -> list[str]:
        text = somebody.open(f"/resources/datasets/?{query}").text
        return order_of(text, *(name for name in ("banana", "Apple", "cherry", "hidden") if name in text))

    assert listed() == ["Apple", "banana"]
    assert listed("made=uploads&sort=name") == ["Apple", "banana"]
    assert listed("made=uploads&sort=-name") == ["banana", "Apple"]
    assert listed("made=uploads&sort=-size") == ["Apple", "banana"]
    assert listed("sort=nonsense&page=99&type=nonsense") == ["Apple", "banana"]
    assert listed("show=public") == ["cherry", "Apple", "banana"]
    assert listed("show=public&type=input_data") == ["cherry", "banana"]
    assert listed("search=YELLOW") == ["banana"]
    assert listed("made=bundles") == []
    text = somebody.open("/resources/datasets/?made=bundles").text
    assert competition.title in text, "who uses it"
    assert f"/datasets/{small.pk}/" in somebody.open("/resources/datasets/?search=yellow").links
    assert "Nothing found" in somebody.open("/resources/datasets/?search=nowhere").text
    coming = Dataset.objects.create(created_by=olivia, type="input_data", name="coming")
    assert "coming Not arrived" in somebody.open("/resources/datasets/").text
    assert "The file has not arrived." in somebody.open(f"/datasets/{coming.pk}/").text


def test_what_is_in_use_stays_and_its_users_are_told(
    visitor: Visiting, olivia: User, sam: User, competition: Competition
) -> None:
    version = TaskVersion.objects.get()
    free, foreign = of_type(olivia, "input_data", "free"), of_type(sam, "input_data", "foreign", is_public=True)
    program = version.scoring_program
    somebody = visitor(olivia)
    page = somebody.open(f"/datasets/{program.pk}/")
    assert competition.title in page.text
    assert version.task.name in page.text
    page = somebody.open(f"/resources/datasets/delete/?dataset={free.pk}&dataset={program.pk}&dataset={foreign.pk}")
    assert "Delete 1 file?" in page.text
    assert "1 stays, since it is needed:" in page.text
    assert competition.title in page.text
    assert "foreign" not in page.text
    page = somebody.send("/resources/datasets/delete/", {"dataset": [free.pk, program.pk]})
    assert "Cannot delete dataset: dataset is in use. Nothing was deleted." in page.text
    assert Dataset.objects.filter(pk__in=[free.pk, program.pk]).count() == 2
    somebody.send("/resources/datasets/delete/", {"dataset": [free.pk, foreign.pk]})
    assert list(Dataset.objects.filter(pk__in=[free.pk, foreign.pk])) == [foreign]
    assert "Choose some of your own first." in somebody.open(f"/resources/datasets/delete/?dataset={foreign.pk}").text


def test_bundles_are_told_by_what_was_made_of_them_and_what_was_dumped_to_them(
    visitor: Visiting, olivia: User, competition: Competition
) -> None:
    of_type(olivia, "competition_bundle", "lonely")
    made_of = of_type(olivia, "competition_bundle", "origin")
    dumped = of_type(olivia, "competition_bundle", "dumped")
    Competition.objects.update(bundle=made_of, title="Sums")
    Dump.objects.create(competition=competition, created_by=olivia, dataset=dumped, status="Finished")
    somebody = visitor(olivia)
    text = somebody.open("/resources/bundles/?sort=name").text
    assert order_of(text, "dumped", "lonely", "origin") == ["dumped", "lonely", "origin"]
    assert "a dump Sums" in text
    assert "an upload none was made of it" in text
    assert "Sums was made of it and stays" in somebody.open(f"/resources/datasets/delete/?dataset={made_of.pk}").text
    somebody.send("/resources/datasets/delete/", {"dataset": made_of.pk})
    assert somebody.url == "/resources/bundles/"
    assert Competition.objects.get().bundle is None


def test_public_datasets_are_for_everybody(visitor: Visiting, sam: User) -> None:
    assert "No public dataset yet" in visitor(None).open("/datasets/public/").text
    of_type(sam, "public_data", "old", is_public=True, license="MIT", downloads=5)
    of_type(sam, "public_data", "new", is_public=True, is_verified=True, description="of pears")
    of_type(sam, "public_data", "closed")
    of_type(sam, "input_data", "other", is_public=True)
    somebody = visitor(None)

    def listed(query: str = "") -> list[str]:
        text = somebody.open(f"/datasets/public/?{query}").text.split("dataset", 1)[1]
        return order_of(text, *(name for name in ("old", "new", "closed", "other") if f" {name} " in text))

    assert listed() == ["new", "old"]
    assert listed("ordering=most_downloaded") == ["old", "new"]
    assert listed("has_license=on") == ["old"]
    assert listed("is_verified=on") == listed("search=PEARS") == ["new"]
    assert "/datasets/public/" in somebody.open("/").links
    assert "/tasks/public/" in somebody.open("/").links


# --- tasks -------------------------------------------------------------------------------------------------------


def test_a_task_is_made_of_files_that_come_with_the_form_and_the_competition_is_next(
    visitor: Visiting, olivia: User, files: Any
) -> None:
    somebody = visitor(olivia)
    page = somebody.open("/competitions/new/")
    assert "First a task" in page.text
    assert "/resources/tasks/new/?for=competition" in somebody.response.content.decode()
    new = "/resources/tasks/new/?for=competition"
    page = somebody.send(new, {"name": "", "scoring_program_file": zip_file(name="Scorer.zip")}, status=400)
    kept = Dataset.objects.get()
    assert (kept.name, kept.type, kept.created_by) == ("Scorer", "scoring_program", olivia)
    assert page.values["scoring_program"] == f"Scorer #{kept.pk}", "the file is there though the name was missing"
    page = somebody.send(new, {**page.values, "name": ""}, status=400)
    assert Dataset.objects.get() == kept
    page = somebody.send(new, {**page.values, "name": "Sums", "reference_data_file": zip_file(name="Scorer.zip")})
    made = Task.objects.get()
    assert somebody.url == f"/competitions/new/?task={made.pk}"
    assert page.values["task"].endswith(f"#{made.pk}")
    version = made.versions.get()
    assert (version.scoring_program, version.reference_data.name) == (kept, "Scorer 2")
    assert "Choose a scoring program, or upload one." in somebody.send(new, {"name": "None"}, status=400).text
    edited = f"/resources/tasks/{made.pk}/edit/"
    somebody.send(edited, {**somebody.open(edited).values, "scoring_program_file": zip_file(name="better.zip")})
    assert made.versions.count() == 2 and made.versions.first().scoring_program.name == "better"
    User.objects.filter(pk=olivia.pk).update(quota=1)
    full = {"name": "Full", "scoring_program_file": zip_file(name="more.zip")}
    assert "Insufficient space" in somebody.send(new, full, status=400).text
    assert Task.objects.count() == 1 and not Dataset.objects.filter(name="more").exists()


def test_a_task_is_made_by_search_fields_shared_and_deleted(
    visitor: Visiting, olivia: User, sam: User, pat: User, files: Any
) -> None:
    program = of_type(olivia, "scoring_program", "Iris scorer")
    data = of_type(olivia, "reference_data", "Truth")
    of_type(sam, "scoring_program", "Iris scorer of sam", is_public=True)
    somebody = visitor(olivia)
    assert "You have no task" in somebody.open("/resources/tasks/").text
    offered = somebody.client.get("/choices/scoring_program/?scoring_program=IRIS").content.decode()
    assert offered.count("<option") == 1
    assert f"Iris scorer #{program.pk}" in offered
    facts = {"name": "Iris", "description": "Three kinds"}
    page = somebody.send("/resources/tasks/new/", {**facts, "scoring_program": "nothing"}, status=400)
    assert "You have no scoring program like that." in page.text
    assert 'value="nothing"' in somebody.response.content.decode()
    page = somebody.send("/resources/tasks/new/", {**facts, "scoring_program": f"x #{data.pk}"}, status=400)
    assert "You have no scoring program like that." in page.text
    sent = {**facts, "scoring_program": f"Iris scorer #{program.pk}", "reference_data": "truth"}
    page = somebody.send("/resources/tasks/new/", sent)
    made = Task.objects.get()
    assert somebody.url == f"/tasks/{made.pk}/"
    version = made.versions.get()
    assert (version.scoring_program, version.reference_data) == (program, data)
    for words in ("Three kinds", "Iris scorer", "Truth", "version 1", "Nobody."):
        assert words in page.text, words
    visitor(sam).open(f"/tasks/{made.pk}/", status=404)
    page = somebody.send(f"/resources/tasks/{made.pk}/share/", {"people": "SAM, nobody-here"}, status=400)
    assert "Nobody here is called nobody-here." in page.text
    somebody.send(f"/resources/tasks/{made.pk}/share/", {"people": "SAM"})
    assert list(made.shared_with.all()) == [sam]
    page = visitor(sam).open("/resources/tasks/")
    assert "shared with you" in page.text
    page = visitor(sam).open(f"/tasks/{made.pk}/")
    assert "Shared with" not in page.text
    assert f"/datasets/{data.pk}/" not in page.links
    visitor(sam).open(f"/resources/tasks/{made.pk}/edit/", status=403)
    assert "Iris" not in visitor(None).open("/tasks/public/").text
    somebody.send(f"/resources/tasks/{made.pk}/share/", {"people": "", "is_public": "on"})
    assert "Iris" in visitor(None).open("/tasks/public/?search=KINDS").text
    assert "Iris scorer" in visitor(None).open(f"/tasks/{made.pk}/").text
    assert "Iris" not in visitor(pat).open("/resources/tasks/").text
    assert "Iris" in visitor(pat).open("/resources/tasks/?show=public").text
    assert "Delete 1 task?" in somebody.open(f"/resources/tasks/delete/?task={made.pk}").text
    somebody.send("/resources/tasks/delete/", {"task": made.pk})
    assert not Task.objects.exists()
    assert Dataset.objects.filter(pk__in=[program.pk, data.pk]).count() == 2


def test_other_files_make_a_new_version_of_a_task_and_the_same_ones_do_not(
    visitor: Visiting, olivia: User, competition: Competition
) -> None:
    used = TaskVersion.objects.get()
    other = of_type(olivia, "scoring_program", "Better")
    twice = [of_type(olivia, "scoring_program", "Twice") for _ in range(2)]
    somebody = visitor(olivia)
    path = f"/resources/tasks/{used.task_id}/edit/"
    page = somebody.open(path)
    assert f"It is at version 1 and used in {competition.title}" in page.text
    assert used.reference_data is not None
    sent = {
        "name": "Renamed",
        "scoring_program": f"{used.scoring_program.name} #{used.scoring_program_id}",
        "reference_data": f"{used.reference_data.name} #{used.reference_data_id}",
    }
    page = somebody.send(path, sent)
    assert "Saved." in page.text
    assert TaskVersion.objects.count() == 1
    page = somebody.send(path, {**sent, "scoring_program": "Twice"}, status=400)
    assert f"Write the number too: Twice #{twice[0].pk}" in page.text or f"Twice #{twice[1].pk}" in page.text
    page = somebody.send(path, {**sent, "scoring_program": str(other.key), "reference_data": ""})
    assert "It is at version 2 now." in page.text
    newest = TaskVersion.objects.get(number=2)
    assert (newest.scoring_program, newest.reference_data) == (other, None)
    broken = dataset(olivia, b"no zip", type="input_data", name="Broken")
    page = somebody.send(path, {**sent, "input_data": f"Broken #{broken.pk}"}, status=400)
    assert TaskVersion.objects.count() == 2


def test_a_task_that_something_needs_stays_and_says_why(
    visitor: Visiting, olivia: User, sam: User, competition: Competition
) -> None:
    used, free, foreign = TaskVersion.objects.get().task, task(olivia, "Free"), task(sam, "Foreign")
    Task.objects.filter(pk=foreign.pk).update(is_public=True)
    somebody = visitor(olivia)
    page = somebody.open(f"/resources/tasks/delete/?task={used.pk}&task={free.pk}&task={foreign.pk}")
    assert "Delete 1 task?" in page.text
    assert f"used in {competition.title}" in page.text
    assert "Foreign" not in page.text
    page = somebody.send("/resources/tasks/delete/", {"task": [used.pk, free.pk]})
    assert "Cannot delete task: task is being used by a phase. Nothing was deleted." in page.text
    assert Task.objects.count() == 3


def test_a_zip_becomes_a_task_or_the_checker_says_why_not(visitor: Visiting, olivia: User, files: Any) -> None:
    somebody = visitor(olivia)
    bad = zip_of({"task.yaml": "name: Iris\nscoring_program:\n  zip: missing.zip\n"})
    page = somebody.send("/resources/tasks/upload/", {"file": zip_file(bad, "task.zip")}, status=400)
    assert "It has faults; nothing was made of it." in page.text
    assert "Missing: description, task must have a description" in page.text
    assert "Dataset file 'missing.zip' not found" in page.text
    assert "task.yaml:3" in page.text
    page = somebody.send("/resources/tasks/upload/", {"file": zip_file(b"nothing", "task.zip")}, status=400)
    assert "An error occurred while creating the task." in page.text
    source = "name: Iris\ndescription: Kinds\nscoring_program:\n  zip: scorer.zip\n"
    page = somebody.send(
        "/resources/tasks/upload/", {"file": zip_file(zip_of({"task.yaml": source, "scorer.zip": PROGRAM}))}
    )
    assert somebody.url == f"/tasks/{Task.objects.get().pk}/"
    assert "Iris" in page.text


def test_a_task_is_validated_once_a_solution_has_finished_on_its_newest_version(
    visitor: Visiting, olivia: User, pat: User, competition: Competition, queue: Queue, client_of: Any
) -> None:
    used = TaskVersion.objects.get().task
    Solution.objects.create(name="Sample", data=of_type(olivia, "solution", "sample")).tasks.add(used)
    somebody, worker = visitor(olivia), WorkerDouble(queue)
    submit(pat, competition, zip_of({"answer.txt": "other"}))
    worker.work_off(accuracy=0.5)
    assert "Not validated" in somebody.open(f"/tasks/{used.pk}/").text
    submit(pat, competition, RESULT)
    assert "Not validated" in somebody.open(f"/tasks/{used.pk}/").text, "it has to finish"
    worker.work_off(accuracy=0.5)
    assert "A solution was submitted to this version and has finished" in somebody.open(f"/tasks/{used.pk}/").text
    assert "Validated no" not in somebody.open("/resources/tasks/").text
    assert client_of(olivia).get(f"/api/tasks/{used.pk}/").json()["validated"] is True
    other = of_type(olivia, "scoring_program", "Better")
    sent = {"name": used.name, "scoring_program": f"Better #{other.pk}"}
    somebody.send(f"/resources/tasks/{used.pk}/edit/", sent)
    assert "Not validated" in somebody.open(f"/tasks/{used.pk}/").text, "the new version is not proved"


# --- one's own submissions ---------------------------------------------------------------------------------------


def test_ones_submissions_are_listed_over_all_competitions(
    visitor: Visiting, make_competition: Making, pat: User, sam: User, queue: Queue
) -> None:
    assert "You have submitted nothing yet" in visitor(pat).open("/resources/").text
    first, second = make_competition(), make_competition(tasks=2)
    Competition.objects.filter(pk=first.pk).update(title="Apples")
    Competition.objects.filter(pk=second.pk).update(title="Pears")
    done = submit(pat, first)
    WorkerDouble(queue).work_off(accuracy=0.5)
    waiting = submit(pat, second)
    somebody = visitor(pat)

    def listed(query: str = "") -> list[Submission]:
        text = somebody.open(f"/resources/?{query}").text
        found = [one for one in (done, waiting) if f"#{one.pk}" in text]
        return sorted(found, key=lambda one: text.index(f"#{one.pk}"))

    assert listed() == [waiting, done]
    assert listed("sort=competition") == [done, waiting]
    assert listed("status=Finished") == listed("search=APPLES") == listed(f"competition={first.pk}") == [done]
    assert listed(f"competition={second.pk}") == [waiting]
    assert "in all" in somebody.open("/resources/?status=Finished").text, "with what came of it"
    assert f"/datasets/download/id/{done.data_id}/" in somebody.open("/resources/").links
    assert "You have submitted nothing yet" in visitor(sam).open("/resources/").text
    assert "Nothing found" in somebody.open("/resources/?status=Cancelled").text


def test_files_that_were_never_submitted_are_listed_by_themselves(
    visitor: Visiting, pat: User, competition: Competition
) -> None:
    submit(pat, competition)
    sample = of_type(pat, "submission", "sample")
    somebody = visitor(pat)
    page = somebody.open("/resources/?show=files")
    assert "sample" in page.text
    assert "1 file" in page.text
    somebody.send("/resources/datasets/delete/", {"dataset": sample.pk})
    assert somebody.url == "/resources/"
    assert "No such file" in somebody.open("/resources/?show=files").text


def test_chosen_submissions_are_deleted_after_asking_but_not_those_on_a_board(
    visitor: Visiting, pat: User, sam: User, competition: Competition, queue: Queue
) -> None:
    old = submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    shown = submit(pat, competition)  # the newest counts
    WorkerDouble(queue).work_off(accuracy=0.25)
    running = submit(pat, competition)
    query = "&".join(f"submission={one.pk}" for one in (old, shown, running))
    somebody = visitor(pat)
    page = somebody.open(f"/resources/submissions/?do=delete&{query}")
    assert "Delete: 1 submission?" in page.text
    assert "2 stay as they are:" in page.text
    assert "You cannot delete a leaderboard submission!" in page.text
    assert "is being evaluated" in page.text
    assert "That frees" in page.text
    page = somebody.send("/resources/submissions/", {"do": "delete", "submission": [old.pk, shown.pk]})
    assert "Nothing was changed." in page.text
    assert Submission.objects.count() == 3
    visitor(sam).send("/resources/submissions/", {"do": "delete", "submission": [old.pk]})
    assert Submission.objects.count() == 3, "only one's own"
    page = somebody.send("/resources/submissions/", {"do": "delete", "submission": [old.pk]})
    assert "Deleted: 1." in page.text
    assert set(Submission.objects.values_list("pk", flat=True)) == {shown.pk, running.pk}


def test_chosen_submissions_are_made_public_where_the_competition_allows_it(
    visitor: Visiting, make_competition: Making, pat: User, queue: Queue
) -> None:
    allows = make_competition(can_participants_make_submissions_public=True)
    forbids = make_competition(can_participants_make_submissions_public=False)
    mine, other = submit(pat, allows), submit(pat, forbids)
    WorkerDouble(queue).work_off(accuracy=0.5)
    somebody = visitor(pat)
    page = somebody.open(f"/resources/submissions/?do=publish&submission={mine.pk}&submission={other.pk}")
    assert "Make public: 1 submission?" in page.text
    assert "You do not have permission to make this submissions public/private" in page.text
    page = somebody.send("/resources/submissions/", {"do": "publish", "submission": [mine.pk, other.pk]})
    assert "Nothing was changed." in page.text
    page = somebody.send("/resources/submissions/", {"do": "publish", "submission": [mine.pk]})
    assert "Public now: 1." in page.text
    assert set(Submission.objects.filter(is_public=True)) == {mine}
    somebody.send("/resources/submissions/", {"do": "hide", "submission": [mine.pk]})
    assert not Submission.objects.filter(is_public=True).exists()
    assert "Choose submissions first." in somebody.open("/resources/submissions/?do=delete").text


@pytest.mark.django_db(transaction=True)
def test_chosen_submissions_are_downloaded_in_one_zip(pat: User, sam: User, competition: Competition) -> None:
    one, other = submit(pat, competition), submit(pat, competition)

    def names(person: User) -> list[str]:
        client = Client()
        client.force_login(person, backend="podium.site.accounts.backends.NameOrEmailBackend")
        answer = client.get(f"/resources/submissions/?do=download&submission={one.pk}&submission={other.pk}")
        if answer.status_code != 200:
            return []
        return zipfile.ZipFile(io.BytesIO(body_of(answer))).namelist()

    assert len(names(pat)) == 2
    assert names(sam) == []


# --- space -------------------------------------------------------------------------------------------------------


def test_space_is_shown_by_kind_and_a_clean_up_frees_what_it_said(
    visitor: Visiting, olivia: User, pat: User, competition: Competition, queue: Queue
) -> None:
    loose, kept = of_type(olivia, "input_data", "loose"), of_type(olivia, "public_data", "kept", is_public=True)
    free = create_task(user=olivia, name="Free", scoring_program=of_type(olivia, "scoring_program", "its own"))
    somebody = visitor(olivia)
    page = somebody.open("/resources/space/")
    assert "Unused tasks" in page.text
    assert "No submission of yours has failed." in page.text
    asked = somebody.open("/resources/space/unused_datasets_programs/")
    assert "Delete 1 of your unused datasets and programs?" in asked.text
    assert f"That frees {len(RESULT)} bytes" in asked.text
    assert "loose" in asked.text
    before = usage(olivia).used
    page = somebody.send("/resources/space/unused_datasets_programs/", {})
    assert f"Deleted: 1. That freed {len(RESULT)} bytes." in page.text
    assert before - usage(olivia).used == len(RESULT)
    assert not Dataset.objects.filter(pk=loose.pk).exists()
    assert Dataset.objects.filter(pk=kept.pk).exists()
    somebody.send("/resources/space/unused_tasks/", {})
    assert not Task.objects.filter(pk=free.pk).exists()
    assert f"That frees {len(PROGRAM)} bytes" in somebody.open("/resources/space/unused_datasets_programs/").text
    somebody.open("/resources/space/nonsense/", status=404)
    assert "Every task of yours is used." in somebody.open("/resources/space/unused_tasks/").text


def test_what_failed_submissions_would_free_is_what_they_free(
    visitor: Visiting, pat: User, make_competition: Making, queue: Queue
) -> None:
    competition = make_competition(ingestion=True)
    first, second = submit(pat, competition), submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    for one in (first, second):
        Submission.objects.filter(pk=one.pk).update(status="Failed", cause="exit_code")
    competition.phases.get().entries.all().delete()
    shared = Submission.objects.create(
        phase=first.phase, owner=pat, kind="result", data=first.data, status="Submitted"
    )  # has the file of the first one, which is needed then
    somebody = visitor(pat)
    before = usage(pat).used
    asked = somebody.open("/resources/space/failed_submissions/").text
    page = somebody.send("/resources/space/failed_submissions/", {})
    freed = before - usage(pat).used
    assert 0 < freed < before
    assert f"That frees {freed} bytes" in asked
    assert f"That freed {freed} bytes." in page.text
    assert list(Submission.objects.values_list("pk", flat=True)) == [shared.pk]
    assert Dataset.objects.filter(pk=shared.data_id).exists()


# --- all lists ---------------------------------------------------------------------------------------------------


def test_every_list_asks_the_same_of_the_database_for_few_as_for_many(
    visitor: Visiting, olivia: User, competition: Competition, queue: Queue, client_of: Any
) -> None:
    phase = Phase.objects.get()
    paths = ["/resources/", "/resources/?show=files", "/resources/datasets/?show=public", "/resources/tasks/"]
    paths += ["/resources/bundles/", "/datasets/public/", "/tasks/public/", "/resources/space/"]

    def grow() -> None:
        for number in range(3):
            made = create_task(
                user=olivia,
                name=f"T{number}",
                scoring_program=of_type(olivia, "scoring_program", f"{number}"),
                is_public=True,
                shared_with=[UserFactory()],
            )
            PhaseTask.objects.create(phase=phase, task=made, order_index=number)
            of_type(olivia, "submission", f"{number}")
            of_type(olivia, "competition_bundle", f"{number}")
            of_type(olivia, "public_data", f"{number}", is_public=True)
            Solution.objects.create(name="one", data=of_type(olivia, "solution", f"{number}")).tasks.add(made)
            submission = Submission.objects.create(
                phase=phase, owner=olivia, kind="result", data=of_type(olivia, "submission", "x")
            )
            assert submission.data is not None
        chosen = list(Submission.objects.values_list("pk", flat=True))
        own = list(Dataset.objects.filter(created_by=olivia).values_list("pk", flat=True))
        wanted = list(Task.objects.values_list("pk", flat=True))
        several[:] = [
            "/resources/submissions/?do=delete&" + "&".join(f"submission={pk}" for pk in chosen),
            "/resources/submissions/?do=publish&" + "&".join(f"submission={pk}" for pk in chosen),
            "/resources/datasets/delete/?" + "&".join(f"dataset={pk}" for pk in own),
            "/resources/tasks/delete/?" + "&".join(f"task={pk}" for pk in wanted),
        ]

    several: list[str] = []
    client = client_of(olivia)
    grow()
    few = [asked(client, path) for path in (*paths, *several)]
    grow()
    for path, before in zip((*paths, *several), few, strict=True):
        after = asked(client, path)
        assert len(after) == len(before), f"{path}\n{unlike(before, after)}"
        assert len(after) < 40, path


def test_lists_are_turned_page_by_page_and_keep_what_was_asked(
    visitor: Visiting, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.site.resources.views_public.PER_PAGE", 2)
    for number in range(53):
        of_type(olivia, "public_data", f"dataset-{number:02}", is_public=True)
    page = visitor(olivia).open("/resources/datasets/?search=dataset&sort=name")
    assert "dataset-00" in page.text
    assert "dataset-50" not in page.text
    (after,) = [link for link in page.links if "page=2" in link]
    page = visitor(olivia).open(f"/resources/datasets/{after}")
    assert "dataset-52" in page.text
    assert "dataset-00" not in page.text
    page = visitor(None).open("/datasets/public/?search=dataset&has_license=&page=2")
    assert "dataset-50" in page.text
    assert any("search=dataset" in link and "page=3" in link for link in page.links)


def test_competitions_in_a_sentence_are_links_and_the_others_are_counted() -> None:
    three = [(1, "One"), (2, "<Two>"), (3, "Three")]
    both = '<a href="/competitions/1/">One</a>, <a href="/competitions/2/">&lt;Two&gt;</a>'
    assert competition_links(three, 2) == f"{both} and 1 more"
    assert competition_links(three[:2], 2) == competition_links(three[:2]) == both
    assert competition_links([], 2) == ""


def test_a_solution_is_given_with_a_task_and_taken_out_again(
    visitor: Visiting, queue: Queue, olivia: User, pat: User
) -> None:
    made = task(olivia, "Sums")
    solution = dataset(olivia, RESULT, type="solution", name="the answer")
    foreign = dataset(pat, RESULT, type="solution", name="another's")
    somebody = visitor(olivia)
    assert "Only a task with a solution can be validated." in somebody.open(f"/tasks/{made.pk}/").text
    address = f"/resources/tasks/{made.pk}/edit/"
    program = made.versions.get().scoring_program
    sent = {"name": "Sums", "scoring_program": f"{program.name} #{program.pk}"}
    page = somebody.send(address, {**sent, "solution": f"{foreign.name} #{foreign.pk}"}, status=400)
    assert "You have no solution like that." in page.text
    more = {**sent, "solution": f"{solution.name} #{solution.pk}"}
    somebody.send(address, more)
    page = somebody.send(address, more, status=400)
    assert "The task has this solution already." in page.text
    assert made.versions.count() == 1, "a solution is no part of what evaluates"
    assert "submit a solution as it is" in somebody.open(f"/tasks/{made.pk}/").text
    given = made.solutions.get()
    assert given.data == solution
    visitor(pat).send(address, {"take_out": given.pk}, status=404)
    assert made.solutions.exists()
    page = somebody.send(address, {"take_out": given.pk})
    assert "the answer is given with the task no more." in page.text
    assert not Solution.objects.exists() and Dataset.objects.filter(pk=solution.pk).exists()
    new = somebody.send("/resources/tasks/new/", {**more, "name": "Two"})
    assert "the answer" in new.text
