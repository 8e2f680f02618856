"""Choosing one of any number by a part of its name: one search field for tasks, files, queues and organizations.

The field is plain text with a list of what it offers; while somebody writes, the list follows (`choices/<kind>/`).
Without scripts it takes what the list offered at first, a name, or a name with its number, and offers what is like the
text when it finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import Model, QuerySet
from django.urls import reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from podium.site.searching import matching

OFFERED: Final = 20
"""Choices that a search field offers at once."""
LONGEST: Final = 400
_NUMBER = re.compile(r"#(\d{1,18})\s*\Z")
_SAID_OF_IT = re.compile(r"(?:\([^()]*\)\s*)?#\d+\s*\Z")


@dataclass(frozen=True)
class Kind:
    """What can be chosen.

    name: in addresses. groups: what somebody may choose, what comes first first; no row is in two of them. label: how a
    row is shown to somebody, without its number. fields: what is searched; the first is the name. missing: what is said
    when a text names nothing. key: the field of the row's UUID, "" where it has none.
    """

    name: str
    groups: Callable[[Any], Sequence[QuerySet[Any]]]
    label: Callable[[Any, Any], str]
    fields: tuple[str, ...]
    missing: Callable[[], str]
    key: str = ""

    def shown(self, row: Any, user: Any) -> str:
        """A row in the list: with its number, since names may occur twice."""
        return f"{self.label(row, user)} #{row.pk}"

    def offered(self, user: Any, text: str = "") -> list[str]:
        """What is offered for a text, the newest of each group first."""
        words = _SAID_OF_IT.sub("", text.strip()[:LONGEST])
        found: list[Any] = []
        for rows in self.groups(user):
            found += matching(rows, words, *self.fields).order_by("-pk")[: OFFERED - len(found)]
            if len(found) == OFFERED:
                break
        return [self.shown(row, user) for row in found]

    def named(self, user: Any, text: str) -> Any:
        """The row that a text names: by its number, by its key, or by its name. Raises ValidationError."""
        found = self._like(user, text)
        if not found:
            raise forms.ValidationError(self.missing())
        if len(found) > 1:
            raise forms.ValidationError(
                _("You have several of this name. Write the number too: %(dataset)s")
                % {"dataset": self.shown(found[0], user)}
            )
        return found[0]

    def _like(self, user: Any, text: str) -> list[Model]:
        if number := _NUMBER.search(text):
            return self._first(user, pk=int(number[1]))
        if self.key and (key := _key(text)) is not None:
            return self._first(user, **{self.key: key})
        found = self._first(user, **{f"{self.fields[0]}__iexact": text})
        return found or (self._first(user, pk=int(text)) if text.isdecimal() and len(text) < 19 else [])

    def _first(self, user: Any, **lookup: Any) -> list[Any]:
        """Two at most, of the first group that has any."""
        return next((found for rows in self.groups(user) if (found := list(rows.filter(**lookup)[:2]))), [])


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def options(labels: Iterable[str]) -> SafeString:
    """What a search field offers, as HTML."""
    return format_html_join("", '<option value="{}"></option>', ((label,) for label in labels))


class SearchInput(forms.TextInput):
    """A text field with the list of what it offers; `offer` makes that of the text."""

    input_type = "search"

    def __init__(self, kind: Kind) -> None:
        attrs = {"autocomplete": "off", "hx-get": reverse_lazy("choices", args=[kind.name])}
        super().__init__({**attrs, "hx-trigger": "input changed delay:200ms"})
        self.offer: Callable[[str], list[str]] = lambda text: []

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The field and its list, whose id follows from the field's name."""
        listed, text = f"{name}-offered", str(value or "")
        field = super().render(name, value, {**(attrs or {}), "list": listed, "hx-target": f"#{listed}"}, renderer)
        offered = ([] if _NUMBER.search(text) else self.offer(text)) or self.offer("")
        return format_html('{}<datalist id="{}">{}</datalist>', field, listed, options(offered))


class SearchField(forms.CharField):
    """A row of a kind, None where nothing is chosen; the form has to say `of` whom it asks."""

    def __init__(self, kind: Kind, **options: Any) -> None:
        super().__init__(**{"max_length": LONGEST, "widget": SearchInput(kind), **options})
        self.kind = kind
        self._user: Any = None
        self._present: Any = None

    def of(self, user: Any, present: Any = None) -> None:
        """Say who chooses; present: what is chosen already, which may stay whosever it is."""
        self._user, self._present = user, present
        assert isinstance(self.widget, SearchInput)  # noqa: S101 - made above
        self.widget.offer = lambda text: self.kind.offered(user, text)

    def prepare_value(self, value: Any) -> Any:
        """A row as the list shows it, a text as it was written."""
        return self.kind.shown(value, self._user) if isinstance(value, Model) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another row was written than there was."""
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> Any:
        """The row that was written. Raises ValidationError."""
        text = str(super().clean(value)).strip()
        if not text:
            return None
        if self._present is not None and text == self.kind.shown(self._present, self._user):
            return self._present
        return self.kind.named(self._user, text)
