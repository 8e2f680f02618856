"""Write a competition as a version 2 `competition.yaml`: what the reader makes of it is the competition again.

Two competitions are equal when all fields of the model are, but for `version`, that of the file that was read, and
for the names of files and whether a part is a folder or its zip: there the contents count. So everything is written
that the model holds: the time of day of dates, primary columns, limits, the whitelist.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from podium.formats.model import (
    Column,
    Competition,
    DatasetRef,
    FileRef,
    Leaderboard,
    Phase,
    Solution,
    Task,
)
from podium.formats.sections import SWITCHES

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_NOT_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
_WIDTH: Final = 2**20
_PARTS: Final = ("scoring_program", "ingestion_program", "input_data", "reference_data")
_LIMITS: Final = (
    "memory_limit",
    "disk_limit",
    "shared_memory_limit",
    "output_limit",
    "cpu_limit",
    "process_limit",
    "gpus",
)
_PHASE_SWITCHES: Final = (
    "network",
    "auto_migrate_to_this_phase",
    "hide_output",
    "hide_prediction_output",
    "hide_score_output",
    "accepts_only_result_submissions",
    "failed_submissions_count",
    "parallel",
)


def to_yaml(competition: Competition) -> str:
    """Return the text of `competition.yaml`; the files that it names are the caller's to put beside it."""
    writer = YAML()
    writer.width = _WIDTH
    writer.allow_unicode = True
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(_quoted(_competition(competition)), stream)
    return stream.getvalue()


def _competition(source: Competition) -> dict[str, Any]:
    sheet = source.fact_sheet
    written: dict[str, Any] = {
        "version": 2,
        "title": source.title,
        **_given(source, ("description",)),
        "image": source.image,
        "terms": source.terms,
        "competition_type": source.competition_type,
        "docker_image": source.docker_image,
        **_given(source, ("queue", "contact_email", "reward", "report")),
        **{name: getattr(source, name) for name in SWITCHES},
        **_given(source, ("collaborators", "whitelist_emails")),
    }
    if sheet is not None:
        written["fact_sheet"] = {key: question.as_codabench() for key, question in sheet.items()}
    written["pages"] = [{"title": page.title, "file": page.file} for page in source.pages]
    written["tasks"] = [_task(task) for task in source.tasks]
    if source.solutions:
        written["solutions"] = [_solution(solution) for solution in source.solutions]
    written["phases"] = [_phase(phase) for phase in source.phases]
    written["leaderboards"] = [_board(board) for board in source.leaderboards]
    return written


def _task(task: Task) -> dict[str, Any]:
    return {
        "index": task.index,
        **_given(task, ("key", "name", "description")),
        "is_public": task.is_public,
        "ingestion_only_during_scoring": task.ingestion_only_during_scoring,
        **_parts(task, _PARTS),
    }


def _solution(solution: Solution) -> dict[str, Any]:
    place = "key" if isinstance(solution.data, DatasetRef) else "path"
    return {
        "index": solution.index,
        **_given(solution, ("name", "description")),
        place: _part(solution.data),
        "tasks": list(solution.tasks),
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "index": phase.index,
        "name": phase.name,
        **_given(phase, ("description",)),
        "start": _date(phase.start),
        **({"end": _date(phase.end)} if phase.end is not None else {}),
        "tasks": list(phase.tasks),
        **{key: getattr(phase, key) for key in ("max_submissions_per_day", "max_submissions", "has_max_submissions")},
        "execution_time_limit": phase.execution_time_limit,
        **{key: getattr(phase, key) for key in _LIMITS if getattr(phase, key) is not None},
        **{key: getattr(phase, key) for key in _PHASE_SWITCHES},
        **_parts(phase, ("public_data", "starting_kit")),
        "leaderboard": phase.leaderboard,
    }


def _board(board: Leaderboard) -> dict[str, Any]:
    return {
        "title": board.title,
        "key": board.key,
        "primary_index": board.primary_index,
        "hidden": board.hidden,
        "submission_rule": board.submission_rule,
        "columns": [_column(column) for column in board.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    computed = {"computation": column.computation, "computation_indexes": list(column.computation_indexes)}
    return {
        "title": column.title,
        "key": column.key,
        "index": column.index,
        "sorting": column.sorting,
        **(computed if column.computation is not None else {}),
        "precision": column.precision,
        "hidden": column.hidden,
        **_given(column, ("group",)),
    }


def _given(source: object, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys that say something."""
    found = {key: getattr(source, key) for key in keys}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items() if value}


def _parts(source: object, keys: tuple[str, ...]) -> dict[str, str]:
    return {key: _part(part) for key in keys if (part := getattr(source, key)) is not None}


def _part(part: FileRef | DatasetRef) -> str:
    return part.path if isinstance(part, FileRef) else part.key


def _date(instant: datetime) -> str:
    """Return a date as it is read back exactly: in UTC, without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def _quoted(value: Any) -> Any:
    """Put texts into quotes that a reader of YAML 1.1 could take for something else."""
    if isinstance(value, Mapping):
        return {_quoted(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_quoted(inner) for inner in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str) and (_PLAIN.fullmatch(value) is None or value.lower() in _NOT_TEXT):
        return DoubleQuotedScalarString(value)
    return value
