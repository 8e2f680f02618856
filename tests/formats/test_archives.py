"""Unpacking: what is refused, by which code, and that nothing is ever written outside or left behind."""

from __future__ import annotations

import io
import os
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.formats.archives import ArchiveError, Caps, inspect, unpack

ENTRY = struct.Struct("<4s4B4HL2L5H2L")


def zip_of(*entries: tuple[str, bytes], mode: int = 0o644) -> io.BytesIO:
    """Return a zip whose entries may repeat names or have any name."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                info = zipfile.ZipInfo("x")
                info.filename = info.orig_filename = name
                info.external_attr = mode << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
    return buffer


def with_mode(name: str, mode: int) -> io.BytesIO:
    return zip_of((name, b"target"), mode=mode)


def refusal(source: Path | io.BytesIO, target: Path, caps: Caps = Caps()) -> ArchiveError:  # noqa: B008 - frozen
    """Return why an archive is refused, by inspect and by unpack alike; nothing may be left of it."""
    with pytest.raises(ArchiveError) as inspected:
        inspect(source, caps)
    with pytest.raises(ArchiveError) as unpacked:
        unpack(source, target, caps)
    assert not target.exists()
    assert str(inspected.value) == str(unpacked.value)
    return unpacked.value


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_an_ordinary_zip_is_listed_and_unpacked(make_zip: Callable[..., Path], tmp_path: Path) -> None:
    source = make_zip({"a.txt": "one", "data/b.txt": "two", "empty/": ""})
    listing = inspect(source)
    assert [(m.name, m.size, m.is_dir) for m in listing.members] == [
        ("a.txt", 3, False),
        ("data/b.txt", 3, False),
        ("empty", 0, True),
    ]
    assert listing.total_bytes == 6
    assert listing.top_folder is None
    assert unpack(source, tmp_path / "out") == listing
    assert tree(tmp_path / "out") == {"a.txt": b"one", "data/b.txt": b"two"}
    assert (tmp_path / "out/empty").is_dir()


@pytest.mark.parametrize("content", [b"", b"P", b"hello world" * 100, b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_a_file_that_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    problem = refusal(io.BytesIO(content), tmp_path / "out")
    assert problem.code == "not_a_zip"
    assert "not a zip file" in str(problem)


def test_a_zip_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    whole = zip_of(("a.txt", os.urandom(5000))).getvalue()
    problem = refusal(io.BytesIO(whole[:-30]), tmp_path / "out")
    assert problem.code == "not_a_zip"
    assert "cut short" in str(problem)


def test_a_zip_behind_other_bytes_or_with_a_comment_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO(b"#!/bin/sh\n")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("a.txt", "one")
        archive.comment = b"made by hand"
    unpack(buffer, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": b"one"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/etc/passwd", "absolute_path"),
        ("C:/windows/system.ini", "absolute_path"),
        ("c:system.ini", "absolute_path"),
        ("../outside.txt", "parent_path"),
        ("data/../../outside.txt", "parent_path"),
        ("data/..", "parent_path"),
        ("..\\outside.txt", "unsafe_name"),
        ("data\\train.csv", "unsafe_name"),
        ("line\nbreak.txt", "unsafe_name"),
        ("bell\x07.txt", "unsafe_name"),
        ("nul\0.txt", "unsafe_name"),
        ("x" * 256, "unsafe_name"),
        ("/".join(["deep"] * 65), "unsafe_name"),
        ("/".join(["y" * 200] * 6), "unsafe_name"),
    ],
)
def test_a_member_with_an_unsafe_path_is_refused_by_name(name: str, code: str, tmp_path: Path) -> None:
    problem = refusal(zip_of(("good.txt", b"x"), (name, b"x")), tmp_path / "out")
    assert problem.code == code
    assert problem.member == name
    assert not (tmp_path / "outside.txt").exists()


def test_a_symlink_in_an_archive_is_refused_by_name(tmp_path: Path) -> None:
    problem = refusal(with_mode("data/link", stat.S_IFLNK | 0o777), tmp_path / "out")
    assert problem.code == "symlink"
    assert '"data/link" is a symbolic link' in str(problem)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_device_pipe_or_socket_in_an_archive_is_refused(kind: int, tmp_path: Path) -> None:
    assert refusal(with_mode("dev", kind | 0o666), tmp_path / "out").code == "special_file"


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of(("secret.txt", b"x")).getvalue())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    problem = refusal(io.BytesIO(bytes(data)), tmp_path / "out")
    assert problem.code == "encrypted"
    assert "password" in str(problem)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a/", "a")])
def test_a_name_that_is_both_file_and_folder_is_refused(names: tuple[str, str], tmp_path: Path) -> None:
    assert refusal(zip_of(*[(name, b"") for name in names]), tmp_path / "out").code == "clash"


def test_of_duplicate_members_the_last_one_wins_with_a_note(tmp_path: Path) -> None:
    listing = unpack(zip_of(("a.txt", b"first"), ("b.txt", b"b"), ("./a.txt", b"last one")), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": b"last one", "b.txt": b"b"}
    assert listing.total_bytes == 9
    assert listing.notes == ('"a.txt" occurs more than once; the last one counts.',)


def test_the_folder_that_macos_adds_is_ignored_with_a_note(make_zip: Callable[..., Path], tmp_path: Path) -> None:
    listing = unpack(make_zip({"model.py": "x", "__MACOSX/._model.py": "junk"}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"model.py": b"x"}
    assert "__MACOSX" in listing.notes[0]


def test_a_wrapper_folder_is_recognized_beside_rubbish(make_zip: Callable[..., Path]) -> None:
    files = {"mine/model.py": "x", "mine/lib/a.py": "y", "__MACOSX/mine/._model.py": "j", ".DS_Store": "j"}
    listing = inspect(make_zip(files))
    assert listing.top_folder == "mine"
    assert listing.names_at_root() == ("lib", "model.py")
    assert listing.names_at_root(lift=False) == (".DS_Store", "mine")
    assert any('"mine"' in note for note in listing.notes)


@pytest.mark.parametrize("files", [{"model.py": "x"}, {"a/x": "", "b/y": ""}, {"a/x": "", "y": ""}, {"only/": ""}])
def test_what_is_no_wrapper_folder_is_not_taken_for_one(files: dict[str, str], make_zip: Callable[..., Path]) -> None:
    assert inspect(make_zip(files)).top_folder is None


def test_a_wrapper_folder_can_be_kept_and_reached_from_the_root(make_zip: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    unpack(make_zip({"mine/model.py": "x", "mine/mine": "same name"}), out, alias_top_folder=True)
    assert (out / "model.py").read_bytes() == b"x"
    assert (out / "mine/model.py").read_bytes() == b"x"
    assert (out / "model.py").readlink() == Path("mine/model.py")
    assert (out / "mine").is_dir(), "an existing name wins"


def test_modes_become_plain_and_the_executable_bit_is_kept(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        unpack(zip_of(("bin/run.sh", b"#!/bin/sh\n"), mode=stat.S_IFREG | 0o4711), tmp_path / "exec")
        unpack(zip_of(("bin/data.csv", b"1"), mode=stat.S_IFREG | 0o600), tmp_path / "plain")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "exec/bin/run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "plain/bin/data.csv").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "plain/bin").stat().st_mode) == 0o755


def bomb(chunks: int) -> bytes:
    """Return a zip of zeros, 1 MiB per chunk, deflated to about a thousandth."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=False) as out,
    ):
        for _ in range(chunks):
            out.write(b"\0" * 2**20)
    return buffer.getvalue()


def declare(data: bytes, size: int) -> bytes:
    """Change the declared size of a zip's only member, in both of its headers."""
    local, central = data.index(b"PK\x03\x04"), data.rindex(b"PK\x01\x02")
    changed = bytearray(data)
    changed[local + 22 : local + 26] = changed[central + 24 : central + 28] = struct.pack("<L", size)
    return bytes(changed)


def test_zeros_that_unpack_to_two_hundred_times_their_size_are_refused_unwritten(tmp_path: Path) -> None:
    problem = refusal(io.BytesIO(bomb(100)), tmp_path / "out")
    assert problem.code == "ratio"
    assert "zip bombs" in str(problem)


def test_five_gigabytes_of_zeros_in_five_megabytes_are_refused_by_their_declared_size(tmp_path: Path) -> None:
    """The directory alone decides: the bytes between are a hole of the file, never read."""
    path = tmp_path / "bomb.zip"
    stored = 5 * 10**6
    directory = ENTRY.pack(
        b"PK\x01\x02", 20, 3, 20, 0, 0, 8, 0, 33, 0, stored, 0xFFFFFFFF, 5, 12, 0, 0, 0, 0o100644 << 16, 0
    )
    directory += b"zeros" + struct.pack("<2HQ", 1, 8, 5 * 10**9)
    with path.open("wb") as out:
        out.truncate(stored)
        out.seek(stored)
        out.write(directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), stored, 0))
    problem = refusal(path, tmp_path / "out")
    assert problem.code == "ratio"
    assert "5.0 GB" in str(problem)


def test_an_archive_over_the_byte_cap_is_refused(tmp_path: Path) -> None:
    problem = refusal(zip_of(("a", os.urandom(600)), ("b", os.urandom(600))), tmp_path / "out", Caps(max_bytes=1000))
    assert problem.code == "too_large"
    assert "1.2 kB" in str(problem)
    assert "1.0 kB" in str(problem)


def test_a_member_that_lies_about_its_size_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    """zipfile stops at the declared size and then misses the checksum, so the lie cannot pass either cap."""
    lying = declare(bomb(100), 1000)
    assert inspect(io.BytesIO(lying)).total_bytes == 1000
    with pytest.raises(ArchiveError) as refused:
        unpack(io.BytesIO(lying), tmp_path / "out")
    assert refused.value.code == "bad_member"
    assert not (tmp_path / "out").exists()


def test_bytes_are_counted_as_they_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the directory were believed, the real bytes stop at the cap."""
    monkeypatch.setattr("podium.formats.unpacking._check_sizes", lambda *args: None)
    with pytest.raises(ArchiveError) as refused:
        unpack(io.BytesIO(bomb(3)), tmp_path / "out", Caps(max_bytes=2**20))
    assert refused.value.code == "too_large"
    assert not (tmp_path / "out").exists()


def test_a_damaged_member_is_refused_by_name_and_nothing_is_left(tmp_path: Path) -> None:
    data = bytearray(zip_of(("good.txt", b"fine"), ("bad.bin", os.urandom(2000))).getvalue())
    data[data.index(b"bad.bin") + 500] ^= 0xFF
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ArchiveError) as refused:
        unpack(io.BytesIO(bytes(data)), out)
    assert (refused.value.code, refused.value.member) == ("bad_member", "bad.bin")
    assert list(out.iterdir()) == []


def million_entries(count: int) -> io.BytesIO:
    """Return a zip whose directory has that many entries, all of the same empty member."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"x"
    entry = ENTRY.pack(b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    body = local + entry * count
    size = len(entry) * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, len(local))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    return io.BytesIO(
        body + end64 + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )


def test_a_million_entries_are_refused_before_a_list_of_them_is_built(tmp_path: Path) -> None:
    source = million_entries(1_000_000)
    tracemalloc.start()
    try:
        problem = refusal(source, tmp_path / "out")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem.code == "too_many_entries"
    assert "100,000" in str(problem)
    assert peak < 4 * 2**20


def test_a_directory_that_lies_about_its_entries_is_counted(tmp_path: Path) -> None:
    """The declared number is 1, the entries are 40,000."""
    data = bytearray(million_entries(40_000).getvalue())
    end64 = data.rindex(b"PK\x06\x06")
    data[end64 + 24 : end64 + 40] = struct.pack("<2Q", 1, 1)
    tracemalloc.start()
    try:
        problem = refusal(io.BytesIO(bytes(data)), tmp_path / "out", Caps(max_entries=10_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem.code == "too_many_entries"
    assert peak < 8 * 2**20


def test_the_entry_cap_itself_is_allowed() -> None:
    caps = Caps(max_entries=3)
    assert len(inspect(zip_of(("a", b""), ("b", b""), ("c", b"")), caps).members) == 3
    with pytest.raises(ArchiveError) as refused:
        inspect(zip_of(("a", b""), ("b", b""), ("c", b""), ("d", b"")), caps)
    assert refused.value.code == "too_many_entries"


def test_a_target_that_is_not_empty_is_a_mistake_of_the_caller(make_zip: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep me")
    with pytest.raises(ValueError, match="not an empty folder"):
        unpack(make_zip({"a": "x"}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine.txt": b"keep me"}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_usual_compression_is_read_and_its_damage_named(
    compression: int, make_zip: Callable[..., Path], tmp_path: Path
) -> None:
    content = os.urandom(3000)
    source = make_zip({"data.bin": content}, compression)
    unpack(source, tmp_path / "good")
    assert tree(tmp_path / "good") == {"data.bin": content}
    data = bytearray(source.read_bytes())
    data[100:140] = bytes(40)
    source.write_bytes(bytes(data))
    with pytest.raises(ArchiveError) as refused:
        unpack(source, tmp_path / "bad")
    assert refused.value.code == "bad_member"
    assert not (tmp_path / "bad").exists()
