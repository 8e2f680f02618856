"""What an entry keeps of values: what differs, readable, within a cap, and never a secret."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from django.db.models import Model

CHANGED: Final = "changed"
"""Stands for the value of whatever is secret."""
TEXT: Final = 400
"""Characters that are kept of a text."""
ITEMS: Final = 50
"""Items that are kept of a list."""
WHOLE: Final = 12_000
"""Characters of JSON that are kept of one side of an entry."""
AROUND: Final = 60
"""Characters of a long text that are kept before and after what differs in it."""
_SECRET: Final = frozenset(("password", "passwd", "secret", "token", "credential", "credentials", "digest"))
_FIELD = re.compile(r"[A-Za-z0-9_]+")


def is_secret(name: str) -> bool:
    """Whether a field's name says that nobody may read its value in a history."""
    field = name.rpartition(": ")[2]
    return bool(_FIELD.fullmatch(field)) and not _SECRET.isdisjoint(re.split(r"_|(?<=\D)\d", field.lower()))


def plain(value: Any) -> Any:
    """A value as JSON, shortened; rows are named as they name themselves."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Model):
        return _shortened(_structure(value))
    return _text(str(value))


def _structure(value: Iterable[Any]) -> Any:
    if isinstance(value, Mapping):
        return {_text(str(key)): CHANGED if is_secret(str(key)) else plain(each) for key, each in value.items()}
    items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    more = [f"… and {len(items) - ITEMS} more"] if len(items) > ITEMS else []
    return [plain(each) for each in items[:ITEMS]] + more


def _text(text: str) -> str:
    """A text that every database takes, within the cap."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    return clean if len(clean) <= TEXT else f"{clean[: TEXT - 1]}…"


def _shortened(value: Any) -> Any:
    """A structure, or the beginning of its JSON where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= 2 * TEXT else _text(text)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that are not the same before and after, each as it is kept.

    A field that only one of them has is kept on that side. Of long texts the place where they differ is kept.
    """
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        if name in before and name in after:
            if was == now:
                continue
            if isinstance(was, str) and isinstance(now, str):
                was, now = _around(was, now)
        if is_secret(name):
            new[name] = CHANGED
            continue
        if name in before:
            old[name] = plain(was)
        if name in after:
            new[name] = plain(now)
    return _capped(old), _capped(new)


def _around(was: str, now: str) -> tuple[str, str]:
    """Two texts; of long ones what differs, with a little around it."""
    if max(len(was), len(now)) <= TEXT:
        return was, now
    shortest = min(len(was), len(now))
    start = next((place for place in range(shortest) if was[place] != now[place]), shortest)
    end = next((place for place in range(shortest - start) if was[-1 - place] != now[-1 - place]), shortest - start)
    first, last = max(0, start - AROUND), max(0, end - AROUND)

    def part(text: str) -> str:
        return f"{'…' if first else ''}{text[first : len(text) - last]}{'…' if last else ''}"

    return part(was), part(now)


def _capped(values: dict[str, Any]) -> dict[str, Any]:
    """The fields while there is room; then it is said how many there were beside them."""
    kept: dict[str, Any] = {}
    used = 0
    for name, value in values.items():
        used += len(name) + len(json.dumps(value, ensure_ascii=False)) + 6
        if used > WHOLE:
            kept["…"] = f"{len(values) - len(kept)} more"
            break
        kept[_text(name)] = value
    return kept


def rows_compared(
    kind: str, name: str, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What became of the rows of a list, as fields before and after: "phase Final: end", "phase Final".

    kind: what a row is called. name: the field that names it to people. Rows are the same by their `id`; of one that
    came or went only that is told.
    """
    there, then = {row["id"]: row for row in before}, {row["id"]: row for row in after}
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for pk, row in there.items():
        label = f"{kind} {_text(str(row[name]))}"
        if pk not in then:
            new[label] = "deleted"
            continue
        for field, value in row.items():
            if value != then[pk].get(field):
                old[f"{label}: {field}"], new[f"{label}: {field}"] = value, then[pk].get(field)
    new |= {f"{kind} {_text(str(row[name]))}": "added" for pk, row in then.items() if pk not in there}
    return old, new
