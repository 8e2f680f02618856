"""Proportional memory (PSS) of every process that `podium up` starts, at rest."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from bench.common import Up, finished, platform, report, trivial_competition, uploaded_answers

MB = 1_000_000


def pss(pid: int) -> int:
    """A process's share of memory in bytes, pages shared with others counted in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no Pss")


def family(up: Up) -> dict[str, int]:
    """Bytes by role; the supervisor is `up`."""
    assert up.process is not None
    top = psutil.Process(up.process.pid)
    return {_role(process): pss(process.pid) for process in (top, *top.children(recursive=True))}


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    place = next((n for n, word in enumerate(words) if word in {"podium.cli", "podium.cli.up"}), None)
    if place is None:
        return f"{process.name()}-{process.pid}"
    return "up" if words[place] == "podium.cli.up" else words[place + 1]


def at_rest(up: Up) -> dict[str, int]:
    """Wait until the sum stays within 1 % for three seconds."""
    last, steady = -1, 0
    while True:
        now = family(up)
        total = sum(now.values())
        steady = steady + 1 if abs(total - last) < total / 100 and len(now) >= 4 else 0
        if steady >= 3:
            return now
        last = total
        time.sleep(1)


def main() -> None:
    with platform() as up:
        fresh = at_rest(up)
        client = up.administrator()
        phase = trivial_competition(up, client).phases[0].id
        for key in uploaded_answers(client, 20):
            finished(client, client.submit(phase, key).id)
        client.close()
        used = at_rest(up)
    rows = []
    for name, roles in (("after the start", fresh), ("after 20 submissions", used)):
        rows.append((f"All processes, {name}", f"{sum(roles.values()) / MB:.0f} MB", "< 400 MB"))
        targets = {"worker": "< 80 MB"}
        rows += [(f"  {role}", f"{size / MB:.0f} MB", targets.get(role, "")) for role, size in sorted(roles.items())]
    report("memory", rows, {"fresh_bytes": fresh, "used_bytes": used})


if __name__ == "__main__":
    main()
