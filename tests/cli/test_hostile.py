"""The command line against a server that fails in every way it can, over real connections."""

from __future__ import annotations

import json
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from podium.cli import completion
from podium.cli.main import app
from podium.client import rules

CONTENT = bytes(range(256)) * 4000
Answer = Callable[[BaseHTTPRequestHandler], None]


def says(status: int, body: object, **headers: str) -> Answer:
    """An answer in JSON."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        content = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    """No answer: the connection is cut."""
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def breaks_after(size: int) -> Answer:
    """A file whose connection is cut after so many bytes, and that can be taken up there."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("ETag", '"1"')
        request.send_header("Content-Length", str(len(CONTENT) - start))
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        request.end_headers()
        request.wfile.write(CONTENT[start : start + size])
        request.wfile.flush()
        if start + size < len(CONTENT):
            hangs_up(request)

    return answer


class Hostile(ThreadingHTTPServer):
    """Answers each path as a test says, one answer after another; the last one stays."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that goes away: its standard error is what is looked at."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server: Hostile

            def do_GET(self) -> None:
                self.server.answer(self)

            do_POST = do_GET  # noqa: N815 - the library finds it by this name

            def log_message(self, *_: Any) -> None:
                return

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.asked.append((path, request.headers.get("Range"), request.headers.get("Authorization")))
        answers = self.script.get(path, [says(404, {"detail": "Not found."})])
        (answers.pop(0) if len(answers) > 1 else answers[0])(request)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    monkeypatch.setattr(rules, "FIRST_PAUSE", 0.001)
    monkeypatch.setenv("PODIUM_CONFIG_DIR", str(tmp_path / "config"))
    for name in ("PODIUM_SERVER", "PODIUM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with Hostile() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("PODIUM_URL", server.url)
        monkeypatch.setenv("PODIUM_TOKEN", "t-1")
        yield server
        server.shutdown()


def podium(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


ME = "/api/my_profile/"


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ([says(500, {"detail": "Oops"})], 6, "Oops"),
        ([says(503, {}), hangs_up, says(200, {"username": "pat"})], 0, "pat on http://127.0.0.1"),
        ([hangs_up], 6, "broke"),
        ([says(429, {}, Retry_After="0"), says(200, {"username": "pat"})], 0, "pat on http://127.0.0.1"),
        ([says(429, {"detail": "Slow down."}, Retry_After="3600")], 5, "Slow down."),
        ([says(401, {"detail": "Invalid token."})], 5, "does not accept your login any more"),
        ([says(403, {"detail": "Token expired.", "code": "authentication_failed"})], 5, "podium login --server"),
        ([says(200, "<html>")], 1, "answered something unexpected"),
    ],
    ids=["500", "recovers", "resets", "429", "429-for-an-hour", "401", "expired", "no-podium"],
)
def test_what_the_server_does_is_told_by_words_and_exit_code(
    hostile: Hostile, answers: list[Answer], code: int, said: str
) -> None:
    hostile.script[ME] = answers
    done = podium("whoami")
    assert done.exit_code == code, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_server_that_is_down_is_told(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PODIUM_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        done = podium("whoami", "--json")
    assert done.exit_code == 6
    assert "No connection" in json.loads(done.stdout)["error"]["message"]


def test_a_download_that_breaks_goes_on_and_a_full_disk_leaves_nothing(hostile: Hostile, tmp_path: Path) -> None:
    hostile.script["/api/competitions/3/results.zip"] = [breaks_after(300_000)]
    target = tmp_path / "results.zip"
    done = podium("competitions", "results", "3", "-o", str(target))
    assert done.exit_code == 0, done.output
    assert target.read_bytes() == CONTENT
    assert [ranged for _, ranged, _ in hostile.asked if ranged] == [f"bytes={at}-" for at in (300000, 600000, 900000)]
    target.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))  # as a full disk: the system takes no more bytes
    try:
        full = podium("competitions", "results", "3", "-o", str(target))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.exit_code == 1
    assert "cannot be written" in full.output
    assert list(tmp_path.glob("results*")) == []


def test_nothing_is_lost_without_a_yes_and_a_mistyped_command_is_not_a_search(hostile: Hostile) -> None:
    hostile.script["/api/competitions/"] = [says(200, [{"id": 3, "title": "Iris"}])]
    for words in (
        ("submissions", "delete", "1", "2"),
        ("datasets", "delete", "1"),
        ("tasks", "delete", "1"),
        ("phases", "rerun", "7"),
        ("phases", "migrate", "7"),
        ("quota", "clean", "datasets"),
        ("organizations", "delete", "1"),
        ("queues", "delete", "1"),
        ("submissions", "remove", "1"),
    ):
        done = podium(*words)
        assert done.exit_code == 1, words
        assert "--yes" in done.output
    assert hostile.asked == [], "nothing was sent"
    mistyped = podium("competitions", "delet", "3")
    assert (mistyped.exit_code, "Did you mean 'delete'?" in mistyped.output) == (2, True)
    assert hostile.asked == []
    assert "Iris" in podium("competitions", "iris").output
    assert "Iris" in podium("competitions").output


def test_completion_asks_the_server_once_and_is_silent_when_it_fails(hostile: Hostile) -> None:
    hostile.script["/api/competitions/"] = [says(200, [{"id": 3, "title": "Iris"}, {"id": 41, "title": "Pi"}])]
    assert completion.competitions("4") == [("41", "Pi")]
    hostile.asked.clear()
    hostile.script["/api/submissions/"] = [says(503, {})]
    assert completion.submissions("") == []
    assert len(hostile.asked) == 1


@pytest.mark.parametrize(
    "told", [".bashrc", "thesis.zip", "..", "/etc/motd", "archive-\\[/x].zip", "archive-\x9b2J.zip"]
)
def test_an_archive_never_takes_the_place_of_something_else(
    hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".bashrc", "thesis.zip"):
        (tmp_path / name).write_text("mine")
    archive = {"id": 4, "status": "Finished", "name": told, "url": "/files/a", "size": len(CONTENT)}
    hostile.script["/api/competitions/3/create_archive/"] = [says(200, {"id": 4, "status": "Waiting"})]
    hostile.script["/api/competitions/3/get_files/"] = [says(200, {"archives": [archive]})]
    hostile.script["/files/a"] = [breaks_after(len(CONTENT))]
    done = podium("archive", "3")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "archive-3.zip").read_bytes() == CONTENT
    assert [(tmp_path / name).read_text() for name in (".bashrc", "thesis.zip")] == ["mine", "mine"]


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["table", "json"])
def test_no_name_steers_the_terminal(hostile: Hostile, json_too: list[str]) -> None:
    title = "Iris \x1b[2J\x9b2J\x9d0;owned\x9c\u202egpj\x7f\x00"
    hostile.script["/api/competitions/"] = [says(200, [{"id": 3, "title": title}])]
    done = podium("competitions", *json_too)
    assert done.exit_code == 0, done.output
    assert "Iris" in done.output
    assert not set(done.output) & set("\x1b\x9b\x9d\x9c\u202e\x7f\x00")
    if json_too:
        assert json.loads(done.output)[0]["title"] == title, "scripts read what the server said"
