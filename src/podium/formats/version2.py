"""Read a version 2 `competition.yaml` into the model: Codabench's keys and defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from podium.formats import factsheet, rules
from podium.formats.faults import Collector, Path
from podium.formats.files import Bundle
from podium.formats.model import (
    DEFAULT_PER_DAY,
    DEFAULT_TIME_LIMIT,
    DEFAULT_TOTAL,
    MAX_CPUS,
    MAX_GPUS,
    MAX_PROCESSES,
    MIN_CPUS,
    MIN_SIZE,
    Column,
    Competition,
    CompetitionType,
    Computation,
    DatasetRef,
    Leaderboard,
    Page,
    Part,
    Solution,
    Sorting,
    SubmissionRule,
    Task,
)
from podium.formats.parts import resolve_file, resolve_part
from podium.formats.programs import check_programs, check_solutions
from podium.formats.reading import Fields
from podium.formats.sections import (
    MAX_BOARD_KEY,
    MAX_BOARD_TITLE,
    MAX_COLUMN_KEY,
    MAX_COLUMN_TITLE,
    MAX_COLUMNS,
    MAX_PRECISION,
    MAX_TITLE,
    SWITCHES,
    built,
    docker_image,
    required_list,
    required_text,
    switches,
)
from podium.formats.unpacking import quoted

MAX_MESSAGE: Final = 400
NO_TASKS: Final = "Phases must contain at least one task to be valid."
EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")


def read(
    fields: Fields, bundle: Bundle, faults: Collector, ceilings: Mapping[str, float] = MappingProxyType({})
) -> Competition | None:
    """Read the whole file; None when something that is needed is missing or wrong (`faults` says what).

    ceilings: the most that the site gives a phase, by key.
    """
    fields.ignore("version")
    facts: dict[str, Any] = {
        "title": required_text(fields, "title", "The competition has no title.", "Add a line: title: My competition"),
        "image": _image_and_terms(fields, "image", bundle),
        "terms": _image_and_terms(fields, "terms", bundle),
        "pages": tuple(_pages(fields, bundle)),
        **_settings(fields),
    }
    tasks = tuple(_tasks(fields, bundle))
    known = {task.index for task in tasks}
    boards = tuple(read_leaderboards(fields))
    facts |= {"tasks": tasks, "leaderboards": boards, "fact_sheet": read_fact_sheet(fields)}
    facts["solutions"] = tuple(_solutions(fields, bundle, known))
    phases = _phases(fields, bundle, boards, known, ceilings)
    fields.finish()
    places = faults.places_of("tasks", [task.index for task in tasks])
    rules.check_tasks_used(zip(tasks, places, strict=True), phases, faults)
    check_programs(list(zip(tasks, places, strict=True)), bundle, faults)
    check_solutions(facts["solutions"], bundle, faults)
    return built("2", facts, phases, faults)


def _image_and_terms(fields: Fields, key: str, bundle: Bundle) -> str:
    message, hint = {
        "image": ("The competition has no image (its logo).", "Add a line such as: image: logo.png"),
        "terms": ("The competition has no terms of participation.", "Add a line such as: terms: terms.md"),
    }[key]
    if fields.require(key, message, hint) is None:
        return ""
    return resolve_file(fields, key, bundle) or ""


def _pages(fields: Fields, bundle: Bundle) -> Iterator[Page]:
    if fields.present("pages") is None:
        hint = "Add at least one page: pages: with a list of title and file."
        fields.faults.warning("no_pages", "The competition has no pages.", fields.at("pages"), hint)
    for index, page in enumerate(fields.mappings("pages")):
        page.ignore("index")
        title = required_text(page, "title", "This page has no title.", "Add a line: title: Overview")
        if page.require("file", f"The page {quoted(title)} names no file.", "Add a line such as: file: overview.md"):
            file = resolve_file(page, "file", bundle)
            if file is not None:
                yield Page(index=index, title=title, file=file)
        page.finish()


def _settings(fields: Fields) -> dict[str, Any]:
    contact = fields.text("contact_email", max_length=MAX_TITLE).strip()
    whitelist = fields.texts("whitelist_emails")
    for key, address in [("contact_email", contact), *(("whitelist_emails", address) for address in whitelist)]:
        if address and not EMAIL.fullmatch(address):
            message = f"{quoted(address)} does not look like an e-mail address."
            fields.faults.warning("bad_email", message, fields.at(key), "Write it like: name@example.org")
    return {
        "description": fields.text("description"),
        "competition_type": fields.choice("competition_type", CompetitionType, CompetitionType.COMPETITION),
        "docker_image": docker_image(fields, "docker_image"),
        "queue": fields.text("queue", max_length=MAX_TITLE).strip() or None,
        "collaborators": fields.texts("collaborators"),
        "whitelist_emails": whitelist,
        "contact_email": contact or None,
        "reward": fields.text("reward", max_length=MAX_TITLE).strip() or None,
        "report": fields.text("report", max_length=MAX_TITLE).strip() or None,
        **switches(fields, SWITCHES),
    }


def _index(fields: Fields, what: str, seen: dict[int, Path], required: bool = True) -> int | None:
    """Read an index that must be the only one of its kind."""
    if required and fields.present("index") is None:
        name = fields.text("name") or fields.text("title") or fields.text("key")
        hint = f"Add a line: index: {max(seen, default=-1) + 1}"
        fields.faults.error("no_index", f"No index for {what} {quoted(name)}.", fields.path, hint)
        return None
    index = fields.integer("index", None)
    if index is None:
        return None
    if index in seen:
        message = f"Duplicate {what} indexes: {index} is given to two of them."
        fields.faults.error("duplicate_index", message, fields.at("index"), "Give each its own index.")
        return None
    seen[index] = fields.path
    return index


def _uuid(fields: Fields, what: str) -> str | None:
    """Read a key that must be a UUID."""
    text = fields.text("key").strip()
    try:
        return str(UUID(text))
    except ValueError:
        message = f"{quoted(text)} is no key of a {what}; keys are UUIDs."
        fields.faults.error("bad_key", message, fields.at("key"), "Copy the key from the resources page.")
        return None


def _tasks(fields: Fields, bundle: Bundle) -> Iterator[Task]:
    hint = "Add tasks: with a list of index, name and scoring_program."
    required_list(fields, "tasks", "No tasks listed in this competition.", hint, "no_tasks")
    seen: dict[int, Path] = {}
    for task in fields.mappings("tasks"):
        task.ignore("is_public")
        index = _index(task, "task", seen)
        own = task.given("key") is None
        key = None if own else _uuid(task, "task")
        name = required_text(task, "name", "This task has no name.", "Add a line: name: My task") if own else ""
        parts: dict[str, Part | None] = {}
        for kind in ("scoring_program", "ingestion_program", "input_data", "reference_data"):
            task.present(kind)
            parts[kind] = resolve_part(task, kind, bundle) if own else None
        if own and task.given("scoring_program") is None:
            label = quoted(name or str(index))
            hint = "Add a line such as: scoring_program: scoring_program/"
            task.faults.error(
                "no_scoring_program", f"The task {label} does not have a scoring program.", task.path, hint
            )
        facts: dict[str, Any] = {
            "description": task.text("description"),
            "is_public": task.boolean("is_public", False),
            "ingestion_only_during_scoring": task.boolean("ingestion_only_during_scoring", False),
        }
        if facts["ingestion_only_during_scoring"] and own and task.given("ingestion_program") is None:
            message = "ingestion_only_during_scoring is true, but the task has no ingestion program."
            hint = "Add ingestion_program, or remove this line."
            task.faults.warning("no_ingestion", message, task.at("ingestion_only_during_scoring"), hint)
        task.finish()
        if index is not None:
            yield Task(index=index, key=key, name=name or task.text("name"), **facts, **parts)


def _solutions(fields: Fields, bundle: Bundle, known: set[int]) -> Iterator[Solution]:
    seen: dict[int, Path] = {}
    for solution in fields.mappings("solutions"):
        index = _index(solution, "solution", seen)
        label = quoted(solution.text("name") or solution.text("key") or solution.text("path") or str(index))
        hint = "Add a line such as: tasks: [0]"
        solution.require("tasks", f"The solution {label} names no tasks.", hint)
        tasks = solution.integers("tasks")
        if tasks == () and solution.present("tasks") is not None:
            solution.faults.error("missing_key", f"The solution {label} names no tasks.", solution.at("tasks"), hint)
        rules.check_tasks_known(tasks or (), known, solution.at("tasks"), solution.faults)
        data: Part | None = None
        if solution.given("path") is not None:
            data = resolve_part(solution, "path", bundle)
        elif solution.given("key") is not None:
            key = _uuid(solution, "solution")
            data = DatasetRef(key=key) if key is not None else None
        else:
            hint = "Add a line such as: path: solutions/sample/"
            solution.faults.error("missing_key", f'The solution {label} is missing "path".', solution.path, hint)
        name = solution.text("name", max_length=MAX_TITLE)
        description = solution.text("description")
        solution.ignore("key", "path")
        solution.finish()
        if index is not None and tasks and data is not None:
            yield Solution(index=index, tasks=tasks, data=data, name=name, description=description)


def _phases(
    fields: Fields,
    bundle: Bundle,
    boards: tuple[Leaderboard, ...],
    tasks: set[int],
    ceilings: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Read the phases and put them in order; the values may still be wrong where there are faults."""
    hint = "Add phases: with a list of name, start and tasks."
    required_list(fields, "phases", "Unable to find any phases for this competition.", hint, "no_phases")
    read = [_phase(phase, bundle, boards) for phase in fields.mappings("phases")]
    ordered = rules.in_order(read, fields.faults)
    rules.check_phases(ordered, tasks, fields.faults)
    rules.check_ceilings(ordered, ceilings, fields.faults)
    return [facts for _, facts in ordered]


def _phase(phase: Fields, bundle: Bundle, boards: tuple[Leaderboard, ...]) -> tuple[Path, dict[str, Any]]:
    phase.ignore("solutions")
    facts = phase_facts(phase)
    tasks = phase.integers("tasks")
    if not tasks and (tasks is not None or phase.present("tasks") is None):
        phase.faults.error("no_tasks", NO_TASKS, phase.at("tasks"), "Add a line such as: tasks: [0]")
    facts["tasks"] = tuple(dict.fromkeys(tasks or ()))
    facts["public_data"] = resolve_part(phase, "public_data", bundle)
    facts["starting_kit"] = resolve_part(phase, "starting_kit", bundle)
    facts["leaderboard"] = _board_of(phase, boards)
    phase.finish()
    return phase.path, facts


def phase_facts(phase: Fields) -> dict[str, Any]:
    """Read what a phase says of itself alone: all but its tasks, its files and its leaderboard."""
    facts: dict[str, Any] = {
        "index": phase.integer("index", None),
        "name": required_text(phase, "name", "This phase has no name.", "Add a line: name: Development"),
        "description": phase.text("description"),
    }
    hint = "Add a line such as: start: 2026-05-31 14:30:00"
    phase.require("start", f"The phase {quoted(facts['name'])} has no start.", hint)
    facts["start"], facts["end"] = phase.date("start"), phase.date("end")
    defaults = {"max_submissions_per_day": DEFAULT_PER_DAY, "max_submissions": DEFAULT_TOTAL}
    for key, default in defaults.items():
        facts[key] = 0 if phase.node.get(key) and phase.present(key) is None else phase.integer(key, default)
    facts["execution_time_limit"] = phase.integer("execution_time_limit", DEFAULT_TIME_LIMIT, minimum=1)
    facts |= _step_limits(phase)
    facts["has_max_submissions"] = phase.boolean("has_max_submissions", True)
    for key in (
        "auto_migrate_to_this_phase",
        "hide_output",
        "hide_prediction_output",
        "hide_score_output",
        "accepts_only_result_submissions",
        "failed_submissions_count",
        "parallel",
    ):
        facts[key] = phase.boolean(key, False)
    return facts


def _step_limits(phase: Fields) -> dict[str, Any]:
    """Read what a phase asks for beside time: Podium's own keys, which other platforms pass over."""
    sizes = ("memory_limit", "disk_limit", "shared_memory_limit", "output_limit")
    return {
        **{key: phase.size(key, minimum=MIN_SIZE) for key in sizes},
        "cpu_limit": phase.number("cpu_limit", minimum=MIN_CPUS, maximum=MAX_CPUS),
        "process_limit": phase.integer("process_limit", None, minimum=1, maximum=MAX_PROCESSES),
        "gpus": phase.integer("gpus", None, maximum=MAX_GPUS),
        "network": phase.boolean("network", False),
    }


def _board_of(phase: Fields, boards: tuple[Leaderboard, ...]) -> str:
    default = boards[0].key if boards else ""
    wanted = phase.text("leaderboard").strip()
    if wanted and boards and wanted not in [board.key for board in boards]:
        keys = ", ".join(quoted(board.key) for board in boards)
        message = f"There is no leaderboard with the key {quoted(wanted)}."
        phase.faults.error("unknown_leaderboard", message, phase.at("leaderboard"), f"The keys are: {keys}.")
    return wanted or default


def read_leaderboards(fields: Fields) -> Iterator[Leaderboard]:
    """Read the leaderboards with their columns; what is wrong is left out of what it gives."""
    key = "leaderboards" if fields.present("leaderboards") is not None else "leaderboard"
    if fields.present("leaderboard") is not None and key == "leaderboards":
        message = "There is a key leaderboard and a key leaderboards; the second counts."
        fields.faults.warning("two_leaderboards", message, fields.at("leaderboard"), "Remove one of them.", at_key=True)
    hint = "Add leaderboards: with a list of title, key and columns."
    required_list(fields, key, "Could not find leaderboards in the competition yaml.", hint, "no_leaderboards")
    keys: dict[str, None] = {}
    for index, board in enumerate(fields.mappings(key, single=True)):
        board.ignore("index")
        title = required_text(
            board, "title", "This leaderboard has no title.", "Add a line: title: Results", MAX_BOARD_TITLE
        )
        own = required_text(board, "key", "This leaderboard has no key.", "Add a line: key: main", MAX_BOARD_KEY)
        if own and own in keys:
            message = f"Two leaderboards have the key {quoted(own)}."
            board.faults.error("duplicate_key_value", message, board.at("key"), "Give each its own key.")
        keys[own] = None
        facts: dict[str, Any] = {
            "primary_index": board.integer("primary_index", None),
            "hidden": board.boolean("hidden", False),
            "submission_rule": board.choice("submission_rule", SubmissionRule, SubmissionRule.ADD),
            "columns": tuple(sorted(_columns(board), key=lambda column: column.index)),
        }
        _primary(board, facts)
        board.finish()
        yield Leaderboard(index=index, key=own, title=title, **facts)


def _primary(board: Fields, facts: dict[str, Any]) -> None:
    """Settle which column ranks first: the one asked for, else index 0, else the first there is."""
    indexes = [column.index for column in facts["columns"]]
    wanted = facts["primary_index"]
    if wanted is None:
        facts["primary_index"] = 0 if 0 in indexes or not indexes else indexes[0]
    elif indexes and wanted not in indexes:
        message = f"primary_index is {wanted}, but no column has that index."
        hint = f"Use one of {', '.join(str(index) for index in indexes)}."
        board.faults.error("bad_primary_index", message, board.at("primary_index"), hint)


def _columns(board: Fields) -> list[Column]:
    hint = "Add columns: with a list of title, key and index."
    message = "This leaderboard has no columns; it must have at least one."
    node = required_list(board, "columns", message, hint, "no_columns")
    seen: dict[int, Path] = {}
    keys: dict[str, None] = {}
    given: list[tuple[Path, Column]] = []
    if node is not None and len(node.items) > MAX_COLUMNS:
        message = f"This leaderboard has {len(node.items):,} columns."
        board.faults.error("too_many", message, board.at("columns"), f"At most {MAX_COLUMNS} can be shown.")
        return []
    for column in board.mappings("columns"):
        title = required_text(
            column, "title", "This column has no title.", "Add a line: title: Accuracy", MAX_COLUMN_TITLE
        )
        hint = "Add a line: key: accuracy (the word in scores.json)"
        key = required_text(column, "key", "This column has no key.", hint, MAX_COLUMN_KEY)
        if key and key in keys:
            message = f"Two columns have the key {quoted(key)}; keys must be unique."
            column.faults.error("duplicate_key_value", message, column.at("key"), "Give each its own key.")
        keys[key] = None
        index = _index(column, "column", seen)
        facts: dict[str, Any] = {
            "sorting": column.choice("sorting", Sorting, Sorting.DESC),
            "computation": _computation(column),
            "computation_indexes": _computation_indexes(column),
            "precision": column.integer("precision", 2, maximum=MAX_PRECISION),
            "hidden": column.boolean("hidden", False),
            "group": column.text("group", max_length=MAX_TITLE).strip(),
        }
        column.finish()
        if index is not None:
            given.append((column.path, Column(index=index, key=key, title=title, **facts)))
    rules.check_columns(given, board.faults)
    return [column for _, column in given]


def _computation(column: Fields) -> Computation | None:
    if column.present("computation") is None:
        return None
    return column.choice("computation", Computation, Computation.AVG)


def _computation_indexes(column: Fields) -> tuple[int, ...]:
    """Read a list of indexes; the text "0,1", as Codabench stores it, is taken too."""
    node = column.present("computation_indexes")
    if node is not None and node.kind == "scalar" and re.fullmatch(r"\s*\d+(\s*,\s*\d+)+\s*", node.text):
        return tuple(int(part) for part in node.text.split(","))
    return column.integers("computation_indexes") or ()


def read_fact_sheet(fields: Fields) -> dict[str, factsheet.Question] | None:
    """Read the definition of the fact sheet."""
    node = fields.present("fact_sheet")
    if node is None:
        return None
    definition = node.plain()
    for name, entry in node.entries.items():
        for word in ("key", "title"):
            value = entry.node.get(word)
            if value is not None and value.kind == "scalar" and not value.is_null:
                definition[name][word] = value.text  # "on" and "No" are words here, whatever YAML takes them for
    questions, problems = factsheet.check_definition(definition)
    for path, message in problems:
        hint = f"Each question has {', '.join(factsheet.FIELDS)}."
        fields.faults.error("fact_sheet", f"{message[:MAX_MESSAGE]}.", (*fields.path, "fact_sheet", *path), hint)
    return questions
