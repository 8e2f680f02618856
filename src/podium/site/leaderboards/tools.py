"""What a reader does with a board: all of it is in the address, so it can be shared and works without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from podium.site.leaderboards.cells import Group
from podium.site.leaderboards.models import Column
from podium.site.leaderboards.queries import Board
from podium.site.leaderboards.selection import Sort, Wish

MOST_SEARCH = 50
"""Characters of a search: no name is longer."""


def wish_of(request: HttpRequest) -> Wish:
    """What the address asks to see."""
    return Wish(
        search=request.GET.get("search", "").replace("\0", "").strip()[:MOST_SEARCH],
        sort=request.GET.get("sort", ""),
        columns=frozenset(request.GET.getlist("column")),
    )


class Links:
    """Addresses of the same page with something changed; what else the reader asked for stays."""

    FORM = ("search", "column", "page")

    def __init__(self, request: HttpRequest) -> None:
        self._path, self._query = request.path, request.GET

    def to(self, **changes: object) -> str:
        """The address with these values; None takes one away."""
        query = self._query.copy()
        for name, value in changes.items():
            if value is None:
                query.pop(name, None)
            else:
                query[name] = str(value)
        return f"{self._path}?{query.urlencode()}"

    def kept(self, **values: object) -> list[tuple[str, str]]:
        """What the form of a search has to carry along."""
        kept = {name: value for name, value in self._query.items() if name not in self.FORM}
        return [(name, str(value)) for name, value in {**kept, **values}.items()]


@dataclass(frozen=True)
class Heading:
    """The heading of a column: where a click leads, and which way it is sorted now, as ARIA says it."""

    column: Column
    url: str
    sorted: str


def headings(board: Board, wish: Wish, order: Sort | None, links: Links) -> list[tuple[Group, list[Heading]]]:
    """The headings by group: a click sorts with the better first, a second one the other way, a third not at all."""
    several = len(board.groups) > 1
    return [
        (group, [_heading(column, group, wish, order, links, several=several) for column in group.columns])
        for group in board.groups
        if group.columns
    ]


def _heading(column: Column, group: Group, wish: Wish, order: Sort | None, links: Links, *, several: bool) -> Heading:
    name = f"{column.key}:{group.task.pk}" if several and group.task else column.key
    present = order is not None and (order.column.pk, order.task) == (column.pk, group.task)
    if not present or order is None:
        return Heading(column, links.to(sort=name, page=None), "")
    to = links.to(sort=None if order.reverse else f"-{name}", page=None)
    return Heading(column, to, "descending" if order.descending else "ascending")
