"""Files in and out by signed address: ranges, forged and late addresses, names and contents from strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from podium.site import bytes_plane
from podium.site.accounts.models import User
from podium.site.resources import grants, storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import StoredFile
from podium.site.resources.services import announce_upload, complete_upload
from tests.factories import dataset
from tests.site.acting import files_in

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=bytes_plane.routes)) as running:
        yield running


@pytest.fixture
def stored(pat: User, files: Path) -> StoredFile:
    file = dataset(pat, CONTENT).data_file
    assert file is not None
    return file


def test_a_download_is_whole_and_never_kept_by_caches(client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name="data.zip"))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'attachment; filename="data.zip"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_a_file_that_is_replaced_or_removed_while_it_is_served_stays_what_it_was(tmp_path: Path) -> None:
    path, sent = tmp_path / "report.html", []
    path.write_bytes(b"first")

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.start":
            (tmp_path / "other").write_bytes(b"another, and longer")
            (tmp_path / "other").replace(path)

    async def receive() -> Any:
        await asyncio.Event().wait()  # nobody hangs up

    scope = {"type": "http", "method": "GET", "headers": [], "extensions": {}}
    await bytes_plane._File(path.open("rb"), media_type="text/html")(scope, receive, send)
    assert dict(sent[0]["headers"])[b"content-length"] == b"5"
    assert b"".join(message.get("body", b"") for message in sent) == b"first"


@pytest.mark.parametrize(
    ("asked", "expected", "status"),
    [
        ("bytes=0-0", CONTENT[:1], 206),
        ("bytes=10-19", CONTENT[10:20], 206),
        ("bytes=10000-", CONTENT[10000:], 206),
        ("bytes=-5", CONTENT[-5:], 206),
    ],
)
def test_a_range_is_served(asked: str, expected: bytes, status: int, client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name="d"), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, expected)
    assert answer.headers["content-range"].endswith(f"/{len(CONTENT)}")


def test_a_range_beyond_the_end_is_416(client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name="d"), headers={"Range": "bytes=99999-"})
    assert answer.status_code == 416


def test_head_says_how_large_it_is_without_the_content(client: TestClient, stored: StoredFile) -> None:
    answer = client.head(grants.download_url(stored, name="d"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


def test_an_address_that_was_tampered_with_is_refused(client: TestClient, stored: StoredFile) -> None:
    url = grants.download_url(stored, name="d")
    place = len("/files/") + 5
    for forged in (
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        url[:place] + "x" + url[place:],
        "/files/x",
        "/files/a:b:c",
    ):
        answer = client.get(forged)
        assert (answer.status_code, answer.text) == (403, "This link is not valid.")


def test_an_address_is_good_for_its_time_only(
    client: TestClient, stored: StoredFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = grants.download_url(stored, name="d", seconds=60)
    now = grants.time.time()
    monkeypatch.setattr(grants.time, "time", lambda: now + 59)
    assert client.get(url).status_code == 200
    monkeypatch.setattr(grants.time, "time", lambda: now + 61)
    answer = client.get(url)
    assert answer.status_code == 403
    assert "expired" in answer.text


def test_an_address_is_good_for_its_method_only(client: TestClient, stored: StoredFile, files: Path) -> None:
    before = files_in(files)
    assert client.put(grants.download_url(stored, name="d"), content=b"new").status_code == 405
    assert client.get(grants.upload_url("incoming/x", max_bytes=5)).status_code == 405
    assert client.post(grants.download_url(stored, name="d")).status_code == 405
    assert files_in(files) == before


def test_a_file_that_is_gone_is_404(client: TestClient, stored: StoredFile) -> None:
    path_of(stored.key).unlink()
    assert client.get(grants.download_url(stored, name="d")).status_code == 404


def test_html_is_shown_in_a_sandbox_of_no_origin_and_without_network(client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name="report.html", content_type="text/html"))
    policy = answer.headers["content-security-policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    assert directives["sandbox"] == ["allow-scripts"], "no allow-same-origin: the origin is opaque"
    assert directives["default-src"] == ["'none'"], "so connect-src and frame-src are closed too"
    assert "connect-src" not in directives
    assert directives["frame-ancestors"] == ["'self'"]
    assert answer.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize("content_type", ["image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf"])
def test_what_could_run_in_a_browser_is_a_download(content_type: str, client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name="x", content_type=content_type))
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name",
    ['a".zip', "a\r\nSet-Cookie: x=1.zip", "../../etc/passwd", "schön.zip", "a;b.zip", "\u202egnp.exe", "x" * 300],
)
def test_a_hostile_name_stays_inside_its_header(name: str, client: TestClient, stored: StoredFile) -> None:
    answer = client.get(grants.download_url(stored, name=name))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    disposition = answer.headers["content-disposition"]
    assert "\n" not in disposition
    assert disposition.count('"') in {0, 2}


def test_an_upload_arrives_with_its_digest(client: TestClient, files: Path) -> None:
    answer = client.put(grants.upload_url("incoming/new", max_bytes=100), content=b"hello")
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert (files / "incoming/new").read_bytes() == b"hello"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_larger_than_allowed_leaves_nothing(chunked: bool, client: TestClient, files: Path) -> None:
    content: Any = iter([b"x" * 60, b"x" * 60]) if chunked else b"x" * 120
    answer = client.put(grants.upload_url("incoming/new", max_bytes=100), content=content)
    assert answer.status_code == 413
    assert "100 bytes" in answer.text
    assert files_in(files) == []


@pytest.mark.parametrize("length", ["x", "-1", "1_0"])
def test_a_length_that_is_no_number_is_no_crash(length: str, files: Path) -> None:
    async def send() -> int:
        return await answer_to(
            grants.upload_url("incoming/new", max_bytes=100), [b"hello"], [(b"content-length", length.encode())]
        )

    assert asyncio.run(send()) in {200, 400}


async def answer_to(path: str, pieces: list[bytes | None], headers: list[tuple[bytes, bytes]] | None = None) -> int:
    """The status of a PUT whose body comes in these pieces; None is a client that goes away."""
    messages: list[dict[str, Any]] = [
        {"type": "http.disconnect"} if piece is None else {"type": "http.request", "body": piece, "more_body": True}
        for piece in pieces
    ]
    if pieces[-1] is not None:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "method": "PUT", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers or [], "http_version": "1.1", "scheme": "http", "server": ("x", 80), "root_path": "",
    }  # fmt: skip
    await Starlette(routes=bytes_plane.routes)(scope, receive, send)
    return statuses[0]


async def test_an_upload_that_is_broken_off_leaves_nothing(files: Path) -> None:
    url = grants.upload_url("incoming/new", max_bytes=10 * 2**20)
    assert await answer_to(url, [b"x" * 2**20, b"x" * 2**20, None]) == 400
    assert files_in(files) == []


async def test_a_broken_upload_leaves_the_whole_one_before_it(files: Path) -> None:
    url = grants.upload_url("incoming/new", max_bytes=100)
    assert await answer_to(url, [b"whole"]) == 200
    assert await answer_to(url, [b"half of it", None]) == 400
    assert (files / "incoming/new").read_bytes() == b"whole"


@pytest.mark.django_db(transaction=True)
def test_a_late_upload_does_not_change_what_was_sealed(client: TestClient, pat: User, files: Path) -> None:
    made = announce_upload(user=pat, type="submission", file_name="a.zip", size=5)
    url = grants.upload_url(made.incoming_key, max_bytes=100)
    assert client.put(url, content=b"first").status_code == 200
    sealed = complete_upload(dataset=made).data_file
    assert sealed is not None
    late = client.put(url, content=b"later")
    assert (late.status_code, late.json()["code"]) == (410, "gone")
    again = complete_upload(dataset=made).data_file
    assert again == sealed
    assert path_of(sealed.key).read_bytes() == b"first"
    assert (sealed.size, sealed.md5) == (5, "8b04d5e3775d298e78455efc5ca404d5")


def test_two_uploads_at_once_to_one_address_do_not_mix(files: Path) -> None:
    first, second = storage.receive("incoming/new"), storage.receive("incoming/new")
    first.write(b"aaaa")
    second.write(b"bb")
    first.write(b"aaaa")
    second.commit()
    first.commit()
    assert (files / "incoming/new").read_bytes() == b"a" * 8


@given(
    key=st.text(max_size=60) | st.lists(st.sampled_from(["..", ".", "a", "/", "", "\0", "~"]), max_size=6).map("/".join)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_no_key_leads_out_of_the_files_folder(key: str, files: Path) -> None:
    try:
        path = path_of(key)
    except ValueError:
        return
    assert path.resolve().is_relative_to(files.resolve())


@given(name=st.text(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_a_name_from_a_stranger_becomes_a_harmless_part_of_a_key(name: str, files: Path) -> None:
    key = storage.new_key("dataset", name)
    last = key.rsplit("/", 1)[-1]
    assert path_of(key).parent.parent.parent == files / "dataset"
    assert 0 < len(last) <= 60
    assert not last.startswith(".")
    assert len(last.encode()) <= 255


def test_an_announced_upload_takes_no_more_than_was_announced(
    pat: User, client_of: Callable[[User | None], Any], files: Path
) -> None:
    facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 10}
    address = client_of(pat).post("/api/datasets/", facts).json()["sassy_url"]
    grant = grants.read(address.rsplit("/", 1)[-1])
    assert grant.max_bytes == 10


def test_uploads_under_way_hold_their_place_in_the_quota(
    pat: User, client_of: Callable[[User | None], Any], files: Path
) -> None:
    User.objects.filter(pk=pat.pk).update(quota=1000)
    pat.refresh_from_db()
    facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 600}
    assert client_of(pat).post("/api/datasets/", facts).status_code == 201
    answer = client_of(pat).post("/api/datasets/", facts)
    assert answer.status_code == 400
    assert "Your available space is 400 bytes" in answer.json()["data_file"][0]
