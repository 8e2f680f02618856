"""The archive of a competition: everything that happened in it, in one file that another server can read.

`kinds` says which rows there are, `writing` and `reading` are the two ways through the file. The format is described in
docs/developers/archive.md.
"""

from podium.formats.competition_archive.kinds import FORMAT, KINDS, VERSION
from podium.formats.competition_archive.reading import (
    Archive,
    BadArchiveError,
    Manifest,
    is_archive,
    open_competition_archive,
)
from podium.formats.competition_archive.writing import ArchiveWriter

__all__ = [
    "FORMAT",
    "KINDS",
    "VERSION",
    "Archive",
    "ArchiveWriter",
    "BadArchiveError",
    "Manifest",
    "is_archive",
    "open_competition_archive",
]
