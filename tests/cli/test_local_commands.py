"""`podium check` and `run`: what works on one machine, without a server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from podium.cli import run as run_module
from podium.cli.main import app
from podium.cli.places import environment_of
from podium.sandbox import make_environment
from podium.worker import main as worker_main
from podium.worker.intake import TokenRefusedError

runner = CliRunner()

COMPETITION = """\
version: "2"
title: Echo
description: A tiny competition.
image: logo.png
terms: terms.md
pages:
  - title: Overview
    file: overview.md
tasks:
  - index: 0
    name: First
    scoring_program: scoring
    reference_data: reference
  - index: 1
    name: Second
    scoring_program: scoring
    reference_data: reference
solutions:
  - index: 0
    tasks: [0, 1]
    path: solution
phases:
  - index: 0
    name: Only
    start: 2024-01-01
    tasks: [0, 1]
leaderboards:
  - index: 0
    title: Results
    key: results
    columns:
      - {index: 0, key: score, title: Score, sorting: desc, precision: 3}
      - {index: 1, key: mean, title: Mean, computation: avg, computation_indexes: [0], precision: 1}
"""

SCORING = """\
import json, sys
value = float(open("/app/input/res/answer.txt").read())
print("scored", value)
print("to stderr", file=sys.stderr)
json.dump({"score": value}, open("/app/output/scores.json", "w"))
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with two tasks that needs nothing but Python."""
    folder = tmp_path / "bundle"
    for name in ("scoring", "reference", "solution"):
        (folder / name).mkdir(parents=True)
    (folder / "competition.yaml").write_text(COMPETITION)
    (folder / "terms.md").write_text("Be fair.")
    (folder / "overview.md").write_text("Send a number.")
    (folder / "scoring" / "metadata.yaml").write_text("command: python3 /app/program/score.py\n")
    (folder / "scoring" / "score.py").write_text(SCORING)
    (folder / "reference" / "truth.txt").write_text("1")
    (folder / "solution" / "answer.txt").write_text("0.25")
    Image.new("RGB", (8, 8)).save(folder / "logo.png")
    return folder


# podium check


def test_a_sound_bundle_passes(bundle: Path) -> None:
    done = runner.invoke(app, ["check", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "no faults found" in done.output


def test_every_fault_is_printed_with_its_place_and_a_hint(bundle: Path) -> None:
    text = (bundle / "competition.yaml").read_text()
    (bundle / "competition.yaml").write_text(text.replace("terms: terms.md", "terms: missing.md\ntitel: twice"))
    done = runner.invoke(app, ["check", str(bundle)])
    assert done.exit_code == 1
    assert "competition.yaml:5:" in done.output
    assert ": error: " in done.output
    assert "competition.yaml:6:" in done.output
    assert ": warning: " in done.output
    assert done.output.rstrip().endswith("1 error, 1 warning.")


def test_faults_are_given_as_json(bundle: Path) -> None:
    (bundle / "terms.md").unlink()
    for words in (["check", str(bundle), "--json"], ["--json", "check", str(bundle)]):
        done = runner.invoke(app, words)
        found = json.loads(done.stdout)
        assert done.exit_code == 1
        assert found["ok"] is False
        assert {"severity", "code", "message", "file", "line", "column", "path", "hint"} == set(found["faults"][0])


def test_a_warning_alone_is_no_failure(bundle: Path) -> None:
    with (bundle / "competition.yaml").open("a") as file:
        file.write("unheard_of: 1\n")
    done = runner.invoke(app, ["check", str(bundle)])
    assert done.exit_code == 0
    assert "1 warning." in done.output


def test_what_is_passed_over_in_a_zip_is_told(bundle: Path, tmp_path: Path) -> None:
    (bundle / "__MACOSX").mkdir()
    (bundle / "__MACOSX" / "._terms.md").write_text("")
    made = shutil.make_archive(str(tmp_path / "bundle"), "zip", bundle)
    done = runner.invoke(app, ["check", made])
    assert done.exit_code == 0
    assert "bundle.zip: note: The folder __MACOSX" in done.output
    assert "__MACOSX" in json.loads(runner.invoke(app, ["check", made, "--json"]).stdout)["notes"][0]


def test_a_bundle_that_does_not_exist_is_a_usage_fault(tmp_path: Path) -> None:
    done = runner.invoke(app, ["check", str(tmp_path / "nothing")])
    assert done.exit_code == 2
    assert "There is no file or folder" in done.stderr


def test_escape_sequences_in_a_bundle_do_not_reach_the_terminal(bundle: Path) -> None:
    with (bundle / "competition.yaml").open("a") as file:
        file.write('"\\e]0;owned\\a\\e[2J": 1\n')
    done = runner.invoke(app, ["check", str(bundle)])
    assert "\x1b" not in done.output
    assert "\x07" not in done.output


# podium run


@pytest.mark.bwrap
@pytest.mark.usefixtures("system_python")
def test_a_bundle_runs_its_first_solution_and_shows_the_row(bundle: Path) -> None:
    done = runner.invoke(app, ["run", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "Task 0 (First), submission solution" in done.output
    assert "scoring | scored 0.25" in done.output
    assert "scoring stderr | to stderr" in done.output
    assert "the row that a server would show" in done.output
    assert "0.250" in done.output


@pytest.mark.bwrap
@pytest.mark.usefixtures("system_python")
def test_the_row_is_given_as_json_with_computed_columns(bundle: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text("0.5")
    done = runner.invoke(app, ["run", str(bundle), str(answer), "--json", "--results", str(tmp_path / "kept")])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert [task["scores"] for task in found["tasks"]] == [{"score": 0.5}, {"score": 0.5}]
    row = [(cell["task"], cell["key"], cell["value"], cell["shown"]) for cell in found["leaderboard"]["row"]]
    assert row == [(0, "score", 0.5, "0.500"), (1, "score", 0.5, "0.500"), (None, "mean", 0.5, "0.5")]
    assert (tmp_path / "kept" / "task-0" / "scoring_output.zip").exists()


@pytest.mark.bwrap
@pytest.mark.usefixtures("system_python")
def test_a_run_that_fails_says_why_and_ends_with_one(bundle: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text("no number")
    done = runner.invoke(app, ["run", str(bundle), str(answer), "--task", "Second"])
    assert done.exit_code == 1
    assert "Task 1 failed in scoring (scorer_failed)" in done.output
    assert "ValueError" in done.output
    assert "the row that a server would show" not in done.output


@pytest.mark.bwrap
@pytest.mark.usefixtures("system_python")
def test_a_zipped_bundle_runs_as_its_folder_does(bundle: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", bundle)
    done = runner.invoke(app, ["run", archive, "--task", "0", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["tasks"][0]["scores"] == {"score": 0.25}


def test_a_bundle_with_faults_is_not_run(bundle: Path) -> None:
    (bundle / "scoring" / "metadata.yaml").write_text("")
    done = runner.invoke(app, ["run", str(bundle)])
    assert done.exit_code == 1
    assert ": error: " in done.output


@pytest.mark.usefixtures("system_python")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "Third"], "There is no task 'Third'. Choose one of: 0 (First), 1 (Second)."),
        (["--phase", "9"], "There is no phase '9'. Choose one of: 0 (Only)."),
        (["nowhere.zip"], "There is no file or folder nowhere.zip."),
        (["--engine", "process"], "runs untrusted programs with the worker's own rights"),
    ],
)
def test_a_choice_that_does_not_exist_is_answered_with_those_that_do(
    bundle: Path, words: list[str], message: str
) -> None:
    done = runner.invoke(app, ["run", str(bundle), *words])
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.usefixtures("system_python")
def test_a_task_without_a_solution_asks_for_a_submission(bundle: Path) -> None:
    text = (bundle / "competition.yaml").read_text()
    (bundle / "competition.yaml").write_text(text.replace("tasks: [0, 1]\n    path", "tasks: [1]\n    path"))
    done = runner.invoke(app, ["run", str(bundle)])
    assert done.exit_code == 2
    assert "The bundle has no solution for task 0 (First)." in done.stderr


# podium manage


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command line is called: a folder without an installation."""
    for name in ("PODIUM_DATA", "PODIUM_SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command_line(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "podium.cli", *words], capture_output=True, text=True, check=False)


def test_a_management_command_without_an_installation_makes_none_and_says_how_to_name_it(empty_folder: Path) -> None:
    done = command_line("manage", "changepassword", "ada")
    assert done.returncode == 2
    assert f"There is no data folder {empty_folder / 'podium-data'}." in done.stderr
    assert "podium manage --data FOLDER changepassword" in done.stderr
    assert list(empty_folder.iterdir()) == []


def test_a_management_command_that_needs_no_data_leaves_none_behind(empty_folder: Path) -> None:
    done = command_line("manage", "check")
    assert done.returncode == 0, done.stderr
    assert list(empty_folder.iterdir()) == []


@pytest.mark.slow
def test_a_management_command_works_on_the_folder_that_is_named(empty_folder: Path) -> None:
    assert command_line("manage", "--data", "elsewhere", "migrate", "--verbosity", "0").returncode == 0
    assert [file.name for file in empty_folder.iterdir()] == ["elsewhere"]
    done = command_line("manage", "--data", "elsewhere", "showmigrations", "--plan")
    assert done.returncode == 0, done.stderr
    assert "[X]" in done.stdout


# podium run and its environment


@pytest.fixture
def no_environment_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation's data folder that is named and empty; own environments go elsewhere."""
    for name in ("PODIUM_WORKER_DEFAULT_ENVIRONMENT", "CONTAINER_SOCKET", "PODIUM_WORKER_CONTAINER_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("PODIUM_DATA", str(data))
    monkeypatch.setattr(run_module, "own_environment", lambda: tmp_path / "own")
    return data


def test_the_environment_of_the_installation_is_used_when_it_is_there(
    no_environment_is_named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = environment_of(no_environment_is_named)
    monkeypatch.setattr(make_environment, "is_complete", lambda folder: folder == there)
    assert run_module._environment() == there


def test_before_an_environment_is_made_it_is_said_how_long_that_takes(
    no_environment_is_named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[tuple[Path, str]] = []

    def make(folder: Path, *, say: object) -> Path:
        made.append((folder, capsys.readouterr().err))
        return folder

    monkeypatch.setattr(make_environment, "is_complete", lambda folder: False)
    monkeypatch.setattr(make_environment, "make_default_environment", make)
    assert run_module._environment() == tmp_path / "own"
    ((folder, said),) = made
    assert folder == tmp_path / "own"
    assert "It is made once, which takes one to five minutes" in said


# The program itself


def test_help_brings_neither_django_nor_the_http_library() -> None:
    code = (
        "import sys; from podium.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded', sorted({'django', 'httpx', 'pydantic', 'rich', 'podium.worker'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"
    assert "submit" in done.stdout


def test_every_command_has_help() -> None:
    commands = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert len(commands) > 20
    for name in commands:
        if name != "manage":  # its help is Django's
            done = runner.invoke(app, [name.replace("_", "-"), "--help"])
            assert done.exit_code == 0, (name, done.output)
            assert "Usage:" in done.output


def test_the_version_is_printed() -> None:
    done = runner.invoke(app, ["--version"])
    assert done.output.startswith("podium 0.")


# podium worker


def test_a_worker_whose_token_is_refused_says_so_and_ends_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_settings: object) -> None:
        raise TokenRefusedError("HTTP 401")

    monkeypatch.setattr(worker_main, "run", refused)
    done = runner.invoke(app, ["worker", "--server", "http://127.0.0.1:9", "--token", "wrong"])
    assert done.exit_code == 2
    assert "Error: The platform does not accept the queue token." in done.stderr
