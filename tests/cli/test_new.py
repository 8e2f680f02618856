"""`podium new` and `podium schema`: what is started works at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.cli.main import app

runner = CliRunner()
EXPECTED = {"results": 0.75, "code": 1.0}


@pytest.mark.bwrap
@pytest.mark.parametrize("template", sorted(EXPECTED))
def test_a_new_bundle_has_no_fault_and_its_solution_runs(tmp_path: Path, template: str, system_python: None) -> None:
    folder = tmp_path / "mine"
    done = runner.invoke(app, ["new", str(folder), "--template", template, "--title", 'Säure: "the best"'])
    assert done.exit_code == 0, done.output
    assert f"podium run {folder}" in done.output.replace("\n", " ")
    checked = runner.invoke(app, ["check", str(folder), "--json"])
    assert json.loads(checked.stdout) == {"path": str(folder), "ok": True, "faults": [], "notes": []}
    assert (folder / "competition.yaml").read_text(encoding="utf-8").count('title: "Säure: \\"the best\\""\n') == 1
    ran = runner.invoke(app, ["run", str(folder), "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["tasks"][0]["scores"] == {"accuracy": EXPECTED[template]}


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    done = runner.invoke(app, ["new", str(tmp_path)])
    assert done.exit_code == 2
    assert "exists already" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_the_schema_is_printed_as_json() -> None:
    done = runner.invoke(app, ["schema"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["$defs"]["Phase"]["properties"]["end"]
