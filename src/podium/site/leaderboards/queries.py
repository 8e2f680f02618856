"""Reads of boards: a page is an index scan over the entries, then the scores of just those rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podium.ranking.display import format_interval, format_score
from podium.ranking.uncertainty import Interval
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.leaderboards.models import Column, Entry, Leaderboard, Score
from podium.site.resources.models import Task


@dataclass(frozen=True)
class Cell:
    """A score on the board; `value` is None where it is missing."""

    column: Column
    task: Task | None
    value: float | None
    text: str
    interval: Interval | None = None

    @property
    def uncertainty(self) -> str:
        """What stands beside the score for its interval, "" without one."""
        if self.value is None or self.interval is None:
            return ""
        return format_interval(self.value, self.interval.low, self.interval.high, self.column.precision)

    @property
    def shown(self) -> str:
        """The score rounded for display."""
        return format_score(self.value, self.column.precision)


@dataclass(frozen=True)
class Row:
    """A place on the board."""

    rank: int
    entry: Entry
    owner_name: str
    submission_id: int
    created_when: datetime
    cells: list[Cell]
    facts: list[str]
    is_mine: bool
    detailed: list[tuple[int, int]]
    """Task id and submission id of each detailed result that may be shown."""


@dataclass(frozen=True)
class Group:
    """The columns of one task; the last group, without a task, holds the computed columns of several tasks."""

    task: Task | None
    columns: list[Column]


@dataclass(frozen=True)
class Board:
    """A page of a board."""

    leaderboard: Leaderboard
    phase: Phase
    groups: list[Group]
    fact_keys: list[tuple[str, str]]
    rows: list[Row]
    count: int
    page: int
    pages: int
    may_administer: bool


def visible_board(user: Any, phase: Phase) -> Leaderboard | None:
    """The phase's board if `user`, who sees the competition, may see it: hidden ones are for organizers."""
    board = phase.leaderboard
    if board is None or (board.hidden and not competitions.can_administer(user, phase.competition)):
        return None
    return board


def fact_keys(phase: Phase) -> list[tuple[str, str]]:
    """Key and title of the fact-sheet questions that stand on the board."""
    definition = phase.competition.fact_sheet or {}
    return [
        (key, question.get("title", key))
        for key, question in definition.items()
        if str(question.get("is_on_leaderboard", "")).lower() == "true"
    ]


def facts_for_all(phase: Phase, answers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of the answers to a fact sheet those that stand on the board; the others are for the owner and the organizers."""
    return None if answers is None else {key: answers[key] for key, _ in fact_keys(phase) if key in answers}


def board(phase: Phase, user: Any, page: int = 1, per_page: int = 50) -> Board | None:
    """One page of the board of `phase` as `user` may see it, None when there is none for them.

    page: from 1; beyond the last one, the last. per_page: rows.
    """
    leaderboard = visible_board(user, phase)
    if leaderboard is None:
        return None
    administers = competitions.can_administer(user, phase.competition)
    columns = [c for c in leaderboard.columns.all() if administers or not c.hidden]
    tasks = [link.task for link in phase.phase_tasks.all()]
    groups = groups_of(tasks, columns)
    entries = Entry.objects.filter(phase=phase).select_related("submission", "owner").order_by("sort_key")
    count = entries.count()
    pages = max(1, math.ceil(count / per_page))
    page = min(max(1, page), pages)
    start = (page - 1) * per_page
    shown = list(entries[start : start + per_page])
    keys = fact_keys(phase)
    cells = cells_of([entry.submission_id for entry in shown], groups)
    detailed = _detailed(phase, shown, administers)
    rows = [
        Row(
            rank=start + place,
            entry=entry,
            owner_name=entry.owner.shown_name,
            submission_id=entry.submission_id,
            created_when=entry.submission.created_when,
            cells=cells[entry.submission_id],
            facts=[str((entry.submission.fact_sheet_answers or {}).get(key, "")) for key, _ in keys],
            is_mine=entry.owner_id == getattr(user, "pk", None),
            detailed=detailed[entry.submission_id],
        )
        for place, entry in enumerate(shown, start=1)
    ]
    return Board(leaderboard, phase, groups, keys, rows, count, page, pages, administers)


def groups_of(tasks: list[Task], columns: list[Column]) -> list[Group]:
    """The columns as they stand beside each other: once for every task where there are several."""
    if len(tasks) <= 1:
        return [Group(tasks[0] if tasks else None, columns)]
    own = [c for c in columns if not c.computation]
    computed = [c for c in columns if c.computation]
    groups = [Group(task, own) for task in tasks]
    return [*groups, Group(None, computed)] if computed else groups


def cells_of(wanted: list[int], groups: list[Group]) -> dict[int, list[Cell]]:
    """The cells of each of the wanted submissions; one query for all, and one for their children."""
    found: dict[tuple[int, int | None, int], Score] = {}
    several = len(groups) > 1
    for score in Score.objects.filter(submission__in=wanted).select_related("submission"):
        found[(score.submission_id, None if several else score.submission.task_id, score.column_id)] = score
        found[(score.submission_id, None, score.column_id)] = score
        if score.submission.task_id is not None:
            found[(score.submission_id, score.submission.task_id, score.column_id)] = score
    for score in Score.objects.filter(submission__parent__in=wanted).select_related("submission"):
        found[(score.submission.parent_id, score.submission.task_id, score.column_id)] = score  # type: ignore[index]
    cells: dict[int, list[Cell]] = {}
    for submission_id in wanted:
        cells[submission_id] = []
        for group in groups:
            for column in group.columns:
                task_id = group.task.pk if group.task else None
                score_or_none = found.get((submission_id, task_id, column.pk)) or (
                    None if several else found.get((submission_id, None, column.pk))
                )
                cells[submission_id].append(_cell(column, group.task, score_or_none))
    return cells


def _cell(column: Column, task: Task | None, score: Score | None) -> Cell:
    if score is None:
        return Cell(column, task, None, "")
    return Cell(column, task, score.value, score.text, interval_of(score))


def interval_of(score: Score) -> Interval | None:
    """The interval of a stored score."""
    if score.low is None or score.high is None:
        return None
    return Interval(score.low, score.high, score.interval_source)


def _detailed(phase: Phase, entries: list[Entry], administers: bool) -> dict[int, list[tuple[int, int]]]:
    """Which detailed results the board links to, by submission."""
    links: dict[int, list[tuple[int, int]]] = defaultdict(list)
    competition = phase.competition
    if not competition.enable_detailed_results or not entries:
        return links
    hidden = phase.hide_output or phase.hide_score_output or not competition.show_detailed_results_in_leaderboard
    if hidden and not administers:
        return links
    from podium.site.evaluation.models import Run  # noqa: PLC0415 - evaluation stands on leaderboards, not under it

    wanted = [entry.submission_id for entry in entries]
    runs = Run.objects.filter(detailed_results__isnull=False).select_related("submission")
    for run in [*runs.filter(submission__in=wanted), *runs.filter(submission__parent__in=wanted)]:
        board_submission = run.submission.parent_id or run.submission_id
        if run.submission.task_id is not None:
            links[board_submission].append((run.submission.task_id, run.submission_id))
    return links
