"""Scores, computed columns, and which submissions stand on a board."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from podium.protocol import Score as ReportedScore
from podium.ranking import columns as ranking
from podium.ranking import keys, order, rules
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import Participant, ParticipantStatus, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.leaderboards import history
from podium.site.leaderboards.models import Column, Entry, Leaderboard, Score, Withheld
from podium.site.leaderboards.names import folded
from podium.site.leaderboards.refusals import why
from podium.site.leaderboards.services import places

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
    given = [(column, scores.get(column.key)) for column in board.columns.all() if not column.computation]
    _write(
        Score(submission=submission, column=column, value=score.value, text=score.text, **_bounds(score))
        for column, score in given
        if score is not None
    )


def _write(scores: Iterable[Score]) -> None:
    """Write scores in one statement, over those that there are."""
    Score.objects.bulk_create(
        scores,
        update_conflicts=True,
        unique_fields=["submission", "column"],
        update_fields=["value", "text", "low", "high", "interval_source"],
    )


def _bounds(score: ReportedScore) -> dict[str, Any]:
    """The interval of a score; what does not lie around it is dropped, since workers are not believed."""
    low, high = score.low, score.high
    if low is None or high is None or not low <= score.value <= high:
        return {"low": None, "high": None, "interval_source": ""}
    return {"low": low, "high": high, "interval_source": score.interval}


def scores_by_task(submission: Submission) -> list[dict[str, float | None]]:
    """The scores of a submission, one mapping by column key per task of its phase.

    A task without a finished child is an empty mapping: its scores are missing, and rank last. Scores on a task that
    the phase has no more are left out.
    """
    rows = Score.objects.filter(column__computation="")
    tasks = list(submission.phase.phase_tasks.values_list("task_id", flat=True))
    if submission.has_children:
        rows = rows.filter(submission__parent=submission, submission__status="Finished", submission__task__in=tasks)
    else:
        rows = rows.filter(submission=submission)
    by_task: dict[int | None, dict[str, float | None]] = defaultdict(dict)
    for task_id, key, value in rows.values_list("submission__task_id", "column__key", "value"):
        by_task[task_id][key] = value
    if not submission.has_children and (len(tasks) <= 1 or submission.is_specific_task_re_run):
        return [by_task[submission.task_id]]
    return [by_task[task_id] for task_id in tasks]


def _record_computed(submission: Submission, board: Leaderboard, tasks: list[dict[str, float | None]]) -> None:
    columns = list(board.columns.all())
    computed = ranking.compute([ranking_column(c) for c in columns], tasks)
    values = [(column, computed[column.key]) for column in columns if column.computation]
    if missing := [column for column, value in values if value is None]:
        Score.objects.filter(submission=submission, column__in=missing).delete()
    _write(
        Score(submission=submission, column=column, value=value, text=repr(value))
        for column, value in values
        if value is not None
    )


def _candidate(submission: Submission, board: Leaderboard, tasks: list[dict[str, float | None]]) -> order.Entry:
    columns = [ranking_column(c) for c in board.columns.all()]
    return order.Entry(
        id=submission.pk,
        owner=submission.owner_id,
        sort_key=keys.sort_key_hex(columns, board.primary_index, tasks, submission.submitted_when, submission.pk),
        scored=any(value is not None for task in tasks for value in task.values()),
        submitted_at=submission.submitted_when,
    )


def _entries(rows: QuerySet[Entry]) -> list[order.Entry]:
    """Entries as the rules know them."""
    submitted = Coalesce("submission__original_when", "submission__created_when")
    found = rows.values_list("submission_id", "owner_id", "sort_key", submitted)
    return [
        order.Entry(id=pk, owner=owner, sort_key=key, scored=True, submitted_at=moment)
        for pk, owner, key, moment in found
    ]


def _standing(submission: Submission) -> list[order.Entry]:
    """The entries of the owner that a rule decides about together with `submission`; the caller has taken its turn.

    Where a person may have any number of entries, they do not concern each other.
    """
    entries = Entry.objects.filter(phase=submission.phase_id, owner=submission.owner_id)
    board = submission.phase.leaderboard
    if board is not None and rules.allows_several(rules.SubmissionRule(board.submission_rule)):
        entries = entries.filter(submission=submission.pk)
    return _entries(entries)


def shut_out(phase: Phase, owner_id: int) -> bool:
    """Whether nothing of this person stands on the board: denied by the organizers, or banned from the site."""
    denied = Participant.objects.filter(
        competition=phase.competition_id, user=owner_id, status=ParticipantStatus.DENIED
    )
    return denied.exists() or User.objects.filter(pk=owner_id, is_banned=True).exists()


def _apply(change: rules.Change, board: Leaderboard, candidates: Iterable[order.Entry], phase_id: int) -> None:
    if change.remove:
        Entry.objects.filter(submission__in=change.remove, phase=phase_id).delete()
    for candidate in candidates:
        if candidate.id in change.add:
            _put(candidate, board, phase_id)


def _put(candidate: order.Entry, board: Leaderboard, phase_id: int) -> None:
    """Write the entry of a submission, or give it the sort key that it has now."""
    present = Entry.objects.filter(submission=candidate.id).first()
    if present is not None:
        places.move(present, candidate.sort_key)
        return
    from podium.site.evaluation.models import Submission  # noqa: PLC0415 - evaluation stands on boards

    submission = Submission.objects.select_related("owner", "organization").get(pk=candidate.id)
    Entry.objects.create(
        submission_id=candidate.id,
        leaderboard=board,
        phase_id=phase_id,
        owner_id=candidate.owner,
        name=folded(submission.shown_name),
        sort_key=candidate.sort_key,
    )


@transaction.atomic
def on_verdict(*, submission: Submission) -> None:
    """Compute the computed columns of a finished submission and apply the board's rule to it.

    Works on whatever stands on boards: a submission to one task, or the parent of several. A re-run on a task of its
    own choice never enters (Codabench's rule), nor does what somebody who was shut out has running.
    """
    loaded = submission.phase.leaderboard
    if loaded is None:
        return
    places.take_turn(submission.phase_id)
    board = Leaderboard.objects.prefetch_related("columns").get(pk=loaded.pk)  # as it is now
    submission.phase.leaderboard = board
    tasks = scores_by_task(submission)
    _record_computed(submission, board, tasks)
    if submission.is_specific_task_re_run or submission.is_soft_deleted:
        return
    standing = _standing(submission)
    if shut_out(submission.phase, submission.owner_id):
        return
    new = _candidate(submission, board, tasks)
    if any(entry.id == new.id for entry in standing):
        _put(new, board, submission.phase_id)
        standing = [new if entry.id == new.id else entry for entry in standing]
    change = rules.on_verdict(rules.SubmissionRule(board.submission_rule), standing, new)
    _apply(change, board, [new], submission.phase_id)
    history.follow(phase=submission.phase, owner_id=submission.owner_id, submission_id=submission.pk)


def _manual(submission: Submission) -> tuple[Leaderboard, list[order.Entry], order.Entry, rules.SubmissionRule]:
    board = submission.phase.leaderboard
    if board is None:
        raise Refused(_("This phase has no leaderboard."), code="no_leaderboard")
    if submission.parent_id is not None:
        raise Refused(_("Put the whole submission on the leaderboard, not one of its tasks."), code="child")
    if submission.is_specific_task_re_run:
        raise Forbidden(_("Cannot add task-specific submission re-runs to leaderboards."))
    if submission.status != "Finished":
        raise Refused(_("Only a finished submission can stand on a leaderboard."), code="not_finished")
    places.take_turn(submission.phase_id)
    standing = _standing(submission)
    if shut_out(submission.phase, submission.owner_id):
        raise Forbidden(_("Its owner does not take part in this competition any more."))
    candidate = _candidate(submission, board, scores_by_task(submission))
    return board, standing, candidate, rules.SubmissionRule(board.submission_rule)


@transaction.atomic
def add_by_hand(*, submission: Submission, by: User, privileged: bool = False) -> None:
    """Put a submission on the board, as its rule allows. Raises Refused or Forbidden with the reason."""
    board, standing, candidate, rule = _manual(submission)
    change = rules.on_manual_add(rule, standing, candidate, privileged=privileged)
    if isinstance(change, rules.Refusal):
        raise Forbidden(why(change))
    _apply(change, board, [candidate], submission.phase_id)
    history.follow(phase=submission.phase, owner_id=submission.owner_id, submission_id=submission.pk)
    _record(Action.SUBMISSION_ON_BOARD, submission, by)


@transaction.atomic
def remove_by_hand(*, submission: Submission, by: User, privileged: bool = False) -> None:
    """Take a submission from the board, as its rule allows. Raises Refused or Forbidden with the reason."""
    board, standing, candidate, rule = _manual(submission)
    change = rules.on_manual_remove(rule, standing, candidate, privileged=privileged)
    if isinstance(change, rules.Refusal):
        raise Forbidden(why(change))
    _apply(change, board, [], submission.phase_id)
    history.follow(phase=submission.phase, owner_id=submission.owner_id, submission_id=submission.pk)
    _record(Action.SUBMISSION_OFF_BOARD, submission, by)


def _record(action: Action, submission: Submission, by: User) -> None:
    """What people do with their own submissions is their own deed."""
    if submission.owner_id != by.pk:
        record(action, by=by, on=submission, about=submission.owner)


@transaction.atomic
def recompute(*, phase: Phase, owner_id: int, computed: bool = False) -> None:
    """Make a person's entries in a phase obey the board's rule and its columns again.

    After a submission of theirs was deleted, a score was set by hand, they were shut out or let in again, or the board
    was changed. What was withheld while they were shut out counts as standing.

    phase: with its leaderboard. computed: also work out the computed columns of their submissions anew.
    """
    board = phase.leaderboard
    if board is None:
        return
    places.take_turn(phase.pk)
    entries = Entry.objects.filter(phase=phase, owner=owner_id)
    withheld = Withheld.objects.filter(phase=phase, owner=owner_id)
    if shut_out(phase, owner_id):
        gone = [Withheld(submission_id=pk, phase=phase, owner_id=owner_id) for pk in _ids(entries)]
        Withheld.objects.bulk_create(gone, ignore_conflicts=True)
        entries.delete()
        history.follow(phase=phase, owner_id=owner_id)
        return
    finished = phase.submissions.filter(
        owner=owner_id, parent__isnull=True, status="Finished", is_specific_task_re_run=False, is_soft_deleted=False
    )
    rule = rules.SubmissionRule(board.submission_rule)
    candidates = []
    for row in finished.order_by("pk"):
        row.phase = phase
        tasks = scores_by_task(row)
        if computed:
            _record_computed(row, board, tasks)
        candidates.append(_candidate(row, board, tasks))
    present = _ids(entries)
    before = present | _ids(withheld)
    change = rules.recompute(rule, candidates, before)
    stands = (before | change.add) - change.remove
    whole = rules.Change(add=frozenset(stands), remove=frozenset(present - stands))
    _apply(whole, board, candidates, phase.pk)
    withheld.delete()
    history.follow(phase=phase, owner_id=owner_id)


def _ids(rows: QuerySet[Entry] | QuerySet[Withheld]) -> set[int]:
    return set(rows.values_list("submission_id", flat=True))


def restored_entry(*, submission: Submission, name: str, created_when: datetime) -> Entry:
    """The entry of a submission that an archive puts on its board, whatever the rule, not saved yet; scores place it.

    submission: with its phase and the phase's leaderboard. name: its owner's, as it is shown. When all entries of a
    phase are saved, count its board anew (`places.rebuild`); the record of the board comes from the archive as well.
    Raises Refused where the phase has no board, or the submission no place on one.
    """
    board = submission.phase.leaderboard
    if board is None:
        raise Refused(_("This phase has no leaderboard."), code="no_leaderboard")
    if submission.parent_id is not None:
        raise Refused(_("One of several tasks does not stand on a leaderboard."), code="child")
    candidate = _candidate(submission, board, scores_by_task(submission))
    return Entry(
        leaderboard=board,
        phase_id=submission.phase_id,
        submission=submission,
        owner_id=candidate.owner,
        name=folded(name),
        sort_key=candidate.sort_key,
        created_when=created_when,
    )
