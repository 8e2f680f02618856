"""The check of the tree finds what it is there for, and the tree passes it."""

from __future__ import annotations

from pathlib import Path

import check_tree

MARK = "TO" + "DO"


def _module(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_module_that_is_too_long_is_named(tmp_path: Path) -> None:
    _module(tmp_path, "src/podium/long.py", "x = 1\n" * (check_tree.MAX_LINES + 1))
    _module(tmp_path, "src/podium/just.py", "x = 1\n" * check_tree.MAX_LINES)
    (fault,) = check_tree.faults(tmp_path)
    assert fault.startswith("src/podium/long.py:600: 601 lines")


def test_what_is_left_for_later_is_named_with_its_line(tmp_path: Path) -> None:
    _module(tmp_path, "bench/all.py", f"x = 1\n# {MARK}: later\n")
    (fault,) = check_tree.faults(tmp_path)
    assert fault.startswith("bench/all.py:2: ")


def test_migrations_are_not_looked_at(tmp_path: Path) -> None:
    _module(tmp_path, "src/podium/site/x/migrations/0001.py", "x = 1\n" * 1000)
    assert check_tree.faults(tmp_path) == []


def test_this_tree_is_in_order() -> None:
    assert check_tree.faults(check_tree.ROOT) == []
