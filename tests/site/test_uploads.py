"""Uploads in parts: any order, any number of times, resumed, verified, visible only when whole; and in one call."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from starlette.applications import Starlette
from starlette.testclient import TestClient

from podium.site import bytes_plane
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Submission
from podium.site.resources import parts as store
from podium.site.resources import uploads
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, StoredFile, UploadSession
from podium.site.resources.parts import LocalParts, NoSuchUpload, PartRefused, Parts, Plan
from tests.factories import RESULT
from tests.site.acting import background, files_in

PART = 100
Client = Callable[[User | None], APIClient]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    monkeypatch.setattr(store, "SMALLEST_PART", PART)
    monkeypatch.setattr(store, "MIB", 1)


@pytest.fixture
def plane() -> TestClient:
    return TestClient(Starlette(routes=bytes_plane.routes))


def hexed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksum(content: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"Content-Digest": f"sha-256=:{digest}:"}


class Upload:
    """An upload as a client sees it."""

    def __init__(self, api: APIClient, plane: TestClient, content: bytes, **facts: Any) -> None:
        self.api, self.plane, self.content = api, plane, content
        given = {"type": "submission", "file_name": "answer.zip", "file_size": len(content), **facts}
        self.answer = api.post("/api/uploads/", given)
        self.told = self.answer.json()

    @property
    def path(self) -> str:
        return f"/api/uploads/{self.told['key']}/"

    def bytes_of(self, number: int) -> bytes:
        return self.content[(number - 1) * PART : number * PART]

    def put(self, number: int, content: bytes | None = None, **headers: str) -> Any:
        body = self.bytes_of(number) if content is None else content
        path = "/" + self.told["part_url"].split("/", 3)[3].replace("{part}", str(number))
        return self.plane.put(path, content=body, headers=headers or checksum(body))

    def state(self) -> Any:
        return self.api.get(self.path).json()

    def complete(self) -> Any:
        return self.api.post(f"{self.path}complete/")

    def dataset(self) -> Dataset:
        return Dataset.objects.get(key=self.told["key"])


CONTENT = bytes(range(256)) + b"end"  # three parts, the last of 59 bytes


@pytest.mark.django_db(transaction=True)
def test_parts_come_in_any_order_and_again_and_the_file_is_there_only_when_it_is_complete(
    pat: User, client_of: Client, plane: TestClient, files: Path
) -> None:
    upload = Upload(client_of(pat), plane, CONTENT, sha256=hexed(CONTENT))
    assert (upload.answer.status_code, upload.told["part_size"], upload.told["parts"]) == (201, PART, 3)
    assert upload.told["missing"] == [1, 2, 3]
    assert upload.put(3).status_code == 200
    assert upload.put(1).headers["etag"] == f'"{hexed(upload.bytes_of(1))}"'
    assert upload.put(1).status_code == 200, "a part may be sent again"
    state = upload.state()
    assert ([one["number"] for one in state["received"]], state["missing"]) == ([1, 3], [2])
    assert [one["sha256"] for one in state["received"]] == [hexed(upload.bytes_of(n)) for n in (1, 3)]
    refused = upload.complete()
    assert (refused.status_code, refused.json()["code"]) == (400, "parts_missing")
    assert not StoredFile.objects.exists()
    assert not upload.dataset().upload_completed_successfully
    upload.put(2)
    assert upload.complete().json() == {"key": upload.told["key"]}
    file = upload.dataset().data_file
    assert file is not None
    assert (file.size, file.sha256) == (259, hexed(CONTENT))
    assert file.md5 == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert path_of(file.key).read_bytes() == CONTENT
    assert files_in(files) == [file.key], "no part is left"
    assert upload.complete().status_code == 200, "completing again changes nothing"
    assert upload.put(2).status_code == 410
    assert upload.api.delete(upload.path).status_code == 409
    assert (upload.state()["part_url"], upload.state()["missing"]) == (None, [])


BAD_PARTS: list[tuple[int, bytes | None, dict[str, str], int, str]] = [
    (1, None, {"X": "no digest"}, 400, "no_checksum"),
    (1, None, {"Content-Digest": "sha-256=:AAAA:"}, 400, "no_checksum"),
    (1, None, {"Content-Digest": "md5=:" + "A" * 43 + "=:"}, 400, "no_checksum"),
    (1, None, checksum(b"other"), 400, "checksum_mismatch"),
    (1, b"x" * 99, {}, 400, "wrong_size"),
    (1, b"x" * 101, {}, 400, "wrong_size"),
    (3, b"x" * 100, {}, 400, "wrong_size"),
    (0, None, {}, 404, "no_such_part"),
    (4, b"x", {}, 404, "no_such_part"),
    (10**30, b"x", {}, 404, "no_such_part"),
]


def test_a_part_that_is_not_what_it_should_be_does_not_count(
    pat: User, client_of: Client, plane: TestClient, files: Path
) -> None:
    upload = Upload(client_of(pat), plane, CONTENT)
    for number, content, headers, status, code in BAD_PARTS:
        answer = upload.put(number, content, **headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (number, headers)
    chunked = plane.put(
        "/" + upload.told["part_url"].split("/", 3)[3].replace("{part}", "1"),
        content=iter([b"x" * 60, b"x" * 60]),
        headers=checksum(b"x" * 120),
    )
    assert chunked.json()["code"] == "wrong_size"
    assert files_in(files) == []
    whole = upload.told["part_url"].rsplit("/", 1)[0]
    assert plane.put("/" + whole.split("/", 3)[3], content=b"x").status_code == 405, "not without a number"
    assert plane.put("/files/forged/1", content=b"x").status_code == 403


def test_a_file_that_was_changed_while_it_was_sent_is_refused_and_a_part_can_be_replaced(
    pat: User, client_of: Client, plane: TestClient, files: Path
) -> None:
    upload = Upload(client_of(pat), plane, CONTENT, sha256=hexed(CONTENT))
    for number in (1, 2, 3):
        upload.put(number)
    upload.put(2, b"z" * 100)
    assert upload.complete().json()["code"] == "digest_mismatch"
    assert not StoredFile.objects.exists()
    assert not (files / "dataset").exists() or files_in(files / "dataset") == []
    upload.put(2)
    assert upload.complete().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_limits_are_told_before_any_byte_and_room_is_held_until_the_session_ends(
    pat: User, client_of: Client, plane: TestClient, settings: Any
) -> None:
    api = client_of(pat)
    User.objects.filter(pk=pat.pk).update(quota=500)
    first = Upload(api, plane, CONTENT)
    Dataset.objects.update(upload_started_when=timezone.now() - timedelta(hours=3))
    assert Upload(api, plane, CONTENT).told["code"] == "over_quota", "a session holds its room for longer than an hour"
    assert api.delete(first.path).status_code == 204
    assert first.put(1).status_code == 410
    assert api.get(first.path).status_code == 404
    assert Upload(api, plane, CONTENT).answer.status_code == 201
    for wrong in ({"file_size": 0}, {"file_size": 2**60}, {"type": "x"}, {"sha256": "F" * 64}, {"file_name": ""}):
        answer = api.post("/api/uploads/", {"type": "submission", "file_name": "a", "file_size": 5, **wrong})
        assert answer.status_code == 400, wrong
    settings.CONFIG = settings.CONFIG.model_copy(update={"max_upload_bytes": 10})
    assert Upload(api, plane, CONTENT).told["code"] == "too_large"


def test_an_upload_that_was_broken_off_is_found_again_by_its_digest_and_by_its_owner_alone(
    pat: User, sam: User, ada: User, client_of: Client, plane: TestClient
) -> None:
    upload = Upload(client_of(pat), plane, CONTENT, sha256=hexed(CONTENT))
    upload.put(2)
    path = f"/api/uploads/?sha256={hexed(CONTENT)}&type=submission"
    (found,) = client_of(pat).get(path).json()["results"]
    assert (found["key"], found["file_size"]) == (upload.told["key"], 259)
    assert client_of(pat).get(f"/api/uploads/?sha256={hexed(b'')}").json()["results"] == []
    for other in (sam, ada):
        assert client_of(other).get(path).json()["results"] == []
        assert client_of(other).get(upload.path).status_code == 404
        assert client_of(other).post(f"{upload.path}complete/").status_code == 404
        assert client_of(other).delete(upload.path).status_code == 404
    assert client_of(None).get(path).status_code == 403


def test_a_bundle_in_parts_becomes_a_competition(
    olivia: User, client_of: Client, plane: TestClient, queue: Any, tmp_path: Path
) -> None:
    from tests.factories import bundle, zip_of  # noqa: PLC0415

    upload = Upload(client_of(olivia), plane, zip_of(bundle()), type="competition_bundle")
    for number in reversed(range(1, upload.told["parts"] + 1)):
        upload.put(number)
    status_id = upload.complete().json()["status_id"]
    background()
    told = client_of(olivia).get(f"/api/competitions/{status_id}/creation_status/").json()
    assert told["status"] == "Finished"


def test_a_process_that_died_while_it_joined_is_followed_by_another_and_two_do_not_join_at_once(
    pat: User, client_of: Client, plane: TestClient
) -> None:
    upload = Upload(client_of(pat), plane, CONTENT)
    for number in (1, 2, 3):
        upload.put(number)
    UploadSession.objects.update(joining_until=timezone.now() + timedelta(seconds=30))
    assert (upload.complete().status_code, upload.complete().json()["code"]) == (409, "joining")
    UploadSession.objects.update(joining_until=timezone.now() - timedelta(seconds=1))
    assert upload.complete().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_what_nobody_completes_is_swept_with_its_parts(
    pat: User, client_of: Client, plane: TestClient, files: Path
) -> None:
    old, young, done = (Upload(client_of(pat), plane, CONTENT) for _ in range(3))
    for upload in (old, young, done):
        upload.put(1)
    for number in (2, 3):
        done.put(number)
    done.complete()
    UploadSession.objects.exclude(dataset__key=young.told["key"]).update(expires_when=timezone.now())
    LocalParts().begin("stray")
    assert uploads.sweep(older_than_seconds=3600) == 1
    assert {str(one.key) for one in Dataset.objects.all()} == {young.told["key"], done.told["key"]}
    assert [path.name for path in (files / "parts").iterdir() if path.name not in {young.told["key"]}] == ["stray"]
    assert uploads.sweep(older_than_seconds=-60) == 1, "parts of no upload go; those of an open one stay"
    assert [path.name for path in (files / "parts").iterdir()] == [young.told["key"]]


# Submitting


def ended(competition: Competition, ago: timedelta) -> Phase:
    phase = competition.phases.get()
    Phase.objects.filter(pk=phase.pk).update(end=timezone.now() - ago)
    return phase


def filled(api: APIClient, plane: TestClient, began: timedelta, **facts: Any) -> str:
    """An upload of a result begun so long ago, all of its parts there but not completed; returns its key."""
    upload = Upload(api, plane, RESULT, **facts)
    Dataset.objects.filter(key=upload.told["key"]).update(upload_started_when=timezone.now() - began)
    for number in range(1, upload.told["parts"] + 1):
        upload.put(number)
    return str(upload.told["key"])


MINUTES = [timedelta(minutes=n) for n in range(100)]
WITH_DIGEST = {"sha256": hexed(RESULT)}
DEADLINES: list[tuple[str, int, int, dict[str, str], int]] = [
    ("begun before the end, with its digest", 5, 2, WITH_DIGEST, 201),
    ("begun after the end", 1, 2, WITH_DIGEST, 403),
    ("begun before the end, but nothing binds it to its content", 5, 2, {}, 403),
    ("the grace is over", 70, 61, WITH_DIGEST, 403),
]


@pytest.mark.parametrize(("why", "began", "end", "facts", "status"), DEADLINES)
def test_an_upload_begun_before_the_deadline_counts_for_a_while_after_it(
    why: str, began: int, end: int, facts: dict[str, str], status: int,
    competition: Competition, pat: User, client_of: Client, plane: TestClient,
) -> None:  # fmt: skip
    phase, api = ended(competition, MINUTES[end]), client_of(pat)
    key = filled(api, plane, MINUTES[began], **facts)
    answer = api.post("/api/submissions/", {"phase": phase.pk, "data": key})
    assert answer.status_code == status, why
    if status == 201:
        told = api.get(f"/api/submissions/{answer.json()['id']}/").json()
        assert told["upload_started_when"] < phase_end(phase) < told["upload_completed_when"], "both times are kept"
        page = api.get(f"/submissions/{answer.json()['id']}/").content.decode()
        assert "Upload begun" in page
        assert "Upload complete" in page


def phase_end(phase: Phase) -> str:
    phase.refresh_from_db()
    assert phase.end
    return phase.end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.django_db(transaction=True)
def test_an_archive_becomes_a_submission_in_one_call_or_nothing_is_left(
    competition: Competition, pat: User, sam: User, client_of: Client, files: Path
) -> None:
    phase, before = competition.phases.get(), files_in(files)

    def send(user: User, content: bytes = RESULT, **facts: Any) -> Any:
        file = io.BytesIO(content)
        file.name = "answer.zip"
        return client_of(user).post("/api/submissions/upload/", {"file": file, "phase": phase.pk, **facts}, "multipart")

    task = phase.tasks.get().pk
    made = send(pat, tasks=[task])
    assert made.status_code == 201, made.content
    submission = Submission.objects.get(pk=made.json()["id"])
    assert (submission.owner, submission.status, made.json()["filename"]) == (pat, "Submitted", "answer.zip")
    after = (Dataset.objects.count(), files_in(files))
    assert len(after[1]) == len(before) + 1
    refusals: list[tuple[Any, int]] = [
        (send(sam), 403),
        (send(pat, b"no zip"), 400),
        (send(pat, fact_sheet_answers='{"a": 1}'), 400),
        (send(pat, fact_sheet_answers="[1]"), 400),
        (send(pat, fact_sheet_answers="[" * 50_000), 400),
        (send(pat, tasks=[task + 999]), 400),
        (client_of(pat).post("/api/submissions/upload/", {"phase": phase.pk}, "multipart"), 400),
    ]
    Phase.objects.update(max_submissions_per_day=1)
    refusals.append((send(pat), 403))
    assert [answer.status_code for answer, _ in refusals] == [status for _, status in refusals]
    assert (Dataset.objects.count(), files_in(files)) == after
    assert Submission.objects.count() == 1


# The contract of every store of parts


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest) -> Parts:
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    return store.parts()


def filled_store(kept: Parts, upload: str, plan: Plan, content: bytes) -> None:
    kept.begin(upload)
    for number in reversed(range(1, plan.count + 1)):
        piece = content[(number - 1) * plan.part_size : number * plan.part_size]
        incoming = kept.receive(upload, number)
        incoming.write(piece[:10])
        incoming.write(piece[10:])
        incoming.commit(size=len(piece), sha256=hexed(piece))
        incoming.abandon()


def test_a_store_of_parts_keeps_the_contract(kept: Parts) -> None:
    plan = Plan(259, 100)
    with pytest.raises(NoSuchUpload):
        kept.receive("a", 1)
    assert kept.listed("a") == {}
    filled_store(kept, "a", plan, CONTENT)
    assert [(n, kept.listed("a")[n].size) for n in (1, 2, 3)] == [(1, 100), (2, 100), (3, 59)]
    half = kept.receive("a", 2)
    half.write(b"half")
    with pytest.raises(PartRefused):
        half.commit(size=100, sha256=hexed(b"half"))
    wrong = kept.receive("a", 2)
    wrong.write(b"x" * 100)
    with pytest.raises(PartRefused):
        wrong.commit(size=100, sha256=hexed(b"y" * 100))
    half.abandon()
    wrong.abandon()
    assert kept.listed("a")[2].sha256 == hexed(CONTENT[100:200]), "what failed replaced nothing"
    signs: list[int] = []
    digest = kept.join("a", plan, "dataset/2026-01-01/ab/file.zip", lambda: signs.append(1))
    assert (digest.size, digest.sha256, len(signs)) == (259, hexed(CONTENT), 3)
    assert len(kept.listed("a")) == 3, "joining leaves the parts, so that it can be done again"
    late = kept.receive("a", 1)
    late.write(b"x" * 100)
    kept.discard("a")
    with pytest.raises(NoSuchUpload):
        late.commit(size=100, sha256=hexed(b"x" * 100))
    late.abandon()
    kept.discard("a")
    with pytest.raises(NoSuchUpload):
        kept.join("a", plan, "dataset/2026-01-01/cd/file.zip", lambda: None)
    kept.begin("b")
    assert list(kept.stale(older_than_seconds=60)) == []
    assert list(kept.stale(older_than_seconds=-60)) == ["b"]


@pytest.mark.parametrize("size", [1, 8 * 2**20, 8 * 2**20 + 1, 10**9, 5 * 10**12])
def test_a_plan_covers_the_file_exactly(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    plan = Plan.of(size)
    sizes = [plan.size_of(number) for number in range(1, plan.count + 1)]
    assert sum(sizes) == size
    assert min(sizes) > 0
    assert plan.count <= store.MOST_PARTS
    assert plan.part_size >= 5 * 2**20, "S3's least"
    assert plan.size_of(0) == plan.size_of(plan.count + 1) == 0
