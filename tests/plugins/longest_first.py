"""Lets what may take longest begin first where several processes share the tests, so that none is waited for alone.

What a test may take is said by its `timeout` mark. (Groups come before single tests anyhow, the largest first.)
"""

from __future__ import annotations

import pytest


def _may_take(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None else 0.0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort; tests that say nothing stay in their order, after the others."""
    if getattr(config.option, "loadgroup", False):
        items.sort(key=_may_take, reverse=True)
