"""What an edit has changed in a competition, for its history: read before, read after, compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.formats.sections import SWITCHES
from podium.site.audit.values import rows_compared
from podium.site.competitions.services.editor_payload import PLAIN
from podium.site.resources.models import Dataset, Task

_FILES = ("public_data", "starting_kit")


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ between what `editor_payload.present` told before and after, by names that people read.

    Leaderboards that were there already record their own changes, and so do queue and collaborators.
    """
    old = {name: before[name] for name in (*PLAIN, *SWITCHES, "fact_sheet")}
    new = {name: after[name] for name in old}
    emails, now = set(before["whitelist_emails"]), set(after["whitelist_emails"])
    if emails != now:
        old["whitelist_emails"], new["whitelist_emails"] = emails - now, now - emails
    boards = {board["id"]: board["title"] for board in (*before["leaderboards"], *after["leaderboards"])}
    known = {board["id"] for board in before["leaderboards"]}
    names = _names(before, after)
    for kind, field, was, then in (
        ("page", "title", before["pages"], after["pages"]),
        (
            "phase",
            "name",
            [_phase(each, names, boards) for each in before["phases"]],
            [_phase(each, names, boards) for each in after["phases"]],
        ),
        ("leaderboard", "title", [], [each for each in after["leaderboards"] if each["id"] not in known]),
    ):
        gone, come = rows_compared(kind, field, was, then)
        old |= gone
        new |= come
    return old, new


def _names(*payloads: Mapping[str, Any]) -> dict[str, str]:
    """The names of the tasks and files that the phases have, by key."""
    phases = [phase for payload in payloads for phase in payload["phases"]]
    tasks = {task["task"] for phase in phases for task in phase["tasks"]}
    files = {phase[name] for phase in phases for name in _FILES if phase[name]}
    found = [*Task.objects.filter(key__in=tasks).values_list("key", "name")]
    found += Dataset.objects.filter(key__in=files).values_list("key", "name")
    return {str(key): name for key, name in found}


def _phase(phase: Mapping[str, Any], names: Mapping[str, str], boards: Mapping[int, str]) -> dict[str, Any]:
    """A phase with names in place of keys and numbers; whether it overlaps another follows from the dates."""
    tasks = sorted(phase["tasks"], key=lambda task: task["order_index"])
    return {
        **{name: value for name, value in phase.items() if name != "parallel"},
        "tasks": [names.get(task["task"], task["task"]) for task in tasks],
        "leaderboard": boards.get(phase["leaderboard"]),
        **{name: names.get(phase[name], phase[name]) for name in _FILES},
    }
