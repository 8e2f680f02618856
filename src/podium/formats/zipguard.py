"""Look at a zip's directory before anybody builds a list of it.

`zipfile` reads the whole central directory into memory and makes an object per entry: a file of 50 MB can so take a
gigabyte. Here the directory is first found and counted by walking its fixed-size headers in small reads.
The search follows the same steps as `zipfile`, so that both look at the same directory.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

MAX_DIRECTORY_BYTES = 64 * 2**20

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64_SIGNATURE = b"PK\x06\x06"
_ENTRY_SIGNATURE = b"PK\x01\x02"
_WALK_BUFFER = 256 * 1024


class NotAZipError(Exception):
    """The bytes are no zip file, or its directory is damaged; the message says which."""


def size_of(stream: BinaryIO) -> int:
    """Return the length of a seekable stream in bytes."""
    return stream.seek(0, os.SEEK_END)


def count_entries(stream: BinaryIO, stop_after: int) -> tuple[int, int]:
    """Count the entries of a zip's central directory without keeping them.

    Returns the count and the directory's size in bytes; the count is exact up to `stop_after` and any larger number
    beyond it. Raises NotAZipError when there is no directory or it is damaged.
    """
    total = size_of(stream)
    position, declared, directory_size, zip64 = _find_end(stream, total)
    if declared > stop_after or directory_size > MAX_DIRECTORY_BYTES:
        return max(declared, directory_size // _ENTRY.size), directory_size
    start = position - directory_size - (_END64.size + _END64_LOCATOR.size if zip64 else 0)
    if start < 0:
        raise NotAZipError("its table of contents is damaged (it would start before the file)")
    return _walk(stream, start, directory_size, stop_after), directory_size


def _find_end(stream: BinaryIO, total: int) -> tuple[int, int, int, bool]:
    """Find the end record: its position, the declared number of entries, the directory's size, zip64 or not."""
    if total < _END.size:
        raise NotAZipError("it is empty" if total == 0 else "it is too short to be a zip file")
    stream.seek(total - _END.size)
    record = stream.read(_END.size)
    position = total - _END.size
    if not (record.startswith(_END_SIGNATURE) and record.endswith(b"\0\0")):
        tail_start = max(total - (1 << 16) - _END.size, 0)
        stream.seek(tail_start)
        tail = stream.read(total - tail_start)
        found = tail.rfind(_END_SIGNATURE)
        if found < 0:
            raise NotAZipError("it has no zip table of contents (another kind of file, or an upload cut short)")
        record = tail[found : found + _END.size]
        if len(record) != _END.size:
            raise NotAZipError("its table of contents is cut off")
        position = tail_start + found
    _, _, _, _, declared, directory_size, _, _ = _END.unpack(record)
    return _with_zip64(stream, position, declared, directory_size)


def _with_zip64(stream: BinaryIO, position: int, declared: int, directory_size: int) -> tuple[int, int, int, bool]:
    """Take count and size from the zip64 record where there is one."""
    end64_position = position - _END64_LOCATOR.size - _END64.size
    if end64_position < 0:
        return position, declared, directory_size, False
    stream.seek(end64_position)
    data = stream.read(_END64.size + _END64_LOCATOR.size)
    end64, locator = data[: _END64.size], data[_END64.size :]
    if not (locator.startswith(_LOCATOR_SIGNATURE) and end64.startswith(_END64_SIGNATURE)):
        return position, declared, directory_size, False
    fields = _END64.unpack(end64)
    return position, fields[7], fields[8], True


def _walk(stream: BinaryIO, start: int, size: int, stop_after: int) -> int:
    """Count entry headers, reading in buffers; names and extras are only skipped."""
    stream.seek(start)
    buffer, offset, remaining, count, consumed = b"", 0, size, 0, 0
    while consumed < size:
        if len(buffer) - offset < _ENTRY.size:
            piece = stream.read(min(_WALK_BUFFER, remaining))
            remaining -= len(piece)
            buffer, offset = buffer[offset:] + piece, 0
            if len(buffer) < _ENTRY.size:
                raise NotAZipError("its table of contents is cut off")
        if buffer[offset : offset + 4] != _ENTRY_SIGNATURE:
            raise NotAZipError("its table of contents is damaged")
        name_length, extra_length, comment_length = struct.unpack_from("<3H", buffer, offset + 28)
        length = _ENTRY.size + name_length + extra_length + comment_length
        count += 1
        if count > stop_after:
            return count
        consumed += length
        while len(buffer) - offset < length and remaining:
            piece = stream.read(min(_WALK_BUFFER, remaining))
            if not piece:
                raise NotAZipError("its table of contents is cut off")
            remaining -= len(piece)
            buffer = buffer[offset:] + piece
            offset = 0
        offset += length
    return count
