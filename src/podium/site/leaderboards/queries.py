"""Reads of boards: a page is an index scan over the entries, then the scores of just those rows."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from podium.site.accounts.models import Organization
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.leaderboards.cells import Cell, Group, cells_of, groups_of
from podium.site.leaderboards.models import Column, Entry, Leaderboard
from podium.site.leaderboards.positions import Positions, medal
from podium.site.leaderboards.selection import Wish, select, with_people
from podium.site.resources.models import Task

PIECE = 500
"""Rows that are in memory at a time when a whole board is read."""


@dataclass(frozen=True)
class Row:
    """A place on the board; `medal` is 1 to 3, or 0 for none."""

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
    medal: int = 0
    organization: Organization | None = None
    """In whose name it was submitted; shown in place of the owner then (Codabench's rule)."""

    @property
    def shown_name(self) -> str:
        """Whose place it is; empty where that may not be told."""
        return self.organization.name if self.organization and self.owner_name else self.owner_name


@dataclass(frozen=True)
class Board:
    """A page of a board.

    groups: the columns that are shown; `columns` are all that the viewer may see. total: entries of the whole board;
    count: rows of the view, of which `capped` leaves some out.
    """

    leaderboard: Leaderboard
    phase: Phase
    groups: list[Group]
    fact_keys: list[tuple[str, str]]
    rows: list[Row]
    count: int
    page: int
    pages: int
    may_administer: bool
    tasks: list[Task] = field(default_factory=list, kw_only=True)
    columns: list[Column] = field(default_factory=list, kw_only=True)
    total: int = field(default=0, kw_only=True)
    capped: bool = field(default=False, kw_only=True)


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


def facts_shown(keys: Sequence[tuple[str, str]], answers: Mapping[str, Any] | None) -> list[str]:
    """The answers to these questions in words."""
    return [_in_words((answers or {}).get(key)) for key, _title in keys]


def _in_words(answer: object) -> str:
    if isinstance(answer, bool):
        return gettext("yes") if answer else gettext("no")
    return "" if answer is None else str(answer)


def facts_for_all(phase: Phase, answers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of the answers to a fact sheet those that stand on the board; the others are for the owner and the organizers."""
    return None if answers is None else {key: answers[key] for key, _ in fact_keys(phase) if key in answers}


class Frame:
    """What the rows of a board have in common, for making rows out of entries."""

    def __init__(self, phase: Phase, user: Any, groups: list[Group], *, several: bool, administers: bool) -> None:
        self.phase, self.user, self.groups = phase, user, groups
        self.several, self.administers = several, administers
        self.fact_keys = fact_keys(phase)

    def rows(self, entries: Sequence[Entry], ranks: Mapping[int, int], medals: Sequence[str] = ()) -> list[Row]:
        """The rows of some entries; the same number of queries for few as for many.

        entries: with their owners and submissions. ranks: by submission. medals: as `positions.medal` takes them.
        """
        cells = cells_of([entry.submission_id for entry in entries], self.groups, single=not self.several)
        detailed = detailed_of(self.phase, entries, self.administers)
        return [
            Row(
                rank=ranks.get(entry.submission_id, 0),
                medal=medal(medals, entry.sort_key),
                entry=entry,
                owner_name=entry.owner.shown_name,
                organization=entry.submission.organization,
                submission_id=entry.submission_id,
                created_when=entry.submission.submitted_when,
                cells=cells[entry.submission_id],
                facts=facts_shown(self.fact_keys, entry.submission.fact_sheet_answers),
                is_mine=entry.owner_id == getattr(self.user, "pk", None),
                detailed=detailed[entry.submission_id],
            )
            for entry in entries
        ]


def board(phase: Phase, user: Any, page: int = 1, per_page: int = 50, wish: Wish | None = None) -> Board | None:
    """One page of the board of `phase` as `user` may see it, None when there is none for them.

    page: from 1; beyond the last one, the last. per_page: rows. wish: which rows and columns, all unless given.
    """
    leaderboard = visible_board(user, phase)
    if leaderboard is None:
        return None
    wish = wish or Wish()
    administers = competitions.can_administer(user, phase.competition)
    columns = [c for c in leaderboard.columns.all() if administers or not c.hidden]
    tasks = [link.task for link in phase.phase_tasks.all()]
    positions = Positions(phase.pk)
    chosen = select(positions, wish, groups_of(tasks, columns), page, per_page)
    groups = groups_of(tasks, wish.chosen(columns))
    frame = Frame(phase, user, groups, several=len(tasks) > 1, administers=administers)
    rows = frame.rows(chosen.entries, chosen.ranks, positions.medals())
    return Board(
        leaderboard=leaderboard,
        phase=phase,
        groups=groups,
        tasks=tasks,
        columns=columns,
        fact_keys=frame.fact_keys,
        rows=rows,
        total=positions.count,
        count=chosen.count,
        page=chosen.page,
        pages=chosen.pages,
        capped=chosen.capped,
        may_administer=administers,
    )


def all_rows(shown: Board, user: Any) -> Iterator[list[Row]]:
    """The rows of a whole board as `user` may see it, in pieces, in the order of one moment."""
    several = len(shown.phase.phase_tasks.all()) > 1
    frame = Frame(shown.phase, user, shown.groups, several=several, administers=shown.may_administer)
    for ranks, entries in walk(shown.phase):
        yield frame.rows(entries, ranks)


def walk(phase: Phase) -> Iterator[tuple[dict[int, int], list[Entry]]]:
    """All entries of a board in pieces, in the order of one moment, with their ranks by submission.

    Which entries stand where is read by one statement, so verdicts that arrive meanwhile neither repeat nor drop a
    row; of it 8 bytes an entry are kept, and the rows of one piece. What is deleted meanwhile is left out.
    """
    order = Entry.objects.filter(phase=phase).order_by("sort_key").values_list("pk", flat=True)
    keys = array("q", order.iterator(chunk_size=PIECE))
    for start in range(0, len(keys), PIECE):
        wanted = keys[start : start + PIECE]
        found = {entry.pk: entry for entry in with_people(Entry.objects.filter(pk__in=wanted))}
        ranks = {found[pk].submission_id: start + n for n, pk in enumerate(wanted, start=1) if pk in found}
        yield ranks, [found[pk] for pk in wanted if pk in found]


def detailed_of(phase: Phase, entries: Sequence[Entry], administers: bool) -> dict[int, list[tuple[int, int]]]:
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
    runs = Run.objects.filter(detailed_results__isnull=False, submission__task__isnull=False).order_by("pk")
    for whole, path in (("submission_id", "submission"), ("submission__parent_id", "submission__parent")):
        found = runs.filter(**{f"{path}__in": wanted})
        for board_submission, task, submission in found.values_list(whole, "submission__task_id", "submission_id"):
            links[board_submission].append((task, submission))
    return links
