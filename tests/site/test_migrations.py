"""The migrations make the tables that the models describe; other tests make them straight from the models."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_model_has_changed_without_a_migration() -> None:
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()


def in_process(data: Path, code: str) -> None:
    """Run code that manages an installation in a data folder of its own, on SQLite."""
    environment = {**os.environ, "PODIUM_DATA": str(data), "DATABASE_URL": ""}
    data.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)


def tables_of(data: Path) -> dict[str, list[object]]:
    """Every table of a database: its columns, references, indexes and checks, whatever their order."""
    database = sqlite3.connect(data / "podium.sqlite3")
    try:
        return {name: _parts(database, name, sql) for name, sql in database.execute(_TABLES).fetchall()}
    finally:
        database.close()


_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def _parts(database: sqlite3.Connection, table: str, sql: str) -> list[object]:
    indexes = set()
    for _, name, unique, *_ in database.execute(f"PRAGMA index_list('{table}')").fetchall():
        found = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        condition = (found[0] or "").partition(" WHERE ")[2]
        columns = tuple(row[2] for row in database.execute(f"PRAGMA index_info('{name}')"))
        indexes.add((unique, columns, condition))
    return [
        {row[1:6] for row in database.execute(f"PRAGMA table_info('{table}')")},
        {row[2:7] for row in database.execute(f"PRAGMA foreign_key_list('{table}')")},
        indexes,
        sorted(re.findall(r'CONSTRAINT "\w+" CHECK \(.*?\)(?=, CONSTRAINT|, UNIQUE|, FOREIGN|\)$)', sql)),
    ]


SET_UP = "from podium.site.start import manage; manage(['setup_instance'])"


@pytest.mark.slow
def test_an_empty_database_gets_the_tables_that_all_migrations_make(tmp_path: Path) -> None:
    in_process(tmp_path / "at_once", SET_UP)
    in_process(tmp_path / "in_turn", "from podium.site.start import manage; manage(['migrate', '--verbosity', '0'])")
    at_once = tables_of(tmp_path / "at_once")
    assert at_once == tables_of(tmp_path / "in_turn")
    assert "evaluation_submission" in at_once
    in_process(tmp_path / "at_once", "from podium.site.start import manage; manage(['migrate', '--check'])")


DIES_HALF_WAY = """
from podium.site.start import _settings
_settings(None)
import django
django.setup()
from podium.site import tables
every = list(tables.apps.get_models())
class Some:
    @staticmethod
    def get_models():
        yield from every[:5]
        raise KeyboardInterrupt
tables.apps = Some
try:
    tables.make_if_none()
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("it did not die")
"""


@pytest.mark.slow
def test_a_first_start_that_dies_half_way_leaves_an_empty_database(tmp_path: Path) -> None:
    in_process(tmp_path, DIES_HALF_WAY)
    assert set(tables_of(tmp_path)) == {"django_migrations"}
    in_process(tmp_path, SET_UP)
    assert "evaluation_submission" in tables_of(tmp_path)


def test_setting_up_twice_makes_one_administrator_and_one_queue(tmp_path: Path) -> None:
    environment = {**os.environ, "PODIUM_DATA": str(tmp_path), "PODIUM_ADMIN_USERNAME": "ada", "DATABASE_URL": ""}
    environment.pop("PODIUM_ADMIN_PASSWORD", None)
    command = [sys.executable, "-c", "from podium.site.start import manage; manage(['setup_instance'])"]
    answers = [
        json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
        for _ in range(2)
    ]
    assert [answer["admin_created"] for answer in answers] == [True, False]
    assert answers[0]["admin_password"]
    assert answers[1]["admin_password"] is None
    token = Path(answers[0]["worker_token_file"])
    assert token.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "podium.sqlite3") as database:
        assert database.execute("select count(*) from queues_queue").fetchone() == (1,)
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)
    database.close()
