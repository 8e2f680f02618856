"""The files in deploy/ name commands, settings and files that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import config_table
import pytest
import typer.main
from ruamel.yaml import YAML

from podium.cli.main import app
from podium.worker import settings as worker_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
_ROW = re.compile(r"^\| `(\w+)`", re.MULTILINE)


def compose() -> dict[str, Any]:
    """The compose file, merged."""
    loaded = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def known_settings() -> set[str]:
    """Every variable that the site or a worker reads."""
    return set(_ROW.findall(config_table.table())) | {row[0] for row in worker_settings._VARIABLES}


def commands() -> set[str]:
    """Every command of `podium`."""
    group = typer.main.get_command(app)
    return set(getattr(group, "commands", {}))


def test_every_service_of_ours_starts_with_a_command_that_exists() -> None:
    ours = {name: s["command"][0] for name, s in compose()["services"].items() if s["image"] == "podium"}
    assert set(ours) == {"setup", "web", "site-worker", "worker"}
    assert set(ours.values()) <= commands()


def test_every_setting_in_the_compose_file_is_one_that_is_read() -> None:
    ours = [s["environment"] for s in compose()["services"].values() if s["image"] == "podium"]
    named = {name for environment in ours for name in environment}
    assert named <= known_settings()


def test_the_example_of_the_environment_has_every_variable_that_must_be_set() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert needed
    assert needed <= offered
    assert offered <= set(re.findall(r"\$\{(\w+)", text)), "nothing is offered that is not used"


def test_no_service_but_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in compose()["services"].items() if service.get("ports")] == ["proxy"]


def test_what_the_image_copies_exists() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    sources = [
        source
        for line in text.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert sources
    assert not [source for source in sources if not (ROOT / source).exists()]
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert not [source for source in sources if f"!{source}" not in allowed]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists_with_settings_that_are_read(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (start,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    assert shlex.split(start)[1] in commands()
    assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= known_settings()
