"""Buckets: their addresses, what a machine keeps of them, what happens while they are away, and moving into them."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydantic import ValidationError
from rest_framework.test import APIClient
from starlette.testclient import TestClient

from podium.logs import hide, redact_text
from podium.site.accounts.models import User
from podium.site.buckets import Address, BadAddress, StorageAway, opened, remote
from podium.site.buckets.cache import Cache
from podium.site.competitions.models import Competition, CreationState, CreationStatus
from podium.site.config import Config
from podium.site.monitoring import health
from podium.site.resources import grants, parts, storage, uploads
from podium.site.resources.folder import Folder
from podium.site.resources.models import StoredFile
from podium.site.resources.services import announce_upload, complete_upload
from tests.bucket_server import ESCAPED, KEY, SECRET, BucketServer, GoogleServer, Way
from tests.factories import RESULT
from tests.plugins.buckets import keep_in
from tests.site.acting import background, files_in

CONTENT = bytes(range(256)) * 8000
Client = Callable[[User | None], APIClient]

# Addresses


def test_an_address_says_where_and_by_whom() -> None:
    found = Address.read(f"s3://{KEY}:{ESCAPED}@minio.example.org:9000/files/a/b/?region=eu&scheme=http")
    assert (found.host, found.bucket, found.prefix) == ("minio.example.org:9000", "files", "a/b")
    assert (found.key, found.secret) == (KEY, SECRET)
    assert found.options == {"region": "eu", "scheme": "http"}
    assert found.shown == "s3://minio.example.org:9000/files/a/b"
    assert SECRET not in repr(found)
    own = Address.read("s3://files?region=eu-central-1")
    assert (own.host, own.bucket, own.prefix, own.key) == ("", "files", "", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files",
        "https://host/bucket",
        "gs://",
        "gs://KEY:hidden-secret@bucket",
        "gs://bucket?region=eu",
        "s3://",
        "s3:///",
        "s3://only-key@host/bucket",
        "s3://KEY:hidden-secret@host:port/bucket",
        "s3://KEY:hidden-secret@[host/bucket",
        "s3://KEY:hidden-secret@host/../bucket",
        "s3://KEY:hidden-secret@host/bucket?colour=blue",
        "s3://KEY:hidden-secret@host/bucket?scheme=ftp",
    ],
)
def test_a_bad_address_is_refused_without_being_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadAddress) as refused:
        Address.read(url)
    assert "hidden-secret" not in str(refused.value)
    if url:
        monkeypatch.setenv("STORAGE_URL", url)
        with pytest.raises(ValidationError) as told:
            Config()
        assert "hidden-secret" not in str(told.value)


def test_no_log_shows_what_opens_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_URL", f"s3://{KEY}:{ESCAPED}@host/bucket")
    config = Config()
    assert {SECRET, f"s3://{KEY}:{ESCAPED}@host/bucket"} <= set(config.secrets)
    hide(*config.secrets)
    for text in (SECRET, f"tried s3://{KEY}:{ESCAPED}@host/bucket"):
        assert SECRET not in redact_text(text)
        assert ESCAPED not in redact_text(text)
    assert SECRET not in repr(config)


def test_an_address_of_googles_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Address.read("gs://files/a/b?project=mine")
    assert (found.kind, found.bucket, found.prefix, found.options) == ("gs", "files", "a/b", {"project": "mine"})
    monkeypatch.setenv("STORAGE_URL", "gs://files")
    assert Config().storage_url is not None
    monkeypatch.setattr("podium.site.buckets.opening.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"podium\[gcs\]"):
        Config()


def test_no_address_is_no_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_URL", "")
    assert Config().storage_url is None


# What a bucket does


@pytest.fixture(params=["bucket_server", "google_server"])
def server(request: pytest.FixtureRequest) -> BucketServer | GoogleServer:
    found: BucketServer | GoogleServer = request.getfixturevalue(request.param)
    return found


def test_what_lies_below_a_prefix_is_all_that_is_seen(server: BucketServer | GoogleServer) -> None:
    name = server.new_bucket()
    whole, one = opened(server.url(name)), opened(server.url(name, prefix="one"))
    one.put_bytes("a/b", b"inside")
    whole.put_bytes("a/b", b"outside")
    one.copy("a/c", "a/b")
    assert [entry.key for entry in one.listing("")] == ["a/b", "a/c"]
    assert [entry.key for entry in whole.listing("")] == ["a/b", "one/a/b", "one/a/c"]
    assert one.head("a/c").size == 6
    one.delete("a/b")
    one.delete("a/b")
    with pytest.raises(FileNotFoundError):
        one.read("a/b", 0, 1)
    with pytest.raises(FileNotFoundError):
        one.copy("a/d", "a/b")
    assert whole.head("a/b").size == 7


def test_a_bucket_that_is_not_there_or_not_ours_is_told(bucket_server: BucketServer) -> None:
    for url in (bucket_server.url("podium-nowhere"), "s3://a:hidden@127.0.0.1:9/bucket?scheme=http"):
        with pytest.raises(StorageAway) as told:
            opened(url).put_bytes("a", b"")
        assert "hidden" not in str(told.value)
        assert SECRET not in str(told.value)


def test_a_large_object_is_kept_whole_and_read_from_any_place(
    server: BucketServer | GoogleServer, tmp_path: Path
) -> None:
    store, source = opened(server.url(server.new_bucket())), tmp_path / "large"
    source.write_bytes(CONTENT * 17 + b"the end")  # in pieces for either, and more than a window
    store.put("large.tar.gz", source)
    with remote.RemoteFile(store, "large.tar.gz") as stream:
        assert stream.size == len(CONTENT) * 17 + 7
        assert hashlib.file_digest(stream, "sha256").hexdigest() == hashlib.sha256(source.read_bytes()).hexdigest()
        stream.seek(-7, io.SEEK_END)
        assert stream.read() == b"the end"


def test_a_bucket_that_breaks_off_is_told_or_asked_again(server: BucketServer | GoogleServer, tmp_path: Path) -> None:
    way, source = Way(server.port), tmp_path / "file"
    source.write_bytes(CONTENT)
    store = opened(server.url(server.new_bucket(), port=way.port))
    store.put("a", source)
    with remote.RemoteFile(store, "a") as stream:
        way.left = 500_000
        assert hashlib.file_digest(stream, "sha256").hexdigest() == hashlib.sha256(CONTENT).hexdigest()
        assert way.left is None, "it was broken"
    way.cut()
    with pytest.raises(StorageAway):
        store.put("b", source)
    with pytest.raises(StorageAway):
        store.delete("a")
    way.mend()
    assert [entry.key for entry in store.listing("")] == ["a"]
    way.cut()


@pytest.fixture
def way(bucket_server: BucketServer) -> Iterator[Way]:
    made = Way(bucket_server.port)
    yield made
    made.cut()


@pytest.fixture
def behind(way: Way, bucket_server: BucketServer, settings: Any, files: Path) -> Way:
    """The site's bucket, behind a way that can be cut."""
    keep_in(settings, bucket_server.url(bucket_server.new_bucket(), port=way.port), storage_cache_bytes=0)
    return way


def test_reading_goes_on_where_a_connection_has_broken(behind: Way, db: None) -> None:
    file = storage.store(io.BytesIO(CONTENT), folder="dataset", name="a.zip")
    with storage.open_key(file.key) as stream:
        behind.left = 500_000
        assert hashlib.sha256(stream.read()).hexdigest() == file.sha256
        assert behind.left is None, "it was broken"


def test_a_file_is_never_cut_short_in_silence(behind: Way, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", ())
    file = storage.store(io.BytesIO(CONTENT * 8), folder="dataset", name="a.zip")
    with storage.open_key(file.key) as stream, pytest.raises(StorageAway):
        stream.read(1000)
        stream.seek(0)
        behind.cut()
        while stream.read(100_000):
            pass


# What a machine keeps of a bucket


def test_copies_are_bounded_and_those_in_use_stay(bucket_server: BucketServer, tmp_path: Path) -> None:
    store = opened(bucket_server.url(bucket_server.new_bucket()))
    cache = Cache(tmp_path / "cache", most=2500)
    for name in "abcd":
        store.put_bytes(name, name.encode() * 1000)
    with cache.local("a", store) as held:
        for name in "bcd":
            with cache.local(name, store) as path:
                assert path.read_bytes() == name.encode() * 1000
        assert held.read_bytes() == b"a" * 1000, "in use"
        assert cache.open("b") is None, "the longest unused has gone"
        other = Cache(tmp_path / "cache", most=0)  # of another process
        with other.local("b", store):
            assert held.exists()
    with cache.local("c", store):
        assert sum(path.stat().st_size for path in (tmp_path / "cache" / "copies").iterdir()) <= 2500
    assert not list((tmp_path / "cache" / "drafts").iterdir())


def test_what_a_copy_is_made_of_is_asked_for_once(bucket_server: BucketServer, tmp_path: Path) -> None:
    store = opened(bucket_server.url(bucket_server.new_bucket()))
    cache = Cache(tmp_path / "cache", most=10_000)
    store.put_bytes("a", b"content")
    with cache.local("a", store) as first, cache.local("a", store) as second:
        assert first == second
    store.delete("a")
    with cache.local("a", store) as path:
        assert path.read_bytes() == b"content"
    cache.forget("a")
    with cache.local("a", store) as path:
        assert not path.exists()


def test_a_draft_of_a_process_that_died_is_removed_and_one_under_way_is_not(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("podium.site.buckets.cache._LEFT_SECONDS", -1)
    cache = Cache(tmp_path / "cache", most=0)
    mine = cache.draft()
    (tmp_path / "cache" / "drafts" / "left").write_bytes(b"half")
    assert cache.discard_left() == 1
    assert mine.path.exists()
    mine.abandon()
    assert cache.discard_left() == 0


# A site whose bucket is away

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Iterator[TestClient]:
    from podium.site.asgi import routed  # noqa: PLC0415 - needs Django's settings

    with TestClient(routed, raise_server_exceptions=False) as client:
        yield client


def test_who_comes_while_the_bucket_is_away_is_told_to_come_back_and_then_answered(
    behind: Way, site: TestClient, pat: User, client_of: Client, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = announce_upload(user=pat, type="submission", file_name="a.zip", size=len(RESULT))
    done = announce_upload(user=pat, type="submission", file_name="b.zip", size=len(RESULT))
    to_first, to_done = (grants.upload_url(one.incoming_key, max_bytes=len(RESULT)) for one in (dataset, done))
    assert site.put(to_done, content=RESULT).status_code == 200
    file = complete_upload(dataset=done).data_file
    assert file is not None
    session = uploads.begin(user=pat, type="submission", file_name="c.zip", size=5)
    part = grants.parts_url(str(session.dataset.key), size=5, part_size=5, seconds=60).replace("{part}", "1")
    digest = {"Content-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"}
    announced = {"type": "submission", "file_name": "d.zip", "file_size": 5}
    behind.cut()
    with caplog.at_level(logging.DEBUG):
        away = [
            site.put(to_first, content=RESULT),
            site.get(grants.download_url(file, name="b.zip")),
            site.put(part, content=b"hello", headers=digest),
            site.post("/api/uploads/", json=announced, headers=token(pat)),
            site.get(f"/api/uploads/{session.dataset.key}/", headers=token(pat)),
        ]
    assert [answer.status_code for answer in away] == [503] * 5
    assert all(int(answer.headers["retry-after"]) > 0 for answer in away)
    assert away[3].json()["code"] == "unavailable"
    assert SECRET not in caplog.text + "".join(answer.text for answer in away)
    assert ESCAPED not in caplog.text
    behind.mend()
    assert site.put(to_first, content=RESULT).status_code == 200
    assert complete_upload(dataset=dataset).data_file is not None
    assert site.get(grants.download_url(file, name="b.zip")).content == RESULT
    assert site.put(part, content=b"hello", headers=digest).status_code == 200
    completed = uploads.complete(dataset=session.dataset)
    assert completed.data_file is not None
    with storage.open_file(completed.data_file) as stream:
        assert stream.read() == b"hello"


def token(user: User) -> dict[str, str]:
    from rest_framework.authtoken.models import Token  # noqa: PLC0415

    return {"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}


def test_what_is_deleted_while_the_bucket_is_away_is_deleted_and_its_content_goes_later(behind: Way, pat: User) -> None:
    file = storage.store(io.BytesIO(b"content"), folder="dataset", name="a.zip")
    behind.cut()
    storage.delete(file)
    assert not StoredFile.objects.exists()
    behind.mend()
    assert [content.key for content in storage.contents()] == [file.key]
    assert storage.discard_orphans(older_than_seconds=-5) == 1
    assert list(storage.contents()) == []


def test_a_file_that_cannot_be_put_leaves_nothing(behind: Way, pat: User) -> None:
    behind.cut()
    with pytest.raises(StorageAway):
        storage.store(io.BytesIO(b"content"), folder="dataset", name="a.zip")
    with pytest.raises(StorageAway):
        parts.parts().begin("upload")
    assert not StoredFile.objects.exists()
    behind.mend()
    assert list(storage.contents()) == []


def test_a_bundle_that_cannot_be_read_for_now_waits_and_becomes_a_competition_later(
    behind: Way, pat: User, tmp_path: Path, queue: Any
) -> None:
    from podium.site.competitions.services import creation_claims  # noqa: PLC0415
    from podium.site.competitions.services.creation import run_creation, start_creation  # noqa: PLC0415
    from tests.factories import bundle, zip_of  # noqa: PLC0415

    content = zip_of(bundle())
    dataset = announce_upload(user=pat, type="competition_bundle", file_name="b.zip", size=len(content))
    upload = storage.receive(dataset.incoming_key)
    upload.write(content)
    upload.commit()
    status = start_creation(dataset=complete_upload(dataset=dataset), user=pat)
    behind.cut()
    with pytest.raises(StorageAway):
        run_creation(status_id=status.pk)
    status.refresh_from_db()
    assert status.finished_when is None
    behind.mend()
    CreationStatus.objects.update(alive_until=status.created_when)
    assert creation_claims.recover() == 1
    background()
    status.refresh_from_db()
    assert (status.status, status.details) == (CreationState.FINISHED, "")
    assert Competition.objects.count() == 1


# Doctor, and moving


def test_doctor_tries_the_bucket_and_leaves_nothing(bucket: str, files: Path) -> None:
    (found,) = health.storage()
    assert (found.name, found.state) == ("bucket", "ok")
    assert SECRET not in found.detail
    assert KEY not in found.detail
    at = storage.bucket()
    assert at is not None
    assert list(at.store.listing("")) == []


def test_doctor_says_what_is_wrong_with_a_bucket(behind: Way) -> None:
    behind.cut()
    (found,) = health.storage()
    assert (found.name, found.state) == ("bucket", "fail")
    assert "STORAGE_URL" in found.mend
    assert SECRET not in found.detail


@pytest.fixture
def both(bucket_server: BucketServer, settings: Any, files: Path) -> Callable[[bool], None]:
    """Switches the site from the folder to a bucket and back."""
    url, in_folder = bucket_server.url(bucket_server.new_bucket()), settings.CONFIG

    def switch(to_bucket: bool) -> None:
        settings.CONFIG = in_folder
        if to_bucket:
            keep_in(settings, url, storage_cache_bytes=0)

    return switch


def test_files_and_uploads_under_way_move_into_a_bucket_and_back(
    both: Callable[[bool], None], pat: User, files: Path
) -> None:
    kept = [storage.store(io.BytesIO(bytes([n]) * 1000), folder="dataset", name=f"{n}.zip") for n in range(3)]
    arriving = announce_upload(user=pat, type="submission", file_name="a.zip", size=len(RESULT))
    upload = storage.receive(arriving.incoming_key)
    upload.write(RESULT)
    upload.commit()
    session = uploads.begin(user=pat, type="submission", file_name="c.zip", size=5)
    part = parts.parts().receive(str(session.dataset.key), 1)
    part.write(b"hello")
    part.commit(size=5, sha256=hashlib.sha256(b"hello").hexdigest())
    both(True)
    out = io.StringIO()
    call_command("move_files", "bucket", stdout=out)
    assert "3 files copied" in out.getvalue()
    call_command("move_files", "bucket", stdout=out)
    assert "0 files copied (0 bytes), 3 were there" in out.getvalue()
    for path in files_in(files):
        (files / path).unlink()
    for n, file in enumerate(kept):
        with storage.open_file(file) as stream:
            assert stream.read() == bytes([n]) * 1000
    assert list(storage.orphans()) == []
    call_command("move_files", "folder", stdout=out)
    both(False)
    for n, file in enumerate(kept):
        with storage.open_file(file) as stream:
            assert stream.read() == bytes([n]) * 1000
    done = complete_upload(dataset=arriving).data_file
    assert done is not None
    with storage.open_file(done) as stream:
        assert stream.read() == RESULT
    assert uploads.complete(dataset=session.dataset).data_file is not None


def test_moving_goes_on_where_it_was_broken_off_and_copies_nothing_that_is_damaged(
    both: Callable[[bool], None], files: Path, pat: User
) -> None:
    first, second, third = (
        storage.store(io.BytesIO(bytes([n]) * 1000), folder="dataset", name=f"{n}.zip") for n in range(3)
    )
    (files / second.key).write_bytes(b"x" * 1000)
    (files / third.key).unlink()
    both(True)
    errors = io.StringIO()
    with pytest.raises(CommandError):
        call_command("move_files", "bucket", stdout=io.StringIO(), stderr=errors)
    assert f"Missing: {third.key}" in errors.getvalue()
    assert f"Not what was stored: {second.key}" in errors.getvalue()
    assert [content.key for content in storage.contents()] == [first.key]
    (files / second.key).write_bytes(b"\1" * 1000)
    (files / third.key).parent.mkdir(exist_ok=True)
    (files / third.key).write_bytes(b"\2" * 1000)
    out = io.StringIO()
    call_command("move_files", "bucket", stdout=out)
    assert "2 files copied (2000 bytes), 1 were there" in out.getvalue()
    at = storage.bucket()
    assert at is not None
    at.store.put_bytes(second.key, b"y" * 1000)
    Folder().remove(first.key)
    Folder().remove(second.key)
    with pytest.raises(CommandError):
        call_command("move_files", "folder", stdout=io.StringIO(), stderr=errors)
    assert files_in(files) == sorted([first.key, third.key]) or files_in(files) == [third.key]


def test_without_a_bucket_nothing_is_moved(files: Path) -> None:
    with pytest.raises(CommandError, match="STORAGE_URL"):
        call_command("move_files", "bucket")
