"""Read CodaLab's leaderboard: boards, groups of columns and computed columns, as one board.

CodaLab shows all boards of a competition for each phase, filled from one file of scores. A phase of Podium has one
board; so the columns of several stand on one, under their boards' names as groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from podium.formats import rules
from podium.formats.faults import Path
from podium.formats.model import Column, Computation, Leaderboard, Sorting, SubmissionRule
from podium.formats.reading import Fields
from podium.formats.sections import (
    MAX_BOARD_KEY,
    MAX_BOARD_TITLE,
    MAX_COLUMN_KEY,
    MAX_COLUMN_TITLE,
    MAX_COLUMNS,
    MAX_PRECISION,
    MAX_TITLE,
    required_list,
)
from podium.formats.unpacking import quoted

_FIRST_RANK: Final = 1


@dataclass(frozen=True)
class _Column:
    """A column as far as it could be read."""

    key: str
    fields: Fields
    rank: int
    board: str
    group: str
    chosen: int
    facts: dict[str, Any]
    computation: Computation | None
    operands: tuple[str, ...]

    @property
    def path(self) -> Path:
        return self.fields.path


def read_board(fields: Fields, rule: SubmissionRule) -> Leaderboard | None:
    """Read `leaderboard`; None, and faults, when there is nothing that could be a board."""
    hint = "Add leaderboard: with leaderboards: and columns:, mappings of keys."
    node = required_list(fields, "leaderboard", "Could not find leaderboard in the competition yaml.", hint, "no_board")
    if node is None:
        return None
    if node.kind != "map":
        fields.faults.error("wrong_type", "leaderboard must be a mapping.", fields.at("leaderboard"), hint)
        return None
    section = Fields(node, fields.at("leaderboard"), fields.faults)
    section.ignore("column_groups")
    boards = _boards(section)
    columns = _columns(section, boards)
    section.finish()
    if not boards or not columns:
        return None
    if len({column.board for column in columns}) > 1:
        names = ", ".join(quoted(name) for name in boards.values())
        message = f"A phase has one leaderboard; the columns of {names} stand on one, under these headings."
        hint = "To rank by something else in a phase, write the file as version 2."
        fields.faults.warning("boards_joined", message, section.at("leaderboards"), hint)
    key = next(iter(boards))
    made = _numbered(columns, boards, fields)
    mixed = _mixed(columns, made)
    primary = max(range(len(columns)), key=lambda place: (place not in mixed, columns[place].chosen, -place))
    for place in mixed:
        made[place] = made[place].model_copy(update={"hidden": True})
        _warn_of_mixed(columns[place], made[primary])
    return Leaderboard(
        index=0, key=key, title=boards[key], primary_index=primary, submission_rule=rule, columns=tuple(made)
    )


def _boards(section: Fields) -> dict[str, str]:
    """Read the boards' names by key, in the order of their ranks."""
    hint = "Add leaderboards: with a line such as RESULTS: &RESULTS and below it label: Results and rank: 1."
    message = "Could not find leaderboards declared on the competition leaderboard."
    required_list(section, "leaderboards", message, hint, "no_leaderboards")
    found: list[tuple[int, str, str]] = []
    for key, board in section.named("leaderboards"):
        rank = board.integer("rank", _FIRST_RANK) or 0
        _check_key("leaderboard", key, MAX_BOARD_KEY, board)
        found.append((rank, key, board.text("label", max_length=MAX_BOARD_TITLE).strip() or key))
        board.finish()
    return {key: label for _, key, label in sorted(found, key=lambda entry: entry[0])}


def _check_key(what: str, key: str, longest: int, fields: Fields) -> None:
    if not 0 < len(key.strip()) <= longest:
        message = f"The key of a {what} must have from 1 to {longest} characters."
        fields.faults.error("bad_key", message, fields.path, "Shorten it, in the scores file as well.")


def _columns(section: Fields, boards: dict[str, str]) -> list[_Column]:
    """Read the columns in the order of their boards, and on each in that of their ranks."""
    hint = "Add columns: with a line such as accuracy: and below it leaderboard: *RESULTS, label: Accuracy, rank: 1."
    message = "Could not find columns declared on the competition leaderboard."
    node = required_list(section, "columns", message, hint, "no_columns")
    if node is not None and len(node.entries) > MAX_COLUMNS:
        message = f"This leaderboard has {len(node.entries):,} columns."
        section.faults.error("too_many", message, section.at("columns"), f"At most {MAX_COLUMNS} can be shown.")
        return []
    read = [_column(key, column, boards) for key, column in section.named("columns")]
    order = {label.lower(): place for place, label in enumerate(boards.values())}
    return sorted(read, key=lambda column: (order.get(column.board.lower(), len(order)), column.rank))


def _column(key: str, column: Fields, boards: dict[str, str]) -> _Column:
    column.ignore("selection_default", "column_group", "leaderboard")
    _check_key("column", key, MAX_COLUMN_KEY, column)
    direction = "sort" if column.present("sort") is not None or column.present("sorting") is None else "sorting"
    computation, operands = _computed(column)
    facts: dict[str, Any] = {
        "title": column.text("label", max_length=MAX_COLUMN_TITLE).strip() or key,
        "sorting": column.choice(direction, Sorting, Sorting.DESC),
        "precision": column.integer("numeric_format", 2, maximum=MAX_PRECISION),
        "hidden": column.boolean("hidden", False),
    }
    rank = column.integer("rank", _FIRST_RANK) or 0
    chosen = column.integer("selection_default", 0) or 0
    board, group = _board_of(column, boards), _label(column, "column_group")
    column.finish()
    return _Column(key.strip(), column, rank, board, group, chosen, facts, computation, operands)


def _label(column: Fields, key: str) -> str:
    """Read a name that is given as a mapping with a label (by an alias, mostly) or as text; "" when absent."""
    node = column.present(key)
    label = node.get("label") if node is not None and node.kind == "map" else node
    return label.text.strip()[:MAX_TITLE] if label is not None and label.kind == "scalar" else ""


def _board_of(column: Fields, boards: dict[str, str]) -> str:
    """Say on which board a column stands, by its label; without one, on the first."""
    wanted = _label(column, "leaderboard")
    names = {**{key.lower(): label for key, label in boards.items()}, **{b.lower(): b for b in boards.values()}}
    if not wanted or not boards:
        return next(iter(boards.values()), "")
    if wanted.lower() not in names:
        there = ", ".join(quoted(label) for label in boards.values())
        message = f"There is no leaderboard {quoted(wanted)}."
        column.faults.error("unknown_leaderboard", message, column.at("leaderboard"), f"There are: {there}.")
    return names.get(wanted.lower(), wanted)


def _computed(column: Fields) -> tuple[Computation | None, tuple[str, ...]]:
    """Read `computed`: an operation and the keys of the columns that it takes, as a list or with commas."""
    node = column.present("computed")
    if node is None:
        return None, ()
    if node.kind != "map":
        hint = "Write operation: Avg and fields: KEY1, KEY2 below it."
        column.faults.error("wrong_type", "computed must be a mapping.", column.at("computed"), hint)
        return None, ()
    computed = Fields(node, column.at("computed"), column.faults)
    hint = "Add a line: operation: Avg"
    if computed.require("operation", "This computed column names no operation.", hint) is None:
        return None, ()
    operation = computed.choice("operation", Computation, Computation.AVG)
    hint = "Add a line such as: fields: KEY1, KEY2"
    computed.require("fields", "This computed column names no columns to compute from.", hint)
    operands = tuple(part.strip() for text in computed.texts("fields") for part in text.split(",") if part.strip())
    computed.finish()
    return operation, operands


def _mixed(columns: Sequence[_Column], made: Sequence[Column]) -> list[int]:
    """Return the places of computed columns whose operands run in different directions; warn of the other ones.

    CodaLab computes from ranks, of which the smallest is always the best. Of scores of which one is better when it is
    larger and the other when it is smaller, no average or sum says anything.
    """
    mixed = []
    for place, column in enumerate(made):
        if column.computation is None:
            continue
        if len({made[index].sorting for index in column.computation_indexes}) > 1:
            mixed.append(place)
            continue
        fields = columns[place].fields
        message = "CodaLab computes from the ranks in these columns, Podium from their scores, so the order may differ."
        hint = "Let the scoring program write what is to be ranked by, if that matters."
        fields.faults.warning("computed_from_scores", message, fields.at("computed"), hint)
    return mixed


def _warn_of_mixed(column: _Column, primary: Column) -> None:
    message = (
        f"{quoted(column.key)} is computed from columns of which some are better when larger and others when smaller. "
        f"CodaLab takes their ranks; of scores it would say nothing, so it is hidden, and {quoted(primary.key)} ranks."
    )
    hint = "Let the scoring program write one score to rank by, as a column of its own."
    column.fields.faults.warning("computed_from_scores", message, column.fields.at("computed"), hint)


def _numbered(columns: Sequence[_Column], boards: dict[str, str], fields: Fields) -> list[Column]:
    """Number the columns and turn the keys that they are computed from into numbers."""
    indexes = {column.key: place for place, column in enumerate(columns)}
    several = len({column.board for column in columns}) > 1
    made: list[Column] = []
    for place, column in enumerate(columns):
        for key in column.operands:
            if key not in indexes:
                message = f"The column {quoted(column.key)} is computed from {quoted(key)}, which is no column."
                hint = f"The columns are: {', '.join(quoted(known) for known in list(indexes)[:20])}."
                fields.faults.error("unknown_column", message, (*column.path, "computed", "fields"), hint)
        facts = dict(column.facts)
        operands = tuple(indexes[key] for key in column.operands if key in indexes)
        if column.computation is not None:
            # The best rank is the smallest and the best score need not be, so the direction follows the scores.
            given = {columns[index].facts["sorting"] for index in operands}
            facts["sorting"] = given.pop() if len(given) == 1 else facts["sorting"]
        names = [column.board, column.group] if several else [column.group]
        group = ": ".join(name for name in names if name)[:MAX_TITLE]
        made.append(
            Column(
                index=place,
                key=column.key,
                computation=column.computation,
                computation_indexes=operands,
                group=group,
                **facts,
            )
        )
    rules.check_columns([(column.path, given) for column, given in zip(columns, made, strict=True)], fields.faults)
    return made
