"""Database, storage, broker, Redis and mail: asked of the site itself, which knows its own settings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from podium.cli.doctor.findings import Finding

PATIENCE_SECONDS = 120.0
_PROGRAM = """
import sys
from pathlib import Path
from podium.site.start import examine
examine(Path(sys.argv[1]), sys.argv[2])
"""


def examine(data: Path, send_to: str) -> Iterator[Finding]:
    """Look at them in a process of its own, so that a site that cannot even start is a finding too."""
    mend = "Look at what it says; if it is no setting of yours, report it."
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(data), send_to],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        yield Finding("site", "fail", f"its checks took more than {PATIENCE_SECONDS:.0f} s", mend)
        return
    for line in ended.stdout.splitlines():
        if line.startswith("{"):
            yield Finding(**json.loads(line))
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Finding("site", "fail", f"it cannot start: {last}", mend)
