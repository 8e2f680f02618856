"""Sort keys: byte strings whose plain comparison is the order of the leaderboard.

A key is written beside the entry when its verdict arrives, so the database orders a board by one index and neither a
page nor a verdict looks at the other entries. It is a row of 8-byte fields: one per ordering column, then the time of
submission, then the id.
"""

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from podium.ranking.columns import Column, EntryScores, Sorting, ordering_columns, totals

FIELD_BYTES = 8
TAIL_FIELDS = 2  # submission time and id, which order but do not count as a score

_ALL_ONES = (1 << 64) - 1
_SIGN_BIT = 1 << 63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_CUT = re.compile(r"(?:[0-9a-f]{16})+")

MISSING = b"\xff" * FIELD_BYTES
"""The field of a missing score. Only a NaN could be encoded so, and NaN is refused: missing is last, always."""


def sort_key(
    columns: Sequence[Column],
    primary_index: int,
    scores: EntryScores,
    submitted_at: datetime,
    entry_id: int,
) -> bytes:
    """Return the key by which an entry stands on its board: a smaller key is a better place.

    The primary column decides first, then the other visible columns from left to right, each in its direction and with
    missing values last in both; then the earlier submission, then the smaller id (the documented order of Codabench,
    made total). The value of a column is that of `columns.totals`. 0.0 and -0.0 are one value. All keys of a board have
    the same length, 8 bytes per ordering column plus 16.

    `scores` holds one mapping per task of the phase, or the mapping of its only task; `submitted_at` must know its time
    zone; `entry_id` is a database id.

    Raises ColumnsError when the columns contradict each other and ValueError when a score is NaN or infinite, the time
    has no zone or the id does not fit 64 bits.
    """
    values = totals(columns, scores)
    fields = [encode(values[column.key], column.sorting) for column in ordering_columns(columns, primary_index)]
    return b"".join([*fields, _encode_time(submitted_at), _encode_integer(entry_id)])


def sort_key_hex(
    columns: Sequence[Column],
    primary_index: int,
    scores: EntryScores,
    submitted_at: datetime,
    entry_id: int,
) -> str:
    """Return `sort_key` as lower-case hexadecimal text, the form to store: 16 characters per field.

    Digits come before letters in every collation of PostgreSQL and SQLite and only one case occurs, so text of this
    kind sorts as its bytes do in any index (the "C" collation is the fastest).
    """
    return sort_key(columns, primary_index, scores, submitted_at, entry_id).hex()


def score_part(key: str) -> str:
    """Return the part of a hexadecimal key that scores decide: entries tie exactly when it is the same."""
    return key[: -2 * FIELD_BYTES * TAIL_FIELDS]


def without_id(key: str) -> str:
    """Return a hexadecimal key without the id at its end, which is all that belongs to one database."""
    return key[: -2 * FIELD_BYTES]


def with_id(key: str, entry_id: int) -> str:
    """Return a key that `without_id` has cut with another id, or raise ValueError when it is no such key."""
    if not _CUT.fullmatch(key):
        raise ValueError("This is no place in the order of a board.")
    return key + _encode_integer(entry_id).hex()


def encode(value: float | None, sorting: Sorting) -> bytes:
    """Return 8 bytes that compare as the values rank in a column of this direction; None is behind every number.

    The IEEE 754 total order: the bits of a positive double compare as the double does, those of a negative one the
    other way round, so the sign bit is set for the former and all bits are turned over for the latter.
    """
    if value is None:
        return MISSING
    if value != value:  # noqa: PLR0124  NaN, the only number that is not itself
        raise ValueError("NaN has no place in an order; a score must be a finite number.")
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # adding 0.0 turns -0.0 into 0.0
    ascending = bits ^ _ALL_ONES if bits & _SIGN_BIT else bits | _SIGN_BIT
    return struct.pack(">Q", ascending if sorting == Sorting.ASC else ascending ^ _ALL_ONES)


def decode(field: bytes, sorting: Sorting) -> float | None:
    """Return the value that `encode` wrote in a column of this direction; None for a missing score."""
    if field == MISSING:
        return None
    (bits,) = struct.unpack(">Q", field)
    ascending = bits if sorting == Sorting.ASC else bits ^ _ALL_ONES
    (value,) = struct.unpack(">d", struct.pack(">Q", ascending ^ (_SIGN_BIT if ascending & _SIGN_BIT else _ALL_ONES)))
    return float(value)


def _encode_time(moment: datetime) -> bytes:
    if moment.utcoffset() is None:
        raise ValueError("The time of a submission must know its time zone, or the order would depend on the server.")
    return _encode_integer((moment - _EPOCH) // _MICROSECOND)


def _encode_integer(number: int) -> bytes:
    if not -_SIGN_BIT <= number < _SIGN_BIT:
        raise ValueError(f"{number} does not fit into 64 bits.")
    return struct.pack(">Q", number + _SIGN_BIT)
