"""Old and new side by side: what a rerun of a phase has changed for each participant.

A pair is a submission and the newest rerun of it on the phase's own tasks. For each participant the submission that the
board's rule would choose among the old ones is set beside the one that it would choose among the new; under a rule that
takes the last, that is the same submission evaluated twice. Ranks are places among those compared, not on the board,
where others may stand as well. A rerun is ranked as if submitted when its original was, so ties break alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max

from podium.formats.model import SubmissionRule
from podium.ranking.display import format_score
from podium.ranking.keys import sort_key_hex
from podium.site.competitions.models import Phase
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import TERMINAL, SubmissionStatus
from podium.site.leaderboards.models import Score
from podium.site.leaderboards.services import ranking_column


@dataclass(frozen=True)
class Side:
    """One evaluation: its scores in the board's first column, one per task, and its rank; None without a score."""

    submission: Submission
    scores: tuple[float | None, ...]
    precision: int
    rank: int | None = None

    @property
    def text(self) -> str:
        """The scores rounded for display."""
        return ", ".join(format_score(score, self.precision) for score in self.scores)


@dataclass(frozen=True)
class Line:
    """A participant's old and new evaluation."""

    owner_name: str
    old: Side
    new: Side

    @property
    def change(self) -> int | None:
        """How many places up, None where either has no rank."""
        if self.old.rank is None or self.new.rank is None:
            return None
        return self.old.rank - self.new.rank


@dataclass(frozen=True)
class Comparison:
    """All participants with a rerun, in the new order, and how the reruns stand."""

    column: str
    lines: list[Line]
    under_way: int
    failed: int


@dataclass(frozen=True)
class _Pair:
    old: Submission
    new: Submission


def _pairs(phase: Phase) -> list[_Pair]:
    """Submissions that were rerun as a whole on the phase's tasks, each with its newest rerun, cancelled ones apart."""
    reruns = Submission.objects.filter(phase=phase, parent=None, is_specific_task_re_run=False, original__parent=None)
    newest = (
        reruns.filter(original__isnull=False, original__is_specific_task_re_run=False)
        .exclude(status=SubmissionStatus.CANCELLED)
        .order_by()
        .values("original")
        .annotate(newest=Max("pk"))
        .values_list("original", "newest")
    )
    by_original = dict(newest)
    for first in list(by_original):
        while (further := by_original.get(by_original[first])) is not None:
            by_original[first] = further  # a rerun that was rerun in turn
    rows = Submission.objects.filter(phase=phase, pk__in={*by_original, *by_original.values()})
    found = {row.pk: row for row in rows.select_related("owner")}
    pairs = [_Pair(found[old], found[new]) for old, new in by_original.items() if old in found and new in found]
    return [pair for pair in pairs if pair.old.original_id not in by_original]


class _Scores:
    """The scores of many submissions, read at once."""

    def __init__(self, phase: Phase, submissions: Iterable[Submission]) -> None:
        board = phase.leaderboard
        assert board is not None  # noqa: S101 - the caller has looked
        self._columns = [ranking_column(column) for column in board.columns.all()]
        self._primary = board.primary_index
        self._tasks = list(phase.phase_tasks.order_by("order_index", "task").values_list("task_id", flat=True))
        wanted = {submission.pk for submission in submissions}
        self._own: dict[int, dict[str, float]] = defaultdict(dict)
        self._parts: dict[int, dict[int | None, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        rows = Score.objects.filter(submission__phase=phase)
        for pk, parent, task, key, value in rows.values_list(
            "submission_id", "submission__parent_id", "submission__task_id", "column__key", "value"
        ):
            if pk in wanted:
                self._own[pk][key] = value
            elif parent in wanted:
                self._parts[parent][task][key] = value

    def _by_task(self, submission: Submission) -> list[dict[str, float | None]]:
        computed = {column.key for column in self._columns if column.computation}
        if not submission.has_children:
            return [{key: value for key, value in self._own[submission.pk].items() if key not in computed}]
        parts = self._parts[submission.pk]
        return [dict(parts.get(task, {})) for task in self._tasks]

    def key(self, submission: Submission, like: Submission) -> str:
        """Where it ranks, were it submitted when `like` was."""
        return sort_key_hex(self._columns, self._primary, self._by_task(submission), like.submitted_when, like.pk)

    def side(self, submission: Submission, ranks: dict[int, int]) -> Side:
        primary = next((column for column in self._columns if column.index == self._primary), None)
        if primary is None:
            return Side(submission, (), 0, ranks.get(submission.pk))
        whole = self._own[submission.pk].get(primary.key)
        each: tuple[float | None, ...] = (whole,)
        if whole is None and submission.has_children:
            each = tuple(tasks.get(primary.key) for tasks in self._by_task(submission))
        return Side(submission, each, primary.precision, ranks.get(submission.pk))

    @property
    def column(self) -> str:
        return next((column.key for column in self._columns if column.index == self._primary), "")


def compare(phase: Phase) -> Comparison:
    """Compare what was rerun in a phase with what it was before; in four queries, however many there are."""
    pairs = _pairs(phase)
    board = phase.leaderboard
    if board is None or not pairs:
        return Comparison("", [], 0, 0)
    scores = _Scores(phase, [submission for pair in pairs for submission in (pair.old, pair.new)])
    best = board.submission_rule == SubmissionRule.FORCE_BEST
    old_key = {pair.old.pk: scores.key(pair.old, pair.old) for pair in pairs}
    new_key = {pair.new.pk: scores.key(pair.new, pair.old) for pair in pairs}
    by_owner: dict[int, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        by_owner[pair.old.owner_id].append(pair)
    chosen: list[tuple[Submission, Submission]] = []
    for owned in by_owner.values():
        last = max(owned, key=lambda pair: (_finished(pair.old), pair.old.submitted_when, pair.old.pk))
        old, new = last.old, last.new
        if best:
            old = min((pair.old for pair in owned), key=lambda one: (not _finished(one), old_key[one.pk]))
            new = min((pair.new for pair in owned), key=lambda one: (not _finished(one), new_key[one.pk]))
        chosen.append((old, new))
    old_ranks = _ranks({old.pk: old_key[old.pk] for old, _ in chosen if _finished(old)})
    new_ranks = _ranks({new.pk: new_key[new.pk] for _, new in chosen if _finished(new)})
    lines = [
        Line(old.owner.shown_name, scores.side(old, old_ranks), scores.side(new, new_ranks)) for old, new in chosen
    ]
    lines.sort(key=lambda line: (line.new.rank is None, line.new.rank or 0, line.old.rank or 0, line.old.submission.pk))
    return Comparison(
        column=next((column.title for column in board.columns.all() if column.key == scores.column), ""),
        lines=lines,
        under_way=sum(pair.new.status not in TERMINAL for pair in pairs),
        failed=sum(pair.new.status == SubmissionStatus.FAILED for pair in pairs),
    )


def _finished(submission: Submission) -> bool:
    return submission.status == SubmissionStatus.FINISHED


def _ranks(keys: dict[int, str]) -> dict[int, int]:
    return {pk: place for place, pk in enumerate(sorted(keys, key=keys.__getitem__), start=1)}
