"""What holds of files wherever they are kept: in the folder, and in a bucket on a server of its own."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from podium.site.resources import storage
from podium.site.resources.models import StoredFile
from podium.site.resources.storage import NotUploaded

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("place")]


def arrive(key: str, content: bytes = CONTENT) -> None:
    upload = storage.receive(key)
    for start in range(0, len(content), 100_000):
        upload.write(content[start : start + 100_000])
    upload.commit()
    upload.abandon()


@transaction.atomic
def seal(key: str) -> StoredFile:
    return storage.seal(key, folder="dataset", name="a.zip")


def kept() -> list[str]:
    return sorted(content.key for content in storage.contents())


def read(key: str) -> bytes:
    with storage.open_key(key) as stream:
        return stream.read()


def store(content: bytes = CONTENT, name: str = "data.zip") -> StoredFile:
    return storage.store(io.BytesIO(content), folder="dataset", name=name)


def test_what_is_stored_is_read_again_and_measured() -> None:
    file = store()
    assert (file.size, file.sha256, file.md5) == (len(CONTENT), SHA256, MD5)
    assert read(file.key) == CONTENT
    assert kept() == [file.key]
    assert [content.size for content in storage.contents()] == [len(CONTENT)]
    assert storage.digest_of(file.key).sha256 == SHA256
    with storage.local(file.key) as path:
        assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"", b"x"], ids=["empty", "a byte"])
def test_small_files_are_files(content: bytes) -> None:
    file = store(content)
    assert (file.size, read(file.key)) == (len(content), content)
    arrive("incoming/small", content)
    assert storage.incoming_size("incoming/small") == len(content)
    sealed = seal("incoming/small")
    assert (sealed.size, read(sealed.key)) == (len(content), content)


def test_what_is_opened_can_be_sought() -> None:
    file = store()
    with storage.open_file(file) as stream:
        assert stream.seek(-10, io.SEEK_END) == len(CONTENT) - 10
        assert stream.read() == CONTENT[-10:]
        assert stream.read() == b""
        stream.seek(5)
        assert (stream.read(3), stream.tell()) == (CONTENT[5:8], 8)
        stream.seek(0)
        assert hashlib.sha256(stream.read()).hexdigest() == SHA256


def test_what_is_not_there_is_told_so() -> None:
    with pytest.raises(FileNotFoundError):
        storage.open_key("dataset/2026-01-01/0123456789abcdef/nothing.zip")
    with pytest.raises(FileNotFoundError):
        storage.open_key("incoming/nothing")
    for key in ("dataset/2026-01-01/0123456789abcdef/nothing.zip", "incoming/nothing"):
        with storage.local(key) as path:
            assert not path.exists()
    assert storage.incoming_size("incoming/nothing") is None
    with pytest.raises(NotUploaded):
        seal("incoming/nothing")
    storage.discard_incoming("incoming/nothing")
    storage.remove_content("dataset/2026-01-01/0123456789abcdef/nothing.zip")
    assert kept() == []


@pytest.mark.parametrize("key", ["/etc/passwd", "dataset/../../secrets/django-key", "a\0b"])
def test_no_key_leads_elsewhere(key: str) -> None:
    for act in (storage.open_key, storage.receive, storage.Sink):
        with pytest.raises(ValueError, match="not a storage key"):
            act(key)


def test_an_upload_counts_once_it_is_whole() -> None:
    upload = storage.receive("incoming/a")
    upload.write(b"half")
    assert storage.incoming_size("incoming/a") is None
    upload.abandon()
    assert storage.incoming_size("incoming/a") is None
    arrive("incoming/a")
    assert storage.incoming_size("incoming/a") == len(CONTENT)
    assert read("incoming/a") == CONTENT
    with storage.local("incoming/a") as path:
        assert path.read_bytes() == CONTENT


def test_an_upload_that_nobody_waits_for_any_more_leaves_nothing_wherever_it_was() -> None:
    settled, late = storage.receive("incoming/a"), storage.receive("incoming/b")
    for upload in (settled, late):
        upload.write(b"content")
    settled.settle()
    settled.abandon()
    late.abandon()
    with contextlib.suppress(OSError):  # its draft is gone
        late.settle()
    assert kept() == []
    assert storage.incoming_size("incoming/a") is None


def test_an_upload_takes_the_place_of_an_earlier_one_that_was_not_sealed() -> None:
    arrive("incoming/a", b"first")
    before = storage.incoming_state("incoming/a")
    arrive("incoming/a", b"second, and longer")
    assert storage.incoming_state("incoming/a") != before
    assert read("incoming/a") == b"second, and longer"
    file = seal("incoming/a")
    assert read(file.key) == b"second, and longer"
    assert kept() == [file.key]


def test_sealing_keeps_what_has_arrived_and_nothing_that_comes_later() -> None:
    arrive("incoming/a")
    file = seal("incoming/a")
    assert (file.size, file.sha256, file.md5) == (len(CONTENT), SHA256, MD5)
    assert storage.incoming_size("incoming/a") is None
    arrive("incoming/a", b"late")
    assert read(file.key) == CONTENT
    storage.discard_incoming("incoming/a")
    assert kept() == [file.key]


def test_a_transaction_that_fails_leaves_the_upload_to_be_sealed_again() -> None:
    arrive("incoming/a")
    with pytest.raises(RuntimeError), transaction.atomic():
        storage.seal("incoming/a", folder="dataset", name="a.zip")
        raise RuntimeError
    assert storage.incoming_size("incoming/a") == len(CONTENT)
    assert not StoredFile.objects.exists()
    file = seal("incoming/a")
    assert read(file.key) == CONTENT


def test_uploads_to_one_address_at_once_leave_one_of_them_whole() -> None:
    contents = [bytes([number]) * 50_000 for number in range(6)]
    together = threading.Barrier(len(contents))

    def send(content: bytes) -> None:
        together.wait()
        try:
            arrive("incoming/a", content)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(contents)) as pool:
        list(pool.map(send, contents))
    file = seal("incoming/a")
    content = read(file.key)
    assert content in contents
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_content_goes_after_its_row_and_stays_with_a_transaction_that_fails() -> None:
    file = store()
    with pytest.raises(RuntimeError), transaction.atomic():
        storage.delete(file)
        assert read(file.key) == CONTENT
        raise RuntimeError
    file = StoredFile.objects.get(key=file.key)
    assert read(file.key) == CONTENT
    key = file.key
    storage.delete(file)
    assert kept() == []
    with pytest.raises(FileNotFoundError):
        storage.open_key(key)


def test_a_file_whose_writing_fails_is_not_there() -> None:
    with pytest.raises(RuntimeError), storage.storing(folder="dataset", name="x") as sink:
        sink.stream.write(b"half")
        raise RuntimeError
    with pytest.raises(RuntimeError), storage.removed_on_failure() as stored:
        stored.append(store())
        raise RuntimeError
    assert kept() == []


def test_what_is_written_can_be_read_at_its_path_before_it_counts() -> None:
    with storage.storing(folder="dataset", name="x") as sink:
        sink.stream.write(b"begun")
        sink.stream.flush()
        assert sink.path.read_bytes() == b"begun"
    assert sink.result is not None
    assert read(sink.result.key) == b"begun"


def test_a_copy_stays_when_its_original_goes() -> None:
    file = store()
    other = storage.new_key("restored", "copy.zip")
    storage.copy(other, file.key)
    storage.delete(file)
    assert read(other) == CONTENT


def test_what_belongs_to_nothing_is_found_and_what_belongs_to_something_stays() -> None:
    file = store()
    arrive("incoming/a")
    lost = storage.new_key("dataset", "lost.zip")
    with storage.Sink(lost) as stream:
        stream.write(b"lost")
    assert [content.key for content in storage.orphans()] == [lost]
    assert storage.discard_orphans(older_than_seconds=3600) == 0
    assert storage.discard_orphans(older_than_seconds=-5) == 1
    assert read(file.key) == read("incoming/a") == CONTENT
    gone = storage.new_key("dataset", "gone.zip")
    assert storage.absent([file.key, lost, gone]) == [lost, gone]


def test_what_nobody_completes_goes() -> None:
    arrive("incoming/old")
    broken = storage.receive("incoming/broken")
    assert "old" in storage.incoming_names(older_than_seconds=-5)
    assert storage.incoming_names(older_than_seconds=3600) == []
    assert storage.discard_stale_incoming(older_than_seconds=3600, drafts_older_than_seconds=3600) == 0
    assert storage.discard_stale_incoming(older_than_seconds=-5, drafts_older_than_seconds=3600) >= 1
    assert storage.incoming_size("incoming/old") is None
    assert kept() == []
    broken.abandon()


def test_there_is_room_to_write() -> None:
    assert storage.free_bytes() > 0
