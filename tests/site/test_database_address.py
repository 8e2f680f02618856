"""How the site connects to the database that its address names."""

from __future__ import annotations

from typing import Any

import pytest

from podium.site import settings


def _options(monkeypatch: pytest.MonkeyPatch, address: str) -> dict[str, Any]:
    monkeypatch.setattr(settings, "CONFIG", settings.CONFIG.model_copy(update={"database_url": address}))
    options: Any = settings._database()["OPTIONS"]
    return dict(options)


def test_queries_of_pages_are_not_compiled_unless_the_address_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _options(monkeypatch, "postgresql://me@db/podium")["options"] == "-c jit=off"
    assert _options(monkeypatch, "postgresql://me@db/podium?sslmode=require")["options"] == "-c jit=off"
    own = _options(monkeypatch, "postgresql://me@db/podium?options=-c%20work_mem%3D64MB&sslmode=require")
    assert (own["options"], own["sslmode"]) == ("-c work_mem=64MB", "require")
    assert _options(monkeypatch, "postgresql://me@db/podium?options=")["options"] == ""
