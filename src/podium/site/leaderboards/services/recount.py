"""The last net under the blocks of boards: some are counted in every sweep, and a wrong count is put right.

Each change of entries changes their block in the same transaction (`places`), so a difference means a fault of ours or
rows changed by hand; without this, ranks behind it would be wrong until the block is split. What one look reads is
bounded: it goes on where the last one ended, and comes round to every block of the site.
"""

from __future__ import annotations

import structlog
from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from podium.site.competitions.models import Phase
from podium.site.leaderboards.models import Block, Entry
from podium.site.leaderboards.services import places

log = structlog.get_logger(__name__)

BLOCKS = 20
"""Blocks that one look counts: some ten thousand keys of an index at most."""
PHASES = 200
"""Phases of which one look asks whether their board is counted at all."""
_END = "g"
"""Behind every sort key, whose digits are hexadecimal."""


class Rounds:
    """Looks at the blocks of all boards in turn, some at a time."""

    def __init__(self) -> None:
        self._block = self._phase = 0

    def look(self) -> int:
        """Count the next blocks and mend those that are wrong; returns how many were."""
        blocks = list(_counted(Block.objects.filter(pk__gt=self._block)).order_by("pk")[:BLOCKS])
        self._block = blocks[-1].pk if len(blocks) == BLOCKS else 0
        wrong = [block for block in blocks if block.count != block.actual]  # type: ignore[attr-defined]
        mended = sum(_mend(block.pk, block.phase_id) for block in wrong)
        phases = list(Phase.objects.filter(pk__gt=self._phase).order_by("pk").values_list("pk", flat=True)[:PHASES])
        self._phase = phases[-1] if len(phases) == PHASES else 0
        return mended + sum(_begin(phase_id) for phase_id in _uncounted(phases))


def _counted(blocks: QuerySet[Block]) -> QuerySet[Block]:
    """Blocks with the number of entries that they really have, as `actual`."""
    following = Block.objects.filter(phase=OuterRef("phase"), first_key__gt=OuterRef("first_key"))
    entries = (
        Entry.objects.filter(
            phase=OuterRef("phase"), sort_key__gte=OuterRef("first_key"), sort_key__lt=OuterRef("beyond")
        )
        .order_by()
        .values("phase")
        .annotate(number=Count("pk"))
        .values("number")
    )
    ends = Coalesce(Subquery(following.order_by("first_key").values("first_key")[:1]), Value(_END))
    actual = Coalesce(Subquery(entries, output_field=IntegerField()), 0)
    return blocks.annotate(beyond=ends).annotate(actual=actual)


@transaction.atomic
def _mend(block_id: int, phase_id: int) -> int:
    """Put one block right, if it is still wrong in this phase's turn."""
    places.take_turn(phase_id)
    block = _counted(Block.objects.filter(pk=block_id)).exclude(count=F("actual")).first()
    if block is None:
        return 0
    actual: int = block.actual  # type: ignore[attr-defined]
    log.error("a board was counted wrongly", phase=phase_id, block=block_id, counted=block.count, entries=actual)
    if actual > places.SIZE:
        places.rebuild(phase_id)
    elif actual or not block.first_key:
        Block.objects.filter(pk=block_id).update(count=actual)
    else:
        block.delete()
    return 1


def _uncounted(phases: list[int]) -> list[int]:
    """Of these phases those whose board has entries and no block for the first of them."""
    entries = Entry.objects.filter(phase=OuterRef("pk"))
    first = Block.objects.filter(phase=OuterRef("pk"), first_key="")
    return list(Phase.objects.filter(Exists(entries), ~Exists(first), pk__in=phases).values_list("pk", flat=True))


def _begin(phase_id: int) -> int:
    log.error("a board was not counted", phase=phase_id)
    places.rebuild(phase_id)
    return 1
