"""In CI a skipped test is a failed test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    "mark": "import pytest\n\n@pytest.mark.skip(reason='no service')\ndef test_marked(): pass\n",
    "inside": "import pytest\n\ndef test_inside(): pytest.skip('no service')\n",
    "fixture": (
        "import pytest\n\n@pytest.fixture\ndef service(): pytest.skip('no service')\n\n"
        "def test_with_fixture(service): pass\n"
    ),
    "good": "def test_good(): pass\n",
    "expected": "import pytest\n\n@pytest.mark.xfail\ndef test_expected(): assert False\n",
}
WHOLE = {"whole": "import pytest\n\npytest.skip('no service', allow_module_level=True)\n"}


def run(folder: Path, modules: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin on a few modules, in a process of its own."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, code in modules.items():
        (folder / f"test_{name}.py").write_text(code)
    clean = {key: value for key, value in os.environ.items() if key not in {"CI", "PODIUM_NO_SKIPS", "PYTEST_ADDOPTS"}}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.no_skips", "-c", "pytest.ini", "."],
        env={**clean, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["CI", "PODIUM_NO_SKIPS"])
def test_every_skipped_test_fails_by_name_in_ci(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, MODULES, **{name: "true"})
    assert done.returncode == 1
    for test in ("test_mark.py::test_marked", "test_inside.py::test_inside", "test_fixture.py::test_with_fixture"):
        assert f"{test} was skipped, and here nothing may be skipped" in done.stdout
    assert "no service" in done.stdout
    assert "1 passed" in done.stdout
    assert "1 xfailed" in done.stdout, "an expected failure is left alone"


def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, WHOLE, CI="true")
    assert done.returncode not in {0, 5}
    assert "test_whole.py was skipped" in done.stdout


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, MODULES, CI="false")
    assert done.returncode == 0
    assert "1 passed, 3 skipped, 1 xfailed" in done.stdout
