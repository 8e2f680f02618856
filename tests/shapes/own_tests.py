"""Shapes of the version 2 bundles that Codabench tests itself with."""

# ruff: noqa: E501 - lines of YAML as people write them

from __future__ import annotations

from typing import Final

from .building import CODE, INGESTION, TRUTH, Sample, Shape, answers, inside
from .codabench import MONTH_FIRST, WHEAT_DATA, WHEAT_PHASES, WHEAT_YAML

OWN_TEST: Final = Shape(
    like="Codabench's own test: absolute paths as arguments, no image, nobody approved at once, an open last phase",
    faults=[f"12:42 {MONTH_FIRST}"],
    yaml=WHEAT_YAML.replace("docker_image: codalab/codalab-legacy:py312\n", ""),
    files=WHEAT_DATA
    | inside(
        "ingestion_program",
        {
            "metadata": "command: python3 /app/program/ingestion.py /app/input_data/ /app/output/ /app/program"
            " /app/ingested_program\n",
            "ingestion.py": "import sys\n" + answers("sys.argv[1]", "sys.argv[4]", "sys.argv[2]"),
        },
    ),
    phases=WHEAT_PHASES,
    columns=["accuracy desc", "duration desc"],
    facts={"registration_auto_approve": False, "docker_image": "codalab/codalab-legacy:py37"},
    samples={"code": Sample(files=CODE, scores={"accuracy": 1, "duration": 0.5})},
)

_SHEET = """\
fact_sheet:
  bool: {key: bool, type: checkbox, title: Yes or no, selection: [True, False], is_required: "false", is_on_leaderboard: "false"}
  text: {key: text, type: text, title: Text, selection: "", is_required: "false", is_on_leaderboard: "false"}
  needed: {key: needed, type: text, title: Needed, selection: "", is_required: "true", is_on_leaderboard: "true"}
  choice: {key: choice, type: select, title: Choice, selection: ["", "v1", "v2"], is_required: "false", is_on_leaderboard: "true"}
"""
MULTI_TASK: Final = Shape(
    like="Codabench's own test with four tasks, of which three are the same, and with a fact sheet of all kinds",
    yaml=f"""\
version: 2
title: Four tasks
image: logo.png
terms: terms.md
{_SHEET}pages: [{{title: Overview, file: overview.md}}]
tasks:
  - &first {{index: 0, name: Task 1, input_data: input_data, reference_data: reference_data,
     ingestion_program: ingestion_program, scoring_program: scoring_program}}
  - &second {{<<: *first, index: 1, name: Task 2, reference_data: final_data}}
  - {{<<: *second, index: 2, name: Task 3}}
  - {{<<: *second, index: 3, name: Task 4}}
phases:
  - {{index: 0, name: All, start: 2024-01-01, tasks: [0, 1, 2, 3]}}
leaderboards:
  - title: Results
    key: main
    columns:
      - {{title: Sum, key: total, index: 0, computation: sum, computation_indexes: [1]}}
      - {{title: Accuracy, key: accuracy, index: 1}}
""",
    files=WHEAT_DATA | {"final_data/truth": TRUTH["truth"]} | inside("ingestion_program", INGESTION),
    phases=["All: 2024-01-01 00:00 to open, Task 1 + Task 2 + Task 3 + Task 4 -> main"],
    columns=["total desc = sum accuracy", "accuracy desc"],
    samples={"code": Sample(files=CODE, scores={"accuracy": 1}, computed={"total": 4})},
)

SHAPES: Final = {"own-test": OWN_TEST, "multi-task": MULTI_TASK}
