"""Lists of pages: sorted by a column, turned page by page, all by the address, which keeps what was searched for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page
from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from podium.site.fetching import KeysPaginator
from podium.site.words import Words

PER_PAGE = 50


@dataclass(frozen=True)
class Column:
    """A column by which a list can be sorted.

    field: what of the rows it sorts by; empty ones come last either way. words: what rising and falling order are
    called. falls: whether it falls when it is chosen first. is_text: whether capitals count as small letters.
    """

    label: Words
    field: str
    words: tuple[Words, Words] = (_("A to Z"), _("Z to A"))
    falls: bool = False
    is_text: bool = True


def by_time(label: Words, field: str) -> Column:
    """A column of moments, the newest first."""
    return Column(label, field, (_("oldest first"), _("newest first")), falls=True, is_text=False)


def by_amount(label: Words, field: str) -> Column:
    """A column of numbers, the largest first."""
    return Column(label, field, (_("smallest first"), _("largest first")), falls=True, is_text=False)


@dataclass(frozen=True)
class Head:
    """The head of a column: its words, the address that sorts by it, and how it is sorted now, "" where it is not."""

    label: Words
    url: str
    order: str


class Listing:
    """One page of a list as the address asks for it: `sort` is a column's name, falling with `-` before it."""

    def __init__(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        columns: Mapping[str, Column],
        default: str,
        kept: Mapping[str, str],
        per_page: int = PER_PAGE,
    ) -> None:
        """default: how it is sorted unless the address says. kept: the other parameters of the address."""
        asked = request.GET.get("sort", "")
        self.sort = asked if asked.removeprefix("-") in columns else default
        self._columns, self._default = columns, default
        self._kept = {name: value for name, value in kept.items() if value}
        name, falls = self.sort.removeprefix("-"), self.sort.startswith("-")
        by: Any = Lower(columns[name].field) if columns[name].is_text else F(columns[name].field)
        first = by.desc(nulls_last=True) if falls else by.asc(nulls_last=True)
        self.page: Page[Any] = KeysPaginator(
            rows.order_by(first, "-pk"), per_page, search=self._kept.get("search", "")
        ).get_page(request.GET.get("page"))

    def _url(self, sort: str, page: int = 1) -> str:
        more = {"sort": sort} if sort != self._default else {}
        return "?" + urlencode({**self._kept, **more, **({"page": page} if page > 1 else {})})

    @property
    def filtered(self) -> bool:
        """Whether something was searched or filtered for."""
        return bool(self._kept)

    @property
    def count(self) -> int:
        """How many rows there are on all pages."""
        return self.page.paginator.count

    @property
    def before(self) -> str:
        """The address of the page before."""
        return self._url(self.sort, self.page.number - 1)

    @property
    def after(self) -> str:
        """The address of the next page."""
        return self._url(self.sort, self.page.number + 1)

    def head(self, name: str) -> Head:
        """The head of a column; its address turns the order where it is sorted by it already."""
        column = self._columns[name]
        if self.sort.removeprefix("-") != name:
            return Head(column.label, self._url(f"-{name}" if column.falls else name), "")
        falls = self.sort.startswith("-")
        return Head(column.label, self._url(name if falls else f"-{name}"), "descending" if falls else "ascending")

    @property
    def orders(self) -> list[tuple[str, str]]:
        """All orders as choices, for windows too narrow for heads of columns."""
        return [
            (sign + name, f"{column.label}, {column.words[bool(sign)]}")
            for name, column in self._columns.items()
            for sign in (("-", "") if column.falls else ("", "-"))
        ]
