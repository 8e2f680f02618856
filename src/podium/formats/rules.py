"""What must fit together in a competition: phases in time, tasks that exist, columns that can be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from podium.formats.faults import Collector, Path
from podium.formats.model import Column, Task
from podium.formats.unpacking import human_size, quoted

_FEW = 20

Draft = tuple[Path, dict[str, Any]]
"""A phase as far as it could be read, with its path; values may be None where there are faults."""


def in_order(phases: Sequence[Draft], faults: Collector) -> list[Draft]:
    """Sort phases by index; without any index the order of the file counts, a missing one among others is 0."""
    seen: dict[int, Path] = {}
    for path, facts in phases:
        index = facts["index"]
        if index is not None and index in seen:
            message = f"Two phases have the index {index}; the order of the file decides between them."
            faults.warning("duplicate_index", message, (*path, "index"), "Give each phase its own index.")
        if index is None and any(other["index"] is not None for _, other in phases) and len(phases) > 1:
            message = f"The phase {quoted(facts['name'])} has no index and counts as 0."
            faults.warning("no_index", message, path, "Give every phase an index, or none.")
        seen[index or 0] = path
    return sorted(phases, key=lambda draft: draft[1]["index"] or 0)


def check_phases(phases: Sequence[Draft], tasks: set[int], faults: Collector) -> None:
    """Check what Codabench demands of phases, and that none ends before it starts; end and next start may be equal."""
    for place, (path, facts) in enumerate(phases):
        name, start, end = quoted(facts["name"]), facts["start"], facts["end"]
        check_tasks_known(facts["tasks"], tasks, (*path, "tasks"), faults)
        if start is not None and end is not None and end <= start:
            message = f"The phase {name} ends ({when(end)}) before it starts ({when(start)})."
            faults.error("end_before_start", message, (*path, "end"), "Correct start or end; both are in UTC.")
        following = _following(phases, place)
        if following is not None:
            _check_pair(path, facts, following, faults)
        _check_place(place, path, facts, faults)
    warn_if_over([facts["end"] for _, facts in phases], (*phases[-1][0], "end") if phases else (), faults)


def _following(phases: Sequence[Draft], place: int) -> Draft | None:
    """Return the phase that must not start before this one has ended: the next that does not run beside it."""
    return next((draft for draft in phases[place + 1 :] if not draft[1]["parallel"]), None)


def _check_place(place: int, path: Path, facts: dict[str, Any], faults: Collector) -> None:
    """Check what a phase cannot be at its place: the first follows none, and one beside another takes nothing over."""
    if place == 0 and facts["auto_migrate_to_this_phase"]:
        message = "You cannot auto migrate to the first phase of a competition."
        where = (*path, "auto_migrate_to_this_phase")
        faults.error("auto_migrate_first", message, where, "Remove this line, or move it to a later phase.")
    if place == 0 and facts["parallel"]:
        message = "The first phase cannot run beside the one before it."
        faults.error("parallel_first", message, (*path, "parallel"), "Write parallel: true at the later phases only.")
    elif facts["parallel"] and facts["auto_migrate_to_this_phase"]:
        message = "A phase that runs beside the one before it cannot take over its submissions."
        hint = "Remove this line, or the line parallel: true."
        faults.error("parallel_migration", message, (*path, "auto_migrate_to_this_phase"), hint)


def warn_if_over(ends: Sequence[datetime | None], where: Path, faults: Collector) -> None:
    """Warn when the last phase has ended already, so that nobody could submit."""
    given = [end for end in ends if end is not None]
    if given and len(given) == len(ends) and max(given) <= datetime.now(UTC):
        hint = "Correct the dates if participants are to submit."
        faults.warning("all_over", "All phases are already over.", where, hint)


def check_ceilings(phases: Sequence[Draft], ceilings: Mapping[str, float], faults: Collector) -> None:
    """Warn where a phase asks for more than the site gives: it is stored as asked, and held as the ceiling says.

    What a program cannot do without, GPUs and network, is an error: its runs would wait for ever.
    """
    for path, facts in phases:
        for key, most in ceilings.items():
            asked = facts.get(key)
            if not asked or asked <= most:
                continue
            if key == "network":
                message, hint = "This site gives programs no network.", "Remove this line, or ask the site's operator."
                faults.error("no_network", message, (*path, key), hint)
            elif key == "gpus":
                message = f"The phase asks for {asked} GPUs, and this site gives at most {most:g}."
                faults.error("above_ceiling", message, (*path, key), "Lower it, or ask the site's operator.")
            else:
                message = f"{key} is {_amount(key, asked)}, and this site gives at most {_amount(key, most)}."
                hint = "The lower one will hold; participants see both."
                faults.warning("above_ceiling", message, (*path, key), hint)


def _amount(key: str, value: float) -> str:
    if key == "execution_time_limit":
        return f"{value:,.0f} s"
    if key.endswith("_limit") and key not in {"cpu_limit", "process_limit"}:
        return human_size(int(value))
    return f"{value:g}"


def _check_pair(path: Path, facts: dict[str, Any], following: Draft, faults: Collector) -> None:
    """Check that one phase is over when the next one starts."""
    name, end = quoted(facts["name"]), facts["end"]
    next_path, next_facts = following
    if end is None:
        # A date that could not be read is a fault of its own, and is no missing end.
        if not faults.has_error_at((*path, "end")):
            message = f"The phase {name} must have an end because it has a phase after it."
            faults.error("no_end", message, path, "Add a line such as: end: 2026-05-31 14:30:00")
    elif next_facts["start"] is not None and next_facts["start"] < end:
        message = (
            f"Phases must be sequential: {quoted(next_facts['name'])} starts ({when(next_facts['start'])}) "
            f"before {name} has ended ({when(end)})."
        )
        hint = f"Let it start at {when(end)} or later, or let {name} end earlier."
        faults.error("phases_overlap", message, (*next_path, "start"), hint)


def when(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC")


def check_tasks_known(indexes: Iterable[int], known: set[int], path: Path, faults: Collector) -> None:
    """Report indexes that no task has."""
    for index in indexes:
        if faults.full:
            return
        if index not in known:
            there = _few(known)
            hint = f"The indexes of the tasks are: {there}."
            faults.error("unknown_task", f"There is no task with the index {index}.", path, hint)


def check_tasks_used(tasks: Iterable[tuple[Task, Path]], phases: Sequence[dict[str, Any]], faults: Collector) -> None:
    """Warn of tasks that no phase has: one is easily forgotten, and dumps leave them out."""
    if not all(phase["tasks"] for phase in phases):
        return  # what such a phase means to name is not known
    used = {index for phase in phases for index in phase["tasks"]}
    for task, path in tasks:
        if task.index not in used:
            name = quoted(task.name or str(task.index))
            message = f"The task {name} is in no phase, so nobody can submit to it."
            hint = f"Add its index {task.index} to the tasks of a phase, or take the task out."
            faults.warning("unused_task", message, path, hint)


def _few(indexes: Iterable[int]) -> str:
    """Return indexes for a message, not more than fit on a line."""
    ordered = sorted(indexes)
    text = ", ".join(str(index) for index in ordered[:_FEW]) or "none"
    return f"{text}, ..." if len(ordered) > _FEW else text


def check_columns(columns: Sequence[tuple[Path, Column]], faults: Collector) -> None:
    """Check computed columns: Codabench's rules, and that none is computed from itself through others."""
    by_index = {column.index: column for _, column in columns}
    there = _few(by_index)
    for path, column in columns:
        where = (*path, "computation_indexes")
        if column.computation is not None and not column.computation_indexes and not faults.has_error_at(where):
            message = f"The column {quoted(column.key)} has a computation, but no computation_indexes."
            hint = "Add a line such as: computation_indexes: [0, 1]"
            faults.error("no_computation_indexes", message, (*path, "computation"), hint)
        if column.computation is None and column.computation_indexes:
            message = f"The column {quoted(column.key)} has computation_indexes, but no computation."
            faults.error("no_computation", message, where, "Add a line: computation: avg (or sum, min, max)")
        for index in column.computation_indexes:
            if index not in by_index and not faults.full:
                message = f"The column {quoted(column.key)} is computed from the index {index}, which no column has."
                faults.error("unknown_column", message, where, f"The indexes are: {there}.")
        if column.index in column.computation_indexes:
            message = f"The column {quoted(column.key)} is computed from itself."
            faults.error("self_reference", message, where, "Remove its own index.")
        elif _circular(column, by_index):
            message = f"The column {quoted(column.key)} is computed from itself through other computed columns."
            faults.error("circular_reference", message, where, "Break the circle.")


def _circular(column: Column, by_index: Mapping[int, Column]) -> bool:
    seen: set[int] = set()
    pending = list(column.computation_indexes)
    while pending:
        index = pending.pop()
        if index == column.index:
            return True
        if index not in seen and index in by_index:
            seen.add(index)
            pending += by_index[index].computation_indexes
    return False
