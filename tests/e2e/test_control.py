"""Logs that are too long, limits that end a program, phases that take over entries: by real processes to the end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from podium.client import Competition

from . import bundles
from .people import Person
from .running import Platform, podium_command
from .test_journeys import code
from .waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

Compete = Callable[..., Competition]
MEGABYTE = 2**20
FLOODS = """import os, pathlib, sys
line = b'x' * 99 + b'\\n'
for _ in range(2000):
    os.write(1, line * 1000)
pathlib.Path(sys.argv[1], 'answer.txt').write_text('0.5')
"""
"""Prints 200 MB, then answers."""
STUCK = "import signal\nprint('before the limit', flush=True)\nsignal.pause()\n"


def test_two_hundred_megabytes_of_output_are_cut_and_sealed_and_cost_the_worker_no_memory(
    compete: Compete, platform: Platform, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    worker = psutil.Process(platform.roles["worker-0"].pid)
    before = worker.memory_info().rss
    folder, _ = code(tmp_path, FLOODS)
    made = pat.submit(competition, folder)
    most = before
    chunks = "SELECT COUNT(*) AS n, COALESCE(SUM(LENGTH(data)), 0) AS bytes FROM evaluation_logchunk"
    rows = bytes_stored = 0

    def ended() -> bool:
        nonlocal most, rows, bytes_stored
        most = max(most, worker.memory_info().rss)
        (found,) = platform.rows(chunks)
        rows, bytes_stored = max(rows, found["n"]), max(bytes_stored, found["bytes"])
        return pat.client.submission(made.id).ended

    eventually(ended, "the end of a submission that prints 200 MB", within=180)
    assert pat.client.submission(made.id).status == "Finished", "printing much is no fault"
    assert most - before < 100 * MEGABYTE, "the worker holds no more than what is kept"
    assert 0 < bytes_stored < 11 * MEGABYTE
    assert rows < 1500
    eventually(lambda: platform.rows(chunks)[0]["n"] == 0, "the log in a file and no row left")
    log = pat.client.logs(made.id)
    (text,) = (text for name, text in log.items() if "ingestion" in name and len(text) > MEGABYTE)
    assert text.startswith("x" * 99 + "\n")
    assert text.endswith("[output truncated at 10 MiB]\n")
    assert len(text) < 10 * MEGABYTE + 1024


def test_a_time_limit_ends_the_sandbox_with_cause_and_what_was_printed(
    compete: Compete, platform: Platform, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN, phase={"execution_time_limit": 1})
    folder, _ = code(tmp_path, STUCK)
    ended = pat.ended(pat.submit(competition, folder).id)
    facts = pat.facts(ended.id)
    assert (ended.status, facts["cause"], facts["failed_step"]) == ("Failed", "time_limit", "prediction")
    assert facts["limit"]
    assert "before the limit" in pat.log(ended.id)
    eventually(lambda: not platform.sandboxes(), "the end of every sandbox")


def test_a_phase_that_begins_takes_over_what_stands_on_the_board_with_all_its_tasks(
    compete: Compete, platform: Platform, olivia: Person, pat: Person, tmp_path: Path
) -> None:
    tasks = [{"index": n, "name": f"Task {n}", "scoring_program": "scoring_program"} for n in range(2)]
    competition = compete(
        tasks=tasks,
        phases=[
            {"tasks": [0, 1], "end": "2090-01-01"},
            {"index": 1, "name": "Next", "start": "2090-01-02", "tasks": [0, 1], "auto_migrate_to_this_phase": True},
        ],
    )
    made = pat.ended(pat.submit(competition, bundles.write(tmp_path / "answer", {"answer.txt": "0.5"})).id)
    assert made.status == "Finished"
    first, following = sorted(competition.phases, key=lambda phase: phase.index)
    _begin(platform, first.id, following.id)

    def taken_over() -> int | None:
        query = (
            "SELECT id FROM evaluation_submission"
            " WHERE phase_id = ? AND created_by_migration_id = ? AND parent_id IS NULL"
        )
        found = platform.rows(query, following.id, first.id)
        return found[0]["id"] if found else None

    copy = pat.ended(eventually(taken_over, "the entry in the phase that has begun"))
    assert (copy.status, len(copy.children)) == ("Finished", 2)
    (row,) = pat.client.leaderboard(following.id).submissions
    assert row.id == copy.id
    assert pat.client.competition(competition.id).phases[1].used_submissions_per_person in {0, None}


def _begin(platform: Platform, first: int, following: int) -> None:
    """Let the first phase be over and the next one begin now, as time would."""
    program = (
        "from django.utils import timezone; from podium.site.competitions.models import Phase;"
        f"Phase.objects.filter(pk={first}).update(end=timezone.now());"
        f"Phase.objects.filter(pk={following}).update(start=timezone.now())"
    )
    command = podium_command("manage", "shell", "-v", "0", "-c", program)
    done = subprocess.run(command, env=platform.environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
