"""`podium doctor`: whatever is broken is named, with its mend, and nothing else is changed or shown."""

from __future__ import annotations

import json
import os
import resource
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from podium.cli.doctor import machine, services
from podium.cli.main import app
from podium.sandbox import doctor as sandbox_doctor

runner = CliRunner()
POSTGRES = "postgresql://root@127.0.0.1:5432"
SECRET = "hidden-hidden"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service is configured, and a process of ours is no test."""
    for name in list(os.environ):
        if name.startswith(("PODIUM_", "DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_URL", "CONTAINER_SOCKET")):
            monkeypatch.delenv(name)


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def examined(data: Path, *, send_to: str = "") -> dict[str, Any]:
    return {finding.name: finding for finding in services.examine(data, send_to)}


# The whole


@pytest.mark.bwrap
def test_a_program_is_run_and_this_machine_is_found_fit_and_nothing_is_left(tmp_path: Path) -> None:
    done = runner.invoke(app, ["doctor", "--data", str(tmp_path / "data"), "--json"])
    found = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert (done.exit_code, found["ok"]) == (0, True), done.output
    for name in ("python", "packages", "data folder", "sandbox", "namespaces", "database", "storage", "mail"):
        assert states[name] == "ok", name
    assert states["environment"] == "warn"
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_to_be_mended_is_told_with_its_mend_and_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@127.0.0.1:{closed_port}/0")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{SECRET}@127.0.0.1:{closed_port}/podium")
    monkeypatch.setenv("BROKER_URL", f"amqp://guest:{SECRET}@127.0.0.1:{closed_port}/")
    monkeypatch.setenv("PODIUM_EMAIL_URL", f"smtp://user:{SECRET}@127.0.0.1:{closed_port}")
    monkeypatch.setenv("PATH", "/nowhere")
    done = runner.invoke(app, ["doctor", "--data", str(tmp_path)])
    assert done.exit_code == 1
    for name in ("sandbox", "database", "broker", "redis", "mail"):
        assert f"fail {name}: " in done.output
    for setting in ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "PODIUM_EMAIL_URL"):
        assert f"Check {setting}" in done.output
    assert "5 to mend: sandbox, database, broker, redis, mail." in done.output
    assert SECRET not in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_LEASE_SECONDS", SECRET)
    found = examined(tmp_path)["settings"]
    assert found.state == "fail"
    assert found.detail.startswith("PODIUM_LEASE_SECONDS: ")
    assert SECRET not in found.detail


def test_a_site_that_cannot_start_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "podium.site.no_such_settings")
    found = examined(tmp_path)["site"]
    assert found.state == "fail"
    assert "no_such_settings" in found.detail


# The machine


def test_an_old_python_is_a_failure() -> None:
    assert machine.check_python((3, 10, 1)).state == "fail"


def test_a_package_of_the_wrong_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "requires", lambda _: ["django>=99", "no-such-package", "typer; python_version < '3'"])
    found = machine.check_packages()
    assert found.state == "fail"
    assert "django is " in found.detail
    assert "no-such-package is missing" in found.detail
    assert "typer" not in found.detail


def test_a_folder_that_cannot_be_written_is_a_failure() -> None:
    found = machine.check_write_access(Path("/proc/1/podium"))  # where even root writes nothing
    assert found.state == "fail"
    assert "cannot be written" in found.detail
    assert "--data" in found.mend


def test_a_full_disk_is_a_failure_for_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE", 2**60)
    found = list(machine.check_disks(tmp_path / "not" / "made"))
    assert [(one.name, one.state) for one in found] == [
        ("disk", "fail"),
        ("worker's disk", "fail"),
        ("temporary files", "fail"),
    ]
    assert "PODIUM_WORKER_FOLDER" in found[1].mend


def test_a_disk_without_room_for_files_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_INODES", 2**62)
    stat = os.statvfs(tmp_path)
    found = machine.check_disk("disk", tmp_path, "the data folder", "Make room.")
    assert found.state == ("fail" if stat.f_files else found.state)


def test_secrets_that_others_can_read_are_a_failure(tmp_path: Path) -> None:
    assert list(machine.check_secrets(tmp_path)) == []
    secret = tmp_path / "secrets" / "django-key"
    secret.parent.mkdir()
    secret.write_text("x")
    secret.chmod(0o600)
    assert [one.state for one in machine.check_secrets(tmp_path)] == ["ok"]
    secret.chmod(0o640)
    (found,) = machine.check_secrets(tmp_path)
    assert found.state == "fail"
    assert f"chmod go= {secret}" in found.mend
    secret.chmod(0o600)
    database = tmp_path / "podium.sqlite3"
    database.write_text("")
    database.chmod(0o644)
    assert [one.state for one in machine.check_secrets(tmp_path)] == ["fail"]


def test_a_data_folder_of_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secrets" / "django-key"
    secret.parent.mkdir()
    secret.write_text("x")
    secret.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    (found,) = machine.check_secrets(tmp_path)
    assert found.state == "warn"
    assert "12345" in found.detail


def test_few_open_files_are_a_warning() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        found = machine.check_open_files()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found.state == "warn"
    assert "LimitNOFILE" in found.mend


def test_a_clock_that_differs_from_the_server_s_is_told() -> None:
    class Yesterday(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Yesterday) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        found = machine.check_clock(f"http://127.0.0.1:{server.server_address[1]}")
    assert found.state == "warn"
    assert "NTP" in found.mend


def test_a_kernel_that_forbids_user_namespaces_is_told_with_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = tmp_path / "apparmor_restrict_unprivileged_userns"
    switch.write_text("1\n")
    monkeypatch.setattr(sandbox_doctor, "_APPARMOR_SWITCH", switch)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = sandbox_doctor.namespaces(works=False)
    assert not found.ok
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in found.mend
    assert sandbox_doctor.namespaces(works=True).ok, "bubblewrap has a profile of its own"


# Services


@pytest.fixture
def database() -> Iterator[str]:
    name = f"podium_doctor_{os.getpid()}_{os.urandom(4).hex()}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(f"create database {name}")
        yield f"{POSTGRES}/{name}"
        server.execute(f"drop database {name} with (force)")


@pytest.mark.service
def test_services_that_answer_are_well_and_an_empty_database_is_to_be_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")
    found = examined(tmp_path)
    for name in ("database", "broker", "broker management", "redis"):
        assert found[name].state == "ok", found[name]
    assert found["migrations"].state == "fail"
    assert "podium manage migrate" in found["migrations"].mend


@pytest.mark.service
@pytest.mark.parametrize(
    ("says", "state"),
    [("pg_dump (PostgreSQL) 99.1 (Debian 99.1-1)", "ok"), ("pg_dump (PostgreSQL) 9.6.24", "warn"), ("?", "warn")],
)
def test_programs_that_cannot_copy_this_server_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str, says: str, state: str
) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    found = examined(tmp_path)["backup"]
    assert found.state == state
    assert found.state == "ok" or "version" in found.mend


@pytest.mark.service
def test_services_that_refuse_us_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{POSTGRES}/there_is_no_such_database")
    monkeypatch.setenv("BROKER_URL", f"amqp://guest:{SECRET}@127.0.0.1:5672")
    found = examined(tmp_path)
    assert found["database"].state == "fail"
    assert "there_is_no_such_database" in found["database"].detail
    assert "migrations" not in found
    assert found["broker"].state == "fail"
    assert SECRET not in str(found)


def test_a_file_that_is_no_database_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "podium.sqlite3").write_bytes(b"this is no database at all" * 100)
    found = examined(tmp_path)
    assert found["database"].state == "fail"
    assert "backup" in found["database"].mend
    assert "migrations" not in found
    assert [path.name for path in tmp_path.iterdir()] == ["podium.sqlite3"]


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that knows one password."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.mails: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Smtp(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 mail.example.org")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self._say("250-mail.example.org\r\n250 AUTH PLAIN")
            elif verb == "AUTH":
                good = "AHVzZXIAcmlnaHQtcGFzc3dvcmQ=" in line  # \0user\0right-password
                self._say("235 welcome" if good else "535 no")
            elif verb == "DATA":
                self._say("354 go on")
                self.server.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self._say("250 taken")
            else:
                self._say("221 bye" if verb == "QUIT" else "250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as running:
        yield running
        running.shutdown()


def test_a_mail_server_is_tried_and_one_mail_is_sent_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    monkeypatch.setenv("PODIUM_EMAIL_URL", f"smtp://user:right-password@127.0.0.1:{mailbox.port}")
    assert examined(tmp_path)["mail"].state == "ok"
    assert mailbox.mails == []
    assert examined(tmp_path, send_to="ada@example.org")["mail"].state == "ok"
    (mail,) = mailbox.mails
    assert "To: ada@example.org" in mail
    assert "Mail works." in mail


def test_a_mail_server_that_refuses_the_password_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    monkeypatch.setenv("PODIUM_EMAIL_URL", f"smtp://user:{SECRET}@127.0.0.1:{mailbox.port}")
    found = examined(tmp_path)["mail"]
    assert (found.state, "refuses user or password" in found.detail) == ("fail", True)
    assert SECRET not in found.detail


def test_a_test_mail_without_a_mail_server_is_a_failure(tmp_path: Path) -> None:
    assert examined(tmp_path, send_to="ada@example.org")["mail"].state == "fail"
