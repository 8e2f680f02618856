"""Ranks and pages without counting a board: which block holds a rank, and what rank a sort key has."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from podium.ranking.keys import score_part
from podium.site.leaderboards.models import Block, Entry

TRIES = 5
PER_PAGE = 50
"""Rows of a page of a board."""


class Positions:
    """The blocks of a board as they are now: one row for some 250 to 500 entries."""

    def __init__(self, phase_id: int) -> None:
        self.phase_id = phase_id
        self._read()

    def _read(self) -> None:
        blocks = list(Block.objects.filter(phase=self.phase_id).order_by("first_key").values_list("first_key", "count"))
        self._keys = [key for key, _ in blocks]
        self._before = [0, *accumulate(count for _, count in blocks)]

    @property
    def count(self) -> int:
        """How many entries stand on the board."""
        return self._before[-1]

    def entries(self, start: int, number: int) -> QuerySet[Entry]:
        """The entries behind the first `start`, `number` of them at most, in the order of the board.

        Both ends are named, so that whatever a planner makes of it reads a few blocks and no board. One block more than
        needed is looked at, for entries that have left since the blocks were read.
        """
        entries = Entry.objects.filter(phase=self.phase_id).order_by("sort_key")
        if not self._keys or start >= self.count:
            return entries.none()
        place = bisect_right(self._before, start) - 1
        step = start - self._before[place]
        entries = entries.filter(sort_key__gte=self._keys[place])
        beyond = bisect_left(self._before, start + number) + 1
        if beyond < len(self._keys):
            entries = entries.filter(sort_key__lt=self._keys[beyond])
        return entries[step : step + number]

    def medals(self) -> list[str]:
        """What the scores of the first three decided, for `medal`."""
        return [score_part(key) for key in self.entries(0, 3).values_list("sort_key", flat=True)]

    def ranks(self, submissions: Iterable[int]) -> dict[int, int]:
        """The ranks of these submissions, by submission; those that stand nowhere are left out. One query.

        A verdict may split a block between the reading of the blocks and this; then both are read again.
        """
        wanted = list(submissions)
        for _ in range(TRIES):
            before = dict(zip(self._keys, self._before, strict=False))
            found = self._within(wanted)
            if all(first in before for _, first, _ in found):
                break
            self._read()
        return {submission: before.get(first, 0) + within + 1 for submission, first, within in found}

    def _within(self, submissions: list[int]) -> list[tuple[int, str, int]]:
        """For each submission its block's first key, and how many entries of the block are before it."""
        first = Block.objects.filter(phase=self.phase_id, first_key__lte=OuterRef("sort_key")).order_by("-first_key")
        before = (
            Entry.objects.filter(
                phase=self.phase_id, sort_key__gte=OuterRef("first"), sort_key__lt=OuterRef("sort_key")
            )
            .order_by()
            .values("phase")
            .annotate(number=Count("pk"))
            .values("number")
        )
        entries = Entry.objects.filter(phase=self.phase_id, submission__in=submissions)
        return list(
            entries.annotate(first=Subquery(first.values("first_key")[:1]))
            .annotate(within=Coalesce(Subquery(before, output_field=IntegerField()), 0))
            .values_list("submission_id", "first", "within")
        )


def page_of(rank: int) -> int:
    """The page of a board on which a rank stands."""
    return (rank - 1) // PER_PAGE + 1


def medal(medals: Sequence[str], sort_key: str) -> int:
    """The medal of an entry, 0 for none: those with equal scores have the same, that of the first of them."""
    part = score_part(sort_key)
    return medals.index(part) + 1 if part in medals else 0
