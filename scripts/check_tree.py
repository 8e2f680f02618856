"""Checks what no linter checks: modules stay short (tests may be longer), and nothing is left for later in them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "scripts", "tests", "bench", "examples")
MAX_LINES = 600
WORDS = ("TODO", "FIXME", "XXX", "HACK")
LEFT_FOR_LATER = re.compile(rf"#.*\b(?:{'|'.join(WORDS)})\b")


def faults(root: Path) -> list[str]:
    """Every fault of the Python modules below `root`, as `file:line: what is wrong and how to mend it`."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if "migrations" in path.parts or path.stat().st_size == 0:
                continue
            found += _faults_of(path, path.relative_to(root))
    return found


def _faults_of(path: Path, name: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [
        f"{name}:{number}: left for later. Do it now, or say why it is right as it is."
        for number, line in enumerate(lines, start=1)
        if LEFT_FOR_LATER.search(line)
    ]
    if len(lines) > MAX_LINES and name.parts[0] != "tests":
        found.append(f"{name}:{MAX_LINES}: {len(lines)} lines; split it, {MAX_LINES} are the most a module may have.")
    return found


if __name__ == "__main__":
    complaints = faults(ROOT)
    print("\n".join(complaints) or "The tree is in order.")
    sys.exit(1 if complaints else 0)
