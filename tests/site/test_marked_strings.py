"""What marks strings for translation is used so that it works: read from the source, since English hides mistakes."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import podium.site
from podium.protocol import Cause
from podium.site.analytics.competition import BELOW, Times
from podium.site.pages.causes import CAUSE_TITLES

ROOT = Path(podium.site.__file__).parent
AT_ONCE = {"gettext", "ngettext", "pgettext", "npgettext"}
ALL = {f"{name}{end}" for name in AT_ONCE for end in ("", "_lazy", "_noop")}
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if "django.utils.translation" in path.read_text()]


def imported(tree: ast.Module) -> dict[str, str]:
    """The functions of translation by the names that a module gives them."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    found = [each for node in froms if node.module == "django.utils.translation" for each in node.names]
    return {each.asname or each.name: each.name for each in found if each.name in ALL}


def calls(node: ast.AST, names: dict[str, str], *, inside: bool = False) -> Iterator[tuple[ast.Call, str, bool]]:
    """Every call of these functions, the function, and whether it is made only when a function of the module is."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
        yield node, names[node.func.id], inside
    body = node.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else []
    for child in ast.iter_child_nodes(node):
        is_body = child in body if isinstance(body, list) else child is body
        yield from calls(child, names, inside=inside or is_body)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_strings_are_marked_so_that_they_are_found_and_translated_when_they_are_shown(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = imported(tree)
    for call, function, inside in calls(tree, names):
        assert inside or function not in AT_ONCE, f"line {call.lineno}: translated when the module is loaded"
        assert not any(isinstance(each, ast.JoinedStr) for each in call.args), f"line {call.lineno}: no f-strings"
    for defined in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        kept = {node.id for node in ast.walk(defined) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        used = {call.func.id for call, _, _ in calls(defined, names) if isinstance(call.func, ast.Name)}
        assert not kept & used, f"{defined.name} gives {kept & used} another meaning"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_message_gets_exactly_the_values_that_it_names(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = imported(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.right, ast.Dict)):
            continue
        call = node.left
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
            texts = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            given = {key.value for key in node.right.keys if isinstance(key, ast.Constant)}
            assert set(re.findall(r"%\((\w+)\)", " ".join(texts))) == given, f"line {node.lineno}"


def test_what_is_translated_later_can_lie_in_a_cache() -> None:
    times = Times(CAUSE_TITLES[Cause.PLATFORM], 1, 1.0, 1.0, [(label, 1) for _, label in BELOW])
    back = pickle.loads(pickle.dumps(times))  # noqa: S301 - as the cache does
    assert str(back.step) == "The platform failed"
    assert [str(label) for label, _ in back.spread] == [str(label) for _, label in BELOW]
