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
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

PROGRAM = Path(__file__).with_name("race_program.py")
POSTGRES, HASTE = "postgresql://root@127.0.0.1:5432", "options=-c%20synchronous_commit%3Doff"
pytestmark = [pytest.mark.xdist_group("races"), pytest.mark.slow, pytest.mark.timeout(300)]


class Installation:
    """A data folder, a database, and the program that starts processes on them."""

    def __init__(self, data: Path, database_url: str) -> None:
        environment = {**os.environ, "PODIUM_DATA": str(data), "DATABASE_URL": database_url}
        command = [sys.executable, PROGRAM]
        self._program = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *command: object) -> Any:
        """Run one command alone."""
        (answer,) = self.race(command)
        return answer

    def race(self, *commands: tuple[object, ...]) -> list[Any]:
        """Start a process per command, let all go at once, and return their answers."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps([[str(word) for word in command] for command in commands]) + "\n")
        self._program.stdin.flush()
        told = json.loads(self._program.stdout.readline())
        assert [one["fault"] for one in told if "fault" in one] == []
        return [one["answer"] for one in told]

    def close(self) -> None:
        """End the program."""
        with self._program:
            self._program.kill()


@contextmanager
def installed(data: Path, database_url: str) -> Iterator[Installation]:
    """An installation that the site's own set-up has made."""
    with closing(Installation(data, database_url)) as made:
        made.ask("set_up")
        yield made


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def site(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A fresh installation on each of the two databases."""
    data = Path(tempfile.mkdtemp(prefix="podium-race-"))
    name = f"podium_race_{uuid.uuid4().hex}"
    try:
        if request.param == "sqlite":
            with installed(data, "") as made:
                yield made
            return
        with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
            server.execute(f"create database {name}")
            try:
                with installed(data, f"{POSTGRES}/{name}?{HASTE}") as made:
                    yield made
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


def test_a_board_that_many_change_at_once_is_counted_right(site: Installation) -> None:
    """Verdicts, organizers' hands, deletions, denials and bans: each in a process of its own, with small blocks."""
    found = site.ask("board")
    assert found["ended"] == [0] * 5, found["told"]
    assert found["wrong"] == []
    assert found["blocks"] > 1, "blocks were split"
