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
    said(refused, 1)
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
    said(refused, 1)
    assert refused.stderr.strip()
    said(terminal.podium("--server", pat.platform.url, "whoami"), 1)
