"""The examples and the documented bundle against the checker that organizers use."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from podium.formats.bundle import check_bundle
from podium.formats.model import Column, Competition, Leaderboard, Phase, Solution, Task
from podium.ranking.columns import Computation, Sorting
from podium.ranking.rules import SubmissionRule

from .harness import EXAMPLES, NAMES, build_module

DOCUMENT = EXAMPLES.parent / "docs" / "organizers" / "bundles.md"
WRITTEN_OTHERWISE = {"data"}  # the path or key of a solution


@pytest.mark.parametrize("name", NAMES)
def test_an_example_passes_the_check_without_a_remark(name: str, tmp_path: Path) -> None:
    build_module().build(name, tmp_path)
    for source in (EXAMPLES / name, tmp_path / f"{name}.zip"):
        report = check_bundle(source)
        assert report.ok
        assert [str(fault) for fault in report.faults] == []


def test_the_documented_smallest_bundle_passes_the_check_without_a_remark(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(version: 2\n.*?)```", text, flags=re.DOTALL)
    assert found is not None
    (tmp_path / "competition.yaml").write_text(found[1], encoding="utf-8")
    for name in ("scoring_program", "reference_data"):
        shutil.copytree(EXAMPLES / "pi" / name, tmp_path / name)
    shutil.copy(EXAMPLES / "pi/logo.png", tmp_path)
    shutil.copy(EXAMPLES / "pi/pages/terms.md", tmp_path)
    shutil.copy(EXAMPLES / "pi/pages/overview.md", tmp_path)
    report = check_bundle(tmp_path)
    assert report.competition is not None
    assert [str(fault) for fault in report.faults] == []


def test_every_key_that_a_bundle_may_hold_is_documented() -> None:
    written = set(re.findall(r"`([a-z_]+)`", DOCUMENT.read_text(encoding="utf-8")))
    models = (Competition, Task, Solution, Phase, Leaderboard, Column)
    assert {key for model in models for key in model.model_fields} - WRITTEN_OTHERWISE <= written


@pytest.mark.parametrize("words", [Sorting, Computation, SubmissionRule])
def test_every_direction_computation_and_rule_is_documented(
    words: type[Sorting | Computation | SubmissionRule],
) -> None:
    written = set(re.findall(r"`([A-Za-z_]+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert {word.value for word in words} <= written
