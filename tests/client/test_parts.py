"""Large files go in parts: side by side, gone on with, sent again where they did not arrive."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from pathlib import Path

import httpx
import pytest

from podium.client import ApiError, Podium, parts
from tests.client.conftest import FakeApi

PART = 1000
CONTENT = os.urandom(4500)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "IN_PARTS", PART)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("zipfile.is_zipfile", lambda path: True)
    monkeypatch.setattr("podium.client.uploads._refuse_empty", lambda path: None)
    path = tmp_path / "answer.zip"
    path.write_bytes(CONTENT)
    return path


class Server:
    """Uploads in parts as the site takes them."""

    def __init__(self, api: FakeApi, *, there: tuple[int, ...] = (), found: bool = False) -> None:
        self.parts = {number: CONTENT[(number - 1) * PART : number * PART] for number in there}
        self.broken: list[int] = []
        self._lock = threading.Lock()
        state = {"key": "k-1", "file_size": len(CONTENT), "part_size": PART}
        detail = {**state, "part_url": "http://podium.test/put/{part}"}
        detail["missing"] = [number for number in range(1, 6) if number not in there]
        other = {**state, "key": "k-0", "file_size": 7}
        api.on("GET /api/uploads/", {"results": [other, state] if found else [other]})
        api.on("GET /api/uploads/k-1/", detail)
        api.on("POST /api/uploads/", httpx.Response(201, json=detail))
        joining = httpx.Response(202, json={"code": "joining", "detail": "wait"})
        busy = httpx.Response(409, json={"code": "joining", "detail": "wait"})
        api.on("POST /api/uploads/k-1/complete/", joining, busy, {"key": "k-1"})
        for number in range(1, 6):
            api.on(f"PUT /put/{number}", self.put)

    def put(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.path.rsplit("/", 1)[-1])
        digest = base64.b64encode(hashlib.sha256(request.content).digest()).decode()
        assert request.headers["Content-Digest"] == f"sha-256=:{digest}:"
        assert "Authorization" not in request.headers
        with self._lock:
            if number in self.broken:
                self.broken.remove(number)
                return httpx.Response(400, json={"code": "checksum_mismatch", "detail": "Send it again."})
            self.parts[number] = request.content
        return httpx.Response(200)


def joined(server: Server) -> bytes:
    return b"".join(server.parts[number] for number in sorted(server.parts))


def test_a_large_file_goes_in_parts_and_a_part_that_did_not_arrive_whole_goes_again(
    api: FakeApi, podium: Podium, archive: Path
) -> None:
    server = Server(api)
    server.broken = [2, 5, 5]
    told: list[tuple[int, int]] = []
    assert podium.upload_dataset(archive, "submission", progress=lambda a, b: told.append((a, b))) == "k-1"
    assert joined(server) == CONTENT
    assert api.body("POST /api/uploads/") == {
        "type": "submission",
        "file_name": "answer.zip",
        "file_size": 4500,
        "sha256": SHA256,
    }
    assert [len(api.asked(f"PUT /put/{number}")) for number in range(1, 6)] == [1, 2, 1, 1, 3]
    assert len(api.asked("POST /api/uploads/k-1/complete/")) == 3, "the server took a while to join them"
    assert told[0] == (0, 4500)
    assert told[-1] == (4500, 4500)


def test_an_upload_that_was_interrupted_is_gone_on_with(api: FakeApi, podium: Podium, archive: Path) -> None:
    server = Server(api, there=(1, 3), found=True)
    told: list[int] = []
    podium.upload_dataset(archive, "submission", progress=lambda a, b: told.append(a))
    assert joined(server) == CONTENT
    assert api.asked("POST /api/uploads/") == []
    assert [len(api.asked(f"PUT /put/{number}")) for number in range(1, 6)] == [0, 1, 0, 1, 1]
    assert told[0] == 2000
    (asked,) = api.asked("GET /api/uploads/")
    assert dict(asked.url.params) == {"sha256": SHA256, "type": "submission"}


def test_what_the_server_refuses_for_good_ends_the_upload(api: FakeApi, podium: Podium, archive: Path) -> None:
    Server(api)
    api.on("PUT /put/3", httpx.Response(410, json={"code": "gone", "detail": "This upload was given up."}))
    with pytest.raises(ApiError, match="given up"):
        podium.upload_dataset(archive, "submission")
    assert api.asked("POST /api/uploads/k-1/complete/") == []
    assert len(api.asked("PUT /put/3")) == 1
