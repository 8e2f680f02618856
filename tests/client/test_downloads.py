"""Downloads: taken up where they broke, checked, whole or not there."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from podium.client import (
    ForbiddenError,
    NotFoundError,
    Podium,
    PodiumError,
    TooManyRequestsError,
    UnexpectedAnswerError,
    UnreachableError,
)

from .conftest import Broken, FakeApi

FILE = "GET /storage/out"
CONTENT = bytes(range(256)) * 40


class Flaky:
    """Serves CONTENT `at_a_time` bytes a connection, then the connection breaks; knows ranges, if it is asked to."""

    def __init__(self, at_a_time: int, *, tag: str = '"v1"', ranges: bool = True) -> None:
        self._at_a_time, self._tag, self._ranges = at_a_time, tag, ranges

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range", "") if self._ranges else ""
        if asked and request.headers.get("If-Range") != self._tag:
            asked = ""
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        rest = CONTENT[start:]
        headers = {"Content-Length": str(len(rest)), "ETag": self._tag}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        stream: Any = Broken(rest[: self._at_a_time]) if len(rest) > self._at_a_time else httpx.ByteStream(rest)
        return httpx.Response(206 if asked else 200, headers=headers, stream=stream)


def test_a_broken_download_goes_on_where_it_broke(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    api.on(FILE, Flaky(1000))
    told: list[tuple[int, int]] = []
    target = tmp_path / "out.zip"
    digest = hashlib.sha256(CONTENT).hexdigest()
    size = podium.download("/storage/out", target, sha256=digest, progress=lambda *at: told.append(at))
    assert size == len(CONTENT)
    assert target.read_bytes() == CONTENT
    # More breaks than there are tries in a row: each brought something, so each starts the count anew.
    assert [request.headers.get("Range") for request in api.asked(FILE)] == [
        None,
        *(f"bytes={start}-" for start in range(1000, len(CONTENT), 1000)),
    ]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [at for at, _ in told] == sorted(at for at, _ in told)


@pytest.mark.parametrize(("tag", "ranges"), [("", True), ('W/"v1"', True), ('"v1"', False)])
def test_what_cannot_be_taken_up_starts_anew(
    api: FakeApi, podium: Podium, tmp_path: Path, tag: str, ranges: bool
) -> None:
    api.on(FILE, Flaky(1000, tag=tag, ranges=ranges), Flaky(10**6, tag=tag, ranges=ranges))
    assert podium.download("/storage/out", tmp_path / "out.zip") == len(CONTENT)
    assert (tmp_path / "out.zip").read_bytes() == CONTENT
    if ranges:
        asked = [request.headers.get("Range") for request in api.asked(FILE)]
        assert asked == [None, None], "without a strong tag nobody knows that the rest belongs to what is there"


def test_a_file_that_changed_in_between_is_read_anew(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    api.on(FILE, Flaky(1000, tag='"old"'), Flaky(10**6, tag='"new"'))
    podium.download("/storage/out", tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_bytes() == CONTENT
    assert api.asked(FILE)[1].headers["If-Range"] == '"old"'


def test_another_part_than_the_one_asked_for_is_refused(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    wrong = {"Content-Range": "bytes 0-9/10240", "ETag": '"v1"'}
    api.on(FILE, Flaky(1000), lambda _: httpx.Response(206, headers=wrong, content=CONTENT[:10]))
    with pytest.raises(UnexpectedAnswerError, match="another part"):
        podium.download("/storage/out", tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_what_the_server_has_is_deleted(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    api.on(FILE, Flaky(10**6))
    with pytest.raises(UnexpectedAnswerError, match="not what the server has"):
        podium.download("/storage/out", tmp_path / "out.zip", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_only_breaks_is_given_up_and_leaves_nothing(
    api: FakeApi, podium: Podium, tmp_path: Path
) -> None:
    (tmp_path / "out.zip").write_text("what was there")
    api.on(FILE, lambda _: httpx.Response(200, stream=Broken()))
    with pytest.raises(UnreachableError, match="broke"):
        podium.download("/storage/out", tmp_path / "out.zip")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there"]
    assert len(api.asked(FILE)) == 5


def test_refusals_have_classes_and_busy_servers_are_waited_for(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    api.on(FILE, httpx.Response(403, json={"detail": "This address has expired.", "code": "expired"}))
    with pytest.raises(ForbiddenError) as caught:
        podium.download("/storage/out", tmp_path / "out.zip")
    assert (caught.value.code, caught.value.message) == ("expired", "This address has expired.")
    with pytest.raises(NotFoundError):
        podium.read("/storage/other", limit=1)
    api.on(FILE, *(lambda _: httpx.Response(429, headers={"Retry-After": "3"}) for _ in range(2)), Flaky(10**6))
    assert podium.read("/storage/out", limit=4) == CONTENT[:4]
    assert api.pauses == [3.0, 3.0]
    api.on(FILE, lambda _: httpx.Response(429, headers={"Retry-After": "4000"}))
    with pytest.raises(TooManyRequestsError) as busy:
        podium.read("/storage/out", limit=4)
    assert busy.value.retry_after == 4000
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    api: FakeApi, podium: Podium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on(FILE, Flaky(10**6))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("podium.client.downloads._Transfer._store", full)
    with pytest.raises(PodiumError, match="No space left on device") as caught:
        podium.download("/storage/out", tmp_path / "out.zip")
    assert "space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
