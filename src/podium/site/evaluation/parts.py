"""The tasks of a submission to a phase with several: their scores as a table, and what their programs printed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from podium.site.evaluation import policies, queries
from podium.site.evaluation.models import Submission
from podium.site.evaluation.panes import Pane, panes
from podium.site.leaderboards.models import Column, Score

MOST_WITH_LOGS = 12
"""Tasks whose logs stand on the page of the whole; of more, each has them on its own page."""
SHOWN_BYTES = 16_000
"""What of each log the page of the whole shows."""


@dataclass
class Part:
    """One task's submission, and its scores by column, None where there is none."""

    submission: Submission
    cells: list[tuple[Column, Score | None]]
    rights: policies.OutputRights

    @property
    def scores(self) -> list[Score]:
        """The scores that there are."""
        return [score for _, score in self.cells if score is not None]

    @cached_property
    def panes(self) -> list[Pane]:
        """What its programs have printed, read when the page comes to it."""
        return panes(queries.logs(self.submission, self.rights), most=SHOWN_BYTES)


@dataclass
class Parts:
    """All tasks of a submission, the columns that any of them has a score in, and whether their logs are shown here."""

    columns: list[Column]
    rows: list[Part]
    with_logs: bool

    @property
    def printed(self) -> bool:
        """Whether any program has printed something."""
        return any(part.panes for part in self.rows)


def parts(user: Any, parent: Submission, *, organizer: bool) -> Parts:
    """The tasks of `parent` as `user`, who sees it, may see them; organizer: with hidden columns."""
    if not parent.has_children:
        return Parts([], [], with_logs=False)
    children = list(parent.children.select_related("task").prefetch_related("scores__column").order_by("pk"))
    sees = policies.sees_scores(user, parent)
    scores = {
        child.pk: {s.column: s for s in child.scores.all() if sees and (organizer or not s.column.hidden)}
        for child in children
    }
    columns = sorted({column for found in scores.values() for column in found}, key=lambda column: column.index)
    rights = policies.output_rights(user, parent)
    rows = [Part(child, [(column, scores[child.pk].get(column)) for column in columns], rights) for child in children]
    return Parts(columns, rows, with_logs=bool(rights.logs) and len(rows) <= MOST_WITH_LOGS)
