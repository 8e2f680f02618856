"""Every archive that cannot be a submission is refused by the API with its reason, and nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Run, Submission, TryEntry
from podium.site.resources.models import Dataset, StoredFile
from tests.factories import zip_of
from tests.site import hostile
from tests.site.acting import files_in, put

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]

BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no zip": (lambda: b"hello", "not_a_zip", "zip"),
    "nothing": (lambda: b" ", "not_a_zip", "zip"),
    "a zip cut short": (hostile.cut_short, "not_a_zip", "zip"),
    "an absolute path": (lambda: hostile.with_names("/etc/passwd"), "absolute_path", '"/etc/passwd"'),
    "a Windows path": (lambda: hostile.with_names("C:\\boot.ini"), "absolute_path", "boot.ini"),
    "a path that leaves": (lambda: hostile.with_names("../../up"), "parent_path", '"../../up"'),
    "a path that leaves in the middle": (lambda: hostile.with_names("a/../../up"), "parent_path", "up"),
    "a link": (hostile.with_link, "symlink", '"passwd"'),
    "five gigabytes of zeros in five megabytes": (hostile.five_gigabytes_in_five_megabytes, "ratio", "5.0 GB"),
    "a million entries": (hostile.a_million_entries, "too_many_entries", "100,000"),
    "a file that is a folder": (lambda: hostile.with_names("a", "a/b"), "clash", '"a"'),
    "broken metadata": (lambda: zip_of({"metadata": "command: [1"}), "bad_metadata", "metadata"),
    "a command that is a mapping": (lambda: zip_of({"metadata": "command: {a: b}\n"}), "bad_metadata", "command"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_archive_is_refused_with_its_reason_and_leaves_nothing(
    case: str, competition: Competition, pat: User, client_of: Client, files: Path
) -> None:
    make, code, told = BAD[case]
    content, client = make(), client_of(pat)
    rows = (Dataset.objects.count(), StoredFile.objects.count())
    before = files_in(files)
    facts = {"type": "submission", "request_sassy_file_name": "my.zip", "file_size": len(content)}
    announced = client.post("/api/datasets/", facts).json()
    put(announced["sassy_url"], content)
    assert client.put(f"/api/datasets/completed/{announced['key']}/").status_code == 200
    answer = client.post("/api/submissions/", {"phase": competition.phases.get().pk, "data": announced["key"]})
    assert answer.status_code == 400
    assert set(answer.json()) == {"data", "code"}
    assert answer.json()["code"] == code
    (message,) = answer.json()["data"]
    assert told in message
    assert (Dataset.objects.count(), StoredFile.objects.count()) == rows
    assert Submission.objects.count() == Run.objects.count() == TryEntry.objects.count() == 0
    assert files_in(files) == before


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (zip_of({"top/answer.txt": "42"}), "top"),
        (zip_of({"answer.txt": "42", "__MACOSX/._answer.txt": "x"}), "__MACOSX"),
        (hostile.with_names("answer.txt", "answer.txt"), "answer.txt"),
    ],
    ids=["a top-level folder", "macOS's folder", "a name twice"],
)
def test_an_odd_archive_is_taken_with_a_remark(
    content: bytes, note: str, competition: Competition, pat: User, client_of: Client
) -> None:
    client = client_of(pat)
    facts = {"type": "submission", "request_sassy_file_name": "my.zip", "file_size": len(content)}
    announced = client.post("/api/datasets/", facts).json()
    put(announced["sassy_url"], content)
    answer = client.post("/api/submissions/", {"phase": competition.phases.get().pk, "data": announced["key"]})
    assert answer.status_code == 201, "completed is not needed before a submission, as robots rely on"
    notes = client.get(f"/api/submissions/{answer.json()['id']}/").json()["notes"]
    assert any(note in text for text in notes) or note == "top"


def test_a_submission_of_a_file_that_never_arrived_says_so(
    competition: Competition, pat: User, client_of: Client
) -> None:
    client = client_of(pat)
    facts = {"type": "submission", "request_sassy_file_name": "my.zip", "file_size": 5}
    key = client.post("/api/datasets/", facts).json()["key"]
    answer = client.post("/api/submissions/", {"phase": competition.phases.get().pk, "data": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_uploaded")
    assert not Submission.objects.exists()
