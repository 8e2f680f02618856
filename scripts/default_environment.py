"""Makes the scientific environment that programs of competitions find, at the place where `podium up` looks for it.

The data folder is PODIUM_DATA, else ./podium-data. Where PODIUM_WORKER_DEFAULT_ENVIRONMENT names a folder, that is the
environment and nothing is made.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from podium.cli.places import open_folder
from podium.sandbox.contract import SandboxError
from podium.sandbox.make_environment import make_default_environment


def say(text: str) -> None:
    """Tell what takes time."""
    print(f"==> {text}", flush=True)


def main() -> int:
    """Make the environment unless it is there; returns the exit code."""
    if os.environ.get("PODIUM_WORKER_DEFAULT_ENVIRONMENT"):
        return 0
    data = Path(os.environ.get("PODIUM_DATA") or "podium-data").resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o711)  # as `podium up` makes it: sandboxes pass through, list nothing
    try:
        make_default_environment(open_folder(data, "environment"), say=say)
    except SandboxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
