"""A competition moves to another server: archived from a terminal, restored into another data folder, equal there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.client import Competition
from podium.formats.competition_archive import open_competition_archive

from . import bundles
from .conftest import MakePlatform
from .people import Person, Terminal
from .running import Platform, podium_command
from .test_cli import answered, log_in, said

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]


@pytest.fixture
def people(olivia: Person, pat: Person) -> tuple[Person, Person]:
    """An organizer and a participant."""
    return olivia, pat


def managed(platform: Platform, *words: str) -> subprocess.CompletedProcess[str]:
    """A management command on a platform that does not run."""
    env = platform.environment()
    return subprocess.run(
        podium_command("manage", *words), env=env, capture_output=True, text=True, timeout=120, check=False
    )


def digests(path: Path) -> dict[str, str]:
    """What equal competitions have in common."""
    with open_competition_archive(path) as archive:
        return {name: facts.sha256 for name, facts in archive.manifest.members.items() if "people" not in name}


def test_a_competition_moves_to_another_server_and_is_equal_there(
    terminal: Terminal,
    compete: Callable[..., Competition],
    people: tuple[Person, Person],
    new_platform: MakePlatform,
    tmp_path: Path,
) -> None:
    competition, (olivia, pat) = compete(), people
    for text in ("0.1", "0.30000000000000004", "nothing"):
        folder = bundles.write(tmp_path / f"answer {text}", {"answer.txt": text})
        pat.ended(pat.submit(competition, folder).id)
    log_in(terminal, olivia)
    path = tmp_path / "archive.zip"
    told = said(terminal.podium("archive", str(competition.id), "-o", str(path)))
    assert "Finished" in told
    assert "everything is there" in said(terminal.podium("check", str(path)))
    facts = answered(terminal.podium("check", "--json", str(path)))
    assert (facts["ok"], facts["rows"]["submissions"], facts["competition"]) == (True, 3, competition.title)

    other = new_platform()
    other.set_up()
    restored = said(managed(other, "restore_archive", str(path), "--owner", "ada"))
    assert f"Competition 1 is there: {competition.title}" in restored
    said(managed(other, "write_archive", "1", str(tmp_path / "again.zip")))
    assert digests(tmp_path / "again.zip") == digests(path)

    path.write_bytes(path.read_bytes()[:-2000])
    assert "cut short" in terminal.podium("check", str(path)).stderr
    refused = managed(other, "restore_archive", str(path))
    assert refused.returncode == 1
    assert "Nothing was restored." in refused.stderr
