"""Taking a folder out of a bundle: stored bytes are copied, and the new zip is a good one."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from podium.formats.archives import ArchiveError
from podium.formats.repacking import copy_members

ZEROS = bytes(2**20)
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def copied(source: io.BytesIO, names: dict[str, str], folders: list[str]) -> zipfile.ZipFile:
    """Copy members under new names and open the result."""
    target = io.BytesIO()
    with zipfile.ZipFile(source) as archive:
        copy_members(archive, {new: archive.getinfo(old) for new, old in names.items()}, folders, target)
    return zipfile.ZipFile(target)


@pytest.mark.parametrize("method", METHODS)
def test_members_of_every_compression_are_copied_as_they_are_stored(method: int) -> None:
    content = os.urandom(1000) + bytes(5000)
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w", method) as archive:
        archive.writestr("data/ü.bin", content)
        archive.writestr("data/run.sh", "#!/bin/sh")
        archive.getinfo("data/run.sh").external_attr = 0o100711 << 16
        stored = archive.getinfo("data/ü.bin").compress_size
    with copied(source, {"ü.bin": "data/ü.bin", "run.sh": "data/run.sh"}, ["empty"]) as result:
        assert result.testzip() is None
        assert result.namelist() == ["empty/", "ü.bin", "run.sh"]
        assert result.read("ü.bin") == content
        assert result.getinfo("ü.bin").compress_size == stored
        assert result.getinfo("run.sh").external_attr >> 16 == 0o100755
        assert result.getinfo("ü.bin").external_attr >> 16 == 0o100644
        assert result.getinfo("empty/").is_dir()


def test_a_member_that_was_streamed_with_its_sizes_behind_it_is_copied() -> None:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"streamed" * 100)
    with copied(io.BytesIO(stream.getvalue()), {"a.txt": "a.txt"}, []) as result:
        assert result.getinfo("a.txt").flag_bits & 0x08 == 0
        assert result.read("a.txt") == b"streamed" * 100


def test_a_member_whose_header_is_damaged_or_cut_off_is_refused() -> None:
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("a.bin", os.urandom(100))
    whole = source.getvalue()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info = archive.getinfo("a.bin")
        info.header_offset = 7
        with pytest.raises(ArchiveError, match="header is damaged"):
            copy_members(archive, {"a.bin": info}, [], io.BytesIO())
        info.header_offset, info.compress_size = 0, 10**6
        with pytest.raises(ArchiveError, match="cut off"):
            copy_members(archive, {"a.bin": info}, [], io.BytesIO())
        info.compress_type = 97
        with pytest.raises(ArchiveError, match="not supported"):
            copy_members(archive, {"a.bin": info}, [], io.BytesIO())


class Sparse(io.RawIOBase):
    """A file that leaves holes where zeros are written, so that gigabytes cost nothing."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if data == ZEROS:
            return self._file.seek(len(data), io.SEEK_CUR) and len(data)
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@pytest.mark.slow
def test_more_than_four_gigabytes_are_copied(tmp_path: Path) -> None:
    """The large member is a hole of the source's file: its local header is written, its content never was."""
    size, source, copy = 2**32 + 5, tmp_path / "source.zip", tmp_path / "copy.zip"
    big = zipfile.ZipInfo("big.bin")
    big.file_size = big.compress_size = size
    big.CRC = big.header_offset = 0
    with source.open("wb") as out:
        out.write(big.FileHeader(zip64=True))
        out.truncate(out.tell() + size)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("small.txt", "after the large one")
    with zipfile.ZipFile(source) as archive, Sparse(copy) as target:
        names = {"big.bin": big, "small.txt": archive.getinfo("small.txt")}
        copy_members(archive, names, [], target)  # type: ignore[arg-type]
    with zipfile.ZipFile(copy) as result:
        assert result.getinfo("big.bin").file_size == result.getinfo("big.bin").compress_size == size
        assert result.getinfo("small.txt").header_offset > 2**32
        assert result.read("small.txt") == b"after the large one"
        with result.open("big.bin") as content:
            assert content.read(1000) == bytes(1000)
