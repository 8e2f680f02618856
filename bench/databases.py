"""Benches that hold the site in a process of their own: `python -m bench.<name> inside` on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import psycopg


def on_both(bench: str, server: str) -> dict[str, Any]:
    """What a bench answers in JSON, by the database's name.

    server: address of a PostgreSQL on which a database may be made, without a name of one.
    """
    return {"SQLite": on(bench, ""), "PostgreSQL": _on_postgresql(bench, server)}


def on(bench: str, database_url: str) -> dict[str, Any]:
    """What a bench answers in a process and a data folder of its own."""
    data = Path(tempfile.mkdtemp(prefix="podium-bench-"))
    try:
        limits = {f"PODIUM_RATE_LIMIT_{of}": "0" for of in ("PERSON", "ADDRESS", "CREATE")}
        env = {**os.environ, **limits, "PODIUM_DATA": str(data), "DATABASE_URL": database_url}
        command = [sys.executable, "-m", f"bench.{bench}", "inside"]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    finally:
        shutil.rmtree(data)


def _on_postgresql(bench: str, server: str) -> dict[str, Any]:
    name = f"podium_bench_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
        try:
            return on(bench, f"{server}/{name}")
        finally:
            connection.execute(f"drop database {name} with (force)")
