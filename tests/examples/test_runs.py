"""The examples' programs, run in plain folders: every submission ends as expected.json says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podium.ranking.columns import compute
from podium.ranking.keys import sort_key

from .harness import NAMES, Run, columns, competition, expected, needs_science, run

LIMIT = 60.0


def rows() -> Iterator[Any]:
    for name in NAMES:
        for row in expected(name)["submissions"]:
            slow = needs_science(name, row["path"]) or row.get("cause") == "time_limit"
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(name, row, id=f"{name}-{row['path']}-{row.get('phase', 0)}", marks=marks)


@pytest.fixture
def interpreter(name: str, row: dict[str, Any], request: pytest.FixtureRequest) -> Path:
    """The interpreter a submission needs: the system's plain Python unless it imports numpy or scikit-learn."""
    if needs_science(name, row["path"]):
        python = request.getfixturevalue("science_python")
        assert isinstance(python, Path)
        return python
    return Path("/usr/bin/python3")


def run_all(name: str, row: dict[str, Any], interpreter: Path, work: Path) -> dict[str, Run]:
    limit = float(row.get("execution_time_limit", LIMIT))
    tasks = competition(name)["phases"][row.get("phase", 0)]["tasks"]
    done = {}
    for task in tasks:
        (work / str(task)).mkdir()
        done[str(task)] = run(name, row["path"], task, interpreter=interpreter, work=work / str(task), limit=limit)
    return done


@pytest.mark.parametrize(("name", "row"), list(rows()))
def test_a_submission_ends_as_expected(name: str, row: dict[str, Any], interpreter: Path, tmp_path: Path) -> None:
    done = run_all(name, row, interpreter, tmp_path)
    log = "".join(result.log for result in done.values())
    if row["status"] == "Failed":
        assert not any(result.finished for result in done.values())
        assert row["log"] in log
        return
    assert all(result.finished for result in done.values()), log
    for task, scores in row["scores"].items():
        found = done[task].scores
        for key, score in scores.items():
            assert math.isclose(found[key], score, rel_tol=row["tolerance"]), (task, key, found[key])
        assert set(row.get("present", ())) <= set(found)
        assert not set(row.get("absent", ())) & set(found)
    computed = compute(columns(name), [result.scores for result in done.values()])
    for key, score in row.get("computed", {}).items():
        value = computed[key]
        assert value is not None
        assert math.isclose(value, score, rel_tol=row["tolerance"]), (key, value)


@pytest.mark.parametrize("name", NAMES)
def test_the_expected_scores_rank_in_the_expected_order(name: str) -> None:
    """What expected.json says of scores and of the board agrees, so a test on a server can rely on either."""
    wanted = expected(name)
    (board,) = competition(name)["leaderboards"]
    tasks = competition(name)["phases"][0]["tasks"]
    noon = datetime(2024, 6, 1, tzinfo=UTC)
    keys: dict[str, bytes] = {}
    for row in wanted["submissions"]:
        if row["status"] == "Finished" and row.get("phase", 0) == 0:
            scores = [row["scores"][str(task)] for task in tasks]
            keys[row["path"]] = sort_key(columns(name), board["primary_index"], scores, noon, len(keys))
    assert sorted(keys, key=lambda path: keys[path]) == wanted["leaderboard"]


@pytest.mark.slow
def test_detailed_results_are_one_page_without_scripts_or_outside_files(science_python: Path, tmp_path: Path) -> None:
    done = run("tabular", "solutions/majority", 0, interpreter=science_python, work=tmp_path, limit=LIMIT)
    page = done.report
    assert page is not None
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert not [word for word in ("<script", "http:", "https:", "src=", "href=", "@import", "url(") if word in page]
