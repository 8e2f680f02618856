"""Changes of boards."""

from podium.site.leaderboards.services.boards import change_board, set_score, typed_score
from podium.site.leaderboards.services.people import follow_person, rename, rename_organization
from podium.site.leaderboards.services.standing import (
    add_by_hand,
    on_verdict,
    ranking_column,
    recompute,
    record_scores,
    remove_by_hand,
    restored_entry,
    scores_by_task,
)

__all__ = [
    "add_by_hand",
    "change_board",
    "follow_person",
    "on_verdict",
    "ranking_column",
    "recompute",
    "record_scores",
    "remove_by_hand",
    "rename",
    "rename_organization",
    "restored_entry",
    "scores_by_task",
    "set_score",
    "typed_score",
]
