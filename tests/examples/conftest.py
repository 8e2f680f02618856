"""Fixtures of the examples' tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from podium.sandbox.make_environment import make_default_environment


def _has_science(python: Path) -> bool:
    return (
        python.exists()
        and subprocess.run([python, "-c", "import numpy, sklearn"], check=False, capture_output=True).returncode == 0
    )


@pytest.fixture(scope="session")
def science_python() -> Path:
    """An interpreter with numpy and scikit-learn: that of a given environment, the system's, or one made for it."""
    given = os.environ.get("PODIUM_TEST_ENVIRONMENT")
    candidates = [Path("/usr/bin/python3"), Path(sys.executable)]
    for python in [Path(given) / "bin/python3", *candidates] if given else candidates:
        if _has_science(python):
            return python
    return make_default_environment(Path(tempfile.gettempdir()) / "podium-test-environment") / "bin" / "python3"
