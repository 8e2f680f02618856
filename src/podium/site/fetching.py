"""Fetching the rows of a page together with what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast, overload

from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model, QuerySet

PIECE = 500
"""Rows whose references are fetched at once: Django asks for them with an OR for each row, and SQLite refuses 1,000."""

SEARCHED = 1000
"""With no more hits than these a search looks at every row once."""

Row = TypeVar("Row", bound=Model)


def fetched(rows: QuerySet[Row], number: int) -> list[Row]:
    """The rows of a page with everything that is prefetched for them.

    number: how many rows there may be. Beyond `PIECE` they are read through a cursor and their references in pieces.
    """
    return list(rows if number <= PIECE else rows.iterator(chunk_size=PIECE))


def referring(rows: Iterable[Row], field: str, referred: QuerySet[Any]) -> list[Row]:
    """The rows with what their foreign key `field` leads to, by one query.

    Rows whose object has gone meanwhile are left out; where the key may be empty, they refer to nothing.
    referred: where the objects are looked for. As `prefetch_related`, but asking for keys: the OR for each row that
    Django writes there took a sixth of a board's page (measured).
    """
    rows = list(rows)
    if not rows:
        return rows
    key = cast("ForeignKey[Any, Any]", rows[0]._meta.get_field(field))
    found = referred.in_bulk({getattr(row, key.attname) for row in rows} - {None})
    kept = [row for row in rows if key.null or getattr(row, key.attname) in found]
    for row in kept:
        key.set_cached_value(row, found.get(getattr(row, key.attname)))
    return kept


class KeysPaginator(Paginator[Row]):
    """A paginator whose pages are found by their keys, see `KeysFirst`."""

    def __init__(
        self, rows: QuerySet[Row] | Sequence[Row], per_page: int | str, *, search: str = "", **options: Any
    ) -> None:
        """search: what the rows were searched for."""
        found = KeysFirst(rows, few=SEARCHED if search else 0) if isinstance(rows, QuerySet) else rows
        super().__init__(found, per_page, **options)


class KeysFirst(Sequence[Row]):
    """Rows in an order, for a paginator: a page is found by its keys, then fetched with all that is joined to it.

    What sorts or skips many rows would otherwise carry along all that is joined to each of them.
    count: how many there are, where that is known already. few: where there are no more than so many, all keys are read
    at once: what is searched for is looked for in every row to count them, and were again for the page.
    """

    def __init__(self, rows: QuerySet[Row], count: int | None = None, *, few: int = 0) -> None:
        self._rows = rows
        self._count = count
        self._few = few
        self._all: list[Any] | None = None

    def __len__(self) -> int:
        if self._count is None and self._few:
            keys = list(self._rows.values_list("pk", flat=True)[: self._few + 1])
            if len(keys) <= self._few:
                self._all, self._count = keys, len(keys)
        if self._count is None:
            self._count = self._rows.count()
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        keys = self._keys(place)
        found: dict[Any, Row] = {}
        for start in range(0, len(keys), PIECE):
            found |= self._rows.in_bulk(keys[start : start + PIECE])
        return [found[key] for key in keys if key in found]

    def _keys(self, place: slice) -> list[Any]:
        return self._all[place] if self._all is not None else list(self._rows.values_list("pk", flat=True)[place])


class Merged(KeysFirst[Row]):
    """Rows, the newest first, that several queries find, some more than once; a page is found in each and put together.

    rows: where they are fetched by their keys. ways: the queries. Beyond `DEEP` all of them are asked at once.
    """

    DEEP = 5000

    def __init__(self, rows: QuerySet[Row], ways: Sequence[QuerySet[Row]], whole: QuerySet[Row]) -> None:
        """whole: all that the ways find, by one query."""
        super().__init__(rows)
        self._ways, self._whole = ways, whole

    def __len__(self) -> int:
        return self._whole.count()

    def _keys(self, place: slice) -> list[Any]:
        if place.stop is None or place.stop > self.DEEP:
            return list(self._whole.order_by("-pk").values_list("pk", flat=True)[place])
        found: set[Any] = set()
        for way in self._ways:
            found.update(way.order_by("-pk").values_list("pk", flat=True)[: place.stop])
        return sorted(found, reverse=True)[place]
