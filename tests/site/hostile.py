"""Archives from strangers, each with one oddity, small to keep and quick to make."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile

_END = struct.Struct("<4s4H2LH")


def with_link() -> bytes:
    """A zip with a symbolic link to a file of the host."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("passwd")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def with_names(*names: str) -> bytes:
    """A zip whose members have exactly these names, the same ones twice if asked."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own about duplicate names
        for place, name in enumerate(names):
            archive.writestr(name, f"content {place}\n")
    return buffer.getvalue()


def five_gigabytes_in_five_megabytes() -> bytes:
    """A zip whose directory says that 5 MB unpack to 5 GB."""
    stored, name = 5 * 10**6, b"zeros"
    extra = struct.pack("<2HQ", 1, 8, 5 * 10**9)
    entry = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02", 20 | 3 << 8, 20, 0, 8, 0, 33, 0, stored, 0xFFFFFFFF, len(name), len(extra), 0, 0, 0,
        0o100644 << 16, 0,
    )  # fmt: skip
    directory = entry + name + extra
    return b"\0" * stored + directory + _END.pack(b"PK\x05\x06", 0, 0, 1, 1, len(directory), stored, 0)


def a_million_entries() -> bytes:
    """A zip whose directory has 1,000,000 entries of one empty member."""
    count = 1_000_000
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"x"
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    body = local + entry * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(entry) * count, len(local))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    return body + end64 + locator + _END.pack(b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)


def cut_short() -> bytes:
    """The first half of a zip."""
    whole = with_names("a", "b", "c")
    return whole[: len(whole) // 2]
