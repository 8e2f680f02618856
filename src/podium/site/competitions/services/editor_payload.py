"""What the editor is given of a competition, and what it sends back laid over that.

A request names what changes; the rest stays. So what is held to the rules is always the whole: `present` laid under
the request by `merged`. Rows of lists are matched by `id`; one without is the one with the same name (a page's title,
a phase's name, the key of a board or a column), so that sending the same twice changes nothing. Rows that a list does
not have any more are to go, boards excepted, which only ever go with their competition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from podium.formats.sections import SWITCHES
from podium.site.competitions.description import PHASE_SAME
from podium.site.competitions.models import Competition, Phase
from podium.site.errors import Refused
from podium.site.leaderboards.models import Leaderboard

Path = tuple[str | int, ...]


class FieldsRefused(Refused):
    """What was sent cannot be taken; `messages` say why, each with the path of its field."""

    def __init__(self, messages: list[tuple[Path, str]]) -> None:
        super().__init__(" ".join(dict.fromkeys(text for _path, text in messages)), code="invalid")
        self.messages = messages


PLAIN = ("title", "description", "terms", "competition_type", "docker_image", "contact_email", "reward", "report")
_NAMES = {"pages": "title", "phases": "name", "leaderboards": "key", "columns": "key"}


def present(competition: Competition) -> dict[str, Any]:
    """A competition as the editor would send it unchanged."""
    phases: list[dict[str, Any]] = []
    rows = competition.phases.select_related("public_data", "starting_kit").prefetch_related("phase_tasks__task")
    for phase in rows.order_by("index"):
        before = phases[-1] if phases else None
        parallel = before is not None and (before["_end"] is None or phase.start < before["_end"])
        phases.append(_phase(phase, parallel))
    return {
        **{name: getattr(competition, name) for name in (*PLAIN, *SWITCHES)},
        "fact_sheet": competition.fact_sheet,
        "whitelist_emails": [row.email for row in competition.whitelist_emails.order_by("pk")],
        "collaborators": list(competition.collaborators.order_by("pk").values_list("pk", flat=True)),
        "pages": [
            {"id": page.pk, "title": page.title, "content": page.content, "index": page.index}
            for page in competition.pages.order_by("index", "pk")
        ],
        "phases": [{name: value for name, value in phase.items() if name != "_end"} for phase in phases],
        "leaderboards": [_board(board) for board in competition.leaderboards.prefetch_related("columns")],
    }


def _phase(phase: Phase, parallel: bool) -> dict[str, Any]:
    return {
        **{name: getattr(phase, name) for name in PHASE_SAME},
        "id": phase.pk,
        "start": phase.start.isoformat(),
        "end": phase.end.isoformat() if phase.end else None,
        "_end": phase.end,
        "parallel": parallel,
        "max_submissions_per_day": phase.max_submissions_per_day,
        "max_submissions_per_person": phase.max_submissions_per_person,
        "tasks": [{"task": str(one.task.key), "order_index": one.order_index} for one in phase.phase_tasks.all()],
        "public_data": str(phase.public_data.key) if phase.public_data else None,
        "starting_kit": str(phase.starting_kit.key) if phase.starting_kit else None,
        "leaderboard": phase.leaderboard_id,
    }


def _board(board: Leaderboard) -> dict[str, Any]:
    same = ("title", "key", "hidden", "primary_index", "submission_rule")
    columns = ("title", "key", "index", "sorting", "computation", "computation_indexes", "hidden", "precision", "group")
    return {
        "id": board.pk,
        **{name: getattr(board, name) for name in same},
        "columns": [
            {"id": one.pk, **{name: getattr(one, name) for name in columns}} for one in board.columns.order_by("index")
        ],
    }


def merged(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a request makes of a competition. Raises FieldsRefused for rows that are not its own."""
    whole = {**present, **given}
    for name in ("pages", "phases", "leaderboards"):
        if name in given:
            whole[name] = _rows(name, present.get(name, []), given[name], (name,))
    if "leaderboards" in given and isinstance(whole["leaderboards"], list):
        named = {board["id"] for board in whole["leaderboards"] if isinstance(board, dict) and board.get("id")}
        whole["leaderboards"] += [board for board in present.get("leaderboards", []) if board["id"] not in named]
    return whole


def _rows(kind: str, there: list[dict[str, Any]], given: Any, path: Path) -> Any:
    """Each given row laid over the one that it means."""
    if not isinstance(given, list):
        return given  # what it is to be is said by whoever reads it
    by_id = {row["id"]: row for row in there}
    free = _named_once(kind, [row for row in there if row["id"] not in {_id(each) for each in given}])
    rows: list[Any] = []
    used: set[int] = set()
    for place, each in enumerate(given):
        if not isinstance(each, Mapping):
            rows.append(each)
            continue
        pk = _id(each)
        found = by_id.get(pk) if pk else free.pop(_name(kind, each), None)
        if (pk and found is None) or (found is not None and found["id"] in used):
            raise _strange(kind, (*path, place))
        row = {**(found or {}), **each, "id": found["id"] if found else None}
        if found is not None:
            used.add(found["id"])
        if kind == "leaderboards" and "columns" in each:
            row["columns"] = _columns(found, each["columns"], (*path, place, "columns"))
        rows.append(row)
    return rows


def _columns(board: Mapping[str, Any] | None, given: Any, path: Path) -> Any:
    rows = _rows("columns", list(board["columns"]) if board else [], given, path)
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and not row.get("computation"):
            row["computation_indexes"] = None  # the editor leaves them there
    return rows


def _id(row: Any) -> Any:
    """The id of a row as the database has it, None where it has none."""
    pk = row.get("id") if isinstance(row, Mapping) else None
    if isinstance(pk, str) and pk.isascii() and pk.isdecimal() and len(pk) < 19:
        return int(pk)
    return pk if isinstance(pk, int | float) and not isinstance(pk, bool) and pk else (None if not pk else repr(pk))


def _name(kind: str, row: Mapping[str, Any]) -> str:
    return str(row.get(_NAMES[kind], "")).strip()


def _named_once(kind: str, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    names = [_name(kind, row) for row in rows]
    return {name: row for name, row in zip(names, rows, strict=True) if names.count(name) == 1}


def _strange(kind: str, path: Path) -> FieldsRefused:
    words = {
        "pages": _("This competition has no such page, or it is named twice."),
        "phases": _("This competition has no such phase, or it is named twice."),
        "leaderboards": _("This competition has no such leaderboard, or it is named twice."),
        "columns": _("This competition has no such column, or it is named twice."),
    }
    return FieldsRefused([(path, words[kind])])


def nested(messages: list[tuple[Path, str]]) -> dict[str, Any]:
    """Messages by path in Django REST framework's shape: a list where a list was sent, with {} for what is right."""
    tree: dict[Any, Any] = {}
    for path, message in messages:
        node = tree
        for step in path or ("non_field_errors",):
            node = node.setdefault(step, {})
        node.setdefault(None, []).append(message)
    shaped = _shaped(tree)
    return shaped if isinstance(shaped, dict) else {"non_field_errors": shaped}


def _shaped(node: dict[Any, Any]) -> Any:
    own = node.get(None, [])
    below = {step: _shaped(child) for step, child in node.items() if step is not None}
    if not below:
        return own
    if own:
        return {"non_field_errors": own, **{str(step): each for step, each in below.items()}}
    if all(isinstance(step, int) for step in below):
        return [below.get(place, {}) for place in range(max(below) + 1)]
    return {str(step): each for step, each in below.items()}
