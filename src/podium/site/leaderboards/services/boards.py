"""Changes of a board itself: its rule and its columns, and scores that organizers set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from podium.formats.scores import is_number
from podium.ranking import columns as ranking
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.audit.values import rows_compared
from podium.site.competitions import policies as competitions
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import wakeups
from podium.site.evaluation.models import Submission
from podium.site.leaderboards import history
from podium.site.leaderboards.models import Column, Leaderboard, Score
from podium.site.leaderboards.services import places
from podium.site.leaderboards.services.standing import ranking_column, recompute

_AWAY = 1_000_000
"""Added to indexes while they change, so that no two columns meet on one."""
_LONGEST = 100
"""Characters of a score that somebody types."""


@transaction.atomic
def change_board(
    *, board: Leaderboard, by: User, values: Mapping[str, Any], columns: Sequence[Mapping[str, Any]] | None = None
) -> bool:
    """Change a board; returns whether its entries have to be put in order anew (`evaluation.services.boards`).

    values: fields of the board. columns: all its columns as they are to be, each with the `id` of the present one if
    there is one; those that are not named go, with their scores. None leaves them as they are.
    Raises Forbidden, and Refused where the columns contradict each other.
    """
    if not competitions.can_administer(by, board.competition):
        raise Forbidden(_("You don't have access to change this competition"))
    phases = list(board.phases.order_by("pk").values_list("pk", flat=True))
    for phase_id in phases:
        places.take_turn(phase_id)  # verdicts that read the board as it was are through
    before, there = _order(board), _described(board)
    Leaderboard.objects.filter(pk=board.pk).update(**values)
    board.refresh_from_db()
    if columns is not None:
        _set_columns(board, columns)
    _check(board)
    for phase_id in phases:
        history.mark_changed(phase_id)
    wakeups.notify(wakeups.competition_topic(board.competition_id))
    _record(board, by, there)
    return _order(board) != before


_OWN = ("title", "key", "hidden", "primary_index", "submission_rule")
_COMPUTATION = ("computation", "computation_indexes")
_OF_A_COLUMN = ("title", "key", "index", "sorting", *_COMPUTATION, "hidden", "precision", "group")


def _described(board: Leaderboard) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the history tells of a board: its own fields and its columns."""
    columns = Column.objects.filter(leaderboard=board).order_by("index")
    return (
        {name: getattr(board, name) for name in _OWN},
        [{"id": column.pk, **{name: getattr(column, name) for name in _OF_A_COLUMN}} for column in columns],
    )


def _record(board: Leaderboard, by: User, there: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    own, columns = _described(board)
    gone, come = rows_compared("column", "title", there[1], columns)
    record(Action.LEADERBOARD_EDITED, by=by, on=board, before=there[0] | gone, after=own | come)


def _order(board: Leaderboard) -> tuple[Any, ...]:
    """What the sort keys, the computed scores and the choice of entries depend on."""
    columns = list(board.columns.all())
    ordering = ranking.ordering_columns([ranking_column(column) for column in columns], board.primary_index)
    by_index = {column.index: column.pk for column in columns}
    return (
        board.submission_rule,
        [(by_index[column.index], column.sorting) for column in ordering],
        {c.pk: (c.computation, [by_index.get(i) for i in c.computation_indexes]) for c in columns if c.computation},
    )


def _set_columns(board: Leaderboard, columns: Sequence[Mapping[str, Any]]) -> None:
    present = {column.pk: column for column in board.columns.all()}
    named = {given["id"] for given in columns if given.get("id")}
    if strangers := named - set(present):
        raise Refused(
            _("This leaderboard has no column %(column)s.") % {"column": min(strangers)},
            field="leaderboards",
            code="no_column",
        )
    board.columns.exclude(pk__in=named).delete()
    board.columns.update(index=F("index") + _AWAY)
    for given in columns:
        values = {name: value for name, value in given.items() if name != "id"}
        column = present.get(given.get("id", 0))
        if column is None:
            Column.objects.create(leaderboard=board, **values)
            continue
        if column.computation and not values.get("computation"):
            Score.objects.filter(column=column).delete()  # what was computed is no score of anybody's
        Column.objects.filter(pk=column.pk).update(**values)


def _check(board: Leaderboard) -> None:
    """Refuse columns from which no order follows."""
    columns = [ranking_column(column) for column in board.columns.all()]
    try:
        ranking.primary_column(columns, board.primary_index)
        ranking.compute(columns, {})
    except ranking.ColumnsError as error:
        raise Refused(str(error), field="leaderboards", code="columns") from None


def typed_score(text: str) -> float:
    """The score that somebody typed. Raises Refused for what is no finite number."""
    if len(text) > _LONGEST or not is_number(text) or not math.isfinite(float(text)):
        raise Refused(_("A score is a finite number, as 0.5 or 1e-3."), field="score", code="invalid")
    return float(text)


@transaction.atomic
def set_score(*, score: Score, value: float, text: str, by: User) -> Score:
    """Put another score in place of what the scoring program gave; the submission says so where it can be seen.

    Computed columns and the board follow. Raises Forbidden, and Refused for a computed score.
    """
    submission = Submission.objects.select_related("parent", "owner", "phase__competition", "phase__leaderboard").get(
        pk=score.submission_id
    )
    phase = submission.phase
    if not competitions.can_administer(by, phase.competition):
        raise Forbidden(_("You do not have permission to change this score."))
    if score.column.computation:
        raise Refused(
            _("This score is computed; set the scores that it is computed of."), field="score", code="computed"
        )
    places.take_turn(phase.pk)
    found = Score.objects.select_for_update(of=("self",)).select_related("column").get(pk=score.pk)
    if not found.column.hidden:
        note = f"{by.username} set the score {found.column.key} to {text}; it was {found.text}."
        Submission.objects.filter(pk=submission.pk).update(notes=[*submission.notes, note])
    old, new = {"score": found.text}, {"score": text, "column": found.column.title}
    record(Action.SUBMISSION_SCORE, by=by, on=submission, before=old, after=new, about=submission.owner)
    found.value, found.text, found.low, found.high, found.interval_source = value, text, None, None, ""
    found.save(update_fields=["value", "text", "low", "high", "interval_source"])
    recompute(phase=phase, owner_id=submission.owner_id, computed=True)
    history.mark_changed(phase.pk)
    wakeups.notify(wakeups.competition_topic(phase.competition_id))
    return found
