"""Packing: equal folders give equal zips, and a hostile folder gives only what `unpack` takes back."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from pathlib import Path

import pytest

from podium.formats.archives import ArchiveError, Caps, inspect, pack_folder, unpack


def packed(folder: Path, **options: object) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Pack a folder and return what the zip holds and the notes."""
    buffer = io.BytesIO()
    listing = pack_folder(folder, buffer, **options)  # type: ignore[arg-type]
    with zipfile.ZipFile(buffer) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}, listing.notes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "output"
    (root / "sub/empty").mkdir(parents=True)
    (root / "scores.json").write_text('{"accuracy": 1}')
    (root / "sub/run.sh").write_text("#!/bin/sh\n")
    (root / "sub/run.sh").chmod(0o700)
    return root


def test_a_folder_comes_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    listing = pack_folder(folder, tmp_path / "out.zip")
    assert listing.total_bytes == 25
    unpack(tmp_path / "out.zip", tmp_path / "again")
    assert (tmp_path / "again/scores.json").read_text() == '{"accuracy": 1}'
    assert (tmp_path / "again/sub/empty").is_dir()
    assert (tmp_path / "again/sub/run.sh").stat().st_mode & 0o777 == 0o755


def test_equal_folders_give_equal_bytes_whatever_their_times(folder: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    pack_folder(folder, first)
    os.utime(folder / "scores.json", (1, 1))
    pack_folder(folder, second)
    assert first.getvalue() == second.getvalue()


def test_content_that_does_not_shrink_is_stored_and_the_rest_is_deflated(folder: Path) -> None:
    (folder / "noise.bin").write_bytes(os.urandom(200_000))
    (folder / "zeros.bin").write_bytes(bytes(200_000))
    buffer = io.BytesIO()
    pack_folder(folder, buffer)
    with zipfile.ZipFile(buffer) as archive:
        assert archive.getinfo("noise.bin").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("zeros.bin").compress_type == zipfile.ZIP_DEFLATED
        assert archive.getinfo("zeros.bin").compress_size < 5000


def test_links_pipes_and_sockets_are_left_out_with_a_note(folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    (folder / "inside").symlink_to("scores.json")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        files, notes = packed(folder)
    assert sorted(files) == ["scores.json", "sub/", "sub/empty/", "sub/run.sh"]
    for name in ("passwd", "etc", "inside", "pipe", "socket"):
        assert any(f'"{name}" was left out' in note for note in notes)


def test_links_to_files_inside_can_be_stored_as_content_but_never_those_that_lead_out(folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "inside").symlink_to("scores.json")
    (folder / "sub/up").symlink_to("../scores.json")
    (folder / "loop").symlink_to("loop")
    (folder / "gone").symlink_to("nowhere")
    (folder / "folder").symlink_to("sub")
    files, notes = packed(folder, skip_links=False)
    assert files["inside"] == files["sub/up"] == b'{"accuracy": 1}'
    assert not {"passwd", "loop", "gone", "folder"} & set(files)
    assert len(notes) == 4


def test_names_that_unpack_would_refuse_are_left_out_with_a_note(folder: Path, tmp_path: Path) -> None:
    for name in (b"line\nbreak", b"back\\slash", b"not-utf8-\xff"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("x")
    deep = folder
    for _ in range(70):
        deep /= "d"
    deep.mkdir(parents=True)
    listing = pack_folder(folder, tmp_path / "out.zip")
    assert len(listing.notes) == 4
    unpack(tmp_path / "out.zip", tmp_path / "again")
    assert (tmp_path / "again/scores.json").exists()


def test_a_folder_over_the_byte_cap_is_refused_and_the_target_removed(folder: Path, tmp_path: Path) -> None:
    with (folder / "sparse.bin").open("wb") as sparse:
        sparse.truncate(10**12)
    with pytest.raises(ArchiveError) as refused:
        pack_folder(folder, tmp_path / "out.zip")
    assert refused.value.code == "too_large"
    assert refused.value.member == "sparse.bin"
    assert not (tmp_path / "out.zip").exists()


def test_a_folder_over_the_entry_cap_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as refused:
        pack_folder(folder, tmp_path / "out.zip", caps=Caps(max_entries=3))
    assert refused.value.code == "too_many_entries"
    assert not (tmp_path / "out.zip").exists()


def test_many_notes_are_cut_to_a_screenful(folder: Path) -> None:
    for number in range(200):
        (folder / f"link{number}").symlink_to("/etc/passwd")
    _, notes = packed(folder)
    assert len(notes) == 51
    assert notes[-1] == "More files of this kind were left out."


def test_an_empty_folder_gives_an_empty_zip_that_can_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    pack_folder(tmp_path / "empty", tmp_path / "out.zip")
    assert inspect(tmp_path / "out.zip").members == ()
    unpack(tmp_path / "out.zip", tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


def test_a_stream_that_cannot_seek_is_written_to(folder: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += data
            return len(data)

    pipe = Pipe()
    pack_folder(folder, pipe)  # type: ignore[arg-type]
    assert len(inspect(io.BytesIO(bytes(pipe.data))).members) == 4
