"""Whole boards as JSON, CSV and a zip of CSVs, in Codabench's shapes: in pieces, with no file in between.

For organizers: every column, hidden ones included, and scores unrounded. Rows stand in the order of their ranks.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from podium.ranking.display import full_text
from podium.site.competitions.models import Competition, Phase
from podium.site.leaderboards.cells import Cell, groups_of
from podium.site.leaderboards.models import Entry, Leaderboard, Score
from podium.site.leaderboards.queries import Frame, walk
from podium.site.spreadsheets import plain
from podium.site.streamed_zip import Member, safe_name, zipped


@dataclass(frozen=True)
class Line:
    """A row of an export: `name` is Codabench's, user and submission."""

    name: str
    answers: dict[str, Any] | None
    scores: dict[str, str]


class Sheet:
    """The board of one phase, whole."""

    def __init__(self, phase: Phase, board: Leaderboard, user: Any) -> None:
        tasks = [link.task for link in phase.phase_tasks.select_related("task").order_by("order_index", "task")]
        groups = groups_of(tasks, list(board.columns.all()))
        self.phase, self.board_title = phase, board.title
        self.title = f"{board.title} - {phase.name}({phase.pk})"
        self._uncertain = _uncertain(phase)
        self.columns = [
            heading
            for group in groups
            for column, name in zip(group.columns, _headings(group.task, group.columns), strict=True)
            for heading in ([name, f"{name} low", f"{name} high"] if column.pk in self._uncertain else [name])
        ]
        self._frame = Frame(phase, user, groups, several=len(tasks) > 1, administers=True)

    @property
    def is_empty(self) -> bool:
        """Whether nobody stands on the board."""
        return not Entry.objects.filter(phase=self.phase).exists()

    def lines(self) -> Iterator[list[Line]]:
        """The rows in pieces."""
        for ranks, entries in walk(self.phase):
            yield [self._line(row.entry, row.cells) for row in self._frame.rows(entries, ranks)]

    def _texts(self, cell: Cell) -> list[str]:
        values = [cell.value]
        if cell.column.pk in self._uncertain:
            values += [cell.interval.low, cell.interval.high] if cell.interval else [None, None]
        return ["" if value is None else full_text(value) for value in values]

    def _line(self, entry: Entry, cells: Iterable[Cell]) -> Line:
        texts = [text for cell in cells for text in self._texts(cell)]
        name = f"{entry.owner.username}-{entry.submission_id}"
        return Line(name, entry.submission.fact_sheet_answers, dict(zip(self.columns, texts, strict=True)))


def _uncertain(phase: Phase) -> set[int]:
    """The columns in which scores of the phase have an interval, whose ends are columns of an export then."""
    scores = Score.objects.filter(submission__phase=phase, low__isnull=False)
    return set(scores.order_by().values_list("column", flat=True).distinct())


def _headings(task: Any, columns: Iterable[Any]) -> Iterator[str]:
    """Names of columns that are unlike each other, also where titles are alike."""
    seen: set[str] = set()
    for column in columns:
        named = column.title if column.title not in seen else f"{column.title}({column.key})"
        seen.add(column.title)
        yield f"{task.name}({task.pk})-{named}" if task else named


def sheets(competition: Competition, user: Any, phase: int | None = None) -> list[Sheet]:
    """The boards of a competition's phases, or of one phase, in the order of the phases."""
    phases = Phase.objects.filter(competition=competition, leaderboard__isnull=False)
    if phase is not None:
        phases = phases.filter(pk=phase)
    phases = phases.select_related("leaderboard", "competition").order_by("index")
    return [Sheet(one, one.leaderboard, user) for one in phases if one.leaderboard]


def as_json(chosen: Iterable[Sheet]) -> Iterator[bytes]:
    """`{board: {user and submission: {column: score as text}}}`; a missing score is an empty text."""
    yield b"{"
    for place, sheet in enumerate(chosen):
        yield (f"{', ' if place else ''}{json.dumps(sheet.title)}: {{").encode()
        comma = ""
        for lines in sheet.lines():
            for line in lines:
                answers = {} if line.answers is None else {"fact_sheet_answers": line.answers}
                yield f"{comma}{json.dumps(line.name)}: {json.dumps({**answers, **line.scores})}".encode()
                comma = ", "
        yield b"}"
    yield b"}"


def as_csv(sheet: Sheet) -> Iterator[bytes]:
    """A board with a heading; texts that a spreadsheet would take for a formula have an apostrophe before them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([plain(heading) for heading in ("Username", "fact_sheet_answers", *sheet.columns)])
    yield text.getvalue().encode()
    for lines in sheet.lines():
        text.seek(0)
        text.truncate()
        for line in lines:
            answers = "" if line.answers is None else json.dumps(line.answers, ensure_ascii=False)
            writer.writerow([plain(line.name), plain(answers), *line.scores.values()])
        yield text.getvalue().encode()


def as_zip(chosen: Iterable[Sheet]) -> Iterator[bytes]:
    """A CSV for each board on which somebody stands."""
    now = timezone.now()
    return zipped(Member(f"{file_name(sheet.title)}.csv", now, as_csv(sheet)) for sheet in chosen if not sheet.is_empty)


def file_name(title: str) -> str:
    """A title as the name of a file."""
    return safe_name(title, otherwise="leaderboard")
