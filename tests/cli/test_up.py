"""`podium up`: one supervisor, tested with stand-ins for the roles."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from podium.cli import places, supervisor, up

from .conftest import PATIENCE, Start, alive, python, wait_until

STUBBORN = """
import json, os, pathlib, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
data = pathlib.Path(os.environ["PODIUM_DATA"])
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
child = subprocess.Popen([sys.executable, "-S", "-c", deaf])
(data / "grandchild.json").write_text(json.dumps({"pid": child.pid}))
(data / "worker.json").write_text(json.dumps({"pid": os.getpid()}))
while True:
    signal.pause()
"""


def test_it_says_that_it_is_ready_when_the_page_answers_and_shows_the_password_once(
    start: Start, free_port: int
) -> None:
    started = start(free_port)
    started.wait_for(f"Podium is ready: http://127.0.0.1:{free_port}\n")
    started.wait_for("Stop with Ctrl-C.")
    assert started.printed.count("Log in as ada with the password pa55") == 1
    assert f"127.0.0.1 {free_port} http://127.0.0.1:{free_port}" in started.log("web")
    assert started.end() == 0
    assert "pa55" not in started.log("setup")


def test_an_old_installation_is_not_said_to_have_a_new_password(start: Start) -> None:
    setup = python("""print('{"admin_created": false, "admin_username": "ada"}')""")
    started = start(setup=setup, with_worker=False)
    started.wait_for("Log in as ada with the password that was set at the first start.")
    assert started.end() == 0


def test_a_process_that_dies_is_started_again(start: Start) -> None:
    started = start()
    started.wait_for("Podium is ready")
    (first,) = started.pids("web")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(started.pids("web")) == 2, "a second web process")
    assert "web ended (killed by SIGKILL); it starts again in 0.02 s." in started.printed
    assert started.end() == 0


def test_a_web_server_that_never_starts_ends_it_with_the_reason(start: Start) -> None:
    started = start(web=python("raise SystemExit('ImproperlyConfigured: the key is missing')"))
    assert started.process.wait(PATIENCE) == 1
    assert "The web server does not start: it ended 3 times before it answered" in started.printed
    assert "ImproperlyConfigured: the key is missing" in started.printed
    assert started.log("web").count("ImproperlyConfigured") == 3


FAILING_WEB = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("OperationalError: no such column", flush=True)
        self.send_response(500)
        self.end_headers()
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def test_a_web_server_whose_first_page_fails_ends_it_with_the_reason_and_a_short_log(start: Start) -> None:
    started = start(web=python(FAILING_WEB, "{host}", "{port}"))
    assert started.process.wait(PATIENCE) == 1
    assert "it answers its first page with error 500 again and again" in started.printed
    assert "OperationalError: no such column" in started.printed
    assert started.log("web").count("OperationalError") == 4


def test_a_web_server_that_dies_often_after_it_has_answered_is_started_again(start: Start) -> None:
    started = start()
    started.wait_for("Podium is ready")
    for number in range(1, 5):
        wait_until(lambda: len(started.pids("web")) == number, f"web process {number}")  # noqa: B023 - waited for here
        os.kill(started.pids("web")[-1], signal.SIGKILL)
    wait_until(lambda: len(started.pids("web")) == 5, "a fifth web process")
    assert started.end() == 0


def test_a_process_that_keeps_dying_is_reported_with_the_end_of_its_log(start: Start) -> None:
    started = start(site_worker=python("print('the reason is written here'); raise SystemExit(7)"))
    started.wait_for("site-worker keeps ending right after its start.")
    assert "the reason is written here" in started.printed
    assert "site-worker ended (exit code 7)" in started.printed
    assert started.end() == 0


def test_a_command_that_cannot_be_started_is_reported_and_tried_again(start: Start) -> None:
    started = start(site_worker=["/nowhere/podium"])
    started.wait_for("site-worker keeps ending right after its start.")
    assert "/nowhere/podium cannot be started" in started.printed
    assert started.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_even_those_that_ignore_it(start: Start, number: signal.Signals) -> None:
    started = start(worker=python(STUBBORN))
    started.wait_for("Podium is ready")
    roles = ("web", "site-worker", "worker", "grandchild")
    wait_until(lambda: all(started.pids(role) for role in roles), "every role started")
    pids = [pid for role in roles for pid in started.pids(role)]
    assert all(alive(pid) for pid in pids)
    assert started.end(number) == 0
    wait_until(lambda: not any(alive(pid) for pid in pids), "every process gone")
    assert started.printed.endswith("Podium has stopped.\n")


def test_the_bounds_of_the_end_add_up_to_less_than_five_seconds() -> None:
    assert supervisor.STOP_SECONDS + supervisor.KILL_SECONDS < 5


def test_a_second_signal_does_not_wait_for_those_that_ignore_the_first(start: Start) -> None:
    started = start(worker=python(STUBBORN))
    started.wait_for("Podium is ready")
    wait_until(lambda: started.pids("worker"), "worker started")
    web = started.pids("web")[0]
    started.process.send_signal(signal.SIGINT)
    wait_until(lambda: not alive(web), "the obedient have ended")
    assert alive(started.pids("worker")[0])
    assert started.end() == 0
    wait_until(lambda: not alive(started.pids("worker")[0]), "the stubborn was killed")


def test_a_signal_during_the_set_up_ends_it(start: Start) -> None:
    started = start(setup=python("import signal; print('waits', flush=True); signal.pause()"))
    wait_until(lambda: "setup started" in started.log("setup"), "set-up started")
    assert started.end() == 0
    assert "could not be set up" not in started.printed


def test_kill_9_of_the_supervisor_leaves_no_process_behind(start: Start) -> None:
    started = start()
    started.wait_for("Podium is ready")
    wait_until(lambda: started.pids("worker") and started.pids("site-worker"), "every role started")
    pids = [*started.pids("web"), *started.pids("worker"), *started.pids("site-worker")]
    started.process.kill()
    started.process.wait(PATIENCE)
    wait_until(lambda: not any(alive(pid) for pid in pids), "every process gone")


def test_a_port_in_use_is_told_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        started = start(port)
        assert started.process.wait(PATIENCE) == 1
    assert f"Port {port} on 127.0.0.1 is in use by another program." in started.printed
    assert f"podium up --port {port + 1}" in started.printed
    assert not (started.data / "logs").exists()


def test_two_on_one_data_folder_are_refused_with_the_number_of_the_first(start: Start) -> None:
    first = start()
    first.wait_for("Podium is ready")
    second = start(data=first.data)
    assert second.process.wait(PATIENCE) == 1
    assert f"Podium already runs on {first.data} (process {first.process.pid})." in second.printed
    assert first.process.poll() is None
    assert first.end() == 0
    third = start(data=first.data)
    third.wait_for("Podium is ready")
    assert third.end() == 0


def test_a_data_folder_that_cannot_be_made_is_told(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    started = start(data=tmp_path / "file" / "data")
    assert started.process.wait(PATIENCE) == 1
    assert "cannot be used: Not a directory. Choose another with --data." in started.printed


def test_a_set_up_that_fails_ends_it_with_the_reason(start: Start) -> None:
    started = start(setup=python("import sys; sys.exit('no such table: reasons')"))
    assert started.process.wait(PATIENCE) == 1
    assert "Podium could not be set up." in started.printed
    assert "no such table: reasons" in started.printed
    assert not started.pids("web")


def test_the_worker_gets_its_platform_token_and_environment(start: Start) -> None:
    started = start(environment=python("import sys; print('making', sys.argv[1])"))
    started.wait_for("making ")
    env = started.env("worker")
    assert env["PODIUM_WORKER_TOKEN"] == "queue-token"
    assert env["PODIUM_WORKER_SERVER"] == env["PODIUM_PUBLIC_URL"]
    assert f"making {env['PODIUM_WORKER_DEFAULT_ENVIRONMENT']}" in started.printed
    assert Path(env["PODIUM_WORKER_FOLDER"]).name.startswith("worker")
    assert started.end() == 0


def test_the_sites_secrets_are_not_given_to_the_worker(start: Start) -> None:
    secrets = {"DATABASE_URL": "postgresql://secret", "PODIUM_ADMIN_PASSWORD": "secret", "PODIUM_SECRET_KEY": "secret"}
    started = start(env=secrets)
    assert not set(secrets) & set(started.env("worker"))
    assert set(secrets) <= set(started.env("site-worker"))
    assert started.end() == 0


def test_ready_does_not_wait_for_the_environment_but_the_worker_does(start: Start, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    started = start(environment=python(f"print('Making it', flush=True); open({str(gate)!r}).read()"))
    started.wait_for("Making it")
    started.wait_for("Podium is ready")
    wait_until(lambda: started.pids("site-worker"), "site-worker started")
    assert not started.pids("worker")
    gate.write_text("open")
    wait_until(lambda: started.pids("worker"), "worker started")
    assert started.end() == 0


def test_without_an_environment_the_worker_starts_all_the_same_and_it_is_told(start: Start) -> None:
    started = start(environment=python("import sys; sys.exit('no index can be reached')"))
    env = started.env("worker")
    assert "PODIUM_WORKER_DEFAULT_ENVIRONMENT" not in env
    assert "The scientific environment could not be made" in started.printed
    assert "no index can be reached" in started.printed
    assert started.end() == 0


def test_a_container_engine_needs_no_environment(start: Start) -> None:
    started = start(environment=python("print('never')"), env={"PODIUM_WORKER_ENGINE": "docker"})
    env = started.env("worker")
    assert "PODIUM_WORKER_DEFAULT_ENVIRONMENT" not in env
    assert "never" not in started.printed
    assert started.end() == 0


def test_no_worker_starts_no_worker(start: Start) -> None:
    started = start(with_worker=False)
    started.wait_for("Podium is ready")
    wait_until(lambda: started.pids("site-worker"), "site-worker started")
    assert started.end() == 0
    assert not started.pids("worker")


def test_the_token_and_password_are_in_no_log(start: Start) -> None:
    started = start()
    started.env("worker")
    started.wait_for("Podium is ready")
    assert started.end() == 0
    logs = "".join(file.read_text() for file in (started.data / "logs").iterdir())
    assert "queue-token" not in logs
    assert "pa55" not in logs


def test_the_supervisor_is_small(start: Start) -> None:
    started = start()
    started.wait_for("Podium is ready")
    rollup = Path(f"/proc/{started.process.pid}/smaps_rollup").read_text()
    (pss,) = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss < 25 * 1024
    assert started.end() == 0


def test_the_supervisor_imports_neither_django_nor_the_command_lines_libraries() -> None:
    heavy = {"django", "typer", "rich", "httpx", "pydantic"}
    code = f"import sys, podium.cli.up; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_podium_up_becomes_the_supervisor(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = ["up", "--port", str(port), "--data", str(tmp_path / "data")]
        done = subprocess.run([sys.executable, "-m", "podium.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in done.stderr


def test_logs_are_rotated_at_the_start_and_three_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        log = supervisor.LogFile(tmp_path / "web.log")
        log.write(f"start {number}".encode())
        log.close()
    found = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert found == {"web.log": "start 5", "web.log.1": "start 4", "web.log.2": "start 3", "web.log.3": "start 2"}


def test_a_log_that_grows_is_rotated_while_the_process_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 100)
    log = supervisor.LogFile(tmp_path / "web.log")
    for _ in range(5):
        log.write(b"x" * 60)
    assert log.tail() == "x" * 60
    log.close()
    assert sorted(file.stat().st_size for file in tmp_path.iterdir()) == [60, 60, 60, 60]


def test_a_host_that_is_no_address_of_this_machine_is_told() -> None:
    with pytest.raises(up.UpError, match=r"Choose another with --port|Try --host"):
        up.free_port("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("host", "near"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1")],  # noqa: S104 - only looked at
)
def test_the_address_for_this_machine_is_one_that_can_be_connected_to(host: str, near: str) -> None:
    assert up.near_host(host) == near
    assert up.bracketed("::1") == "[::1]"


def test_folders_for_programs_leave_a_data_folder_that_their_user_cannot_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    closed = tmp_path / "closed"
    data = closed / "data"
    data.mkdir(parents=True)
    closed.chmod(stat.S_IRWXU)
    assert places.open_folder(data, "environment") == Path("/var/lib/podium/environments/default")
    assert places.open_folder(data, "worker").is_relative_to("/var/lib/podium")
    assert places.open_folder(data, "worker") != places.open_folder(closed, "worker")


def test_an_ordinary_users_folders_stay_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert places.open_folder(tmp_path, "worker") == tmp_path / "worker"
