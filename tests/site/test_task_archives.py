"""Task archives by `POST /api/tasks/upload_task/`: zips, keys or both, or a message that says what to mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.resources.models import Dataset, StoredFile, Task
from tests.factories import INGESTION, SCORER, dataset, zip_of
from tests.site.acting import files_in

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
Upload = Callable[..., Any]

TASK = """\
name: Iris
description: Tell flowers apart
is_public: true
scoring_program:
  zip: scorer.zip
"""


@pytest.fixture
def upload(client_of: Client, olivia: User, files: Path) -> Upload:
    """Send a task archive as olivia; `files` are its members beside a scoring program."""
    del files

    def send(yaml: str | None = TASK, **members: bytes) -> Any:
        content: dict[str, bytes | str] = {"scorer.zip": zip_of(SCORER), **members}
        if yaml is not None:
            content["task.yaml"] = yaml
        file = SimpleUploadedFile("task.zip", zip_of(content))
        return client_of(olivia).post("/api/tasks/upload_task/", {"file": file}, format="multipart")

    return send


def test_a_task_of_zips_is_made_with_its_datasets(upload: Upload, olivia: User) -> None:
    answer = upload(
        TASK + "ingestion_program: {zip: parts/ingest.zip}\ningestion_only_during_scoring: true\n",
        **{"parts/ingest.zip": zip_of(INGESTION)},
    )
    assert (answer.status_code, answer.json()) == (201, {"message": "Task 'Iris' created successfully!"})
    task = Task.objects.get()
    version = task.versions.get()
    assert (task.created_by, task.description, task.is_public) == (olivia, "Tell flowers apart", True)
    assert version.ingestion_only_during_scoring
    assert version.scoring_program.type == "scoring_program"
    assert version.ingestion_program is not None
    assert version.ingestion_program.file_name == "ingest.zip"
    assert version.ingestion_program.created_by == olivia
    assert version.input_data is None


def test_keys_and_zips_may_be_mixed_and_a_key_wins(upload: Upload, olivia: User) -> None:
    data = dataset(olivia, type="input_data")
    answer = upload(TASK + f"input_data: {{key: {data.key}, zip: gone.zip}}\n")
    assert answer.status_code == 201, answer.json()
    assert Task.objects.get().versions.get().input_data == data
    assert Dataset.objects.count() == 2


def test_one_zip_for_two_parts_is_stored_once(upload: Upload) -> None:
    more = "input_data: {zip: d.zip}\nreference_data: {zip: d.zip}\n"
    assert upload(TASK + more, **{"d.zip": zip_of({"a": "b"})}).status_code == 201
    assert StoredFile.objects.count() == 2
    assert Dataset.objects.count() == 3


SCORING = "scoring_program:\n  zip: scorer.zip\n"
UNKNOWN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
REFUSED = {
    "no task.yaml": (None, "task.yaml not found in the zip file"),
    "broken YAML": ("name: [\n", "Error parsing task.yaml: "),
    "no mapping": ("- a\n", "Error parsing task.yaml: it holds no keys"),
    "no name": (TASK.replace("name: Iris\n", ""), "Missing: name, task must have a name"),
    "no description": (
        TASK.replace("description: Tell flowers apart\n", ""),
        "Missing: description, task must have a description",
    ),
    "no scoring program": (TASK.replace(SCORING, ""), "Missing: scoring_program, task must have a scoring_program"),
    "neither key nor zip": (
        TASK.replace(SCORING, "scoring_program: {name: a}\n"),
        "scoring_program must have either a key or zip",
    ),
    "a bare name": (
        TASK.replace(SCORING, "scoring_program: scorer.zip\n"),
        "scoring_program must have either a key or zip",
    ),
    "an unknown key": (TASK + f"input_data: {{key: {UNKNOWN}}}\n", f"input_data with key '{UNKNOWN}' not found."),
    "a key that is none": (TASK + "input_data: {key: abc}\n", "input_data with key 'abc' not found."),
    "a missing zip": (TASK + "input_data: {zip: d.zip}\n", "Dataset file 'd.zip' not found in the uploaded zip file."),
    "no zip": (TASK + "input_data: {zip: task.yaml}\n", "Dataset file 'task.yaml' should be a zip file."),
    "a path that leaves": (TASK + "input_data: {zip: ../d.zip}\n", ".."),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_refused_says_why_and_leaves_nothing(upload: Upload, name: str, files: Path) -> None:
    yaml, said = REFUSED[name]
    answer = upload(yaml)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert not Task.objects.exists()
    assert not Dataset.objects.exists()
    assert files_in(files) == []


def test_every_fault_is_told_at_once(upload: Upload) -> None:
    answer = upload("is_public: maybe\n")
    lines, hints = (answer.json()[key].splitlines() for key in ("error", "hint"))
    assert len(lines) == len(hints) == 4, lines
    assert [hint for line, hint in zip(lines, hints, strict=True) if "is_public" in line] == [
        "task.yaml:1:12: Write is_public: true, or is_public: false."
    ]


def test_a_scoring_program_without_a_command_is_refused(upload: Upload) -> None:
    answer = upload(**{"scorer.zip": zip_of({"score.py": "pass\n"})})
    assert answer.status_code == 400
    assert "metadata.yaml" in answer.json()["error"]


def test_a_file_that_is_no_zip_or_is_not_there_is_refused(client_of: Client, olivia: User, files: Path) -> None:
    client = client_of(olivia)
    answer = client.post(
        "/api/tasks/upload_task/", {"file": SimpleUploadedFile("t.zip", b"no zip")}, format="multipart"
    )
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("An error occurred while creating the task.\n")
    answer = client.post("/api/tasks/upload_task/", {}, format="multipart")
    assert (answer.status_code, answer.json()["error"]) == (400, "No attached file found, please try again!")


def test_datasets_of_others_cannot_be_used(upload: Upload, sam: User) -> None:
    theirs = dataset(sam, type="reference_data")
    answer = upload(TASK + f"reference_data: {{key: {theirs.key}}}\n")
    assert answer.status_code == 400
    assert not Task.objects.exists()


def test_a_quota_that_would_be_passed_is_507_and_nothing_is_left(upload: Upload, olivia: User, files: Path) -> None:
    User.objects.filter(pk=olivia.pk).update(quota=10)
    answer = upload()
    assert answer.status_code == 507
    assert "Insufficient space" in answer.json()["error"]
    assert files_in(files) == []
