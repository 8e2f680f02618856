"""The command line from log-in to leaderboard, for a participant and for an organizer, with its exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.client import Competition
from tests.examples.harness import EXAMPLES

from . import bundles
from .people import Person, Terminal
from .running import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]


def said(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """What a command printed, once its exit code is what it should be."""
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def answered(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    """The same in JSON."""
    return json.loads(said(done, code))


def log_in(terminal: Terminal, person: Person) -> None:
    words = ("login", "--server", person.platform.url, "--username", person.name, "--password-stdin")
    assert f"as {person.name}" in said(terminal.podium(*words, given=f"{PASSWORD}\n"))


def test_a_participant_goes_from_log_in_to_the_leaderboard(
    terminal: Terminal, olivia: Person, sam: Person, tmp_path: Path
) -> None:
    title = "Pi, by the command line"
    competition = olivia.publish(bundles.example("pi", tmp_path / "pi", ("title: Digits of pi", f"title: {title}")))
    number, phase = str(competition.id), str(competition.phases[0].id)
    log_in(terminal, sam)
    assert title in said(terminal.podium("competitions"))
    refused = terminal.podium("submit", number, str(EXAMPLES / "pi/solutions/machin"))
    said(refused, 5)
    assert "podium register" in refused.stderr
    said(terminal.podium("register", number))

    waited = said(terminal.podium("submit", number, str(EXAMPLES / "pi/solutions/machin"), "--wait"))
    assert "Finished" in waited
    assert "Correct decimals" in waited
    failed = terminal.podium("submit", number, str(EXAMPLES / "pi/bad/no_file"), "--wait")
    assert "no file pi.txt" in said(failed, 1)

    mine = answered(terminal.podium("submissions", "--competition", number, "--json"))
    assert [item["status"] for item in mine] == ["Failed", "Finished"]
    best, worst = str(mine[1]["id"]), str(mine[0]["id"])
    assert "no file pi.txt" in said(terminal.podium("logs", worst))
    assert "100" in said(terminal.podium("scores", best))
    (row,) = answered(terminal.podium("leaderboard", phase, "--json"))["submissions"]
    assert (row["owner"], row["rank"], row["id"]) == ("sam", 1, int(best))
    assert "sam" in said(terminal.podium("leaderboard", "--competition", number))

    said(terminal.podium("download", best, "--into", str(tmp_path / "got")))
    assert {"submission.zip", "scoring.zip"} <= {path.name for path in (tmp_path / "got").iterdir()}


def test_waiting_ends_with_its_own_code_when_time_is_up_and_when_it_was_cancelled(
    terminal: Terminal, compete: Callable[..., Competition], pat: Person, tmp_path: Path
) -> None:
    waits = {"metadata": "command: python3 $program/wait.py\n", "wait.py": "import signal\nsignal.pause()\n"}
    competition = compete(ingestion=waits)
    log_in(terminal, pat)
    code = bundles.write(tmp_path / "mine", {"metadata": "", "model.py": ""})
    late = terminal.podium("submit", str(competition.id), str(code), "--wait", "--timeout", "1")
    said(late, 3)
    (made,) = pat.client.submissions(competition=competition.id)
    assert not made.ended, "giving up waiting must not cancel"
    pat.cancel(made.id)
    assert pat.ended(made.id, within=10).status == "Cancelled"
    said(terminal.podium("logs", str(made.id), "--follow"), 4)


def test_an_organizer_checks_uploads_and_publishes(
    terminal: Terminal, olivia: Person, sam: Person, tmp_path: Path
) -> None:
    title = "Data-centric, by the command line"
    folder = bundles.example(
        "data-centric", tmp_path / "bundle", ("title: Better data, same models", f"title: {title}")
    )
    said(terminal.podium("check", str(folder)))
    log_in(terminal, olivia)
    made = answered(terminal.podium("upload", str(folder), "--json"))
    assert made["published"] is False
    assert title not in [item.title for item in sam.client.competitions()]
    said(terminal.podium("publish", str(made["competition"])))
    assert title in [item.title for item in sam.client.competitions()]


def test_a_faulty_bundle_is_not_even_sent(terminal: Terminal, olivia: Person, tmp_path: Path) -> None:
    folder = bundles.bundle(tmp_path / "bundle", "Never sent")
    (folder / "terms.md").unlink()
    checked = terminal.podium("check", str(folder))
    assert "terms.md" in said(checked, 1) + checked.stderr
    log_in(terminal, olivia)
    sent = terminal.podium("upload", str(folder))
    assert "Nothing was sent" in said(sent, 1) + sent.stderr
    assert not [item for item in olivia.client.competitions(mine=True) if item.title == "Never sent"]


def test_a_wrong_password_is_told_and_nothing_is_stored(terminal: Terminal, pat: Person) -> None:
    words = ("login", "--server", pat.platform.url, "--username", pat.name, "--password-stdin")
    refused = terminal.podium(*words, given="guessed\n")
    said(refused, 5)
    assert refused.stderr.strip()
    said(terminal.podium("--server", pat.platform.url, "whoami"), 5)


def test_an_organizer_and_a_participant_steer_from_the_terminal(
    terminal: Terminal, olivia: Person, sam: Person, tmp_path: Path
) -> None:
    title = "Steered, by the command line"
    competition = olivia.publish(bundles.example("pi", tmp_path / "pi", ("title: Digits of pi", f"title: {title}")))
    number, phase = str(competition.id), str(competition.phases[0].id)
    log_in(terminal, sam)
    said(terminal.podium("competitions", "join", number))
    solution = str(EXAMPLES / "pi/solutions/machin")
    made = answered(terminal.podium("submit", number, solution, "--wait", "--json"))
    mine = str(made["id"])
    assert "Finished" in said(terminal.podium("submissions", "show", mine))
    assert answered(terminal.podium("submissions", "public", mine, "--json"))["is_public"] is True
    assert answered(terminal.podium("submissions", "public", mine, "--hide", "--json"))["is_public"] is False
    assert answered(terminal.podium("submissions", "cancel", mine, "--json"))["canceled"] is False
    said(terminal.podium("participants", number, "--json"))
    assert answered(terminal.podium("participants", number, "--json")) == [], "that is for organizers"
    said(terminal.podium("phases", "rerun", phase, "--yes"), 5)
    said(terminal.podium("quota", "show"))

    log_in(terminal, olivia)
    people = answered(terminal.podium("participants", number, "--json"))
    assert "sam" in [one["username"] for one in people]
    said(terminal.podium("participants", "deny", number, "sam"), 1)  # nobody is there to say yes
    said(terminal.podium("participants", "deny", number, "sam", "--yes"))
    said(terminal.podium("participants", "approve", number, "sam"))
    assert "There is" in terminal.podium("participants", "approve", number, "samantha").stderr
    given = ("participants", "credit", number, "sam", "--phase", phase, "--note", "A worker was lost.")
    said(terminal.podium(*given))
    assert answered(terminal.podium("phases", "rerun", phase, "--yes", "--wait", "--json"))["count"] == 1
    assert answered(terminal.podium("phases", "works", phase, "--json"))[0]["done"] == 1
    again = answered(terminal.podium("submissions", "rerun", mine, "--json"))["id"]
    said(terminal.podium("logs", str(again), "--follow"))
    said(terminal.podium("submissions", "delete", str(again), "--yes"))
    said(terminal.podium("submissions", "show", str(again)), 5)

    said(terminal.podium("competitions", "results", number, "--format", "csv", "-o", str(tmp_path / "results.csv")))
    assert "sam" in (tmp_path / "results.csv").read_text()
    said(terminal.podium("competitions", "dump", number, "-o", str(tmp_path / "dump.zip")))
    said(terminal.podium("check", str(tmp_path / "dump.zip")))
    assert "dump" in said(terminal.podium("competitions", "files", number))
    every = ("submissions", "download-many", "--phase", phase, "-o", str(tmp_path / "all.zip"))
    assert answered(terminal.podium(*every, "--json"))["size"] > 100

    program = bundles.write(tmp_path / "program", {"metadata": "command: python3 score.py", "score.py": "print(1)"})
    sent = ("datasets", "upload", str(program), "--type", "scoring_program", "--name", "By terminal", "--json")
    key = answered(terminal.podium(*sent))["key"]
    (found,) = answered(terminal.podium("datasets", "By terminal", "--json"))
    assert found["key"] == key
    task = answered(terminal.podium("tasks", "create", "By terminal", "--scoring-program", key, "--json"))["id"]
    assert "By terminal" in said(terminal.podium("tasks", "show", str(task)))
    assert answered(terminal.podium("tasks", "update", str(task), "--name", "Renamed", "--json"))["name"] == "Renamed"
    said(terminal.podium("datasets", "delete", str(found["id"]), "--yes"), 5)  # the task has it
    said(terminal.podium("tasks", "delete", str(task), "--yes"))
    said(terminal.podium("datasets", "delete", str(found["id"]), "--yes"))
