"""The set-up scripts say in one line what is missing, and the Makefile prints what there is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"])


def bash(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run shell code with the scripts' library loaded, strictly."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; STAMPS=$PWD/stamps; . {ROOT}/scripts/lib.sh; {code}"],
        env={"PATH": "/usr/bin:/bin", **env},
        cwd=env.get("HOME", "/"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_ordinary_user_is_told_the_one_command_to_type() -> None:
    done = bash("is_root() { false; }; have() { true; }; need_packages 'System packages are missing' bubblewrap npm")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "sudo apt-get install -y --no-install-recommends bubblewrap npm" in done.stderr


def test_a_system_without_apt_is_told_the_names() -> None:
    done = bash("have() { false; }; need_packages 'System packages are missing' bubblewrap")
    assert done.returncode == 1
    assert "Install what this system calls: bubblewrap" in done.stderr


def test_root_installs_without_being_asked_anything() -> None:
    done = bash("is_root() { true; }; apt-get() { echo apt $*; }; need_packages why bubblewrap | cat; echo done")
    assert done.returncode == 0
    assert "done" in done.stdout
    assert "Installing system packages: bubblewrap" in done.stdout


def test_only_packages_that_are_not_there_are_named() -> None:
    done = bash("missing_packages bash no-such-package-podium")
    assert done.stdout.split() == ["no-such-package-podium"]


def test_a_step_is_done_again_only_when_its_inputs_change(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("one")
    code = 'stamped npm "$(stamp lock)" && echo fresh || { echo stale; set_stamp npm "$(stamp lock)"; }'
    said = [bash(code, HOME=str(tmp_path)).stdout.strip() for _ in range(2)]
    (tmp_path / "lock").write_text("two")
    said.append(bash(code, HOME=str(tmp_path)).stdout.strip())
    assert said == ["stale", "fresh", "stale"]


def test_a_python_that_is_too_old_is_refused() -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "setup.sh")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PYTHON=false is no Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_executable_or_a_library_and_its_syntax_is_right(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    if script.name != "lib.sh":
        assert script.stat().st_mode & 0o111
        assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_make_alone_prints_every_target() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = {line.split()[1] for line in done.stdout.splitlines()}
    assert named >= {"setup", "run", "test", "check", "soak", "bench", "examples", "docs", "lint", "format", "types"}
