"""docs/features.md claims nothing that no test shows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "features.md"
_TEST = re.compile(r"`(tests/[\w./-]+\.py)::([\w:]+)`")


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    feature: str
    documented: str
    works: str
    test: str


def rows() -> list[Row]:
    """Every row of every table on the page."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(*found) for found in cells if found[0] != "Feature" and not set(found[0]) <= {"-", " ", ":"}]


def functions_of(file: Path) -> set[str]:
    """Names of a test module's functions, methods as `Class::method`."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
    return names


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.feature)
def test_a_feature_that_works_names_a_test_that_exists(row: Row) -> None:
    assert row.works in {"yes", "partly", "no"}
    named = _TEST.findall(row.test)
    assert (row.test == "no") is (not named), "the last cell holds tests as `tests/file.py::name`, or no"
    if row.works == "yes":
        assert named, "a feature without a test does not work yet: write no"
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or name not in functions_of(ROOT / file)
    ]
    assert not missing, f"{row.feature}: no such test"


def test_the_table_has_no_feature_twice() -> None:
    names = [row.feature for row in rows()]
    assert sorted(set(names)) == sorted(names)
