"""What the site finds out about its own database, storage and mails about errors."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from podium.logs import hide
from podium.site.monitoring import health
from podium.site.monitoring.mails import MOST_AN_HOUR, ErrorMailHandler, ReportFilter

MOUNTS = """\
21 1 0:19 / / rw - ext4 /dev/sda rw
30 21 0:30 / /srv rw,relatime shared:1 - ext4 /dev/sdb rw
31 30 0:31 / /srv/my\\040data rw - nfs4 server:/export rw
"""


@pytest.fixture
def recorder(transactional_db: None, settings: Any) -> Iterator[MigrationRecorder]:
    """The record of migrations, which the tests' database lacks."""
    settings.MIGRATION_MODULES = {}
    recorder = MigrationRecorder(connection)
    recorder.ensure_schema()
    yield recorder
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")


def test_a_database_newer_than_the_program_is_a_failure(recorder: MigrationRecorder) -> None:
    recorder.record_applied("an_app_that_is_gone", "0001_initial")
    (found,) = health.migrations()
    assert "9999" not in found.detail
    recorder.record_applied("evaluation", "9999_of_the_future")
    (found,) = health.migrations()
    assert found.state == "fail"
    assert "evaluation.9999_of_the_future" in found.detail


def test_migrations_that_are_missing_are_named_and_none_is_well(recorder: MigrationRecorder) -> None:
    (found,) = health.migrations()
    assert found.state == "fail"
    assert "not applied" in found.detail
    for app, name in MigrationLoader(connection).disk_migrations:
        recorder.record_applied(app, name)
    (found,) = health.migrations()
    assert found.state == "ok"


@pytest.mark.parametrize(
    ("file", "kind"),
    [("/srv/my data/podium.sqlite3", "nfs4"), ("/srv/podium.sqlite3", "ext4"), ("/srv2/podium.sqlite3", "ext4")],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(file: str, kind: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert health.filesystem_of(Path(file), mounts) == kind


def test_sqlite_on_a_network_file_system_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(health, "filesystem_of", lambda *_: "nfs4")
    (found,) = health._sqlite(tmp_path / "podium.sqlite3")
    assert found.state == "warn"
    assert "PostgreSQL" in found.mend


def test_a_storage_is_tried_and_left_as_it_was(files: Path) -> None:
    (found,) = health.storage()
    assert found.state == "ok"
    assert list(files.iterdir()) == []


def test_a_storage_that_cannot_be_written_is_a_failure(settings: Any) -> None:
    place = Path("/proc/1")  # where even root writes nothing
    settings.FILES_DIR = place
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend, "OPTIONS": {"location": place}}}
    (found,) = health.storage()
    assert found.state == "fail"
    assert found.mend


def test_a_check_that_breaks_is_a_finding_and_keeps_no_other_from_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("token=abcdefghij was refused")

    monkeypatch.setattr(health, "broker", broken)
    monkeypatch.setattr(health, "database", lambda: [])
    found = {one.name: one for one in health.examine()}
    assert found["broken"].state == "fail"
    assert "abcdefghij" not in found["broken"].detail
    assert "mail" in found


# Mails about errors


def failing(text: str) -> logging.LogRecord:
    try:
        json.loads(text)
    except ValueError:
        return logging.LogRecord("django.request", logging.ERROR, __file__, 1, text, (), sys.exc_info())


def test_a_mail_about_an_error_has_the_traceback_and_no_secret(settings: Any) -> None:
    settings.ADMINS = [("", "ada@example.org")]
    hide("known-to-us-only")
    ErrorMailHandler().emit(failing("Bearer abcdefghijkl, postgresql://u:pw-of-db@host/x and known-to-us-only"))
    (sent,) = mail.outbox
    assert sent.to == ["ada@example.org"]
    assert "json.loads(text)" in sent.body
    for secret in ("abcdefghijkl", "pw-of-db", "known-to-us-only", settings.SECRET_KEY):
        assert secret not in sent.subject + sent.body
    assert not getattr(sent, "alternatives", None)


def test_a_storm_of_errors_is_no_storm_of_mails(settings: Any) -> None:
    settings.ADMINS = [("", "ada@example.org")]
    handler = ErrorMailHandler()
    for _ in range(50):
        handler.emit(failing("again"))
    assert len(mail.outbox) == MOST_AN_HOUR


def test_the_report_hides_every_address_and_the_configuration() -> None:
    shown = ReportFilter().get_safe_settings()
    for name in ("CONFIG", "SECRET_KEY", "DATABASES", "SESSION_COOKIE_NAME"):
        assert shown[name] == ReportFilter.cleansed_substitute, name
