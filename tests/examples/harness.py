"""Runs the programs of an example in plain folders, with the documented layout and variables but without a sandbox."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML

from podium.formats.commands import Role, argv, variables_for
from podium.formats.metadata import Kind, kind_of, read_program_metadata
from podium.formats.scores import read_scores
from podium.ranking.columns import Column, Computation, Sorting

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/competition.yaml"))
STDLIB_ONLY = {"iris/solutions/sample", "iris/solutions/predictions", "pi"} | {
    f"iris/bad/{path.name}" for path in EXAMPLES.glob("iris/bad/*")
}


def competition(name: str) -> dict[str, Any]:
    """Return an example's competition.yaml."""
    loaded = YAML(typ="safe").load((EXAMPLES / name / "competition.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def expected(name: str) -> dict[str, Any]:
    """Return an example's expected.json."""
    loaded = json.loads((EXAMPLES / name / "expected.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def columns(name: str) -> list[Column]:
    """Return the columns of an example's leaderboard as ranking knows them."""
    (board,) = competition(name)["leaderboards"]
    return [
        Column(
            key=column["key"],
            index=column["index"],
            sorting=Sorting(column["sorting"]),
            computation=Computation(column["computation"]) if "computation" in column else None,
            computation_indexes=tuple(column.get("computation_indexes", ())),
            precision=column["precision"],
        )
        for column in board["columns"]
    ]


def build_module() -> ModuleType:
    """Return examples/build.py as a module."""
    spec = importlib.util.spec_from_file_location("examples_build", EXAMPLES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needs_science(name: str, submission: str) -> bool:
    """Return whether a submission's run needs numpy and scikit-learn."""
    return not {name, f"{name}/{submission}"} & STDLIB_ONLY


@dataclass
class Run:
    """What the programs of one task did with one submission."""

    finished: bool
    log: str
    scores: dict[str, float] = field(default_factory=dict)
    report: str | None = None


def run(name: str, submission: str, task_index: int, *, interpreter: Path, work: Path, limit: float) -> Run:
    """Run ingestion and scoring of one task by the rules of the bundle format; `limit` is in seconds per program."""
    bundle = EXAMPLES / name
    task = next(task for task in competition(name)["tasks"] if task["index"] == task_index)
    app = {
        part: work / part for part in ("input_data", "ingested_program", "output", "input/ref", "input/res", "scores")
    }
    shutil.copytree(bundle / submission, app["ingested_program"])
    app["output"].mkdir()
    if kind_of(read_program_metadata(app["ingested_program"])) is Kind.RESULT:
        shutil.copytree(app["ingested_program"], app["output"], dirs_exist_ok=True)
    log = ""
    if "ingestion_program" in task:
        shutil.copytree(bundle / task["input_data"], app["input_data"])
        program = shutil.copytree(bundle / task["ingestion_program"], work / "ingestion_program")
        # Its exit code is not asked for: it may fail on a result submission, and the scoring program decides.
        log += _execute(program, "ingestion", "output", work=work, interpreter=interpreter, limit=limit)[1]
    shutil.copytree(bundle / task["reference_data"], app["input/ref"])
    shutil.copytree(app["output"], app["input/res"])
    app["scores"].mkdir()
    program = shutil.copytree(bundle / task["scoring_program"], work / "scoring_program")
    code, text = _execute(program, "scoring", "scores", work=work, interpreter=interpreter, limit=limit)
    log += text
    if code != 0:
        return Run(finished=False, log=log)
    values = {key: value.number for key, value in read_scores(app["scores"]).values.items()}
    report = app["scores"] / "detailed_results.html"
    return Run(finished=True, log=log, scores=values, report=report.read_text("utf-8") if report.exists() else None)


def _execute(
    program: Path, role: Role, output: str, *, work: Path, interpreter: Path, limit: float
) -> tuple[int | None, str]:
    command = read_program_metadata(program).command
    assert command is not None
    variables = {
        variable: str(program)
        if path in ("/app/program", "/app/ingestion_program")
        else path.replace("/app/output", f"/app/{output}").replace("/app", str(work))
        for variable, path in variables_for(role, role == "scoring").items()
    }
    words = argv(command, variables)
    assert words[0] == "python3"
    try:
        done = subprocess.run(
            [str(interpreter), "-B", *words[1:]],
            cwd=program,
            timeout=limit,
            check=False,
            capture_output=True,
            env={"PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"},
        )
    except subprocess.TimeoutExpired as ended:
        return None, (ended.stdout or b"").decode() + (ended.stderr or b"").decode()
    return done.returncode, done.stdout.decode() + done.stderr.decode()
