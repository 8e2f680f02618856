"""Control groups: version 1 for real where it is mounted, version 2 on a folder that looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.sandbox import MIB, Limits, SandboxConfig, cgroups
from podium.sandbox.cgroups import Cgroups, Group


def unified(folder: Path, *, offered: str = "cpu memory pids", enabled: str = "cpu memory pids") -> Path:
    """A folder with the files of a version 2 group."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(offered)
    (folder / "cgroup.subtree_control").write_text(enabled)
    return folder


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(2, dict.fromkeys(("memory", "pids", "cpu"), unified(tmp_path / "run")))


def test_version_2_limits_are_written_as_the_kernel_wants_them(group: Group, tmp_path: Path) -> None:
    group.limit(Limits(memory_bytes=64 * MIB, processes=10, cpus=1.5))

    written = {name: (tmp_path / "run" / name).read_text() for name in ("memory.max", "memory.swap.max", "cpu.max")}
    assert written == {"memory.max": str(64 * MIB), "memory.swap.max": "0", "cpu.max": "150000 100000"}
    assert (tmp_path / "run" / "memory.oom.group").read_text() == "1"
    assert int((tmp_path / "run" / "pids.max").read_text()) == 10 + cgroups.PIDS_OVERHEAD


def test_no_memory_limit_writes_none(group: Group, tmp_path: Path) -> None:
    group.limit(Limits(memory_bytes=None))

    assert not (tmp_path / "run" / "memory.max").exists()


def test_version_2_figures_are_read(group: Group, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n")
    (run / "memory.stat").write_text("anon 1000\nfile 99999\nshmem 24\n")
    (run / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")

    assert group.out_of_memory_kills() == 1
    assert group.memory_bytes() == 1024
    assert group.cpu_seconds() == 2.5


def test_figures_of_a_group_that_is_gone_are_none(tmp_path: Path) -> None:
    gone = Group(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path / "gone"))

    assert (gone.out_of_memory_kills(), gone.memory_bytes(), gone.cpu_seconds(), gone.pids()) == (0, 0, None, [])
    assert gone.remove()


def test_the_unified_hierarchy_is_used_below_the_own_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unified(tmp_path)
    own = unified(tmp_path / "unit.service")
    monkeypatch.setattr(cgroups, "_mounts", lambda: {"": tmp_path})
    monkeypatch.setattr(cgroups, "_own_groups", lambda: {"": "/unit.service"})

    found, words = Cgroups.find("me")

    assert found is not None
    assert set(found.parents.values()) == {own}
    assert "version 2" in words


def test_where_the_memory_controller_is_missing_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unified(tmp_path, offered="cpu", enabled="cpu")
    monkeypatch.setattr(cgroups, "_mounts", lambda: {"": tmp_path})
    monkeypatch.setattr(cgroups, "_own_groups", lambda: {"": "/"})

    found, words = Cgroups.find("me")

    assert found is None
    assert "memory, pids" in words


def test_a_hierarchy_that_may_not_be_written_is_told_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unified(tmp_path)
    monkeypatch.setattr(Path, "mkdir", lambda self: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    monkeypatch.setattr(cgroups, "_mounts", lambda: {"": tmp_path})
    monkeypatch.setattr(cgroups, "_own_groups", lambda: {"": "/"})

    found, words = Cgroups.find("me")

    assert found is None
    assert "no control group can be made" in words


def test_no_hierarchy_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_mounts", dict)

    assert Cgroups.find("me") == (None, "no control group hierarchy is mounted below /sys/fs/cgroup")


def test_version_1_mounts_are_told_apart_by_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory", "pids"):
        (tmp_path / name / "own").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "_mounts", lambda: {name: tmp_path / name for name in ("memory", "pids")})
    monkeypatch.setattr(cgroups, "_own_groups", lambda: {"memory": "/own", "pids": "/of-the-host"})

    found, _ = Cgroups.find("me")

    assert found is not None
    assert found.parents == {"memory": tmp_path / "memory" / "own", "pids": tmp_path / "pids"}
    assert [path.name for path in (tmp_path / "pids").iterdir()] == ["own"]


def test_only_the_own_groups_are_taken_for_left_over(tmp_path: Path) -> None:
    for name in ("podium-me@run-1", "podium-me-too@run-2", "someone-else"):
        (tmp_path / name).mkdir()

    found = Cgroups(2, "me", dict.fromkeys(("memory", "pids", "cpu"), tmp_path)).leftovers()

    assert set(found) == {"run-1"}
    assert set(found["run-1"].folders.values()) == {tmp_path / "podium-me@run-1"}


def test_an_owner_that_cannot_be_part_of_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="me@home"):
        SandboxConfig(owner="me@home")
