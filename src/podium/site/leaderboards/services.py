"""Changes of boards: scores, computed columns, entries and their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from podium.protocol import Score as ReportedScore
from podium.ranking import columns as ranking
from podium.ranking import keys, order, rules
from podium.site.competitions.models import Participant, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.leaderboards import history
from podium.site.leaderboards.models import Column, Entry, Leaderboard, Score

if TYPE_CHECKING:
    from podium.site.evaluation.models import Submission


def ranking_column(column: Column) -> ranking.Column:
    """A column as `podium.ranking` knows it."""
    return ranking.Column(
        key=column.key,
        index=column.index,
        sorting=ranking.Sorting(column.sorting),
        computation=ranking.Computation(column.computation) if column.computation else None,
        computation_indexes=tuple(column.computation_indexes),
        hidden=column.hidden,
        precision=column.precision,
    )


def record_scores(*, submission: Submission, scores: Mapping[str, ReportedScore]) -> None:
    """Store what the scoring program gave, one score per column; doing it twice leaves the same rows.

    Keys that are no column, or that a computed column owns, are ignored here; `podium.formats.scores` has named them.
    """
    board = submission.phase.leaderboard
    if board is None:
        return
    for column in board.columns.all():
        score = scores.get(column.key)
        if score is not None and not column.computation:
            Score.objects.update_or_create(
                submission=submission,
                column=column,
                defaults={"value": score.value, "text": score.text, **_bounds(score)},
            )


def _bounds(score: ReportedScore) -> dict[str, Any]:
    """The interval of a score; what does not lie around it is dropped, since workers are not believed."""
    low, high = score.low, score.high
    if low is None or high is None or not low <= score.value <= high:
        return {"low": None, "high": None, "interval_source": ""}
    return {"low": low, "high": high, "interval_source": score.interval}


def scores_by_task(submission: Submission) -> list[dict[str, float | None]]:
    """The scores of a submission, one mapping by column key per task of its phase.

    A task without a finished child is an empty mapping: its scores are missing, and rank last.
    """
    if not submission.has_children:
        own = Score.objects.filter(submission=submission, column__computation="").select_related("column")
        return [{score.column.key: score.value for score in own}]
    by_task: dict[int | None, dict[str, float | None]] = {
        task_id: {} for task_id in submission.phase.phase_tasks.values_list("task_id", flat=True)
    }
    rows = Score.objects.filter(
        submission__parent=submission, submission__status="Finished", column__computation=""
    ).select_related("column", "submission")
    for score in rows:
        by_task.setdefault(score.submission.task_id, {})[score.column.key] = score.value
    return list(by_task.values())


def _record_computed(submission: Submission, board: Leaderboard, tasks: list[dict[str, float | None]]) -> None:
    columns = list(board.columns.all())
    computed = ranking.compute([ranking_column(c) for c in columns], tasks)
    for column in columns:
        if not column.computation:
            continue
        value = computed[column.key]
        if value is None:
            Score.objects.filter(submission=submission, column=column).delete()
        else:
            Score.objects.update_or_create(
                submission=submission, column=column, defaults={"value": value, "text": repr(value)}
            )


def _candidate(submission: Submission, board: Leaderboard, tasks: list[dict[str, float | None]]) -> order.Entry:
    columns = [ranking_column(c) for c in board.columns.all()]
    return order.Entry(
        id=submission.pk,
        owner=submission.owner_id,
        sort_key=keys.sort_key_hex(columns, board.primary_index, tasks, submission.created_when, submission.pk),
        scored=any(value is not None for task in tasks for value in task.values()),
        submitted_at=submission.created_when,
    )


def _standing(submission: Submission) -> list[order.Entry]:
    """The owner's entries on the board of the phase.

    Locks the owner's participation first: two verdicts of one owner take turns, so that the second one sees what the
    first put there (SQLite's transactions take turns anyway).
    """
    participation = Participant.objects.select_for_update().filter(
        competition=submission.phase.competition_id, user=submission.owner_id
    )
    participation.first()
    entries = Entry.objects.filter(phase=submission.phase, owner=submission.owner_id)
    return [
        order.Entry(
            id=entry.submission_id,
            owner=entry.owner_id,
            sort_key=entry.sort_key,
            scored=True,
            submitted_at=entry.submission.created_when,
        )
        for entry in entries.select_related("submission")
    ]


def _apply(change: rules.Change, board: Leaderboard, candidates: Iterable[order.Entry], submission: Submission) -> None:
    Entry.objects.filter(submission__in=change.remove, phase=submission.phase).delete()
    for candidate in candidates:
        if candidate.id in change.add:
            Entry.objects.update_or_create(
                submission_id=candidate.id,
                defaults={
                    "leaderboard": board,
                    "phase": submission.phase,
                    "owner_id": candidate.owner,
                    "sort_key": candidate.sort_key,
                },
            )


@transaction.atomic
def on_verdict(*, submission: Submission) -> None:
    """Compute the computed columns of a finished submission and apply the board's rule to it.

    Works on whatever stands on boards: a submission to one task, or the parent of several. A re-run on a task of its
    own choice never enters (Codabench's rule).
    """
    board = submission.phase.leaderboard
    if board is None:
        return
    tasks = scores_by_task(submission)
    _record_computed(submission, board, tasks)
    if submission.is_specific_task_re_run or submission.is_soft_deleted:
        return
    standing = _standing(submission)
    new = _candidate(submission, board, tasks)
    if any(entry.id == new.id for entry in standing):
        Entry.objects.filter(submission=submission).update(sort_key=new.sort_key)
        standing = [new if entry.id == new.id else entry for entry in standing]
    change = rules.on_verdict(rules.SubmissionRule(board.submission_rule), standing, new)
    _apply(change, board, [new], submission)
    history.follow(phase=submission.phase, owner_id=submission.owner_id)


def _manual(submission: Submission) -> tuple[Leaderboard, list[order.Entry], order.Entry, rules.SubmissionRule]:
    board = submission.phase.leaderboard
    if board is None:
        raise Refused("This phase has no leaderboard.", code="no_leaderboard")
    if submission.parent_id is not None:
        raise Refused("Put the whole submission on the leaderboard, not one of its tasks.", code="child")
    if submission.is_specific_task_re_run:
        raise Forbidden("Cannot add task-specific submission re-runs to leaderboards.")
    if submission.status != "Finished":
        raise Refused("Only a finished submission can stand on a leaderboard.", code="not_finished")
    candidate = _candidate(submission, board, scores_by_task(submission))
    return board, _standing(submission), candidate, rules.SubmissionRule(board.submission_rule)


@transaction.atomic
def add_by_hand(*, submission: Submission, privileged: bool = False) -> None:
    """Put a submission on the board, as its rule allows. Raises Refused or Forbidden with the reason."""
    board, standing, candidate, rule = _manual(submission)
    change = rules.on_manual_add(rule, standing, candidate, privileged=privileged)
    if isinstance(change, rules.Refusal):
        raise Forbidden(change.reason)
    _apply(change, board, [candidate], submission)
    history.follow(phase=submission.phase, owner_id=submission.owner_id)


@transaction.atomic
def remove_by_hand(*, submission: Submission, privileged: bool = False) -> None:
    """Take a submission from the board, as its rule allows. Raises Refused or Forbidden with the reason."""
    board, standing, candidate, rule = _manual(submission)
    change = rules.on_manual_remove(rule, standing, candidate, privileged=privileged)
    if isinstance(change, rules.Refusal):
        raise Forbidden(change.reason)
    _apply(change, board, [], submission)
    history.follow(phase=submission.phase, owner_id=submission.owner_id)


@transaction.atomic
def recompute(*, phase: Phase, owner_id: int) -> None:
    """Make a person's entries in a phase obey the board's rule again, after a submission of theirs was deleted.

    phase: with its leaderboard.
    """
    board = phase.leaderboard
    if board is None:
        return
    Participant.objects.select_for_update().filter(competition=phase.competition_id, user=owner_id).first()
    finished = phase.submissions.filter(
        owner=owner_id, parent__isnull=True, status="Finished", is_specific_task_re_run=False, is_soft_deleted=False
    )
    rows = list(finished.select_related("phase"))
    candidates = [_candidate(row, board, scores_by_task(row)) for row in rows]
    standing = Entry.objects.filter(phase=phase, owner=owner_id).values_list("submission", flat=True)
    change = rules.recompute(rules.SubmissionRule(board.submission_rule), candidates, list(standing))
    for row in rows:
        _apply(change, board, [one for one in candidates if one.id == row.pk], row)
    history.follow(phase=phase, owner_id=owner_id)
