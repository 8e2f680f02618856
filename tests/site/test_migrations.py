"""The migrations make the tables that the models describe; other tests make them straight from the models."""

from __future__ import annotations

import io
import json
import os
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
