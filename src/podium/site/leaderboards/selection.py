"""Which rows of a board a reader asked for: a page in the order of the ranks, a name, or an order by another column.

Only the first is the board's own order; the others are views, in which every row keeps its rank. All of them read a
bounded number of rows: a search stops at `MOST` names, an order by a column shows the first `MOST`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from podium.site.accounts.models import Organization, User
from podium.site.evaluation.models import Submission
from podium.site.fetching import referring
from podium.site.leaderboards.cells import Group, cells_of
from podium.site.leaderboards.models import Column, Entry, Score
from podium.site.leaderboards.names import folded
from podium.site.leaderboards.positions import Positions
from podium.site.resources.models import Task

MOST = 1000
"""Rows of a view at most. On a board with no more than these a search also looks inside names."""


@dataclass(frozen=True)
class Sort:
    """An order by a column of a task; the better first, unless `reverse`. several: whether there are more tasks."""

    column: Column
    task: Task | None
    several: bool
    reverse: bool

    @property
    def descending(self) -> bool:
        """Whether large values come first."""
        return (self.column.sorting == "desc") is not self.reverse


@dataclass(frozen=True)
class Wish:
    """What a reader wants to see of a board.

    search: the beginning of a name. sort: `key`, `key:task` or one of them behind a minus, for the worse first.
    columns: keys of the columns to show; none for all. Whatever is no column is ignored.
    """

    search: str = ""
    sort: str = ""
    columns: frozenset[str] = frozenset()

    def chosen(self, columns: Sequence[Column]) -> list[Column]:
        """Of these columns those to show."""
        return [column for column in columns if column.key in self.columns] or list(columns)

    def order(self, groups: Sequence[Group]) -> Sort | None:
        """The order asked for, if these groups have such a column."""
        key, _, task = self.sort.removeprefix("-").partition(":")
        for group in groups:
            for column in group.columns:
                if column.key == key and task in {"", str(group.task.pk if group.task else "")}:
                    return Sort(column, group.task, len(groups) > 1, self.sort.startswith("-"))
        return None


@dataclass(frozen=True)
class Selected:
    """A page of the rows asked for; `capped` when there are more than a view shows."""

    entries: list[Entry]
    ranks: dict[int, int]
    count: int
    page: int
    pages: int
    capped: bool = False


_Hit = tuple[int, int, str]
"""Entry, submission and sort key."""


def select(positions: Positions, wish: Wish, groups: Sequence[Group], page: int, per_page: int) -> Selected:
    """The rows of a page, with their ranks by submission; a page beyond the last is the last."""
    sort = wish.order(groups)
    if not wish.search and sort is None:
        count = positions.count
        page, pages, start = _paged(count, page, per_page)
        entries = with_people(positions.entries(start, per_page))
        ranks = {entry.submission_id: start + place for place, entry in enumerate(entries, start=1)}
        return Selected(entries, ranks, count, page, pages)
    hits, capped = _hits(positions, folded(wish.search.strip()), sort)
    page, pages, start = _paged(len(hits), page, per_page)
    wanted = hits[start : start + per_page]
    by_id = {entry.pk: entry for entry in with_people(Entry.objects.filter(pk__in=[pk for pk, *_ in wanted]))}
    entries = [by_id[pk] for pk, *_ in wanted if pk in by_id]
    ranks = positions.ranks(entry.submission_id for entry in entries)
    return Selected(entries, ranks, len(hits), page, pages, capped)


def with_people(entries: Iterable[Entry]) -> list[Entry]:
    """Entries with what a row shows of their submissions and owners.

    By queries of their own: a join lets a planner read whole tables for one page (measured on PostgreSQL).
    """
    shown = Submission.objects.only("created_when", "original_when", "fact_sheet_answers", "organization")
    rows = referring(entries, "submission", shown)
    referring([row.submission for row in rows], "organization", Organization.objects.only("name"))
    return referring(rows, "owner", User.objects.only("username", "display_name"))


def _paged(count: int, page: int, per_page: int) -> tuple[int, int, int]:
    """The page to show, how many there are, and how many rows come before it."""
    pages = max(1, math.ceil(count / per_page))
    page = min(max(1, page), pages)
    return page, pages, (page - 1) * per_page


def _hits(positions: Positions, name: str, sort: Sort | None) -> tuple[list[_Hit], bool]:
    small = positions.count <= MOST
    entries = Entry.objects.filter(phase=positions.phase_id)
    if name or small or sort is None:
        entries = _named(entries, name, inside=small) if name else entries
        hits: list[_Hit] = sorted(_keys(entries)[: MOST + 1], key=lambda hit: hit[2])
        capped = len(hits) > MOST
        return (_sorted(hits[:MOST], sort) if sort else hits[:MOST]), capped
    best = _by_score(positions.phase_id, sort)
    seen = {pk for pk, *_ in best}
    rest = _keys(entries.order_by("sort_key"))[:MOST] if len(best) < MOST else []
    return [*best, *(hit for hit in rest if hit[0] not in seen)][:MOST], True


def _keys(entries: QuerySet[Entry]) -> QuerySet[Entry, _Hit]:
    return entries.values_list("pk", "submission_id", "sort_key")


def _named(entries: QuerySet[Entry], name: str, *, inside: bool) -> QuerySet[Entry]:
    if inside:
        return entries.filter(name__contains=name)
    if connection.vendor == "sqlite":  # whose LIKE uses no index
        entries = entries.filter(name__gte=name, name__lt=name + "\U0010ffff")
    return entries.filter(name__startswith=name).order_by("name")


def _sorted(hits: list[_Hit], sort: Sort) -> list[_Hit]:
    """Rows by their cells in a column, missing ones last; of equal ones the better rank first."""
    group = Group(sort.task, [sort.column])
    cells = cells_of([submission for _, submission, _ in hits], [group], single=not sort.several)
    sign = -1 if sort.descending else 1

    def place(hit: _Hit) -> tuple[bool, float]:
        value = cells[hit[1]][0].value
        return value is None, 0 if value is None else sign * value

    return sorted(hits, key=place)


def _by_score(phase_id: int, sort: Sort) -> list[_Hit]:
    """The first rows of a large board by an index over the scores of a column."""
    of_part = sort.several and sort.task is not None
    whole = "submission__parent__entry" if of_part else "submission__entry"
    scores = Score.objects.filter(column=sort.column, **{f"{whole}__phase": phase_id})
    if of_part:
        scores = scores.filter(submission__task=sort.task)
    ordered = scores.order_by("-value" if sort.descending else "value", f"{whole}__sort_key")
    return list(ordered.values_list(f"{whole}__pk", f"{whole}__submission_id", f"{whole}__sort_key")[:MOST])
