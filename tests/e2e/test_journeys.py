"""What a submission goes through, on every kind of platform, seen through HTTP (and, of programs, through /proc)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.client import Competition, Submission

from . import bundles
from .people import Person
from .running import Platform
from .waiting import eventually, processes_with

Compete = Callable[..., Competition]

WAITS = "import sys, signal\nprint('I am here', flush=True)\nsignal.pause()\n"
"""A program that never ends by itself."""
MEETS = """import os, sys, time
mine, other, output = sys.argv[1:4]
open(f'/app/shared/{mine}', 'w').close()
while not os.path.exists(f'/app/shared/{other}'):
    time.sleep(0.01)
print(mine, 'has met', other, 'and sees', sorted(os.listdir('/app')))
open(f'{output}/{mine}.txt', 'w').write('1')
"""
"""Two of these can only end when they run at the same time with /app/shared between them."""


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=[pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]),
        pytest.param(
            "on_postgresql", marks=[pytest.mark.service, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-pg")]
        ),
        pytest.param("in_containers", marks=[pytest.mark.container, pytest.mark.xdist_group("e2e-podman")]),
    ],
    scope="module",
)
def platform(request: pytest.FixtureRequest) -> Platform:
    """Every kind of platform."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Platform)
    return found


def code(folder: Path, program: str) -> tuple[Path, str]:
    """A code submission for `RUNS_MAIN`, and the mark by which its process is known on this machine."""
    mark = f"mark-{uuid.uuid4().hex}"
    return bundles.write(folder / mark, {"metadata": "", "main.py": program, "mark": mark}), mark


def until_it_prints(pat: Person, submission: int, words: str) -> None:
    """Read the live stream until the program has printed something."""
    for event in pat.client.watch(submission, timeout=60):
        if event.kind == "log" and words in event.data["text"]:
            return
    raise AssertionError(f"submission {submission} ended without printing {words!r}")


def test_a_result_submission_is_scored_and_ranked(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete()
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.75"}))
    ended = pat.ended(made.id)
    assert ended.status == "Finished", ended
    assert [float(score.score or "nan") for score in ended.scores] == [0.75]
    board = pat.client.leaderboard(competition.phases[0].id)
    assert [(row.rank, row.owner, row.id) for row in board.submissions] == [(1, "pat", made.id)]
    assert "the scorer has read 0.75" in pat.log(made.id)
    assert pat.used_tries(competition.id) == 1


def test_output_is_seen_live_and_cancelling_kills_the_program(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, mark = code(tmp_path, WAITS)
    made = pat.submit(competition, folder)
    until_it_prints(pat, made.id, "I am here")  # it never ends by itself, so this came while it ran
    assert processes_with(mark), "the program is not seen on this machine"
    assert pat.client.submission(made.id).status == "Running"
    pat.cancel(made.id)
    eventually(lambda: not processes_with(mark), "the end of the cancelled program", within=10)
    ended = pat.ended(made.id, within=10)
    assert ended.status == "Cancelled"
    assert "I am here" in pat.log(made.id)
    assert not pat.client.leaderboard(competition.phases[0].id).submissions


def test_what_waits_is_cancelled_at_once_and_costs_no_try(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    running: list[Submission] = []
    for _ in range(2):  # as many as the worker has slots
        folder, _ = code(tmp_path, WAITS)
        running.append(pat.submit(competition, folder))
    for one in running:
        until_it_prints(pat, one.id, "I am here")
    folder, mark = code(tmp_path, WAITS)
    third = pat.submit(competition, folder)
    assert pat.used_tries(competition.id) == 3
    pat.cancel(third.id)
    facts = pat.facts(third.id)
    assert (facts["status"], facts["started_when"]) == ("Cancelled", None)
    assert pat.used_tries(competition.id) == 2
    for one in running:
        pat.cancel(one.id)
        assert pat.ended(one.id, within=10).status == "Cancelled"
    assert not processes_with(mark), "a cancelled submission was started"


def test_a_program_that_fails_is_told_with_cause_log_and_advice(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, _ = code(tmp_path, "raise SystemExit('there is no such flower')\n")
    made = pat.submit(competition, folder)
    assert pat.ended(made.id).status == "Failed"
    facts = pat.facts(made.id)
    assert (facts["cause"], facts["fault"], facts["failed_step"]) == ("exit_code", "participant", "prediction")
    assert facts["status_details"]
    assert "there is no such flower" in pat.log(made.id)
    assert pat.used_tries(competition.id) == 0, "a failed submission counts by default"


def test_a_submission_with_its_own_command_runs_beside_ingestion(compete: Compete, pat: Person, tmp_path: Path) -> None:
    scorer = {**bundles.SCORER, "score.py": bundles.SCORER["score.py"].replace("answer.txt", "submission.txt")}
    ingestion = {"metadata": "command: python3 $program/meet.py ingestion submission $output", "meet.py": MEETS}
    competition = compete(scorer=scorer, ingestion=ingestion)
    mine = {"metadata": "command: python3 $program/meet.py submission ingestion $output", "meet.py": MEETS}
    made = pat.submit(competition, bundles.write(tmp_path / "mine", mine))
    ended = pat.ended(made.id)
    log = pat.log(made.id)
    assert ended.status == "Finished", log
    assert "submission has met ingestion" in log
    assert "ingestion has met submission" in log


def test_ingestion_during_scoring_shares_one_folder_and_no_truth(compete: Compete, pat: Person, tmp_path: Path) -> None:
    scorer = {
        "metadata": "command: python3 $program/score.py scoring ingestion $output",
        "score.py": MEETS + "open('/app/output/scores.txt', 'w').write('score: 1')\n"
        "assert os.path.exists('/app/input/ref/truth.txt')\n",
    }
    ingestion = {
        "metadata": "command: python3 $program/meet.py ingestion scoring $output",
        "meet.py": MEETS + "assert not os.path.exists('/app/input'), 'the truth is here'\nprint('no truth here')\n",
    }
    competition = compete(
        scorer=scorer,
        ingestion=ingestion,
        reference={"truth.txt": "42"},
        task={"ingestion_only_during_scoring": True},
    )
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"metadata": "", "model.py": "answer = 42\n"}))
    ended = pat.ended(made.id)
    log = pat.log(made.id)
    assert ended.status == "Finished", (ended, log)
    assert "scoring has met ingestion" in log
    assert "ingestion has met scoring" in log
    assert "no truth here" in log
