"""Zip archives from strangers: what is refused and why is decided once, for bundles, datasets, submissions and outputs.

`inspect` reads a zip's directory, `unpack` unpacks it under caps, `pack_folder` makes one of a hostile folder.
"""

from podium.formats.packing import pack_folder
from podium.formats.unpacking import (
    DEFAULT_CAPS,
    ArchiveError,
    Caps,
    Listing,
    Member,
    clean_name,
    human_size,
    inspect,
    open_archive,
    quoted,
    read_member,
    unpack,
)

__all__ = [
    "DEFAULT_CAPS",
    "ArchiveError",
    "Caps",
    "Listing",
    "Member",
    "clean_name",
    "human_size",
    "inspect",
    "open_archive",
    "pack_folder",
    "quoted",
    "read_member",
    "unpack",
]
