"""The commands that talk to a server, against answers of one; and the profiles and tokens behind them."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError
from typer.testing import CliRunner, Result

from podium.cli import config, output
from podium.cli.live import LinePrinter
from podium.cli.main import app
from podium.cli.session import Globals, Session, open_session
from podium.client import Podium
from tests.factories import write_bundle

HERE = "http://127.0.0.1:8000"
THERE = "https://podium.example.org"

PHASE = {
    "id": 7,
    "name": "Development",
    "status": "Current",
    "tasks": [{"id": 1, "name": "Wine"}, {"id": 2, "name": "Digits"}],
}
QUESTIONS = {
    "method": {
        "key": "method",
        "type": "text",
        "title": "Method",
        "selection": "",
        "is_required": "true",
        "is_on_leaderboard": "true",
    },
    "tuned": {
        "key": "tuned",
        "type": "checkbox",
        "title": "Tuned",
        "selection": [True, False],
        "is_required": "false",
        "is_on_leaderboard": "false",
    },
}
COMPETITION = {
    "id": 3,
    "title": "Iris",
    "phases": [PHASE, {"id": 8, "name": "Final", "status": "Next"}],
    "published": False,
    "leaderboards": [{"id": 1, "columns": [{"key": "accuracy", "title": "Accuracy", "precision": 3}]}],
}


class Server:
    """Scripted answers by `METHOD path`, in turn; the last one stays."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, list[Any]] = {
            "GET /api/can_make_submission/7/": [{"can": True, "reason": None}],
            "GET /api/competitions/3/": [COMPETITION],
            "POST /api/datasets/": [{"key": "k-1", "sassy_url": "/put"}],
            "PUT /put": [{}],
            "PUT /api/datasets/completed/k-1/": [{"key": "k-1"}],
            "POST /api/submissions/": [submission("Submitting")],
            "POST /api/api-token-auth/": [{"token": "t-1"}],
            "GET /api/competitions/": [[{"id": 3, "title": "Iris"}]],
            "GET /api/my_profile/": [{"username": "pat", "email": "pat@example.org"}],
        }

    def body(self, what: str) -> Any:
        (found,) = (r for r in self.requests if f"{r.method} {r.url.path}" == what)
        return json.loads(found.content)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        script = self.answers.get(f"{request.method} {request.url.path}")
        if not script:
            return httpx.Response(404, json={"detail": "Not found."})
        answer = script.pop(0) if len(script) > 1 else script[0]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def submission(status: str, **more: Any) -> dict[str, Any]:
    return {"id": 5, "phase": 7, "status": status, "scores": [], "children": [], **more}


def stream(*messages: tuple[str, dict[str, Any]]) -> httpx.Response:
    content = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in messages)
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=content.encode())


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, and no variables from outside."""
    for name in ("PODIUM_SERVER", "PODIUM_URL", "PODIUM_TOKEN", "PODIUM_PROFILE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PODIUM_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server in this process; clients never sleep."""
    fake = Server()

    def client(session: Session) -> Podium:
        return Podium(session.server, session.token, transport=httpx.MockTransport(fake), pause=lambda _: None)

    monkeypatch.setattr(Session, "client", client)
    return fake


Run = Callable[..., Result]


@pytest.fixture
def podium(server: Server) -> Run:
    """Run a command line."""

    def run(*words: str, input: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=input)

    return run


# Who am I, and where


def test_login_keeps_the_token_in_a_file_that_only_its_owner_may_read(podium: Run, own_configuration: Path) -> None:
    done = podium("login", "-u", "pat", "--password-stdin", input="secret\n")
    assert done.exit_code == 0, done.output
    assert "Logged in to http://127.0.0.1:8000 as pat; the token is in a file that only you may read." in done.output
    tokens = own_configuration / "tokens.json"
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert json.loads(tokens.read_text()) == {"default": "t-1"}
    assert "t-1" not in (own_configuration / "config.json").read_text()
    assert sorted(file.name for file in own_configuration.iterdir()) == ["config.json", "tokens.json"]


def test_a_file_of_tokens_that_was_open_is_closed_at_the_next_login(podium: Run, own_configuration: Path) -> None:
    own_configuration.mkdir()
    (own_configuration / "tokens.json").write_text("{}")
    (own_configuration / "tokens.json").chmod(0o644)
    podium("login", "-u", "pat", "--password-stdin", input="secret\n")
    assert stat.S_IMODE((own_configuration / "tokens.json").stat().st_mode) == 0o600


def test_the_password_is_asked_for_and_never_shown(podium: Run) -> None:
    done = podium("login", input="pat\nsecret\n")
    assert done.exit_code == 0, done.output
    assert "secret" not in done.output


def test_a_password_over_an_open_line_is_warned_of(podium: Run) -> None:
    done = podium("login", "--server", "http://podium.example.org", "-u", "pat", "--password-stdin", input="x\n")
    assert "is not encrypted" in done.stderr


def test_wrong_credentials_end_with_five_and_the_servers_words(podium: Run, server: Server) -> None:
    refusal = httpx.Response(400, json={"non_field_errors": ["Unable to log in with provided credentials."]})
    server.answers["POST /api/api-token-auth/"] = [refusal]
    done = podium("login", "-u", "pat", "--password-stdin", input="x\n")
    assert done.exit_code == 5
    assert "Error: Unable to log in with provided credentials." in done.stderr
    assert f"Check user name, password and server ({HERE})." in done.stderr


def test_the_token_goes_to_the_server_that_gave_it_and_to_no_other(podium: Run, server: Server) -> None:
    podium("login", "-u", "pat", "--password-stdin", input="x\n")
    podium("whoami")
    assert server.requests[-1].headers["Authorization"] == "Token t-1"
    podium("whoami", "--server", THERE)
    assert "Authorization" not in server.requests[-1].headers
    podium("whoami", "--profile", "default", "--server", THERE)
    assert "Authorization" not in server.requests[-1].headers


def test_logout_forgets_the_token(podium: Run, server: Server) -> None:
    podium("login", "-u", "pat", "--password-stdin", input="x\n")
    assert podium("logout").exit_code == 0
    podium("whoami")
    assert "Authorization" not in server.requests[-1].headers


def test_a_second_server_gets_a_profile_of_its_own(podium: Run, server: Server) -> None:
    podium("login", "-u", "pat", "--password-stdin", input="x\n")
    server.answers["POST /api/api-token-auth/"] = [{"token": "t-2"}]
    podium("login", "--server", THERE, "-u", "pat", "--password-stdin", input="x\n")
    assert {name: p.server for name, p in config.load().profiles.items()} == {
        "default": HERE,
        "podium.example.org": THERE,
    }
    podium("whoami")
    assert (server.requests[-1].url.host, server.requests[-1].headers["Authorization"]) == (
        "podium.example.org",
        "Token t-2",
    )
    podium("--server", HERE, "whoami")
    assert server.requests[-1].headers["Authorization"] == "Token t-1"


def test_the_environment_names_server_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SERVER", THERE)
    monkeypatch.setenv("PODIUM_TOKEN", "given")
    session = open_session(Globals())
    assert (session.server, session.token) == (THERE, "given")


def test_an_unknown_profile_is_answered_with_those_that_exist(podium: Run) -> None:
    podium("login", "-u", "pat", "--password-stdin", input="x\n")
    done = podium("whoami", "--profile", "work")
    assert done.exit_code == 2
    assert "There is no profile 'work' (known: default)." in done.stderr


def test_a_broken_configuration_is_named(podium: Run, own_configuration: Path) -> None:
    own_configuration.mkdir()
    (own_configuration / "config.json").write_text("{broken")
    done = podium("whoami")
    assert done.exit_code == 2
    assert "config.json cannot be read" in done.stderr
    assert "Delete it and log in again." in done.stderr


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


def test_a_token_in_the_keyring_is_in_no_file(podium: Run, server: Server, own_configuration: Path) -> None:
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    try:
        podium("login", "-u", "pat", "--password-stdin", "--keyring", input="x\n")
        assert list(ring.kept.values()) == ["t-1"]
        assert not (own_configuration / "tokens.json").exists()
        podium("whoami")
        assert server.requests[-1].headers["Authorization"] == "Token t-1"
        podium("logout")
        assert ring.kept == {}
    finally:
        keyring.set_keyring(before)


# Competitions


def test_competitions_are_listed_for_people_and_for_scripts(podium: Run, server: Server) -> None:
    server.answers["GET /api/competitions/"] = [[{"id": 3, "title": "Iris \x1b[2J\u202e", "created_by": "olivia"}]]
    shown = podium("competitions", "iris", "--mine")
    assert "Iris" in shown.output
    assert "\x1b" not in shown.output
    assert "\u202e" not in shown.output
    assert dict(server.requests[-1].url.params) == {"page_size": "200", "search": "iris", "mine": "true", "type": "any"}
    assert json.loads(podium("competitions", "--json").stdout)[0]["id"] == 3
    server.answers["GET /api/competitions/"] = [[]]
    assert "No competitions." in podium("competitions").output


def test_a_competition_shows_its_phases_and_tasks(podium: Run) -> None:
    done = podium("competition", "3")
    assert done.exit_code == 0, done.output
    for text in ("Iris (competition 3)", "not registered", "Development", "1: Wine", "Next"):
        assert text in done.output


def test_registration_says_whether_somebody_has_to_decide(podium: Run, server: Server) -> None:
    server.answers["POST /api/competitions/3/register/"] = [
        {"participant_status": "pending"},
        {"participant_status": "approved"},
    ]
    assert "is pending; the organizer decides" in podium("register", "3").output
    assert "You take part in competition 3." in podium("register", "3").output


def test_an_upload_shows_the_servers_steps_and_publishes(podium: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "competition.yaml").write_text("title: T")
    server.answers["PUT /api/datasets/completed/k-1/"] = [{"status_id": 12}]
    server.answers["GET /api/competitions/12/creation_status/"] = [
        {"status": "Starting", "steps": [{"name": "Check it", "state": "running"}]},
        {"status": "Finished", "steps": [{"name": "Check it", "state": "done"}], "resulting_competition": 3},
    ]
    server.answers["POST /api/competitions/3/toggle_publish/"] = [{"published": True}]
    done = podium("upload", str(tmp_path / "bundle"), "--publish", "--no-check")
    assert done.exit_code == 0, done.output
    assert "Check it: running" in done.output
    assert "Check it: done" in done.output
    assert "Competition 3 is made and published." in done.output
    assert f"{HERE}/competitions/3/" in done.output


def test_a_bundle_with_faults_is_not_sent(podium: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "competition.yaml").write_text("title: T\n")
    done = podium("upload", str(tmp_path))
    assert done.exit_code == 1
    assert ": error: " in done.output
    assert "Nothing was sent." in done.stderr
    assert server.requests == []


def test_a_refused_bundle_ends_with_one_and_every_fault(podium: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "competition.yaml").write_text("title: T")
    server.answers["PUT /api/datasets/completed/k-1/"] = [{"status_id": 12}]
    fault = {"message": "No phases.", "file": "competition.yaml", "line": 1}
    server.answers["GET /api/competitions/12/creation_status/"] = [{"status": "Failed", "faults": [fault]}]
    done = podium("upload", str(tmp_path), "--no-check")
    assert done.exit_code == 1
    assert "competition.yaml:1: No phases." in done.stderr
    scripted = podium("upload", str(tmp_path), "--no-check", "--json")
    assert json.loads(scripted.stdout)["error"]["faults"] == ["competition.yaml:1: No phases."]


def test_an_upload_that_takes_too_long_ends_with_three(podium: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "competition.yaml").write_text("title: T")
    server.answers["PUT /api/datasets/completed/k-1/"] = [{"status_id": 12}]
    server.answers["GET /api/competitions/12/creation_status/"] = [{"status": "Starting"}]
    assert podium("upload", str(tmp_path), "--no-check", "--timeout", "0").exit_code == 3


def test_an_archive_is_waited_for_downloaded_and_compared(podium: Run, server: Server, tmp_path: Path) -> None:
    listed = {"id": 4, "status": "Running", "done": 5, "total": 10}
    digest = hashlib.sha256(b"all of it").hexdigest()
    finished = {**listed, "status": "Finished", "name": "a.zip", "url": "/files/a", "size": 9, "sha256": digest}
    server.answers["POST /api/competitions/3/create_archive/"] = [{"id": 4, "status": "Waiting"}]
    server.answers["GET /api/competitions/3/get_files/"] = [{"archives": [listed]}, {"archives": [finished]}]
    server.answers["GET /files/a"] = [httpx.Response(200, content=b"all of it")]
    target = tmp_path / "mine.zip"
    done = podium("archive", "3", "-o", str(target))
    assert done.exit_code == 0, done.output
    assert "Running, 50 %" in done.output
    assert (target.read_bytes(), digest in done.output) == (b"all of it", True)
    server.answers["GET /files/a"] = [httpx.Response(200, content=b"half of it")]
    assert podium("archive", "3", "-o", str(target)).exit_code == 1
    assert target.read_bytes() == b"all of it", "what was there before stays"
    server.answers["GET /api/competitions/3/get_files/"] = [
        {"archives": [{**listed, "status": "Failed", "details": "The disk is full."}]}
    ]
    failed = podium("archive", "3", "-o", str(target))
    assert (failed.exit_code, "The disk is full." in failed.stderr) == (1, True)


# Submissions


@pytest.fixture
def answer(tmp_path: Path) -> str:
    (tmp_path / "answer.txt").write_text("42")
    return str(tmp_path / "answer.txt")


def watched(server: Server, end: str, **more: Any) -> None:
    """Let submission 5 run to its end, with a log of two programs."""
    server.answers["GET /api/submissions/5/events/"] = [
        stream(
            ("status", {"status": "Running", "status_details": None}),
            ("log", {"step": "prediction", "stream": "stdout", "offset": 0, "text": "half a "}),
            ("log", {"step": "prediction", "stream": "ingestion_stderr", "offset": 0, "text": "other\n"}),
            ("log", {"step": "prediction", "stream": "stdout", "offset": 7, "text": "line\nrest \x1b[2J"}),
            ("status", {"status": end, "status_details": more.get("status_details")}),
            ("end", {"status": end}),
        )
    ]
    server.answers["GET /api/submissions/5/"] = [submission(end, **more)]


def test_a_submission_goes_to_the_running_phase(podium: Run, server: Server, answer: str) -> None:
    done = podium("submit", "3", answer)
    assert done.exit_code == 0, done.output
    assert server.body("POST /api/submissions/") == {"phase": 7, "data": "k-1"}
    assert "podium logs 5 --follow" in done.output


def test_waiting_shows_status_and_whole_lines_of_every_program(podium: Run, server: Server, answer: str) -> None:
    watched(server, "Finished", scores=[{"column_key": "accuracy", "score": "0.9000000000"}])
    done = podium("submit", "3", answer, "--wait")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    for line in (
        "Running",
        "prediction ingestion stderr | other",
        "prediction | half a line",
        "prediction | rest ",
        "Finished",
    ):
        assert line in lines
    assert ["Accuracy", "0.900"] in [line.split() for line in lines]  # as the leaderboard's column has it
    assert "\x1b" not in done.output


@pytest.mark.parametrize(("end", "code"), [("Finished", 0), ("Failed", 1), ("Cancelled", 4)])
def test_the_exit_code_says_how_it_ended(podium: Run, server: Server, answer: str, end: str, code: int) -> None:
    watched(server, end)
    assert podium("submit", "3", answer, "--wait").exit_code == code
    watched(server, end)
    scripted = podium("submit", "3", answer, "--wait", "--json")
    assert (scripted.exit_code, json.loads(scripted.stdout)["status"]) == (code, end)
    watched(server, end)
    assert podium("logs", "5", "--follow").exit_code == code


def test_a_failure_says_why_and_what_to_do(podium: Run, server: Server, answer: str) -> None:
    watched(server, "Failed", cause="time_limit", status_details="The program ran longer than 600 s.")
    done = podium("submit", "3", answer, "--wait")
    assert done.output.count("The program ran longer than 600 s.") == 1
    assert "time_limit: The program ran longer than 600 s." in done.output
    assert "Make the program quicker" in done.output


@pytest.mark.parametrize(("counted", "told"), [(True, "This try counts."), (False, "This try does not count.")])
def test_a_failure_says_whose_fault_it_is_and_whether_the_try_counts(
    podium: Run, server: Server, answer: str, counted: bool, told: str
) -> None:
    more = {"cause": "memory_limit", "fault": "organizer", "limit": "2.0 GB", "measured": "2.1 GB"}
    watched(server, "Failed", **more, status_details="It used too much.")
    failed = {"status": "Failed", "status_details": "It used too much.", **more, "counted": counted}
    server.answers["GET /api/submissions/5/events/"] = [stream(("status", failed), ("end", {"status": "Failed"}))]
    done = podium("submit", "3", answer, "--wait")
    assert f"The fault is the organizer's. {told}" in done.output
    assert "Limit: 2.0 GB\nMeasured: 2.1 GB\n" in done.output


def test_a_state_is_printed_before_the_output_that_comes_in_it_and_once(
    podium: Run, server: Server, answer: str
) -> None:
    watched(server, "Finished")
    server.answers["GET /api/submissions/5/events/"] = [
        stream(
            ("status", {"status": "Submitted"}),
            ("log", {"step": "prediction", "stream": "stdout", "offset": 0, "text": "predicts\n"}),
            ("status", {"status": "Preparing"}),
            ("status", {"status": "Running"}),
            ("log", {"step": "scoring", "stream": "stdout", "offset": 0, "text": "scores\n"}),
            ("log", {"step": "prediction", "stream": "stdout", "offset": 9, "text": "late\n"}),
            ("status", {"status": "Scoring"}),
            ("status", {"status": "Finished"}),
            ("end", {"status": "Finished"}),
        )
    ]
    lines = podium("submit", "3", answer, "--wait").output.splitlines()
    assert lines[1:8] == [
        "Submitted",
        "Running",
        "prediction | predicts",
        "Scoring",
        "scoring | scores",
        "prediction | late",
        "Finished",
    ]


def test_a_run_that_is_given_to_another_worker_is_shown_from_its_start(
    podium: Run, server: Server, answer: str
) -> None:
    watched(server, "Finished")
    log = {"step": "prediction", "stream": "stdout", "offset": 0, "text": "predicts\n"}
    server.answers["GET /api/submissions/5/events/"] = [
        stream(
            ("status", {"status": "Running"}),
            ("status", {"status": "Submitted"}),
            ("log", {**log, "attempt": 2}),
            ("status", {"status": "Running"}),
            ("status", {"status": "Finished"}),
            ("end", {"status": "Finished"}),
        )
    ]
    lines = podium("submit", "3", answer, "--wait").output.splitlines()
    assert lines[1:6] == ["Running", "Submitted", "Running", "prediction | predicts", "Finished"]


def test_scores_of_a_failed_submission_say_why_there_are_none(podium: Run, server: Server) -> None:
    server.answers["GET /api/submissions/5/"] = [
        submission("Failed", cause="exit_code", status_details="It ended with 1.", fault="participant")
    ]
    done = podium("scores", "5")
    assert done.exit_code == 1
    assert "exit_code: It ended with 1." in done.output
    assert "The fault is the submission's." in done.output
    assert podium("scores", "5", "--json").exit_code == 1


def test_scores_have_every_digit_that_the_server_gives(podium: Run, server: Server) -> None:
    scored = [{"column_key": "accuracy", "score": "1.25e-12"}]
    server.answers["GET /api/submissions/5/"] = [submission("Finished", scores=scored)]
    done = podium("scores", "5")
    assert (done.exit_code, "1.25e-12" in done.output) == (0, True)


def test_a_submission_that_is_not_there_is_named(podium: Run) -> None:
    done = podium("scores", "999")
    assert done.exit_code == 5
    assert "Error: There is no submission 999, or you may not see it." in done.stderr


def test_a_file_called_zip_that_is_none_is_refused_before_anything_is_sent(
    podium: Run, server: Server, tmp_path: Path
) -> None:
    for name, content, why in (("no.zip", b"text" * 99, "no zip table of contents"), ("none.zip", b"", "it is empty")):
        (tmp_path / name).write_bytes(content)
        done = podium("submit", "3", str(tmp_path / name))
        assert done.exit_code == 1
        assert f"{name} cannot be sent. This is not a zip file: " in done.stderr
        assert why in done.stderr
    with zipfile.ZipFile(tmp_path / "hollow.zip", "w"):
        pass
    assert "is a zip without any file in it." in podium("submit", "3", str(tmp_path / "hollow.zip")).stderr
    assert not [request for request in server.requests if request.method == "POST"]


def test_who_does_not_take_part_yet_is_told_how_to(podium: Run, server: Server, answer: str) -> None:
    reason = "User not approved to participate in this competition"
    server.answers["GET /api/can_make_submission/7/"] = [{"can": False, "reason": reason}]
    assert "podium register 3" in podium("submit", "3", answer).stderr
    for status, told in (("pending", "have yet to approve it"), ("denied", "turned your wish to take part down")):
        server.answers["GET /api/competitions/3/"] = [{**COMPETITION, "participant_status": status}]
        stderr = podium("submit", "3", answer).stderr
        assert told in stderr
        assert "podium register" not in stderr


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_login_the_way_to_log_in_is_named(podium: Run, server: Server, status: int) -> None:
    refusal = httpx.Response(status, json={"detail": "Authentication credentials were not provided."})
    server.answers["GET /api/my_profile/"] = [refusal]
    done = podium("whoami", "--server", THERE)
    assert done.exit_code == 5
    assert done.stderr == f"Error: You are not logged in.\nUse: podium login --server {THERE}\n"


def test_a_submission_that_takes_too_long_ends_with_three(podium: Run, server: Server, answer: str) -> None:
    server.answers["GET /api/submissions/5/"] = [submission("Running")]
    done = podium("submit", "3", answer, "--wait", "--timeout", "0")
    assert done.exit_code == 3
    assert "It goes on" in done.stderr


def test_a_full_quota_is_told_before_anything_is_sent(podium: Run, server: Server, answer: str) -> None:
    reason = "Reached maximum allowed submissions for today for this phase"
    server.answers["GET /api/can_make_submission/7/"] = [{"can": False, "reason": reason}]
    done = podium("submit", "3", answer)
    assert done.exit_code == 5
    assert f"You cannot submit to phase 7: {reason}." in done.stderr
    assert not [request for request in server.requests if request.method == "POST"]


def test_tasks_are_named_or_numbered(podium: Run, server: Server, answer: str) -> None:
    podium("submit", "3", answer, "--task", "Digits", "--task", "1")
    assert server.body("POST /api/submissions/")["tasks"] == [2, 1]
    done = podium("submit", "3", answer, "--task", "Beer")
    assert done.exit_code == 2
    assert "No task is called 'Beer'. The tasks: Wine, Digits." in done.stderr


def test_a_fact_sheet_is_answered_by_key_and_completed(podium: Run, server: Server, answer: str) -> None:
    server.answers["GET /api/competitions/3/"] = [{**COMPETITION, "fact_sheet": QUESTIONS}]
    podium("submit", "3", answer, "--fact", "method=forest")
    assert server.body("POST /api/submissions/")["fact_sheet_answers"] == {"method": "forest", "tuned": False}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([], "The fact sheet needs an answer to 'method'."),
        (["--fact", "method="], "The fact sheet needs an answer to 'method'."),
        (["--fact", "method=x", "--fact", "tuned=perhaps"], "The fact sheet needs an answer to 'tuned'."),
        (["--fact", "method=x", "--fact", "colour=red"], "The fact sheet has no question 'colour'."),
        (["--fact", "method"], "must look like KEY=VALUE"),
    ],
)
def test_a_fact_sheet_that_is_not_answered_lists_its_questions(
    podium: Run, server: Server, answer: str, facts: list[str], message: str
) -> None:
    server.answers["GET /api/competitions/3/"] = [{**COMPETITION, "fact_sheet": QUESTIONS}]
    done = podium("submit", "3", answer, *facts)
    assert done.exit_code == 2
    assert message in done.stderr
    if "KEY=VALUE" not in message:
        assert "--fact tuned=true | false   Tuned" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["submit", "here.zip"], "Say where to submit"),
        (["submit", "3", "nowhere.zip"], "There is no file or folder nowhere.zip"),
        (["submit", "3", "x", "--phase", "7"], "give the file alone"),
        (["leaderboard"], "Give the phase's number, or --competition"),
    ],
)
def test_a_command_that_lacks_something_says_what(podium: Run, words: list[str], message: str) -> None:
    done = podium(*words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_without_one_running_phase_the_phases_are_listed(podium: Run, server: Server, answer: str) -> None:
    server.answers["GET /api/competitions/3/"] = [{**COMPETITION, "phases": [PHASE, {**PHASE, "id": 8}]}]
    done = podium("submit", "3", answer)
    assert done.exit_code == 2
    assert "More than one phase runs in competition 3" in done.stderr
    assert "7 (Development, Current), 8 (Development, Current)" in done.stderr


def test_a_competition_that_was_changed_meanwhile_is_not_overwritten(podium: Run, server: Server) -> None:
    server.answers["GET /api/competitions/3/"] = [httpx.Response(200, json=COMPETITION, headers={"ETag": '"a.b"'})]
    told = {"detail": "It has been changed since you read it.", "code": "precondition_failed", "hint": "GET it again."}
    server.answers["PATCH /api/competitions/3/"] = [httpx.Response(412, json=told)]
    tag = json.loads(podium("competition", "3", "--json").stdout)["etag"]
    done = podium("competitions", "update", "3", "--title", "Mine", "--if-match", tag)
    assert done.exit_code == 5
    assert "GET it again." in done.stderr
    assert server.requests[-1].headers["If-Match"] == '"a.b"'


def test_a_competition_is_watched_for_people_and_for_scripts(podium: Run, server: Server) -> None:
    told = stream(
        ("competition", {"title": "Iris", "published": True}),
        ("phase", {"phase": 7, "name": "Development", "status": "Current"}),
        ("submission", {"submission": 5, "phase": 7, "owner": "pat \x1b[2J", "status": "Finished"}),
        ("leaderboard", {"phase": 7}),
        ("leaderboard", {"phase": 8}),
        ("end", {"reason": "not_visible"}),
    )
    server.answers["GET /api/competitions/3/events/"] = [told]
    done = podium("competitions", "watch", "3")
    assert done.exit_code == 5
    assert done.stdout.splitlines() == [
        "Iris is published.",
        "Phase Development: open",
        "Submission 5 of pat  to Development: Finished",
        "The leaderboard of Development has changed.",
        "The leaderboard of phase 8 has changed.",
    ]
    assert "may not see this competition any more" in done.stderr
    lines = podium("competitions", "watch", "3", "--json").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == [
        "competition",
        "phase",
        "submission",
        "leaderboard",
        "leaderboard",
        "end",
    ]
    server.answers["GET /api/competitions/3/events/"] = [stream()]
    assert podium("competitions", "watch", "3", "--for", "0").exit_code == 0
    server.answers["GET /api/competitions/3/events/"] = [httpx.Response(404, json={"detail": "Not found."})]
    assert podium("competitions", "watch", "3").exit_code == 5


def test_logs_and_scores_include_those_of_the_children(podium: Run, server: Server) -> None:
    server.answers["GET /api/submissions/5/"] = [submission("Finished", children=[6])]
    scored = {"column_key": "accuracy", "score": "0.5"}
    child = {**submission("Finished"), "id": 6, "scores": [scored], "task": {"id": 1, "name": "Wine"}}
    server.answers["GET /api/submissions/6/"] = [child]
    server.answers["GET /api/submissions/5/get_details/"] = [{"logs": []}]
    server.answers["GET /api/submissions/6/get_details/"] = [
        {"logs": [{"name": "scoring_stdout", "data_file": "/log"}]}
    ]
    server.answers["GET /log"] = [httpx.Response(200, content=b"hello")]
    assert "--- [6] scoring stdout ---\nhello\n" in podium("logs", "5").output
    assert json.loads(podium("logs", "5", "--json").stdout) == {"5": {}, "6": {"scoring_stdout": "hello"}}
    server.answers["GET /api/submissions/5/"] = [
        submission("Finished", children=[6], scores=[scored, {"column_key": "mean", "score": "0.7"}])
    ]
    rows = [line.split() for line in podium("scores", "5").output.splitlines()]
    assert ["Wine", "accuracy", "0.5"] in rows
    assert ["-", "mean", "0.7"] in rows
    assert sum("0.5" in row for row in rows) == 1


def test_submissions_are_listed_with_scores_or_cause(podium: Run, server: Server) -> None:
    given = [{"column_key": "accuracy", "score": "0.5"}, {"column_key": "other", "score": "0.25"}]
    done = submission("Finished", scores=given, created_when="2026-01-02T03:04:05.6Z")
    server.answers["GET /api/submissions/"] = [[done, {**submission("Failed", message="Too slow."), "id": 4}]]
    shown = podium("submissions", "--competition", "3")
    for text in ("2026-01-02 03:04", "Iris", "Accuracy 0.500, other 0.25", "Too slow.", "Failed"):
        assert text in shown.output
    head, failed = (next(line for line in shown.output.splitlines() if word in line) for word in ("Scores", "Failed"))
    assert failed.index("Too slow.") == head.index("Reason")
    assert dict(server.requests[0].url.params) == {"page_size": "200", "phase__competition": "3"}
    assert "Iris" in podium("submissions").output
    server.answers["GET /api/competitions/3/"] = [httpx.Response(404, json={"detail": "Not found."})]
    assert "accuracy 0.5" in podium("submissions").output


def test_a_leaderboard_of_several_tasks_has_a_column_for_each(podium: Run, server: Server) -> None:
    column = {"key": "acc", "title": "Accuracy"}
    server.answers["GET /api/phases/7/get_leaderboard/"] = 2 * [
        {
            "id": 7,
            "title": "Results",
            "tasks": [
                {"id": 1, "name": "Wine", "columns": [column]},
                {"id": 2, "name": "Digits", "columns": [column]},
                {"id": -2, "name": "", "columns": [{"key": "mean", "title": "Mean"}]},
            ],
            "submissions": [
                {
                    "id": 5,
                    "owner": "@pat",
                    "rank": 1,
                    "scores": [
                        {"column_key": "acc", "task_id": 1, "score": "0.91"},
                        {"column_key": "mean", "task_id": None, "score": "0.5"},
                    ],
                }
            ],
        }
    ]
    shown = podium("leaderboard", "--competition", "3")
    assert shown.exit_code == 0, shown.output
    row = next(line for line in shown.output.splitlines() if "@pat" in line)
    assert row.split() == ["1", "@pat", "5", "0.91", "n/a", "0.50"]
    lines = podium("leaderboard", "--competition", "3", "--csv").output.splitlines()
    assert lines == ["#,Participant,ID,Wine Accuracy,Digits Accuracy,Mean", "1,'@pat,5,0.91,n/a,0.50"]


def test_titles_of_a_leaderboard_are_neither_markup_nor_formulas(podium: Run, server: Server) -> None:
    titles = ("[/bold]", "[red]", "=1+1")
    columns = [{"key": title, "title": title} for title in titles]
    board = {"id": 7, "title": "[/bold]", "tasks": [{"id": 1, "name": "T", "columns": columns}], "submissions": []}
    server.answers["GET /api/phases/6/get_leaderboard/"] = [board]
    shown = podium("leaderboard", "6")
    assert shown.exit_code == 0, shown.output
    assert all(title in shown.output for title in titles)
    assert podium("leaderboard", "6", "--csv").output == "#,Participant,ID,[/bold],[red],'=1+1\n"


def test_downloads_go_into_a_folder_and_nowhere_else(podium: Run, server: Server, tmp_path: Path) -> None:
    details = {"data_file": "/a", "prediction_result": None, "logs": [{"name": "../../evil", "data_file": "/b"}]}
    server.answers["GET /api/submissions/5/get_details/"] = [details]
    server.answers["GET /a"] = [httpx.Response(200, content=b"zip")]
    server.answers["GET /b"] = [httpx.Response(200, content=b"log")]
    done = podium("download", "5", "--into", str(tmp_path / "into"), "--json")
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in (tmp_path / "into").iterdir()) == ["______evil.txt", "submission.zip"]
    assert sorted(json.loads(done.stdout).values()) == [3, 3]


def test_a_download_of_what_is_not_there_makes_no_folder(podium: Run, tmp_path: Path) -> None:
    done = podium("download", "99", "--into", str(tmp_path / "into"))
    assert done.exit_code == 5
    assert not (tmp_path / "into").exists()


def test_scripts_get_errors_as_json(podium: Run) -> None:
    done = podium("competition", "99", "--json")
    assert done.exit_code == 5
    assert json.loads(done.stdout)["error"]["status"] == 404


# The terminal


def test_text_of_strangers_is_made_harmless() -> None:
    assert (
        output.safe("a\x1b[31mred\x1b[0m\x07\x9b\r\nb\rc\td")
        == "ared\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\nb\nc\td"
    )
    assert output.safe("\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\") == "link"


def test_lines_of_several_programs_are_not_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    printer = LinePrinter()
    printer.feed("a", "one ")
    printer.feed("b", "other\nunfinished")
    printer.feed("a", "line\n")
    printer.finish()
    assert capsys.readouterr().out == "b | other\na | one line\nb | unfinished\n"


def test_a_check_with_a_server_holds_the_limits_against_what_it_gives(
    podium: Run, server: Server, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "bundle", phase={"memory_limit": "16 GB", "network": True})
    assert podium("check", str(folder)).exit_code == 0
    server.answers["GET /api/limits/"] = [{"memory_limit": 4e9, "network": 0.0}]

    done = podium("check", str(folder), "--server", THERE)

    assert done.exit_code == 1
    assert "warning: memory_limit is 16.0 GB, and this site gives at most 4.0 GB." in done.output
    assert "error: This site gives programs no network." in done.output


def test_a_check_with_a_server_that_does_not_answer_says_so(podium: Run, tmp_path: Path) -> None:
    done = podium("check", str(write_bundle(tmp_path / "bundle")), "--server", THERE)
    assert done.exit_code == 1
    assert "Not found" in done.output


# Queues


def test_queues_are_made_listed_and_deleted_after_asking(podium: Run, server: Server) -> None:
    lab = {"id": 4, "name": "lab", "vhost": "v", "is_owner": True, "is_served": False}
    server.answers |= {
        "POST /api/queues/": [lab],
        "GET /api/queues/": [{"count": 1, "next": None, "results": [lab]}],
        "DELETE /api/queues/4/": [httpx.Response(204)],
    }
    made = podium("queues", "create", "lab", "--public")
    assert made.exit_code == 0, made.output
    assert server.body("POST /api/queues/") == {"name": "lab", "is_public": True}
    assert "no worker" in podium("queues", "list").output
    assert podium("queues", "delete", "4", input="n\n").exit_code == 1
    assert not [request for request in server.requests if request.method == "DELETE"]
    assert podium("queues", "delete", "4", "--yes").exit_code == 0


def test_the_secret_of_a_token_is_printed_alone_so_that_it_can_be_piped(podium: Run, server: Server) -> None:
    server.answers |= {
        "GET /api/queues/4/tokens/": [[{"id": 9, "name": "gpu", "ending": "wxyz"}]],
        "POST /api/queues/4/tokens/": [{"id": 9, "name": "gpu", "token": "podium_q_secret"}],
        "POST /api/queues/4/tokens/9/rotate/": [{"id": 10, "name": "gpu", "token": "podium_q_other"}],
        "DELETE /api/queues/4/tokens/10/": [httpx.Response(204)],
    }
    assert podium("queues", "token", "4", "--new", "gpu").stdout == "podium_q_secret\n"
    assert podium("queues", "token", "4", "--rotate", "9").stdout == "podium_q_other\n"
    listed = podium("queues", "token", "4").stdout
    assert "wxyz" in listed
    assert "secret" not in listed
    assert podium("queues", "token", "4", "--new", "x", "--rotate", "9").exit_code == 2
    assert podium("queues", "revoke", "4", "10").exit_code == 0


def test_workers_are_shown_and_drained(podium: Run, server: Server) -> None:
    worker = {"id": 2, "name": "machine", "state": "working", "running": [7], "slots": 2, "engine": "docker"}
    server.answers |= {
        "GET /api/queues/4/workers/": [{"count": 1, "next": None, "results": [worker]}],
        "POST /api/queues/4/workers/2/drain/": [worker],
    }
    shown = podium("queues", "workers", "4", "--drain", "2")
    assert shown.exit_code == 0, shown.output
    assert "#7" in shown.output
    assert [r.url.path for r in server.requests if r.method == "POST"] == ["/api/queues/4/workers/2/drain/"]


def test_a_queue_that_is_not_there_is_named(podium: Run) -> None:
    refused = podium("queues", "token", "77")
    assert refused.exit_code == 5
    assert "queue 77" in refused.output


def test_the_history_of_a_competition_is_listed_with_before_and_after(podium: Run, server: Server) -> None:
    entry = {
        **{"id": 9, "when": "2026-11-26T12:57:00Z", "action": "competition.edited", "what": "Competition changed"},
        **{"who": "olivia", "via": "token", "token_name": "nightly \x1b[31mscript", "object_name": "Iris"},
        **{"before": {"title": "Iri", "published": False}, "after": {"title": "Iris", "published": True}},
    }
    server.answers["GET /api/competitions/3/audit/"] = [{"count": 900, "next": None, "results": [entry] * 3}]
    done = podium("competitions", "history", "3", "--user", "olivia", "--since", "2026-11-01", "--most", "2")
    assert done.exit_code == 0, done.output
    for words in (
        "2026-11-26 12:57",
        "by the token nightly script",
        "Competition changed",
        "title: Iri",
        "published: true",
    ):
        assert words in done.output
    assert done.output.count("Competition changed") == 2
    asked = server.requests[-1].url.params
    assert (asked["user"], asked["since"]) == ("olivia", "2026-11-01T00:00:00+00:00")
    server.answers["GET /api/audit/"] = [{"count": 1, "next": None, "results": [entry]}]
    told = json.loads(podium("--json", "competitions", "history").output)
    assert told[0]["after"] == {"title": "Iris", "published": True}
