"""`podium up` with its data folder there: until it is ready, and until it has ended again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.common import Up, report, spread, wait_for

ROUNDS = 5


def main() -> None:
    # The environment lies in the data folder, as an operator's does, so that looking at it is part of the figure.
    data = Path(tempfile.mkdtemp(prefix="podium-bench-"))
    data.chmod(0o711)
    up = Up(data)
    try:
        first = up.start()
        _let_the_environment_be_made(up)
        up.stop()
        ready, ended = [], []
        for _ in range(ROUNDS):
            ready.append(up.start())
            ended.append(up.stop())
    finally:
        if up.process is not None and up.process.poll() is None:
            up.stop()
        shutil.rmtree(data)
    start, stop = spread(ready), spread(ended)
    rows = [
        ("podium up to ready", f"{start['median']:.2f} s ({start['min']:.2f} to {start['max']:.2f})", "< 4 s"),
        ("Ctrl-C to the end", f"{stop['median']:.2f} s ({stop['min']:.2f} to {stop['max']:.2f})", "< 5 s"),
        ("The very first start, database made", f"{first:.2f} s", ""),
    ]
    report("startup", rows, {"ready_seconds": start, "stop_seconds": stop, "first_seconds": first})


def _let_the_environment_be_made(up: Up) -> None:
    """The first start makes the environment beside the web server; the worker's log appears when that is done."""
    wait_for((up.data / "logs" / "worker.log").exists, "the compute worker")


if __name__ == "__main__":
    main()
