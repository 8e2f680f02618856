"""Positions on a board, and which of them are ties."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from podium.ranking.keys import score_part


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A submission that may stand on a board; over several tasks it is the parent with all its children's scores.

    `owner` is whoever has the place: a person, or an organization in whose name was submitted. `sort_key` is
    `keys.sort_key_hex`. `scored` says that at least one column of the board has a score.
    """

    id: int
    owner: int | str
    submitted_at: datetime
    sort_key: str
    scored: bool = True


@dataclass(frozen=True)
class Ranked:
    """An entry with its place; `tied` when another entry has the same value in every column that orders the board."""

    rank: int
    entry: Entry
    tied: bool


def rank(entries: Iterable[Entry]) -> list[Ranked]:
    """Return the entries in the order of the board, best first, with ranks 1, 2, 3 and so on.

    A rank is a position (Codabench's rule): entries with equal scores have different ranks, the earlier submission the
    better one, and are marked as tied. An entry without scores comes last and ties with others of its kind.
    """
    ordered = sorted(entries, key=lambda entry: entry.sort_key)
    parts = [None, *(score_part(entry.sort_key) for entry in ordered), None]
    return [
        Ranked(rank=place, entry=entry, tied=parts[place] in (parts[place - 1], parts[place + 1]))
        for place, entry in enumerate(ordered, start=1)
    ]
