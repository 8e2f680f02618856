"""Environments: which folder stands for an image, and how the default one is made."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from podium.sandbox import ImageError, SandboxConfig, SandboxError, create, make_default_environment
from podium.sandbox.environments import STAMP, SYSTEM_PYTHON, Environments
from podium.sandbox.make_environment import is_complete, requirements

from .bench import Bench
from .conftest import BUBBLEWRAP


def environment(folder: Path) -> Path:
    """The least that an environment is."""
    (folder / "bin").mkdir(parents=True)
    return folder


def test_the_first_matching_pattern_names_the_environment(tmp_path: Path) -> None:
    old, new, other = (environment(tmp_path / name) for name in ("old", "new", "other"))
    config = SandboxConfig(
        environments=(("codalab/codalab-legacy:py3[7-9]", old), ("codalab/*", new)), default_environment=other
    )
    found = Environments(config)

    assert found.resolve("codalab/codalab-legacy:py37").folder == old
    assert found.resolve("codalab/codalab-legacy:py312").folder == new
    assert found.resolve("someone/else:latest").folder == other
    assert found.resolve(None).folder == other


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = Environments(SandboxConfig(default_environment=tmp_path / "nowhere"))

    with pytest.raises(ImageError, match="nowhere has no folder `bin`"):
        found.resolve("any:image")


def test_an_environment_that_was_left_half_made_is_not_used(tmp_path: Path) -> None:
    folder = environment(tmp_path / "default")
    (tmp_path / "default.lock").touch()
    found = Environments(SandboxConfig(default_environment=folder))

    with pytest.raises(ImageError, match="only half made"):
        found.resolve(None)
    (folder / STAMP).write_text("complete")
    assert found.resolve(None).folder == folder


def test_the_digest_changes_with_what_is_in_the_environment(tmp_path: Path) -> None:
    folder = environment(tmp_path / "default")
    digests = set()
    for text in ("numpy==1", "numpy==2"):
        (folder / STAMP).write_text(text)
        digests.add(Environments(SandboxConfig(default_environment=folder)).resolve(None).digest)

    assert len(digests) == 2


async def test_preparing_an_image_tells_its_environments_digest(tmp_path: Path) -> None:
    sandbox = create("bubblewrap", SandboxConfig(state_folder=tmp_path, cgroups="off"))
    info = await sandbox.prepare("codalab/codalab-legacy:py312")

    assert (info.name, info.pulled) == ("codalab/codalab-legacy:py312", False)
    assert info.digest.startswith("sha256:")


@pytest.mark.parametrize("bench", BUBBLEWRAP[:1], indirect=True)
async def test_an_environment_may_hold_any_language(bench: Bench, world: Path) -> None:
    folder = environment(world / "shell-language")
    (folder / "bin" / "Rscript").write_text('#!/bin/sh\necho "speaking R: $1"\n')
    (folder / "bin" / "Rscript").chmod(0o755)
    config = SandboxConfig(state_folder=world / "state", environments=(("rocker/*", folder),), cgroups="off")
    bench.sandbox, bench.image = create("bubblewrap", config), "rocker/r-ver:4"

    assert (await bench.run(("Rscript", "model.R"))).stdout == "speaking R: model.R\n"


def fake_installer(folder: Path, body: str) -> Path:
    """A `uv` of our own on PATH, so that the making is tested without installing anything."""
    folder.mkdir(exist_ok=True)
    tool = folder / "uv"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    return folder


MAKES_A_VENV = """
case "$1" in
venv) for last; do :; done; mkdir -p "$last/bin"; ln -s /usr/bin/python3 "$last/bin/python"; echo made >> "$MADE" ;;
esac
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a `uv` on PATH that makes a bare environment and counts how often it did."""
    monkeypatch.setenv("PATH", f"{fake_installer(tmp_path / 'tools', MAKES_A_VENV)}:{os.environ['PATH']}")
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    return tmp_path / "made"


def test_the_default_environment_is_made_once(tmp_path: Path, made: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        make_default_environment(tmp_path / "default", say=told.append)

    assert made.read_text() == "made\n"
    assert len(told) == 1
    assert is_complete(tmp_path / "default")
    assert {path.name for path in (tmp_path / "default" / "bin").iterdir()} == {"python", "python3"}


def test_several_who_ask_at_once_get_one_environment(tmp_path: Path, made: Path) -> None:
    code = "import sys, pathlib; from podium.sandbox import make_default_environment as m; m(pathlib.Path(sys.argv[1]))"
    start = [sys.executable, "-c", code, str(tmp_path / "default")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: subprocess.run(start, check=True), range(4)))

    assert made.read_text() == "made\n"


def test_a_half_made_environment_is_made_anew(tmp_path: Path, made: Path) -> None:
    folder = environment(tmp_path / "default")
    (folder / "left over").touch()

    make_default_environment(folder)

    assert not (folder / "left over").exists()
    assert is_complete(folder)


def test_an_environment_of_other_packages_is_made_anew(tmp_path: Path, made: Path) -> None:
    folder = make_default_environment(tmp_path / "default")
    (folder / STAMP).write_text("what was pinned last year")

    make_default_environment(folder)

    assert made.read_text() == "made\nmade\n"


def test_the_environment_is_readable_to_everyone(tmp_path: Path, made: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = make_default_environment(tmp_path / "default")
    finally:
        os.umask(before)

    assert all(stat.S_IMODE(path.stat().st_mode) & 0o044 for path in (folder, folder / "bin"))


def test_the_installers_own_words_are_told_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = fake_installer(tmp_path / "tools", "echo 'no such package: numpy' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    with pytest.raises(SandboxError, match="no such package: numpy"):
        make_default_environment(tmp_path / "default")
    assert not is_complete(tmp_path / "default")


def test_a_missing_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"There is no .*python9"):
        make_default_environment(tmp_path / "default", python=tmp_path / "python9")


def test_every_package_of_the_default_environment_is_pinned() -> None:
    lines = [line for line in requirements().splitlines() if line and not line.startswith("#")]

    assert all("==" in line for line in lines)
    assert {"numpy", "pandas", "scikit-learn", "matplotlib", "pyyaml"} <= {line.partition("==")[0] for line in lines}
    assert SYSTEM_PYTHON.exists()
