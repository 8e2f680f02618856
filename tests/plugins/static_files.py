"""Lets the static files be listed once: every test client has middleware of its own, which reads hundreds of files."""

from __future__ import annotations

from typing import Any

import pytest
from whitenoise.middleware import WhiteNoiseMiddleware

_list = WhiteNoiseMiddleware.add_files_from_finders
_known: dict[tuple[Any, ...], dict[str, Any]] = {}


def _list_once(middleware: Any) -> None:
    how = (middleware.static_prefix, middleware.max_age, middleware.allow_all_origins)
    if how not in _known:
        before = set(middleware.files)
        _list(middleware)
        _known[how] = {url: file for url, file in middleware.files.items() if url not in before}
    middleware.files.update(_known[how])


def pytest_configure(config: pytest.Config) -> None:
    """Put it in the place of WhiteNoise's own."""
    WhiteNoiseMiddleware.add_files_from_finders = _list_once
