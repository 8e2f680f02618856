"""Boards put in order anew after their rule, columns or tasks have changed: in the background, person by person.

Until it is done entries with old and new sort keys stand on one board, so the results page says that it is under way.
Verdicts that arrive meanwhile follow the new rule. A change during the work begins it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from podium.site.accounts.models import User
from podium.site.competitions.models import Phase
from podium.site.evaluation.models import Submission, WorkKind
from podium.site.evaluation.services import phase_work
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Leaderboard


@transaction.atomic
def change_board(
    *, board: Leaderboard, by: User, values: Mapping[str, Any], columns: Sequence[Mapping[str, Any]] | None = None
) -> None:
    """Change a board, as `leaderboards.services.change_board`, and begin to put its entries in order where needed."""
    if leaderboards.change_board(board=board, by=by, values=values, columns=columns):
        for phase in board.phases.order_by("pk"):
            rebuild(phase=phase, by=by)


def rebuild(*, phase: Phase, by: User | None) -> int:
    """Begin to compute the entries of a phase anew; returns for how many people. After its tasks have changed, too."""
    phase_work.stop(kind=WorkKind.REBUILD, phase=phase, reason="The leaderboard was changed again.")
    return phase_work.begin(kind=WorkKind.REBUILD, phase=phase, by=by)


def _firsts(phase: Phase) -> QuerySet[Submission]:
    """Each person once, by the first submission of theirs, which stays the first whatever is finished meanwhile."""
    rows = Submission.objects.filter(phase=phase, parent__isnull=True)
    return rows.filter(~Exists(rows.filter(owner=OuterRef("owner"), pk__lt=OuterRef("pk"))))


def _rebuild_piece(phase: Phase, keys: Sequence[int]) -> int:
    now = Phase.objects.select_related("leaderboard", "competition").get(pk=phase.pk)
    owners = Submission.objects.filter(pk__in=keys).order_by("pk").values_list("owner_id", flat=True)
    for owner_id in owners:
        leaderboards.recompute(phase=now, owner_id=owner_id, computed=True)
    return len(owners)


phase_work.register(WorkKind.REBUILD, phase_work.Plan(rows=_firsts, do=_rebuild_piece))
