"""The tests of the site's rules once more, on PostgreSQL: types, locks and constraints differ from SQLite's."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SERVER = "postgresql://root@127.0.0.1:5432"
HASTE = "options=-c%20synchronous_commit%3Doff"
"""No test here stops the server, so none waits for its disk."""


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "modules",
    [
        (
            "test_submitting.py",
            "test_states.py",
            "test_boards.py",
            "test_queues.py",
            "test_queues_api.py",
            "test_fairness.py",
        ),
        (
            "test_api.py",
            "test_intake.py",
            "test_events.py",
            "test_competition_events.py",
            "test_counts.py",
            "test_many.py",
            "test_analytics.py",
            "test_metrics.py",
        ),
        ("test_output.py", "test_updated_tasks.py", "test_hostile_reading.py"),
        ("test_bundles.py", "test_bad_archives.py", "test_bytes_plane.py", "test_restoring.py", "test_forums.py"),
        ("test_audit.py", "test_audit_table.py", "test_viewing.py"),
        ("test_tags.py", "test_board_changes.py", "test_board_histories.py", "test_board_reads.py", "test_exports.py"),
    ],
    ids=["rules", "addresses", "output", "files", "history", "boards"],
)
def test_the_same_tests_pass_on_postgresql(modules: tuple[str, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PODIUM_DATA"))}
    environment["DATABASE_URL"] = f"{SERVER}/podium_{uuid.uuid4().hex[:12]}?{HASTE}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[str(HERE / name) for name in modules]]
    ended = subprocess.run(
        command, cwd=HERE.parents[1], env=environment, check=False, capture_output=True, text=True, timeout=1400
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert " skipped" not in ended.stdout.splitlines()[-1]
