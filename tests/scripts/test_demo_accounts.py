"""The demonstration's accounts: random, kept, and nobody else's to read."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_accounts import FILE, ORGANIZER, PARTICIPANT, Accounts


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PODIUM_ADMIN_USERNAME", "PODIUM_ADMIN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def test_passwords_are_kept_for_the_next_start_in_a_file_of_its_owners(tmp_path: Path) -> None:
    first = Accounts.of(tmp_path / "data")
    again = Accounts.of(tmp_path / "data")
    assert again.passwords == first.passwords
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600


def test_every_account_has_a_password_of_its_own(tmp_path: Path) -> None:
    passwords = Accounts.of(tmp_path).passwords
    assert set(passwords) == {ORGANIZER, PARTICIPANT, "admin"}
    assert len(set(passwords.values())) == 3
    assert all(len(password) >= 12 for password in passwords.values())


def test_the_administrator_that_is_shown_is_the_one_that_is_made(tmp_path: Path) -> None:
    accounts = Accounts.of(tmp_path)
    assert accounts.environment() == {
        "PODIUM_ADMIN_USERNAME": "admin",
        "PODIUM_ADMIN_PASSWORD": accounts.passwords["admin"],
    }


def test_an_operators_own_administrator_is_left_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_ADMIN_USERNAME", "ada")
    monkeypatch.setenv("PODIUM_ADMIN_PASSWORD", "her own words")
    assert Accounts.of(tmp_path).environment()["PODIUM_ADMIN_PASSWORD"] == "her own words"


def test_an_installation_that_is_older_keeps_its_administrator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "podium.sqlite3").touch()
    accounts = Accounts.of(tmp_path)
    accounts.print_table()
    assert accounts.environment() == {}
    assert "administrator" not in capsys.readouterr().out
