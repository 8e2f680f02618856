"""Copy members from one zip into another as they are stored, without inflating and deflating them again.

`zipfile` can only write what it compresses itself; for a bundle with a hundred megabytes of data in folders that is
most of the time an upload takes. Checksums are carried over and are verified by whoever unpacks the new zip.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, Final

from podium.formats.unpacking import ArchiveError, quoted

_LOCAL: Final = struct.Struct("<4s2H3H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64: Final = struct.Struct("<4sLQL")
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_UTF8: Final = 0x800
_DATE_1980: Final = (1 << 5) | 1
_UNIX: Final = 3 << 8
_VERSION: Final = 45
_MAX32: Final = 0xFFFFFFFF
_MAX16: Final = 0xFFFF
_CHUNK: Final = 1 << 20
_PLAIN: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})


@dataclass(frozen=True)
class _Record:
    """What the central directory says about one entry of the new zip."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    attributes: int
    offset: int


def copy_members(
    source: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], folders: Sequence[str], target: BinaryIO
) -> None:
    """Write a zip of some members of another, under new names, in the order given; `folders` come first.

    Times are fixed, modes are 0644 or 0755. Raises ArchiveError "bad_member" when the source is cut off or a member
    is compressed by a method that is not one of a zip's usual four.
    """
    stream = source.fp
    if stream is None:
        raise ValueError("the source zip is closed")
    writer = _Writer(target)
    for folder in folders:
        writer.start(_Record(f"{folder}/".encode(), _UTF8, 0, 0, 0, 0, (0o040755 << 16) | 0x10, writer.position))
    for name, info in members.items():
        if info.compress_type not in _PLAIN:
            message = f"{quoted(name)} is compressed by a method that is not supported. Make the zip with deflate."
            raise ArchiveError("bad_member", message, name)
        mode = 0o100755 if (info.external_attr >> 16) & 0o111 else 0o100644
        # Bit 1 tells an LZMA decoder that its stream has an end mark; the other bits concern the local header only.
        flags = _UTF8 | (info.flag_bits & 0x2)
        record = _Record(
            name.encode(),
            flags,
            info.compress_type,
            info.CRC,
            info.compress_size,
            info.file_size,
            mode << 16,
            writer.position,
        )
        writer.start(record)
        writer.copy(stream, _data_offset(stream, info), info)
    writer.finish()


def _data_offset(stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return where a member's stored bytes begin: behind its local header, whose lengths are its own."""
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL.size)
    if len(header) != _LOCAL.size or header[:4] != _LOCAL_SIGNATURE:
        message = f"{quoted(info.orig_filename)} cannot be read: its header is damaged. Make the zip again."
        raise ArchiveError("bad_member", message, info.orig_filename)
    fields = _LOCAL.unpack(header)
    return info.header_offset + _LOCAL.size + int(fields[9]) + int(fields[10])


class _Writer:
    """Writes entries to a stream that need not be seekable."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._records: list[_Record] = []
        self.position = 0

    def _write(self, data: bytes) -> None:
        self._target.write(data)
        self.position += len(data)

    def start(self, record: _Record) -> None:
        """Write an entry's local header; its stored bytes must follow."""
        extra = b""
        sizes = (record.compressed, record.size)
        if max(sizes) >= _MAX32:
            extra = struct.pack("<2H2Q", 1, 16, record.size, record.compressed)
            sizes = (_MAX32, _MAX32)
        head = (_LOCAL_SIGNATURE, _VERSION, record.flags, record.method, 0, _DATE_1980, record.crc)
        self._write(_LOCAL.pack(*head, *sizes, len(record.name), len(extra)) + record.name + extra)
        self._records.append(record)

    def copy(self, stream: IO[bytes], offset: int, info: zipfile.ZipInfo) -> None:
        """Copy a member's stored bytes."""
        stream.seek(offset)
        left = info.compress_size
        while left:
            chunk = stream.read(min(left, _CHUNK))
            if not chunk:
                message = f"{quoted(info.orig_filename)} is cut off. Make the zip again."
                raise ArchiveError("bad_member", message, info.orig_filename)
            self._write(chunk)
            left -= len(chunk)

    def finish(self) -> None:
        """Write the central directory and the end records."""
        start = self.position
        for record in self._records:
            self._write(self._central(record))
        size, count, end = self.position - start, len(self._records), self.position
        if count >= _MAX16 or max(size, start) >= _MAX32:
            self._write(_END64.pack(b"PK\x06\x06", 44, _VERSION, _VERSION, 0, 0, count, count, size, start))
            self._write(_LOCATOR64.pack(b"PK\x06\x07", 0, end, 1))
        count16 = min(count, _MAX16)
        self._write(_END.pack(b"PK\x05\x06", 0, 0, count16, count16, min(size, _MAX32), min(start, _MAX32), 0))

    def _central(self, record: _Record) -> bytes:
        large = [value for value in (record.size, record.compressed, record.offset) if value >= _MAX32]
        extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        head = (b"PK\x01\x02", _UNIX | _VERSION, _VERSION, record.flags, record.method, 0, _DATE_1980, record.crc)
        sizes = (min(record.compressed, _MAX32), min(record.size, _MAX32), len(record.name), len(extra), 0, 0, 0)
        tail = (record.attributes & _MAX32, min(record.offset, _MAX32))
        return _CENTRAL.pack(*head, *sizes, *tail) + record.name + extra
