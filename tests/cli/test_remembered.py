"""A start leaves the set-up out only when nothing that it depends on has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.cli import remembered

ACCOUNT = {"admin_created": True, "admin_username": "ada", "admin_password": "secret"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder after its first set-up."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "podium.sqlite3").touch()
    (tmp_path / "worker-token").touch()
    remembered.keep(tmp_path, account(tmp_path))
    return tmp_path


def account(folder: Path) -> dict[str, Any]:
    return {**ACCOUNT, "worker_token_file": str(folder / "worker-token")}


def test_an_unchanged_folder_needs_no_set_up(data: Path) -> None:
    assert remembered.recall(data) == {**account(data), "admin_created": False, "admin_password": None}


def test_the_password_is_not_kept(data: Path) -> None:
    assert "secret" not in (data / "setup.json").read_text()


def test_a_folder_never_set_up_is_set_up(tmp_path: Path) -> None:
    assert remembered.recall(tmp_path) is None


def test_a_restored_database_is_set_up_again(data: Path) -> None:
    (data / "restored").touch()
    (data / "restored").replace(data / "podium.sqlite3")
    assert remembered.recall(data) is None


def test_another_release_is_set_up_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "version", lambda name: "99")
    assert remembered.recall(data) is None


def test_a_lost_worker_token_is_set_up_again(data: Path) -> None:
    (data / "worker-token").unlink()
    assert remembered.recall(data) is None


def test_a_database_server_is_always_asked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/podium")
    assert remembered.recall(data) is None


@pytest.mark.parametrize("garbage", ["", "[]", "{", '{"fingerprint": 1}', "null"])
def test_a_broken_note_is_as_none(data: Path, garbage: str) -> None:
    (data / "setup.json").write_text(garbage)
    assert remembered.recall(data) is None
