"""Small competition bundles and submissions, written for one test each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.examples.harness import EXAMPLES

Files = Mapping[str, str]

SCORER: Files = {
    "metadata": "command: python3 $program/score.py $input $output\n",
    "score.py": (
        "import json, sys\n"
        "answer = open(sys.argv[1] + '/res/answer.txt').read()\n"
        "json.dump({'score': float(answer)}, open(sys.argv[2] + '/scores.json', 'w'))\n"
        "print('the scorer has read', answer.strip())\n"
    ),
}
"""Takes the number in answer.txt as the score."""

RUNS_MAIN: Files = {
    "metadata": "command: python3 $ingestion_program/ingest.py $submission_program $output\n",
    "ingest.py": (
        "import os, subprocess, sys\n"
        "submission, output = sys.argv[1:]\n"
        "command = [sys.executable, submission + '/main.py', output, open(submission + '/mark').read().strip()]\n"
        "os.execv(command[0], command)\n"
    ),
}
"""An ingestion program that becomes the submitted main.py, with the output folder and the submission's mark."""


def write(folder: Path, files: Files) -> Path:
    """Write files into a folder and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def bundle(
    folder: Path,
    title: str,
    *,
    image: str = "codalab/codalab-legacy:py37",
    scorer: Files = SCORER,
    ingestion: Files | None = None,
    reference: Files | None = None,
    task: Mapping[str, Any] | None = None,
    phase: Mapping[str, Any] | None = None,
    phases: Sequence[Mapping[str, Any]] | None = None,
    columns: Sequence[Mapping[str, Any]] | None = None,
    **more: Any,
) -> Path:
    """Write a bundle of one task; JSON is YAML. Further keys go to the top of competition.yaml."""
    write(folder / "scoring_program", scorer)
    one: dict[str, Any] = {"index": 0, "name": "Task", "scoring_program": "scoring_program"}
    for key, files in (("ingestion_program", ingestion), ("reference_data", reference)):
        if files is not None:
            write(folder / key, files)
            one[key] = key
    open_phase = {"index": 0, "name": "Open", "start": "2024-01-01", "tasks": [0], "execution_time_limit": 60}
    competition = {
        "version": 2,
        "title": title,
        "description": "A competition of a test.",
        "image": "logo.png",
        "terms": "terms.md",
        "docker_image": image,
        "registration_auto_approve": True,
        "pages": [{"title": "Overview", "file": "terms.md"}],
        "tasks": [{**one, **(task or {})}],
        "phases": [{**open_phase, **one_phase} for one_phase in (phases or [phase or {}])],
        "leaderboards": [
            {
                "title": "Results",
                "key": "results",
                "submission_rule": "Force_Best",
                "columns": columns
                or [{"title": "Score", "key": "score", "index": 0, "sorting": "desc", "precision": 4}],
            }
        ],
        **more,
    }
    write(folder, {"competition.yaml": json.dumps(competition, indent=1), "terms.md": "Be fair.\n"})
    shutil.copy(EXAMPLES / "pi" / "logo.png", folder / "logo.png")
    return folder


def example(name: str, folder: Path, *replaced: tuple[str, str]) -> Path:
    """A copy of an example's bundle with text in its competition.yaml replaced, once and surely."""
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("bad", "expected.json", "__pycache__"))
    file = folder / "competition.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in replaced:
        assert old in text, f"{old!r} does not occur in {file}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return folder
