"""Folders that programs write: measuring, handing over and taking back, whatever is in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podium.sandbox import MIB, SandboxError, folders


def make_deep(folder: Path, levels: int) -> None:
    """Nests folders deeper than any path may be long."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def test_a_sparse_file_counts_with_its_full_size(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(50 * MIB)

    assert folders.measure([tmp_path]).bytes == 50 * MIB


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(MIB))
    os.link(tmp_path / "one", tmp_path / "two")

    assert folders.measure([tmp_path]).bytes == MIB


def test_an_empty_file_costs_a_block(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / str(number)).touch()

    assert folders.measure([tmp_path]).bytes == 10 * folders.ENTRY_BYTES


def test_links_are_not_followed_when_measuring(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big").write_bytes(bytes(MIB))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "big")

    assert folders.measure([inside]).bytes == 2 * folders.ENTRY_BYTES


def test_measuring_stops_when_enough_is_known(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).write_bytes(bytes(10_000))

    assert folders.measure([tmp_path], stop_above=50_000).bytes < 100_000


def test_endless_nesting_is_noticed_without_end(tmp_path: Path) -> None:
    make_deep(tmp_path, 2000)

    assert folders.measure([tmp_path]).too_deep
    folders.remove(tmp_path)


def test_taking_back_removes_what_is_nested_too_deep(tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    make_deep(job, 2000)
    (job / "kept.txt").write_text("kept")

    folders.take_back(job)

    assert not folders.measure([job]).too_deep
    assert (job / "kept.txt").read_text() == "kept"


def test_removing_copes_with_any_depth_and_with_nothing(tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    make_deep(job, 3000)

    folders.remove(job)
    folders.remove(job)

    assert not job.exists()


def test_removing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    folders.remove(tmp_path / "link")

    assert (tmp_path / "real").is_dir()


def test_a_missing_folder_cannot_be_handed_over(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="is not a folder"):
        folders.hand_over(tmp_path / "nowhere", os.geteuid(), os.getegid())


def test_a_link_to_a_folder_cannot_be_handed_over(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(SandboxError, match="is not a folder"):
        folders.hand_over(tmp_path / "link", os.geteuid(), os.getegid())


def test_a_file_shared_with_a_cache_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("the data")
    cached.chmod(0o444)
    job = tmp_path / "job"
    job.mkdir()
    os.link(cached, job / "data")

    folders.hand_over(job, os.geteuid() or 20000, os.getegid() or 20000)

    info = cached.stat()
    assert (info.st_uid, info.st_mode & 0o777) == (os.geteuid(), 0o444)


def test_pipes_and_sockets_are_removed_when_taking_back(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()

    folders.take_back(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_first_closed_folder_on_the_way_is_named(world: Path) -> None:
    closed = world / "closed"
    target = closed / "job"
    target.mkdir(parents=True)
    closed.chmod(0o700)

    assert folders.unreachable_by(target, 12345) == closed
    closed.chmod(0o755)
    assert folders.unreachable_by(target, 12345) is None
