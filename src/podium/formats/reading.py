"""Read the fields of a mapping: right types, defaults, unknown keys, each fault with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from podium.formats.dates import DateError, parse_date, with_day_first
from podium.formats.faults import Collector, Path, did_you_mean
from podium.formats.unpacking import quoted
from podium.formats.yamlnodes import Node

MAX_TEXT: Final = 100_000
MAX_ITEMS: Final = 1000
MAX_INTEGER: Final = 2**31 - 1
MAX_SIZE: Final = 2**60
_UNITS: Final = {
    "": 1,
    "b": 1,
    "bytes": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
}
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,19}(?:\.[0-9]{1,6})?)\s*(?P<unit>|b|bytes|[kmgt]i?b)", re.IGNORECASE)
_WORDS: Final = {"scalar": "a plain value", "list": "a list", "map": "a mapping"}
_LINES: Final = "Write its entries below it, on lines that start with a dash."
_FEWER: Final = "Take some of them out."
_YES: Final = frozenset({"true", "yes", "on", "y", "1"})
_NO: Final = frozenset({"false", "no", "off", "n", "0"})

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """The fields of one mapping; reading one marks it as known, `finish` warns of the others.

    A field that is absent or empty gives its default; a value of the wrong type is an error and gives the default too,
    so that reading goes on and finds the next fault.
    """

    def __init__(self, node: Node, path: Path, faults: Collector) -> None:
        self.node = node
        self.path = path
        self.faults = faults
        self._known: dict[str, None] = {}
        for twice in node.duplicates:
            faults.warning(
                "duplicate_key",
                f"The key {quoted(twice.key)} is given twice (first in line {twice.first_line}); the last one counts.",
                (*path, twice.key),
                "Remove one of them.",
                at_key=True,
            )

    def at(self, key: str) -> Path:
        """Return the path of a field."""
        return (*self.path, key)

    def present(self, key: str) -> Node | None:
        """Return the node of a field, None when it is absent or empty; the key counts as known."""
        self._known[key] = None
        node = self.node.get(key)
        return None if node is None or node.is_null else node

    def given(self, key: str) -> Node | None:
        """Return the node of a field, None when it is absent, empty or blank text; the key counts as known."""
        node = self.present(key)
        return None if node is not None and node.kind == "scalar" and not node.text.strip() else node

    def require(self, key: str, message: str, hint: str = "", code: str = "missing_key") -> Node | None:
        """Return the node of a field that must be there; its absence is an error."""
        node = self.present(key)
        if node is None:
            self.faults.error(code, message, self.at(key), hint)
        return node

    def text(self, key: str, default: str = "", max_length: int = MAX_TEXT) -> str:
        """Read text; numbers, dates and booleans count as the text that was written."""
        node = self.present(key)
        if node is None:
            return default
        if node.kind != "scalar":
            self._wrong(key, node, "text", "Write one text, in quotes if it has a colon.")
            return default
        if len(node.text) > max_length:
            message = f"{key} is longer than {max_length:,} characters."
            self.faults.error("too_long", message, self.at(key), f"Shorten it ({len(node.text):,} characters).")
        return node.text

    def boolean(self, key: str, default: bool) -> bool:
        """Read yes or no."""
        node = self.present(key)
        if node is None:
            return default
        if isinstance(node.value, bool):
            return node.value
        if node.kind == "scalar" and node.text.strip().lower() in _YES | _NO:
            return node.text.strip().lower() in _YES
        self._wrong(key, node, "true or false", f"Write {key}: true, or {key}: false.")
        return default

    def integer(self, key: str, default: int | None, minimum: int = 0, maximum: int = MAX_INTEGER) -> int | None:
        """Read a whole number between two bounds."""
        node = self.present(key)
        if node is None:
            return default
        number = whole(node)
        if number is None:
            self._wrong(key, node, "a whole number", f"Write a number such as {key}: {default or 1}, without a unit.")
            return default
        if not minimum <= number <= maximum:
            bound = f"at least {minimum}" if number < minimum else f"at most {maximum}"
            message = f"{key} is {node.text}, but must be {bound}."
            self.faults.error("out_of_range", message, self.at(key), f"Write a number from {minimum} to {maximum}.")
            return default
        return number

    def number(self, key: str, minimum: float, maximum: float) -> float | None:
        """Read a number between two bounds; None when it is absent or wrong."""
        node = self.present(key)
        if node is None:
            return None
        try:
            number = math.nan if node.kind != "scalar" or isinstance(node.value, bool) else float(node.text)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self._wrong(key, node, "a number", "Write a number such as 2 or 0.5, without a unit.")
            return None
        if not minimum <= number <= maximum:
            bound = f"at least {minimum:g}" if number < minimum else f"at most {maximum:g}"
            hint = f"Write a number from {minimum:g} to {maximum:g}."
            self.faults.error("out_of_range", f"{key} is {node.text}, but must be {bound}.", self.at(key), hint)
            return None
        return number

    def size(self, key: str, minimum: int) -> int | None:
        """Read a size in bytes: a number of bytes, or a number with a unit; None when it is absent or wrong."""
        node = self.present(key)
        if node is None:
            return None
        found = _SIZE.fullmatch(node.text.strip()) if node.kind == "scalar" else None
        if found is None or isinstance(node.value, bool):
            self._wrong(key, node, "a size", "Write a size such as 8 GB or 512 MiB, or a number of bytes.")
            return None
        bytes_ = int(float(found["number"]) * _UNITS[found["unit"].lower()])
        if not minimum <= bytes_ <= MAX_SIZE:
            bound = "at least 1 MiB" if bytes_ < minimum else "at most 1 EiB"
            hint = "Write a size from 1 MiB to 1 EiB with its unit, such as 8 GB (10^9 bytes) or 8 GiB (2^30 bytes)."
            self.faults.error("out_of_range", f"{key} is {node.text}, but must be {bound}.", self.at(key), hint)
            return None
        return bytes_

    def choice(self, key: str, kind: type[Choice], default: Choice) -> Choice:
        """Read one of a few words, in any case."""
        node = self.present(key)
        if node is None:
            return default
        for member in kind:
            if node.kind == "scalar" and node.text.strip().lower() == member.value.lower():
                return member
        words = ", ".join(member.value for member in kind)
        near = did_you_mean(node.text, [member.value for member in kind])
        message = f"{quoted(node.text) if node.kind == 'scalar' else _WORDS[node.kind]} is no {key}."
        self.faults.error("bad_choice", message, self.at(key), f"{near} Use one of {words}.".lstrip())
        return default

    def date(self, key: str) -> datetime | None:
        """Read a date; None when it is absent or no date."""
        node = self.present(key)
        if node is None:
            return None
        if node.kind != "scalar":
            self._wrong(key, node, "a date", DateError.hint)
            return None
        try:
            date = parse_date(node.text)
        except DateError as problem:
            self.faults.error("bad_date", f"{key}: {problem}", self.at(key), problem.hint)
            return None
        other = with_day_first(node.text)
        if other is not None:
            message = f"{key}: {quoted(node.text)} is read as {date:%Y-%m-%d %H:%M} UTC, with the month first."
            hint = f"Write the year first, so that nobody can read it as {other}."
            self.faults.warning("ambiguous_date", message, self.at(key), hint)
        return date

    def integers(self, key: str) -> tuple[int, ...] | None:
        """Read a list of whole numbers; None when it is absent or wrong."""
        node = self.present(key)
        if node is None:
            return None
        if node.kind == "scalar" and (single := whole(node)) is not None:
            return (single,)
        hint = f"Write a list such as {key}: [0, 1]."
        if node.kind != "list":
            self._wrong(key, node, "a list of whole numbers", hint)
            return None
        numbers = [whole(item) for item in node.items]
        if None in numbers:
            place = numbers.index(None)
            wrong = node.items[place]
            found = quoted(wrong.text) if wrong.kind == "scalar" else _WORDS[wrong.kind]
            message = f"{key} must be a list of whole numbers, and {found} is none."
            self.faults.error("wrong_type", message, (*self.at(key), place), hint)
            return None
        return tuple(number for number in numbers if number is not None)

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of texts; one text counts as a list of what stands between its commas."""
        node = self.present(key)
        if node is None:
            return ()
        if node.kind == "scalar":
            return tuple(part.strip() for part in node.text.split(",") if part.strip())
        if node.kind != "list" or any(item.kind != "scalar" for item in node.items):
            self._wrong(key, node, "a list of texts", f"Write a list such as {key}: [one, two].")
            return ()
        return tuple(item.text for item in node.items if not item.is_null)

    def mappings(self, key: str, single: bool = False) -> Iterator[Fields]:
        """Yield the fields of each mapping of a list; with `single`, one mapping in place of a list is taken too."""
        node = self.present(key)
        if node is None:
            return
        if single and node.kind == "map":
            yield Fields(node, self.at(key), self.faults)
            return
        if node.kind != "list":
            self._wrong(key, node, "a list", _LINES)
            return
        if len(node.items) > MAX_ITEMS:
            self.faults.error("too_many", f"{key} has more than {MAX_ITEMS:,} entries.", self.at(key), _FEWER)
            return
        for place, item in enumerate(node.items):
            path = (*self.path, key, place)
            if item.kind == "map":
                yield Fields(item, path, self.faults)
            else:
                hint = "Write each entry as a dash followed by its keys."
                self.faults.error("wrong_type", f"An entry of {key} must be a mapping of keys.", path, hint)

    def named(self, key: str) -> Iterator[tuple[str, Fields]]:
        """Yield name and fields of each mapping in a mapping of mappings; a list counts as one named by places."""
        node = self.present(key)
        if node is None:
            return
        if node.kind == "list":
            for place, fields in enumerate(self.mappings(key)):
                yield str(place), fields
            return
        if node.kind != "map":
            self._wrong(key, node, "a mapping", "Write names below it, and the keys of each below its name.")
            return
        inner = Fields(node, self.at(key), self.faults)
        if len(node.entries) > MAX_ITEMS:
            self.faults.error("too_many", f"{key} has more than {MAX_ITEMS:,} entries.", self.at(key), _FEWER)
            return
        for name, entry in node.entries.items():
            if entry.node.kind == "map":
                yield name, Fields(entry.node, inner.at(name), self.faults)
            else:
                hint = "Indent its keys below the name."
                self.faults.error("wrong_type", f"{name} in {key} must be a mapping of keys.", inner.at(name), hint)

    def ignore(self, *keys: str) -> None:
        """Count keys as known that mean nothing here (those that a platform's own dumps write)."""
        for key in keys:
            self._known[key] = None

    def finish(self) -> None:
        """Warn of every key that nobody asked for."""
        for key in self.node.entries:
            if self.faults.full:
                return
            if key not in self._known:
                where = f"in {_where(self.path)}" if self.path else "at the top level"
                hint = did_you_mean(key, [known for known in self._known if known not in self.node.entries])
                message = f"The key {quoted(key)} is not known {where} and is ignored."
                self.faults.warning(
                    "unknown_key", message, self.at(key), hint or "Take it out, or correct its name.", at_key=True
                )

    def _wrong(self, key: str, node: Node, wanted: str, hint: str) -> None:
        found = quoted(node.text) if node.kind == "scalar" else _WORDS[node.kind]
        self.faults.error("wrong_type", f"{key} must be {wanted}, not {found}.", self.at(key), hint)


def whole(node: Node) -> int | None:
    """Return a scalar's whole number ("2", 2 and 2.0 alike), None when it is none."""
    value = node.value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) else None
    text = value.strip()
    return (
        int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 20 else None
    )


def _where(path: Path) -> str:
    names = {
        "phases": "a phase",
        "tasks": "a task",
        "solutions": "a solution",
        "pages": "a page",
        "columns": "a column",
    }
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    return names.get(name, "a leaderboard" if name.startswith("leaderboard") else name)
