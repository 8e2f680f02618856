"""What /proc says about the processes of a run, seen from outside."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all that descend from it, nearest first.

    In a process namespace orphans become children of its first process, so nothing escapes this list there.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    for other, parent in _parents():
        children[parent].append(other)
    found = [pid]
    for each in found:  # grows while it is walked: breadth first
        found.extend(children[each])
    return found


def _parents() -> Iterable[tuple[int, int]]:
    for pid in all_pids():
        fields = stat_fields(pid)
        if fields:
            yield pid, int(fields[1])


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (state, parent, group, session, ...), empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # the process ended
        return []
    # The second field is the program's own choice and may hold blanks and brackets: the last ")" ends it.
    return text[text.rfind(b")") + 2 :].decode("ascii", "replace").split()


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits to be collected."""
    return stat_fields(pid)[:1] == ["Z"]


def resident_bytes(pids: Iterable[int]) -> int:
    """The resident memory of processes, memory that they share counted for each of them: quick, and never too low."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    return total


def proportional_bytes(pids: Iterable[int]) -> int:
    """The anonymous and shared memory of processes, shared pages divided among those who share them: exact and slow."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
                if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def peak_resident_bytes(pid: int) -> int:
    """The highest resident memory of one process so far."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def environment(pid: int) -> dict[str, str]:
    """The variables that a process was started with; empty if it is gone or not ours to read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition(b"=") for item in raw.split(b"\0") if b"=" in item)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def arguments(pid: int) -> list[str]:
    """The argument vector of a process; empty if it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(item) for item in raw.split(b"\0")[:-1]]


def all_pids() -> list[int]:
    """Every process that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are all it takes


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of processes and of those of their children that have been collected."""
    ticks = 0
    for pid in pids:
        fields = stat_fields(pid)
        if fields:
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS
