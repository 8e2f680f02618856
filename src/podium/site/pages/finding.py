"""Search over all that somebody may see: each kind by the policy and with the fields of its own list.

Every kind costs a fixed number of queries and reads no more rows than it shows; of a kind alone, the first thousand can
be turned through. The documentation, which everybody may read, is found by its passages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, F, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from podium.site.accounts import policies as people
from podium.site.competitions import policies as competitions
from podium.site.forums import policies as forums
from podium.site.forums import queries as forum_queries
from podium.site.pages import passages
from podium.site.resources import queries as resources
from podium.site.searching import matching, search_words
from podium.site.words import Words

SHORTEST: Final = 2
"""With fewer characters nothing is searched for."""
MOST: Final = 1000
"""How many of one kind can be turned through."""
SHOWN: Final = 5
"""How many of each kind stand on the page of all kinds."""


def _competitions(user: Any, text: str) -> QuerySet[Any]:
    rows = matching(competitions.visible_to(user), text, "title", "description")
    return _best(rows, text, "title").select_related("created_by", "logo", "logo_icon").prefetch_related("phases")


def _datasets(user: Any, text: str) -> QuerySet[Any]:
    if not user.is_authenticated:
        return _best(resources.public_datasets(search=text), text, "name")
    visible, types = competitions.visible_to(user), resources.FAMILIES["dataset"]
    rows = resources.listed_datasets(user, visible, types=types, search=text)
    return _best(rows, text, "name").select_related("created_by", "data_file")


def _tasks(user: Any, text: str) -> QuerySet[Any]:
    if user.is_authenticated:
        rows = resources.listed_tasks(user, public=True, search=text)
    else:
        rows = resources.public_tasks(search=text)
    return _best(rows, text, "name").select_related("created_by")


def _people(user: Any, text: str) -> QuerySet[Any]:
    return _best(matching(people.people_visible_to(user), text, "username", "display_name"), text, "username")


def _organizations(user: Any, text: str) -> QuerySet[Any]:
    return _best(matching(people.organizations_visible_to(user), text, "name"), text, "name")


def _threads(user: Any, text: str) -> QuerySet[Any]:
    rows = forum_queries.saying(forums.visible_to(user).filter(deleted_date__isnull=True), text)
    return _best(rows, text, "title").select_related("forum__competition", "started_by")


def _documentation(_user: Any, text: str) -> Sequence[Any]:
    return passages.saying(text)


def _best(rows: QuerySet[Any], text: str, name: str) -> QuerySet[Any]:
    """What begins with the words first, then the newest."""
    begins = Case(When(**{f"{name}__istartswith": text, "then": Value(0)}), default=Value(1))
    return rows.order_by(begins, F("pk").desc())


@dataclass(frozen=True)
class Kind:
    """What can be found.

    name: in addresses. rows: whatever matches, the best first. needs_account: whether nobody finds any without one.
    """

    name: str
    title: Words
    icon: str
    rows: Callable[[Any, str], QuerySet[Any] | Sequence[Any]]
    needs_account: bool = False


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("competitions", _("Competitions"), "flag", _competitions),
        Kind("datasets", _("Datasets and programs"), "data", _datasets),
        Kind("tasks", _("Tasks"), "target", _tasks),
        Kind("threads", _("Forum threads"), "chat", _threads, needs_account=True),
        Kind("people", _("People"), "user", _people, needs_account=True),
        Kind("organizations", _("Organizations"), "users", _organizations, needs_account=True),
        Kind("documentation", _("Documentation"), "book", _documentation),
    )
}


@dataclass(frozen=True)
class Group:
    """What was found of one kind; `more` says that there is more than stands here."""

    kind: Kind
    found: list[Any]
    more: bool


def words_of(text: str) -> str:
    """What is searched for: without blanks at its ends, bounded, "" where it is too short."""
    words = " ".join(search_words(text).split())
    return words if len(words) >= SHORTEST else ""


def everything(user: Any, words: str) -> list[Group]:
    """The best of each kind of which something was found."""
    groups = []
    for kind in KINDS.values():
        if kind.needs_account and not user.is_authenticated:
            continue
        found = list(kind.rows(user, words)[: SHOWN + 1])
        if found:
            groups.append(Group(kind, found[:SHOWN], len(found) > SHOWN))
    return groups


def of_kind(user: Any, words: str, kind: Kind) -> QuerySet[Any] | Sequence[Any]:
    """All of one kind that was found, a thousand at most."""
    return kind.rows(user, words)[:MOST]
