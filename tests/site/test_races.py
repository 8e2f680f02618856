"""Races, with real processes on both databases: nothing is run twice, no try is shared, nothing waits for ever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

PROGRAM = Path(__file__).with_name("race_program.py")
POSTGRES = "postgresql://root@127.0.0.1:5432"
PATIENCE = 100
pytestmark = [pytest.mark.xdist_group("races"), pytest.mark.slow, pytest.mark.timeout(300)]


class Installation:
    """A data folder and a database, made by the site's own set-up."""

    def __init__(self, data: Path, database_url: str) -> None:
        self.environment = {**os.environ, "PODIUM_DATA": str(data), "DATABASE_URL": database_url}
        set_up = "from podium.site.start import manage; manage(['setup_instance'])"
        subprocess.run([sys.executable, "-c", set_up], env=self.environment, check=True, capture_output=True)

    def start(self, *command: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, PROGRAM, *map(str, command)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *command: object) -> Any:
        """Run one command alone."""
        with self.start(*command) as process:
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        return json.loads(out.splitlines()[-1])

    def race(self, *commands: tuple[object, ...]) -> list[Any]:
        """Start a process per command, let all go at once, and return their answers."""
        with ExitStack() as stack:
            racers = [stack.enter_context(self.start(*command)) for command in commands]
            for racer in racers:
                assert racer.stdout is not None
                assert racer.stdout.readline() == "ready\n"
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write("go\n")
                racer.stdin.flush()
            answers = [racer.communicate(timeout=PATIENCE)[0] for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * len(racers)
        return [json.loads(answer.splitlines()[-1]) for answer in answers]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def site(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A fresh installation on each of the two databases."""
    data = Path(tempfile.mkdtemp(prefix="podium-race-"))
    name = f"podium_race_{uuid.uuid4().hex}"
    try:
        if request.param == "sqlite":
            yield Installation(data, "")
            return
        with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
            server.execute(f"create database {name}")
            try:
                yield Installation(data, f"{POSTGRES}/{name}")
            finally:
                server.execute(f"drop database {name} with (force)")
    finally:
        shutil.rmtree(data)


def test_workers_that_claim_at_once_run_each_run_once(site: Installation) -> None:
    facts = site.ask("prepare", 12)
    first, second = site.race(("race_claim", "one"), ("race_claim", "two"))
    assert not set(first) & set(second)
    assert len(first) + len(second) == 12
    state = site.ask("state", facts["competition"])
    assert state["statuses"] == ["Finished"] * 12
    assert (state["attempts"], state["active"], state["scores"]) == (12, 0, 12)
    assert state["entries"] == 1, "Force_Last leaves one entry of a person, however many verdicts come at once"


def test_submissions_at_once_cannot_share_the_last_try(site: Installation) -> None:
    facts = site.ask("prepare", 0, 1)
    racers = [("race_submit", facts["competition"], facts["pat"], file) for file in facts["files"][:3]]
    assert sorted(site.race(*racers)) == ["accepted", "limit_reached", "limit_reached"]
    state = site.ask("state", facts["competition"])
    assert (len(state["statuses"]), state["balance"]) == (1, 1)
    site.race(("race_claim", "clean-up"))


def test_children_that_finish_at_once_finish_their_parent_once(site: Installation) -> None:
    facts = site.ask("prepare", 3, 0, 3)
    site.race(("race_claim", "one"), ("race_claim", "two"), ("race_claim", "three"))
    state = site.ask("state", facts["competition"])
    assert state["statuses"] == ["Finished"] * 3
    assert state["children"] == ["Finished"] * 9
    assert (state["attempts"], state["entries"]) == (9, 1)


def test_cancelling_while_workers_claim_leaves_nothing_half_done(site: Installation) -> None:
    facts = site.ask("prepare", 6, 0, 2)
    site.race(("race_cancel", *facts["submissions"]), ("race_claim_cancelled", "one"))
    state = site.ask("state", facts["competition"])
    assert set(state["statuses"]) <= {"Finished", "Cancelled"}
    assert len(state["statuses"]) == 6
    assert state["active"] == 0


def test_a_report_that_arrives_twice_at_once_counts_once(site: Installation) -> None:
    facts = site.ask("prepare", 1)
    job = site.ask("one_job")
    answers = site.race(*[("race_finish", job["attempt"], job["token"], value) for value in (0.25, 0.75)])
    assert answers == ["taken", "taken"], "the second is told that its report is known"
    state = site.ask("state", facts["competition"])
    assert (state["statuses"], state["scores"], state["attempts"]) == (["Finished"], 1, 1)
