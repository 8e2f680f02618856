"""Backups of folders and databases that a test makes: what they share, what they find out, and what they refuse."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from podium.cli.main import app
from podium.site import backup as backups
from podium.site.backup import BackupError, Report
from podium.site.buckets import opened

TABLE = "CREATE TABLE resources_storedfile (key varchar(255), sha256 varchar(64))"
SERVER = os.environ.get("PODIUM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")


class Installation:
    """A data folder with the table that names its files."""

    def __init__(self, data: Path, url: str = "") -> None:
        self.data, self.url = data, url
        (data / "files" / "dataset").mkdir(parents=True)
        (data / "secrets").mkdir()
        (data / "secrets" / "django-key").write_text("secret")
        (data / "worker" / "jobs").mkdir(parents=True)
        (data / "worker" / "jobs" / "left").write_text("can be thrown away")
        self.ask(TABLE)

    def ask(self, query: str, *values: str) -> list[Any]:
        if self.url:
            with psycopg.connect(self.url) as connection:
                found = connection.execute(query.replace("?", "%s"), values)
                return found.fetchall() if found.description else []
        with closing(sqlite3.connect(self.data / "podium.sqlite3")) as sqlite, sqlite:
            return sqlite.execute(query, values).fetchall()

    def store(self, name: str, content: bytes) -> Path:
        path = self.data / "files" / "dataset" / name
        path.write_bytes(content)
        self.ask(
            "INSERT INTO resources_storedfile VALUES (?, ?)", f"dataset/{name}", hashlib.sha256(content).hexdigest()
        )
        return path

    def back_up(self, folder: Path, **more: Any) -> Report:
        return backups.write(data=self.data, database_url=self.url, folder=folder, **more)


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a new PostgreSQL database."""
    name = f"podium_backup_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{SERVER}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "data")
    made.store("one.zip", b"1" * 5000)
    made.store("two.zip", b"2" * 5000)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_is_what_was_there_but_for_what_can_be_made_anew(
    installation: Installation, folder: Path, tmp_path: Path
) -> None:
    made = installation.back_up(folder)
    backups.restore(backups.newest(folder), data=tmp_path / "new", database_url="")
    before, after = tree(installation.data), tree(tmp_path / "new")
    assert {name for name in before if name not in after} == {"worker/jobs/left"}
    del before["podium.sqlite3"], before["worker/jobs/left"]
    assert after.pop("podium.sqlite3")
    assert after == before
    rows = "SELECT * FROM resources_storedfile ORDER BY key"
    with closing(sqlite3.connect(tmp_path / "new" / "podium.sqlite3")) as restored:
        assert restored.execute(rows).fetchall() == installation.ask(rows)
    assert made.manifest.files == 3


def test_only_the_owner_can_read_a_backup_and_what_is_made_of_it(
    installation: Installation, folder: Path, tmp_path: Path
) -> None:
    made = installation.back_up(folder)
    backups.restore(made.path, data=tmp_path / "new", database_url="")
    assert folder.stat().st_mode & 0o077 == made.path.stat().st_mode & 0o077 == 0
    for place in (*made.path.rglob("*"), *(tmp_path / "new").rglob("*")):
        assert place.stat().st_mode & 0o077 == 0, place
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o711


def test_other_tools_can_check_a_backup(installation: Installation, folder: Path) -> None:
    made = installation.back_up(folder)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=made.path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_files_that_have_not_changed_take_no_room_again_and_are_still_whole(
    installation: Installation, folder: Path
) -> None:
    first = installation.back_up(folder)
    installation.store("three.zip", b"3")
    second = installation.back_up(folder)
    assert (first.shared, second.shared) == (0, 3)
    one = "files/dataset/one.zip"
    assert (first.path / one).stat().st_ino == (second.path / one).stat().st_ino
    assert (installation.data / one).stat().st_ino != (first.path / one).stat().st_ino, "it shares with what is used"
    backups.check(second.path)


def test_a_file_with_other_content_is_not_shared(installation: Installation, folder: Path) -> None:
    installation.back_up(folder)
    path = installation.data / "files" / "dataset" / "one.zip"
    path.write_bytes(b"x" * 5000)
    second = installation.back_up(folder)
    assert (second.path / "files/dataset/one.zip").read_bytes() == b"x" * 5000
    assert second.damaged == ["dataset/one.zip"]


def test_files_that_the_database_names_and_that_are_gone_or_changed_are_told(
    installation: Installation, folder: Path
) -> None:
    (installation.data / "files" / "dataset" / "one.zip").unlink()
    (installation.data / "files" / "dataset" / "two.zip").write_bytes(b"rotten")
    done = CliRunner().invoke(app, ["backup", str(folder), "--data", str(installation.data)], env={"DATABASE_URL": ""})
    assert done.exit_code == 1
    assert "Missing, of the files that the database names: dataset/one.zip" in done.stderr
    assert "Not what was stored, of the files that the database names: dataset/two.zip" in done.stderr
    backups.check(backups.newest(folder))


def test_the_oldest_go_and_never_the_last(installation: Installation, folder: Path) -> None:
    made = [installation.back_up(folder).path for _ in range(3)]
    last = installation.back_up(folder, keep=2)
    assert last.removed == made[:2]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted([made[2].name, last.path.name])
    backups.check(made[2])


def test_what_an_interrupted_backup_left_is_removed_and_never_taken_for_one(
    installation: Installation, folder: Path
) -> None:
    left = folder / ".partial-2026-01-01T000000Z"
    left.mkdir(parents=True)
    (left / "backup.json").write_text("{}")
    with pytest.raises(BackupError, match="There is no backup in"):
        backups.newest(folder)
    installation.back_up(folder)
    assert not left.exists()


def test_a_backup_that_fails_leaves_nothing_and_spoils_no_other(
    installation: Installation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = installation.back_up(folder)

    def full(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BackupError, match="No space left on device"):
        installation.back_up(folder, progress=full, keep=1)
    assert [path for path in folder.iterdir() if path.is_dir()] == [before.path]
    backups.check(before.path)


def test_two_at_once_do_not_mix(installation: Installation, folder: Path) -> None:
    refused: list[str] = []

    def another() -> None:
        try:
            installation.back_up(folder)
        except BackupError as error:
            refused.append(str(error))

    def meanwhile(done: int, total: int) -> None:
        other = threading.Thread(target=another)
        other.start()
        other.join()

    installation.back_up(folder, progress=meanwhile)
    assert len(refused) == 3
    assert all("Another backup is being written" in text for text in refused)


def test_the_site_may_write_meanwhile(installation: Installation, folder: Path, tmp_path: Path) -> None:
    """What comes after the moment of the database is no part of it, and does no harm."""

    def meanwhile(done: int, total: int) -> None:
        installation.store(f"{uuid.uuid4().hex}.zip", b"new")
        (installation.data / "files" / "dataset" / "two.zip").unlink(missing_ok=True)

    made = installation.back_up(folder, progress=meanwhile)
    assert made.damaged == []
    with closing(sqlite3.connect(made.path / "podium.sqlite3")) as copy:
        assert copy.execute("SELECT count(*) FROM resources_storedfile").fetchone() == (2,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backup", "{tmp}/backups", "--data", "{tmp}/nowhere"], "There is no installation in"),
        (["backup", "{tmp}/data/files/kept", "--data", "{tmp}/data"], "lies in the data folder itself"),
        (["restore", "{tmp}/backups", "--data", "{tmp}/new"], "There is no backup in"),
    ],
)
def test_what_cannot_be_done_is_said(installation: Installation, tmp_path: Path, words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, [word.format(tmp=tmp_path) for word in words], env={"DATABASE_URL": ""})
    assert done.exit_code == 1
    assert said in done.stderr.replace("\n", " ")


def spoil(backup: Path, how: str) -> None:
    one, sums, manifest = backup / "files/dataset/one.zip", backup / "SHA256SUMS", backup / "backup.json"
    match how:
        case "a byte":
            one.write_bytes(b"x" + one.read_bytes()[1:])
        case "the database":
            copy = backup / "podium.sqlite3"
            copy.write_bytes(copy.read_bytes()[:-1] + b"x")
        case "a file":
            one.unlink()
        case "a link":
            one.unlink()
            one.symlink_to("/etc/hostname")
        case "a way out":
            sums.write_text(sums.read_text().replace("files/dataset/one.zip", "files/../../../one.zip"))
        case "no list":
            sums.write_bytes(b"\xff\xfe nonsense")
        case "a later version":
            manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
        case "no manifest":
            manifest.write_text("[]")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a byte", "files/dataset/one.zip"),
        ("the database", "podium.sqlite3"),
        ("a file", "files/dataset/one.zip"),
        ("a link", "files/dataset/one.zip"),
        ("a way out", "SHA256SUMS, line"),
        ("no list", "SHA256SUMS"),
        ("a later version", "Upgrade"),
        ("no manifest", "backup.json"),
    ],
)
def test_a_backup_that_was_changed_is_restored_by_nobody(
    installation: Installation, folder: Path, tmp_path: Path, how: str, said: str
) -> None:
    made = installation.back_up(folder)
    spoil(made.path, how)
    for words in (["--check"], ["--data", str(tmp_path / "new")]):
        done = CliRunner().invoke(app, ["restore", str(made.path), *words], env={"DATABASE_URL": ""})
        assert done.exit_code == 1, done.output
        assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []


def test_nothing_is_restored_over_something(installation: Installation, folder: Path, tmp_path: Path) -> None:
    made = installation.back_up(folder)
    before = tree(installation.data)
    with pytest.raises(BackupError, match="is not empty"):
        backups.restore(made.path, data=installation.data, database_url="")
    assert tree(installation.data) == before
    with pytest.raises(BackupError, match="Unset it"):
        backups.restore(made.path, data=tmp_path / "new", database_url="postgresql://127.0.0.1/x")
    assert not (tmp_path / "new").exists()


@pytest.mark.service
def test_on_postgresql_database_and_files_are_of_one_moment_and_come_back_into_an_empty_one(
    tmp_path: Path, folder: Path, database: str
) -> None:
    installation = Installation(tmp_path / "data", database)
    installation.store("one.zip", b"1" * 5000)

    def meanwhile(done: int, total: int) -> None:
        installation.store(f"{uuid.uuid4().hex}.zip", b"new")

    made = installation.back_up(folder, progress=meanwhile)
    assert (made.manifest.database, made.missing, made.damaged) == ("postgresql", [], [])
    with pytest.raises(BackupError, match="createdb"):
        backups.restore(made.path, data=tmp_path / "new", database_url="")
    with pytest.raises(BackupError, match="holds 1 tables"):
        backups.restore(made.path, data=tmp_path / "new", database_url=database)
    installation.ask("DROP TABLE resources_storedfile")
    backups.restore(made.path, data=tmp_path / "new", database_url=database)
    assert [key for key, _ in installation.ask("SELECT * FROM resources_storedfile")] == ["dataset/one.zip"]
    assert (tmp_path / "new" / "files/dataset/one.zip").read_bytes() == b"1" * 5000


@pytest.mark.service
def test_a_dump_that_does_not_come_back_leaves_no_folder(tmp_path: Path, folder: Path, database: str) -> None:
    installation = Installation(tmp_path / "data", database)
    made = installation.back_up(folder)
    dump = made.path / "podium.dump"
    dump.write_bytes(b"PGDMP nonsense")
    sums = made.path / "SHA256SUMS"
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    lines = [line for line in sums.read_text().splitlines(keepends=True) if "podium.dump" not in line]
    sums.write_text("".join([*lines, f"{digest}  podium.dump\n"]))
    installation.ask("DROP TABLE resources_storedfile")
    with pytest.raises(BackupError, match="pg_restore failed"):
        backups.restore(made.path, data=tmp_path / "new", database_url=database)
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []
    assert not installation.ask("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


@pytest.mark.service
def test_a_server_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path, folder: Path) -> None:
    installation = Installation(tmp_path / "data")
    installation.url = "postgresql://somebody:hush-hush@127.0.0.1:1/nothing"
    with pytest.raises(BackupError) as told:
        installation.back_up(folder)
    assert "cannot be reached" in str(told.value)
    assert "hush-hush" not in str(told.value)


# With the files in a bucket


@pytest.fixture
def in_bucket(tmp_path: Path, bucket_server: Any) -> Iterator[tuple[Installation, str]]:
    """An installation with three files in a bucket, one of which has arrived and is not sealed."""
    url = bucket_server.url(bucket_server.new_bucket())
    made = Installation(tmp_path / "data")
    made.ask(TABLE.replace("storedfile", "arrivedfile"))
    store = opened(url)
    for number, table in enumerate(("storedfile", "storedfile", "arrivedfile")):
        content = str(number).encode() * 1000
        key = f"dataset/2026-01-01/{number}/file.zip"
        store.put_bytes(key, content)
        made.ask(f"INSERT INTO resources_{table} VALUES (?, ?)", key, hashlib.sha256(content).hexdigest())  # noqa: S608
    yield made, url


def test_files_in_a_bucket_are_copied_out_once_and_come_back_to_either_place(
    in_bucket: tuple[Installation, str], tmp_path: Path, bucket_server: Any
) -> None:
    made, url = in_bucket
    first = made.back_up(tmp_path / "backups", storage_url=url)
    assert (first.missing, first.damaged, first.shared) == ([], [], 0)
    read = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=first.path, capture_output=True, check=False
    )
    assert read.returncode == 0, read.stderr
    second = made.back_up(tmp_path / "backups", storage_url=url)
    assert second.shared == 4, "three files and the secret"
    for path in second.path.rglob("*"):
        if path.is_file() and path.suffix != ".sqlite3":
            assert b"nobody" not in path.read_bytes(), "no address of the bucket"
    backups.restore(second.path, data=tmp_path / "folder", database_url="")
    assert (tmp_path / "folder/files/dataset/2026-01-01/1/file.zip").read_bytes() == b"1" * 1000
    other = bucket_server.url(bucket_server.new_bucket())
    backups.restore(second.path, data=tmp_path / "new", database_url="", storage_url=other)
    found = opened(other)
    assert [(entry.key, entry.size) for entry in found.listing("")] == [
        (f"dataset/2026-01-01/{number}/file.zip", 1000) for number in range(3)
    ]
    assert not (tmp_path / "new" / "files").exists()
    with pytest.raises(BackupError, match="not empty"):
        backups.restore(second.path, data=tmp_path / "newer", database_url="", storage_url=other)


def test_what_a_bucket_has_lost_is_told_and_a_restore_that_fails_leaves_the_bucket_empty(
    in_bucket: tuple[Installation, str], tmp_path: Path, bucket_server: Any
) -> None:
    made, url = in_bucket
    opened(url).delete("dataset/2026-01-01/0/file.zip")
    opened(url).put_bytes("dataset/2026-01-01/1/file.zip", b"other")
    done = made.back_up(tmp_path / "backups", storage_url=url)
    assert (done.missing, done.damaged) == (["dataset/2026-01-01/0/file.zip"], ["dataset/2026-01-01/1/file.zip"])
    (done.path / "files/dataset/2026-01-01/2/file.zip").write_bytes(b"2" * 999 + b"x")
    other = bucket_server.url(bucket_server.new_bucket())
    with pytest.raises(BackupError, match="Not what was written"):
        backups.restore(done.path, data=tmp_path / "new", database_url="", storage_url=other)
    assert list(opened(other).listing("")) == []
    assert not (tmp_path / "new").exists()


def test_a_bucket_that_does_not_answer_leaves_no_backup(in_bucket: tuple[Installation, str], tmp_path: Path) -> None:
    made, _ = in_bucket
    with pytest.raises(BackupError) as told:
        made.back_up(tmp_path / "backups", storage_url="s3://key:hidden-one@127.0.0.1:9/bucket?scheme=http")
    assert "hidden-one" not in str(told.value)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]
