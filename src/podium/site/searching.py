"""Search in lists: the same rule for the API and the pages."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
MAX_SEARCH = 200
MAX_TERMS = 20


def search_words(text: str) -> str:
    """What is searched for: bounded, since SQLite refuses long patterns, and without NUL, which PostgreSQL refuses."""
    return text.replace("\0", "")[:MAX_SEARCH]


def terms(text: str) -> list[str]:
    """The words that are searched for."""
    return search_words(text).split()[:MAX_TERMS]


def matching(rows: QuerySet[Row], text: str, *fields: str) -> QuerySet[Row]:
    """The rows in which each word of `text` is part of one of the fields, whatever its case (Codabench's rule)."""
    for word in terms(text):
        found = Q()
        for name in fields:
            found |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(found)
    return rows
