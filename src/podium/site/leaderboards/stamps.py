"""What an answer about boards depends on, told without reading the boards: for the tags of the API.

Entries, their order and their scores, the names they stand under and the answers that stand beside them change the
moment of the board's first block (`history.mark_changed`, `mark_names_changed`); everything else is in a few settings.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import model_to_dict
from django.utils import timezone

from podium.site.competitions.models import Phase, PhaseTask
from podium.site.leaderboards.models import Block, Entry, Leaderboard
from podium.site.resources.grants import HOUR

_OF_COMPETITION = ("fact_sheet", "enable_detailed_results", "show_detailed_results_in_leaderboard")
_OF_PHASE = ("pk", "index", "name", "hide_output", "hide_score_output")


def stamp(board: Leaderboard, phases: QuerySet[Phase], *, organizer: bool, asked: Any) -> list[Any]:
    """What the answer about a board in some phases depends on; four questions, however large the board.

    board: with its competition. organizer: whether the caller sees what is hidden. asked: the parameters of the answer.
    """
    keys = list(phases.values_list(*_OF_PHASE).order_by("pk"))
    numbers = [row[0] for row in keys]
    columns = [model_to_dict(column) for column in board.columns.order_by("pk")]
    moments = (
        Block.objects.filter(phase__in=numbers, first_key="").order_by("phase").values_list("phase", "changed_when")
    )
    tasks = PhaseTask.objects.filter(phase__in=numbers).order_by("phase", "order_index", "task")
    return [
        asked,
        organizer,
        [getattr(board.competition, name) for name in _OF_COMPETITION],
        model_to_dict(board),
        keys,
        columns,
        list(moments.values_list("phase", "changed_when")),
        list(tasks.values_list("phase", "task", "order_index", "task__name")),
        int(time.time() // (HOUR / 2)),  # addresses of detailed results are good for an hour
    ]


def mark_names_changed(entries: QuerySet[Entry]) -> None:
    """Note that entries stand under other names, once the current transaction has committed.

    Not in it: it holds the rows of people, for which those wait that hold a board.
    """
    phases = sorted(set(entries.values_list("phase", flat=True)))

    def mark() -> None:
        Block.objects.filter(phase__in=phases, first_key="").update(changed_when=timezone.now())

    if phases:
        transaction.on_commit(mark)
