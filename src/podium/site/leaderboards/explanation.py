"""Why an entry stands where it stands: its neighbours, what decides between them, and which submission counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.ranking import columns as ranking
from podium.ranking.explanation import Decision, decision, to_pass
from podium.site.competitions import policies as competitions
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import TERMINAL
from podium.site.leaderboards.models import Column, Entry, SubmissionRule
from podium.site.leaderboards.positions import Positions
from podium.site.leaderboards.services import ranking_column, scores_by_task

SHOWN = 50
"""Submissions of the owner that are gone through, newest first."""

RULES = {
    SubmissionRule.ADD: gettext_lazy("The participant chooses one submission, and may replace it."),
    SubmissionRule.ADD_AND_DELETE: gettext_lazy(
        "The participant chooses one submission, and may replace or remove it."
    ),
    SubmissionRule.ADD_AND_DELETE_MULTIPLE: gettext_lazy("The participant chooses as many submissions as they like."),
    SubmissionRule.FORCE_LAST: gettext_lazy("The latest submission with a score stands, by the time of submission."),
    SubmissionRule.FORCE_LATEST_MULTIPLE: gettext_lazy("Every submission with a score stands."),
    SubmissionRule.FORCE_BEST: gettext_lazy("The best submission with a score stands, by the order of the board."),
}


@dataclass(frozen=True)
class Compared:
    """A neighbour on the board, and what decides between it and the entry.

    column: the deciding one, None where all are equal or where it is not told; mine, theirs: the values there, exactly.
    equal: titles of the columns before it. by_time: whether the earlier submission decided.
    """

    rank: int
    entry: Entry
    column: Column | None
    mine: str
    theirs: str
    equal: list[str]
    by_time: bool


@dataclass(frozen=True)
class Explanation:
    """Everything that the page says. `hidden`: a column that the viewer may not see comes first, so nothing is told."""

    entry: Entry
    rank: int
    count: int
    hidden: bool
    above: Compared | None
    below: Compared | None
    goal: str
    goal_column: Column | None
    over_tasks: int
    rule: str
    submissions: list[tuple[Submission, str]]
    more: int


def explain(entry: Entry, user: Any) -> Explanation:
    """Explain a place to its owner or to an organizer.

    entry: with phase, competition, board, submission and owner. A hidden column orders a board only as the primary
    one, and then decides before all others: to those who may not see it nothing is told of any comparison, for even
    that another column decides would tell that two hidden scores are equal.
    """
    phase, board = entry.phase, entry.leaderboard
    administers = competitions.can_administer(user, phase.competition)
    entries = Entry.objects.filter(phase=phase).select_related("submission__phase", "submission__organization", "owner")
    positions = Positions(phase.pk)
    rank = positions.ranks([entry.submission_id])[entry.submission_id]
    columns = {column.key: column for column in board.columns.all()}
    ordering = ranking.ordering_columns([ranking_column(c) for c in columns.values()], board.primary_index)
    hidden = columns[ordering[0].key].hidden and not administers
    upper = entries.filter(sort_key__lt=entry.sort_key).order_by("-sort_key").first()
    lower = entries.filter(sort_key__gt=entry.sort_key).order_by("sort_key").first()
    above = below = goal_column = None
    goal = ""
    if not hidden:
        reading = _Reading(columns, ordering)
        above = reading.compare(entry, upper, rank - 1, theirs_first=True) if upper else None
        below = reading.compare(entry, lower, rank + 1, theirs_first=False) if lower else None
        if upper:
            beaten, value = to_pass(ordering, reading.totals(upper))
            goal, goal_column = _exact(value), columns[beaten.key]
    submissions, more = _submissions(entry)
    return Explanation(
        entry=entry,
        rank=rank,
        count=positions.count,
        hidden=hidden,
        above=above,
        below=below,
        goal=goal,
        goal_column=goal_column,
        over_tasks=phase.phase_tasks.count(),
        rule=str(RULES[SubmissionRule(board.submission_rule)]),
        submissions=submissions,
        more=more,
    )


class _Reading:
    """The values of a board's rows in its ordering columns."""

    def __init__(self, columns: dict[str, Column], ordering: tuple[ranking.Column, ...]) -> None:
        self._columns, self._ordering = columns, ordering
        self._all = [ranking_column(column) for column in columns.values()]

    def totals(self, entry: Entry) -> dict[str, float | None]:
        return ranking.totals(self._all, scores_by_task(entry.submission))

    def compare(self, entry: Entry, other: Entry, rank: int, *, theirs_first: bool) -> Compared:
        mine, theirs = self.totals(entry), self.totals(other)
        pair, whens = (mine, theirs), (entry.submission.submitted_when, other.submission.submitted_when)
        if theirs_first:
            pair, whens = (theirs, mine), (whens[1], whens[0])
        found: Decision = decision(self._ordering, *pair, *whens)
        return Compared(
            rank=rank,
            entry=other,
            column=self._columns[found.column.key] if found.column else None,
            mine=_exact(mine[found.column.key]) if found.column else "",
            theirs=_exact(theirs[found.column.key]) if found.column else "",
            equal=[self._columns[column.key].title for column in found.equal],
            by_time=found.by_time,
        )


def _exact(value: float | None) -> str:
    """A value with all its digits, since it is compared so; "" where it is missing."""
    return "" if value is None else f"{value + 0.0!r}".removesuffix(".0")


def _submissions(entry: Entry) -> tuple[list[tuple[Submission, str]], int]:
    """The owner's submissions to the phase with what each is to the board, newest first, and how many are left out."""
    rows = Submission.objects.filter(phase=entry.phase, owner=entry.owner, parent=None).order_by("-pk")
    shown = list(rows.select_related("entry").prefetch_related("scores", "children__scores")[: SHOWN + 1])
    more = rows.count() - SHOWN if len(shown) > SHOWN else 0
    rule = SubmissionRule(entry.leaderboard.submission_rule)
    return [(row, _role(row, rule)) for row in shown[:SHOWN]], more


_NOT_CHOSEN = {
    SubmissionRule.FORCE_BEST: gettext_lazy("is not better than the one that stands"),
    SubmissionRule.FORCE_LAST: gettext_lazy("is older than the one that stands"),
    SubmissionRule.FORCE_LATEST_MULTIPLE: gettext_lazy("does not stand"),
}


def _role(submission: Submission, rule: SubmissionRule) -> str:
    """What a submission is to the board, after its number: "12 stands on the leaderboard"."""
    if getattr(submission, "entry", None) is not None:
        return _("stands on the leaderboard")
    if submission.status not in TERMINAL:
        return _("is not finished")
    reasons = [
        (submission.status == "Failed", _("failed")),
        (submission.status == "Cancelled", _("was cancelled")),
        (submission.is_specific_task_re_run, _("was run on a task of its own choice, which never counts")),
        (submission.is_soft_deleted, _("was deleted")),
        (not any(one.scores.all() for one in (submission, *submission.children.all())), _("has no score")),
    ]
    return next((words for holds, words in reasons if holds), str(_NOT_CHOSEN.get(rule, _("was not chosen"))))
