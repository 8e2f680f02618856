"""The audit of locked packages, against a database of advisories of our own."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Audit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bad() -> set[str]:
    """The packages that the database knows something of."""
    return set()


@pytest.fixture
def advisories(bad: set[str]) -> Iterator[str]:
    """The address of a database that answers as osv.dev does."""

    class Database(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            known = {"vulns": [{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z"}]}
            self._answer({"results": [known if one["package"]["name"] in bad else {} for one in asked]})

        def do_GET(self) -> None:
            self._answer({"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "summary": "bad", "affected": []})

        def _answer(self, facts: object) -> None:
            content = json.dumps(facts).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _audit(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUDIT_URL": url, "UV_HTTP_RETRIES": "0"}
    command = [str(ROOT / "scripts" / "audit.sh"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_known_vulnerability_fails_also_where_the_answer_may_be_missing(advisories: str, bad: set[str]) -> None:
    assert _audit(advisories).returncode == 0
    bad.add("django")
    for words in ((), ("--if-reachable",)):
        audit = _audit(advisories, *words)
        assert audit.returncode == 1
        assert "django" in audit.stdout and "GHSA-1" in audit.stdout and "uv lock" in audit.stderr


def test_a_database_that_does_not_answer_is_said_and_fails_unless_allowed() -> None:
    audit = _audit("http://127.0.0.1:9")
    assert audit.returncode == 2 and "AUDIT NOT DONE" in audit.stderr
    audit = _audit("http://127.0.0.1:9", "--if-reachable")
    assert audit.returncode == 0 and "AUDIT NOT DONE" in audit.stderr
