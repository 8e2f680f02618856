"""Read a whole competition as the web editor sends it: JSON in place of YAML, held to the rules of bundles.

What the editor names by key (tasks, files) or by id (people, a queue) only a server can look up; here it is read. The
shape is Codabench's; Podium's own keys are those of bundles (`parallel`, limits of steps, `group` of a column).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from podium.formats import rules
from podium.formats.factsheet import Question
from podium.formats.faults import Collector, Fault, Path
from podium.formats.model import CompetitionType, Leaderboard, Phase
from podium.formats.reading import Fields
from podium.formats.sections import MAX_TITLE, SWITCHES, docker_image, required_list, required_text, switches
from podium.formats.unpacking import quoted
from podium.formats.version2 import EMAIL, NO_TASKS, phase_facts, read_fact_sheet, read_leaderboards
from podium.formats.yamlnodes import MAX_DEPTH, MAX_NODES, Entry, Node

MAX_CHARACTERS: Final = 380_000
"""Of terms or of a page."""
MAX_PAGES_CHARACTERS: Final = 4_000_000
"""Of all pages of a competition."""
MAX_TASK_ORDER: Final = 2**31 - 1


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageRow(_Row):
    """A page; `id` where it is one that is there already."""

    id: int | None
    title: str
    content: str


class TaskPlace(_Row):
    """A task of a phase, by its key, and its place among the others."""

    key: str
    order_index: int


class PhaseRow(_Row):
    """A phase with its tasks in order and its files by key; of `phase`, `tasks` are places in `tasks` here.

    `board` is the place of its leaderboard among the competition's, `place` its own in the list that was sent.
    """

    place: int
    id: int | None
    phase: Phase
    tasks: tuple[TaskPlace, ...]
    public_data: str | None
    starting_kit: str | None
    board: int


class BoardRow(_Row):
    """A leaderboard; `column_ids` has those of its columns that are there already, by key."""

    id: int | None
    board: Leaderboard
    column_ids: Mapping[str, int]


class EditedCompetition(_Row):
    """A competition as it is to be, without its logo and its queue, which only a server can judge."""

    title: str
    description: str
    terms: str
    competition_type: CompetitionType
    docker_image: str
    switches: Mapping[str, bool]
    contact_email: str
    reward: str
    report: str
    fact_sheet: dict[str, Question] | None
    whitelist_emails: tuple[str, ...]
    collaborators: tuple[int, ...]
    pages: tuple[PageRow, ...]
    phases: tuple[PhaseRow, ...]
    boards: tuple[BoardRow, ...]


def read(
    given: Mapping[str, Any], ceilings: Mapping[str, float] = MappingProxyType({})
) -> tuple[EditedCompetition | None, tuple[Fault, ...]]:
    """Read a competition; None where something is wrong, which the faults tell with the path of the field.

    ceilings: the most that the site gives a phase, by key.
    """
    faults = Collector()
    root = _Nodes(faults).of(given, ())
    fields = Fields(root, (), faults)
    if faults.failed:
        return None, faults.sorted()
    boards = _boards(fields)
    facts = {
        "title": required_text(fields, "title", "This field is required.", ""),
        "description": fields.text("description"),
        "terms": fields.text("terms", max_length=MAX_CHARACTERS),
        "competition_type": fields.choice("competition_type", CompetitionType, CompetitionType.COMPETITION),
        "docker_image": docker_image(fields, "docker_image"),
        "switches": switches(fields, SWITCHES),
        "contact_email": _address(fields.text("contact_email", max_length=MAX_TITLE), ("contact_email",), faults),
        "reward": fields.text("reward", max_length=MAX_TITLE).strip(),
        "report": fields.text("report", max_length=MAX_TITLE).strip(),
        "fact_sheet": _fact_sheet(fields),
        "whitelist_emails": tuple(_whitelist(fields)),
        "collaborators": tuple(dict.fromkeys(_people(fields))),
        "pages": tuple(_pages(fields)),
        "phases": tuple(_phases(fields, boards, ceilings)),
        "boards": boards,
    }
    found = faults.sorted()
    return (None, found) if faults.failed else (EditedCompetition(**facts), found)


class _Nodes:
    """Turns JSON into the nodes that files are read from, under the same caps."""

    def __init__(self, faults: Collector) -> None:
        self._faults = faults
        self._left = MAX_NODES

    def of(self, value: Any, path: Path) -> Node:
        """The node of a value; what cannot be one is a fault and counts as empty."""
        self._left -= 1
        node = Node("scalar", 0, 0)
        if self._left < 0 or len(path) > MAX_DEPTH:
            self._faults.error("too_many", "This is more than a competition can have.", path[:1])
        elif isinstance(value, Mapping):
            entries = {str(key): Entry(0, 0, self.of(each, (*path, str(key)))) for key, each in value.items()}
            node = Node("map", 0, 0, entries=entries)
        elif isinstance(value, list | tuple):
            node = Node("list", 0, 0, items=[self.of(each, (*path, place)) for place, each in enumerate(value)])
        elif isinstance(value, str | bool | int | float):
            self._scalar(node, value, path)
        elif value is not None:
            self._faults.error("wrong_type", "This is no text, number, list or mapping.", path)
        return node

    def _scalar(self, node: Node, value: str | bool | int | float, path: Path) -> None:
        if isinstance(value, str) and ("\0" in value or any("\ud800" <= each <= "\udfff" for each in value)):
            self._faults.error("bad_text", "NUL and halves of characters cannot be kept.", path)
        elif value != "" or path[:1] == ("fact_sheet",):  # other fields that were left empty are as good as absent
            node.value = value
            node.text = str(value).lower() if isinstance(value, bool) else str(value)


def _id(fields: Fields) -> int | None:
    return fields.integer("id", None, minimum=1, maximum=2**62)


def _address(text: str, path: Path, faults: Collector) -> str:
    address = text.strip()
    if address and (not EMAIL.fullmatch(address) or len(address) > MAX_TITLE):
        faults.error("bad_email", "Enter a valid email address.", path)
    return address


def _whitelist(fields: Fields) -> Iterator[str]:
    """Addresses in lower case, as texts or as Codabench's {"email": ...}."""
    node = fields.present("whitelist_emails")
    seen: dict[str, None] = {}
    for place, item in enumerate(node.items if node is not None else []):
        named = item.get("email") if item.kind == "map" else item
        path = ("whitelist_emails", place)
        if named is None or named.kind != "scalar" or named.is_null:
            fields.faults.error("bad_email", "Enter a valid email address.", path)
        elif len(named.text) > 200 or not EMAIL.fullmatch(named.text.strip()):
            message = f"Enter a valid email address: {quoted(named.text)} is none."
            fields.faults.error("bad_email", message, path)
        else:
            seen[named.text.strip().lower()] = None
    if node is not None and node.kind != "list":
        fields.faults.error("wrong_type", "Send a list of addresses.", ("whitelist_emails",))
    yield from seen


def _people(fields: Fields) -> Iterator[int]:
    """Ids, or the objects that have them."""
    node = fields.present("collaborators")
    if node is not None and node.kind != "list":
        fields.faults.error("wrong_type", "Send a list of ids of users.", ("collaborators",))
    for place, item in enumerate(node.items if node is not None else []):
        named = item.get("id") if item.kind == "map" else item
        text = named.text if named is not None and named.kind == "scalar" else ""
        if text.isascii() and text.isdecimal() and len(text) < 19:
            yield int(text)
        else:
            fields.faults.error("no_user", "A collaborator is named by the id of a user.", ("collaborators", place))


def _fact_sheet(fields: Fields) -> dict[str, Question] | None:
    node = fields.present("fact_sheet")
    if node is not None and node.kind != "map":
        fields.faults.error("fact_sheet", "Not valid JSON", ("fact_sheet",))
        return None
    return read_fact_sheet(fields)


def _pages(fields: Fields) -> Iterator[PageRow]:
    rows: list[tuple[int, int, PageRow]] = []
    for page in fields.mappings("pages"):
        title = required_text(page, "title", "This field is required.", "")
        content = page.text("content", max_length=MAX_CHARACTERS)
        place = page.integer("index", len(rows))
        rows.append((place or 0, len(rows), PageRow(id=_id(page), title=title, content=content)))
    if sum(len(row.content) for _, _, row in rows) > MAX_PAGES_CHARACTERS:
        message = f"The pages of a competition have at most {MAX_PAGES_CHARACTERS:,} characters together."
        fields.faults.error("too_large", message, ("pages",))
    yield from (row for _, _, row in sorted(rows, key=lambda each: each[:2]))


def _boards(fields: Fields) -> tuple[BoardRow, ...]:
    """The leaderboards, each with the ids of what is there already."""
    node = fields.present("leaderboards")
    if node is None or node.kind != "list" or not node.items:
        fields.faults.error("no_leaderboards", "Phases require a leaderboard", ("leaderboards",))
        return ()
    boards = list(read_leaderboards(fields))
    if fields.faults.failed:
        return ()
    return tuple(
        BoardRow(id=_id(each), board=board, column_ids=_column_ids(each))
        for each, board in zip(fields.mappings("leaderboards"), boards, strict=True)
    )


def _column_ids(board: Fields) -> dict[str, int]:
    ids = {column.text("key").strip(): _id(column) for column in board.mappings("columns")}
    return {key: pk for key, pk in ids.items() if pk is not None}


def _phases(fields: Fields, boards: tuple[BoardRow, ...], ceilings: Mapping[str, float]) -> Iterator[PhaseRow]:
    none = "Competitions must have at least one phase"
    required_list(fields, "phases", none, "", "no_phases")
    keys: dict[str, int] = {}
    read = [_phase(phase, boards, keys) for phase in fields.mappings("phases")]
    drafts = rules.in_order([(path, facts) for path, facts, _ in read], fields.faults)
    _codabenchs_words(drafts, fields.faults)
    _no_longer_parallel(drafts)
    rules.check_phases(drafts, set(keys.values()), fields.faults)
    rules.check_ceilings(drafts, ceilings, fields.faults)
    if fields.faults.failed:
        return
    rows = {path: row for path, _, row in read}
    for index, (path, facts) in enumerate(drafts):
        phase = Phase(**{**facts, "index": index, "leaderboard": boards[rows[path]["board"]].board.key})
        yield PhaseRow(phase=phase, **rows[path])


def _codabenchs_words(drafts: list[rules.Draft], faults: Collector) -> None:
    """Say what Codabench says of taking over submissions, at its place; the rule is that of bundles."""
    if not drafts or not drafts[0][1]["auto_migrate_to_this_phase"]:
        return
    first = "You cannot auto migrate to the first phase of a competition"
    alone = "You cannot auto migrate in a competition with one phase"
    faults.error("auto_migrate_first", alone if len(drafts) == 1 else first, ("phases",))
    drafts[0][1]["auto_migrate_to_this_phase"] = False


def _no_longer_parallel(drafts: list[rules.Draft]) -> None:
    """A phase that starts when the one before it has ended runs beside nothing."""
    for (_, before), (_, facts) in pairwise(drafts):
        if before["end"] is not None and facts["start"] is not None and facts["start"] >= before["end"]:
            facts["parallel"] = False
    if drafts:
        drafts[0][1]["parallel"] = False


def _phase(
    phase: Fields, boards: tuple[BoardRow, ...], keys: dict[str, int]
) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The path of a phase, what it says of itself, and what belongs to it."""
    facts = phase_facts(phase)
    # The editor's name of what bundles call max_submissions; null and 0 are no limit.
    named = phase.integer("max_submissions_per_person", None)
    if phase.node.get("max_submissions_per_person"):
        facts["max_submissions"] = named or 0
    tasks = tuple(_tasks(phase))
    for task in tasks:
        keys.setdefault(task.key, len(keys))
    facts["tasks"] = tuple(keys[task.key] for task in tasks)
    row = {
        "place": phase.path[-1],
        "id": _id(phase),
        "tasks": tasks,
        "public_data": _file(phase, "public_data"),
        "starting_kit": _file(phase, "starting_kit"),
        "board": _board_of(phase, boards),
    }
    return phase.path, facts, row


def _tasks(phase: Fields) -> Iterator[TaskPlace]:
    """The tasks in their order: keys, or objects with `task` and `order_index`."""
    node = phase.present("tasks")
    if node is None or (node.kind == "list" and not node.items):
        phase.faults.error("no_tasks", NO_TASKS, phase.at("tasks"))
        return
    if node.kind != "list":
        phase.faults.error("wrong_type", "Send a list of tasks.", phase.at("tasks"))
        return
    found: dict[str, tuple[int, int]] = {}
    for place, item in enumerate(node.items):
        path = (*phase.at("tasks"), place)
        order = place
        if item.kind == "map":
            fields = Fields(item, path, phase.faults)
            order = fields.integer("order_index", place, maximum=MAX_TASK_ORDER) or 0
            named = item.get("task") or item.get("key") or item.get("value")
        else:
            named = item
        key = _uuid(named, "task", path, phase.faults)
        if key is not None:
            found.setdefault(key, (order, place))
    ordered = sorted(found.items(), key=lambda each: each[1])
    distinct = len({order for _, (order, _) in ordered}) == len(ordered)
    for place, (key, (order, _)) in enumerate(ordered):
        yield TaskPlace(key=key, order_index=order if distinct else place)


def _file(phase: Fields, name: str) -> str | None:
    """The key of a file: itself, or within an object as `value` or `key`."""
    node = phase.present(name)
    if node is None:
        return None
    named = (node.get("value") or node.get("key")) if node.kind == "map" else node
    return _uuid(named, "dataset", phase.at(name), phase.faults)


def _uuid(node: Node | None, what: str, path: Path, faults: Collector) -> str | None:
    text = node.text.strip() if node is not None and node.kind == "scalar" else ""
    try:
        return str(UUID(text))
    except ValueError:
        shown = quoted(text) if text else "This"
        faults.error("bad_key", f"{shown} is no key of a {what}; keys are UUIDs.", path)
        return None


def _board_of(phase: Fields, boards: tuple[BoardRow, ...]) -> int:
    """The place of the leaderboard that a phase names by id or by key; the first where it names none."""
    wanted = phase.text("leaderboard").strip()
    for place, row in enumerate(boards):
        if wanted in (row.board.key, str(row.id)):
            return place
    if wanted and boards:
        phase.faults.error("unknown_leaderboard", "This competition has no such leaderboard.", phase.at("leaderboard"))
    return 0
