"""The JSON Schema of competition.yaml: it takes what the reader takes, and knows exactly the reader's keys."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from podium.formats.bundle import check_bundle
from podium.formats.reading import Fields
from podium.formats.schema import competition_schema
from podium.formats.yamlnodes import load

from .building import BundleMaker

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/bundle/competition.yaml")) or sorted(
    (Path(__file__).parents[2] / "examples").glob("*/competition.yaml")
)
STARTERS = sorted((Path(__file__).parents[2] / "src/podium/cli/starters").glob("*/competition.yaml"))
WRITTEN_BY_DUMPS = {"Phase": {"solutions"}, "Page": {"index"}, "Leaderboard": {"index"}}
"""Keys of Codabench's own dumps that mean nothing; an editor need not offer them."""


def faults_of(text: str) -> list[str]:
    """What an editor would mark."""
    schema = competition_schema()
    Draft202012Validator.check_schema(schema)
    return [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(load(text).plain())
    ]


@pytest.mark.parametrize("path", [*EXAMPLES, *STARTERS], ids=lambda path: path.parent.name)
def test_the_examples_and_templates_are_valid(path: Path) -> None:
    assert faults_of(path.read_text()) == []


def test_a_good_bundle_is_valid(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    assert faults_of(bundle.yaml) == []


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("title: Wheat seeds", "titel: Wheat seeds", "titel"),
        ("    name: Final\n", "    nmae: Final\n", "nmae"),
        ("sorting: asc", "sorting: up", "up"),
        ("max_submissions: 1", "max_submissions: many", "many"),
        ("    scoring_program: scoring_program.zip\n", "", "tasks[0]"),
        ("terms: pages/terms.md\n", "", "terms"),
        ("version: 2", "version: 3", "version"),
    ],
)
def test_what_is_misspelt_or_wrong_is_marked(bundle: BundleMaker, before: str, after: str, marked: str) -> None:
    bundle.replace(before, after)
    assert isinstance(bundle.yaml, str)
    assert marked in " ".join(faults_of(bundle.yaml))


def test_what_is_empty_a_size_or_a_single_board_is_valid(bundle: BundleMaker) -> None:
    bundle.replace("max_submissions: 1\n", "max_submissions:\n    memory_limit: 8 GB\n    end:\n    gpus: 1\n")
    bundle.replace("leaderboards:\n  - title: Results\n", "leaderboard:\n    title: Results\n")
    assert isinstance(bundle.yaml, str)
    assert bundle.check().ok
    assert faults_of(bundle.yaml) == []


def test_the_schema_has_exactly_the_keys_that_the_reader_knows(
    bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, set[str]] = defaultdict(set)
    names = {"tasks": "Task", "pages": "Page", "solutions": "Solution", "phases": "Phase", "columns": "Column"}
    original = Fields.finish

    def finish(self: Fields) -> None:
        step = next((str(step) for step in reversed(self.path) if isinstance(step, str)), "")
        known[names.get(step, "Leaderboard" if step else "Competition")] |= set(self._known)
        original(self)

    monkeypatch.setattr(Fields, "finish", finish)
    assert check_bundle(bundle.folder()).ok
    schema: dict[str, Any] = competition_schema()
    parts = {"Competition": schema, **schema["$defs"]}
    assert set(known) == {"Competition", "Task", "Page", "Solution", "Phase", "Column", "Leaderboard"}
    for name, keys in known.items():
        assert set(parts[name]["properties"]) == keys - WRITTEN_BY_DUMPS.get(name, set()), name
