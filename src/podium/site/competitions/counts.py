"""How many take part in competitions and how many submissions they have, for lists and pages.

Counted for the rows of a page only, never for all rows that a page is chosen from, and in queries that group: planners
take a correlated count of submissions for a scan of all of them where one competition has most of them. A large number
is kept for a minute, so that what a page reads does not grow with it. The numbers of the whole site are counted for
each page while they are small; large ones the site-worker counts, once an hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, overload

from django.core.cache import caches
from django.db.models import Count, Exists, F, OuterRef, QuerySet

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase
from podium.site.evaluation.models import Submission
from podium.site.fetching import KeysFirst

LARGE = 1000
"""With more participants or submissions than this, the numbers of a competition are kept for `KEPT` seconds."""
KEPT = 60


class Counts(NamedTuple):
    """Approved participants who do not organize; submissions without children and without deleted ones."""

    participants: int
    submissions: int


def counts_of(ids: Iterable[int] | QuerySet[Competition, Any]) -> dict[int, Counts]:
    """Count anew, in three queries. ids: of competitions; those with nothing to count are absent."""
    participants = not_organizing(Participant.objects.filter(competition__in=ids, status=ParticipantStatus.APPROVED))
    people = _grouped(participants, "competition")
    # By the ids of phases, for which there is an index: joined to them, all submissions of the site may be read.
    phases = Phase.objects.filter(competition__in=ids).order_by()
    of = dict(phases.values_list("pk", "competition"))
    wanted: Any = phases.values("pk") if isinstance(ids, QuerySet) else list(of)
    submissions = Submission.objects.filter(phase__in=wanted, parent__isnull=True, is_soft_deleted=False)
    made: Counter[int] = Counter()
    for phase, number in _grouped(submissions, "phase").items():
        made[of.get(phase, 0)] += number
    return {pk: Counts(people.get(pk, 0), made.get(pk, 0)) for pk in (people.keys() | made.keys()) - {0}}


def not_organizing(participants: QuerySet[Participant]) -> QuerySet[Participant]:
    """Participants without those who run the competition, who take part in it to try it."""
    organizing = Competition.collaborators.through.objects.filter(
        competition=OuterRef("competition"), user=OuterRef("user")
    )
    return participants.exclude(user=F("competition__created_by")).filter(~Exists(organizing))


def _grouped(rows: QuerySet[Any], by: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(by).annotate(Count("pk")))


def attach(competitions: Iterable[Competition]) -> None:
    """Set `participants_count` and `submissions_count` of competitions, in three queries at most."""
    rows = list(competitions)
    kept: dict[str, Counts] = caches["local"].get_many([_key(row.pk) for row in rows])
    missing = [row.pk for row in rows if _key(row.pk) not in kept]
    counted = counts_of(missing) if missing else {}
    caches["local"].set_many({_key(pk): counts for pk, counts in counted.items() if max(counts) > LARGE}, KEPT)
    for row in rows:
        counts = kept.get(_key(row.pk)) or counted.get(row.pk) or Counts(0, 0)
        row.participants_count, row.submissions_count = counts  # type: ignore[attr-defined]


def _key(pk: int) -> str:
    return f"competition-counts-{pk}"


class Counted(Sequence[Competition]):
    """Competitions in an order, of which slices have their counts; a paginator can cut it.

    rows: in the order of the list. most: a field of `Counts`: those with most of it come first, then the newest.
    """

    def __init__(self, rows: QuerySet[Competition], most: str = "") -> None:
        self._rows = rows
        self._most = most
        self._ids: list[int] | None = None

    def __len__(self) -> int:
        return len(self.ids()) if self._most else self._rows.count()

    @overload
    def __getitem__(self, place: int) -> Competition: ...
    @overload
    def __getitem__(self, place: slice) -> list[Competition]: ...
    def __getitem__(self, place: int | slice) -> Competition | list[Competition]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        if self._most:
            found = self._rows.in_bulk(self.ids()[place])
            page = [found[pk] for pk in self.ids()[place] if pk in found]
        else:
            page = KeysFirst(self._rows)[place]
        attach(page)
        return page

    def ids(self) -> list[int]:
        """The keys of all rows in the order of `most`."""
        if self._ids is None:
            most = _ranks(self._most)
            ids = self._rows.order_by().values_list("pk", flat=True)
            self._ids = sorted(ids, key=lambda pk: (most.get(pk, 0), pk), reverse=True)
        return self._ids


def _ranks(most: str) -> dict[int, int]:
    """How many each published competition has of something; counted once a minute for all lists."""
    key = "competition-counts-of-all"
    counts: dict[int, Counts] | None = caches["local"].get(key)
    if counts is None:
        counts = counts_of(Competition.objects.filter(published=True).values("pk"))
        caches["local"].set(key, counts, KEPT)
    return {pk: getattr(each, most) for pk, each in counts.items()}


_OF_SITE = "counts-of-site"


def _countable() -> dict[str, QuerySet[Any]]:
    """What the home page counts: published competitions, people with an account, submissions without children."""
    return {
        "competitions": Competition.objects.filter(published=True).order_by(),
        "users": User.objects.filter(is_active=True, is_deleted=False).order_by(),
        "submissions": Submission.objects.filter(parent__isnull=True).order_by(),
    }


def of_site() -> dict[str, int]:
    """How many competitions, users and submissions the site has; reads no more than `LARGE` rows of each.

    A number up to `LARGE` is exact. A larger one is that of the last `recount`; before the first, it is `LARGE`.
    """
    found = {name: rows[:LARGE].count() for name, rows in _countable().items()}
    if LARGE in found.values():
        kept: dict[str, int] = caches["default"].get(_OF_SITE) or {}
        found = {name: max(kept.get(name, 0), n) if n == LARGE else n for name, n in found.items()}
    return found


def recount() -> dict[str, int]:
    """Count the whole site and keep the numbers for all web processes; the site-worker does so once an hour."""
    counted = {name: rows.count() for name, rows in _countable().items()}
    caches["default"].set(_OF_SITE, counted, timeout=None)
    return counted
