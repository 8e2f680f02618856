"""Control groups, version 1 and 2, written directly: the limits that hold for all processes of a run together.

Where no group can be made (an ordinary user without a delegated subtree, a container without write access) the caller
falls back to resource limits and a watchdog; `Cgroups.find` says why.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from podium.sandbox.contract import Limits

logger = logging.getLogger(__name__)

CPU_PERIOD_MICROSECONDS = 100_000
V1_CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
V2_CONTROLLERS = ("memory", "pids", "cpu")

PIDS_OVERHEAD = 3
"""The sandbox's own processes (first process, launcher) count in the group; the program's share is not cut by them."""

_KILLED_GROUP_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Cgroups:
    """Where this process may make groups: one parent folder per controller (version 1) or one for all (version 2).

    The group of a run is called podium-OWNER@NAME; nothing else is made, so nothing is left when no run is under way.
    """

    version: int
    owner: str
    parents: dict[str, Path] = field(hash=False)

    @classmethod
    def find(cls, owner: str, parent: str | None = None) -> tuple[Cgroups | None, str]:
        """Looks for a place where groups can be made, by making one: the place or None, and a sentence about it.

        `owner` is part of the names of this worker's groups; `parent` (a path below the mount of the hierarchy)
        overrides where they are made, which is otherwise below the own group.
        """
        mounts = _mounts()
        if all(name in mounts for name in ("memory", "pids")):
            return cls._find_v1(mounts, owner, parent)
        if "" in mounts:
            return cls._find_v2(mounts[""], owner, parent)
        return None, "no control group hierarchy is mounted below /sys/fs/cgroup"

    @classmethod
    def _find_v1(cls, mounts: dict[str, Path], owner: str, parent: str | None) -> tuple[Cgroups | None, str]:
        own = _own_groups()
        parents: dict[str, Path] = {}
        for controller in V1_CONTROLLERS:
            if controller not in mounts:
                continue
            base = mounts[controller] / (parent or own.get(controller, "")).lstrip("/")
            # In a container without a cgroup namespace the own path is the host's and not below this mount.
            parents[controller] = base if base.is_dir() else mounts[controller]
            try:
                _probe(parents[controller])
            except OSError as error:
                return None, f"no control group can be made for {controller} (version 1): {error.strerror or error}"
        return cls(1, owner, parents), f"control groups version 1 ({', '.join(sorted(parents))})"

    @classmethod
    def _find_v2(cls, mount: Path, owner: str, parent: str | None) -> tuple[Cgroups | None, str]:
        own = mount / (parent or _own_groups().get("", "")).lstrip("/")
        reason = "the unified hierarchy offers no place"
        # Below the own group (a delegated unit) if it may have children with controllers, else at the top (root).
        for base in (own, mount):
            try:
                _enable(base)
                missing = {"memory", "pids"} - set((base / "cgroup.subtree_control").read_text().split())
                if missing:
                    reason = f"the controllers {', '.join(sorted(missing))} are not available in {base}"
                    continue
                _probe(base)
            except OSError as error:
                reason = f"no control group can be made in {base} (version 2): {error.strerror or error}"
                continue
            return cls(2, owner, dict.fromkeys(V2_CONTROLLERS, base)), f"control groups version 2 in {base}"
        return None, reason

    def create(self, name: str, limits: Limits) -> Group:
        """Makes the group of one run, its limits set. Raises OSError when the kernel refuses."""
        group = self._group(f"podium-{self.owner}@{name}")
        try:
            for folder in set(group.folders.values()):
                folder.mkdir()
            group.limit(limits)
        except OSError:
            group.remove()
            raise
        return group

    def leftovers(self) -> dict[str, Group]:
        """The groups of runs that an earlier process of this owner left behind, or that are under way, by run name."""
        prefix = f"podium-{self.owner}@"
        names = {
            entry.name
            for parent in set(self.parents.values())
            for entry in parent.iterdir()
            if entry.name.startswith(prefix)
        }
        return {name.removeprefix(prefix): self._group(name) for name in sorted(names)}

    def _group(self, folder: str) -> Group:
        return Group(self.version, {controller: parent / folder for controller, parent in self.parents.items()})


@dataclass(frozen=True)
class Group:
    """The control group of one run: one folder per controller (version 1), or the same for all (version 2)."""

    version: int
    folders: dict[str, Path] = field(hash=False)

    @classmethod
    def of(cls, pid: int) -> Group | None:
        """The groups that a process is in, to be read; None where they cannot be seen from here."""
        try:
            paths = _groups_of(Path(f"/proc/{pid}/cgroup"))
        except OSError:
            return None
        mounts = _mounts()
        version = 1 if "memory" in mounts else 2
        controllers = V1_CONTROLLERS if version == 1 else V2_CONTROLLERS
        folders = {
            name: mounts[key] / paths[key].lstrip("/")
            for name in controllers
            if (key := name if version == 1 else "") in mounts and key in paths
        }
        readable = "memory" in folders and (folders["memory"] / "memory.stat").is_file()
        return cls(version, folders) if readable else None

    def limit(self, limits: Limits) -> None:
        """Writes the limits into the group."""
        processes = str(limits.processes + PIDS_OVERHEAD)
        self._write("pids", "pids.max", processes)
        if limits.memory_bytes is not None:
            if self.version == 1:
                self._write("memory", "memory.limit_in_bytes", str(limits.memory_bytes))
                # Swap counts too where the kernel can count it; without it a hog would go on in swap.
                with contextlib.suppress(OSError):
                    self._write("memory", "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
            else:
                self._write("memory", "memory.max", str(limits.memory_bytes))
                for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                    with contextlib.suppress(OSError):
                        self._write("memory", name, value)
        if limits.cpus is not None and "cpu" in self.folders:
            quota = max(1000, int(limits.cpus * CPU_PERIOD_MICROSECONDS))
            if self.version == 1:
                self._write("cpu", "cpu.cfs_period_us", str(CPU_PERIOD_MICROSECONDS))
                self._write("cpu", "cpu.cfs_quota_us", str(quota))
            else:
                self._write("cpu", "cpu.max", f"{quota} {CPU_PERIOD_MICROSECONDS}")

    def add(self, pid: int) -> None:
        """Moves a process into the group; what it starts from then on is born there."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory_kills(self) -> int:
        """How often the kernel has killed a process of the group because memory was used up."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return self._counters("memory", name).get("oom_kill", 0)

    def memory_bytes(self) -> int:
        """The anonymous and shared memory in use, file cache left out: it is not the program's need."""
        counters = self._counters("memory", "memory.stat")
        if self.version == 1:
            return counters.get("total_rss", 0) + counters.get("total_shmem", 0)
        return counters.get("anon", 0) + counters.get("shmem", 0)

    def cpu_seconds(self) -> float | None:
        """Processor time used by all processes of the group, ended ones included; None where it is not counted."""
        if self.version == 2:
            used = self._counters("cpu", "cpu.stat").get("usage_usec")
            return None if used is None else used / 1e6
        if "cpuacct" not in self.folders:
            return None
        try:
            return int((self.folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
        except OSError:
            return None

    def pids(self) -> list[int]:
        """The processes in the group."""
        try:
            return [int(line) for line in (self.folders["pids"] / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def kill(self) -> None:
        """Kills every process in the group, those that fork meanwhile included."""
        with contextlib.suppress(OSError):
            (self.folders["pids"] / "cgroup.kill").write_text("1")  # version 2 from Linux 5.14 on
            return
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            if all(_is_dead(pid) for pid in pids):
                return

    def remove(self) -> bool:
        """Removes the group, for which its processes must have ended; says whether it is gone."""
        gone = True
        for folder in set(self.folders.values()):
            gone = _remove(folder) and gone
        return gone

    def _write(self, controller: str, name: str, value: str) -> None:
        (self.folders[controller] / name).write_text(value)

    def _counters(self, controller: str, name: str) -> dict[str, int]:
        try:
            lines = (self.folders[controller] / name).read_text().splitlines()
        except OSError:
            return {}
        pairs = (line.split() for line in lines)
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _remove(folder: Path) -> bool:
    """Removes a group's folder; the kernel may need a moment to let go of processes that were just killed."""
    deadline = time.monotonic() + _KILLED_GROUP_PATIENCE_SECONDS
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            if time.monotonic() > deadline:
                logger.warning("control group %s could not be removed: %s", folder, error)
                return False
            time.sleep(0.002)
        else:
            return True


def _probe(folder: Path) -> None:
    probe = folder / f"podium-probe-{uuid.uuid4().hex[:8]}"
    probe.mkdir()
    probe.rmdir()


def _enable(folder: Path) -> None:
    """Asks for the controllers in a group's children; what is there already is not asked for again."""
    control = folder / "cgroup.subtree_control"
    have = set(control.read_text().split())
    offered = set((folder / "cgroup.controllers").read_text().split())
    wanted = [name for name in V2_CONTROLLERS if name in offered and name not in have]
    if wanted:
        control.write_text(" ".join(f"+{name}" for name in wanted))


def _mounts() -> dict[str, Path]:
    """Where each version 1 controller is mounted, and under "" the unified hierarchy."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup":
            for option in options.split(","):
                if option in V1_CONTROLLERS:
                    found[option] = Path(target)
        elif kind == "cgroup2":
            found[""] = Path(target)
    return found


def _own_groups() -> dict[str, str]:
    """The own group's path per version 1 controller, and under "" that in the unified hierarchy."""
    return _groups_of(Path("/proc/self/cgroup"))


def _groups_of(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in file.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found
