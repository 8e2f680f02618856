"""Faults of a bundle: what is wrong, where, and how to mend it, all at once."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from podium.formats.model import Competition
from podium.formats.unpacking import quoted
from podium.formats.yamlnodes import Node

MAX_FAULTS: Final = 500
_MAX_WORD: Final = 100
_MAX_CHOICES: Final = 500
YAML_NAME: Final = "competition.yaml"

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    `file` is relative to the bundle's root, line and column count from 1, `path` names the value ("phases[1].end"),
    `hint` says how to mend it, `code` is for programs.
    """

    severity: Severity
    code: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str = ""
    hint: str = ""

    @property
    def place(self) -> str:
        """File, line and column as far as they are known: "competition.yaml:3:8"."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        text = f"{self.severity}: {self.message}"
        text = f"{self.place}: {text}" if self.place else text
        return f"{text} {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Report:
    """What was found in a bundle: the competition when it is usable, and every fault in the order of the file."""

    competition: Competition | None
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a competition can be made of the bundle (warnings allowed)."""
        return self.competition is not None and not self.errors

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that forbid making a competition."""
        return tuple(fault for fault in self.faults if fault.severity == "error")

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that do not."""
        return tuple(fault for fault in self.faults if fault.severity == "warning")


def path_text(path: Path) -> str:
    """Return a path as people write it: ("phases", 1, "end") is "phases[1].end"."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            word = step if len(step) <= _MAX_WORD else f"{step[:_MAX_WORD]}..."
            text += f".{word}" if text else word
    return text


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return 'Did you mean "x"?' for the choice that is nearest to a misspelt word, or ''.

    Only the first few hundred choices are looked at, because comparing takes its time.
    """
    choices = itertools.islice(choices, _MAX_CHOICES)
    lowered = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower()[:200], list(lowered), n=1, cutoff=0.6)
    return f"Did you mean {quoted(lowered[near[0]])}?" if near else ""


class Collector:
    """Gathers faults and gives each the line and column of the value that its path names."""

    def __init__(self, root: Node | None = None, file: str = YAML_NAME) -> None:
        self._root = root
        self._file = file
        self._faults: dict[Fault, None] = {}

    def error(self, code: str, message: str, path: Path = (), hint: str = "", at_key: bool = False) -> None:
        """Note something that forbids making a competition."""
        self._add("error", code, message, path=path, hint=hint, at_key=at_key)

    def warning(self, code: str, message: str, path: Path = (), hint: str = "", at_key: bool = False) -> None:
        """Note something that the organizer should look at."""
        self._add("warning", code, message, path=path, hint=hint, at_key=at_key)

    def add(self, fault: Fault) -> None:
        """Note a fault that knows its place; the same one twice counts once."""
        if len(self._faults) < MAX_FAULTS:
            self._faults[fault] = None

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(fault.severity == "error" for fault in self._faults)

    @property
    def full(self) -> bool:
        """Whether there are so many faults that looking for more is a waste."""
        return len(self._faults) >= MAX_FAULTS

    def has_error_at(self, path: Path) -> bool:
        """Whether the value at a path, or an entry of it, is already known to be wrong."""
        text = path_text(path)
        below = (f"{text}[", f"{text}.")
        return any(
            fault.severity == "error" and (fault.path == text or fault.path.startswith(below)) for fault in self._faults
        )

    def sorted(self) -> tuple[Fault, ...]:
        """Return the faults of the YAML file by line, then those of other files; a last one says if there are more."""
        order = {fault: place for place, fault in enumerate(self._faults)}

        def key(fault: Fault) -> tuple[bool, str, int, int, int]:
            other = fault.file not in (None, self._file)
            return other, (fault.file or "") if other else "", fault.line or 0, fault.column or 0, order[fault]

        found = tuple(sorted(self._faults, key=key))
        if not self.full:
            return found
        message = f"There are more than {MAX_FAULTS} faults; the others are not shown."
        severity: Severity = "error" if self.failed else "warning"
        return (*found, Fault(severity, "too_many_faults", message, self._file, hint="Mend these first."))

    def _add(self, severity: Severity, code: str, message: str, *, path: Path, hint: str, at_key: bool) -> None:
        line, column = self.place(path, at_key)
        self.add(Fault(severity, code, message, self._file, line, column, path_text(path), hint))

    def place(self, path: Path, at_key: bool = False) -> tuple[int | None, int | None]:
        """Return line and column of the value at a path, or of the nearest thing above it that exists."""
        node = self._root
        if node is None:
            return None, None
        line, column = node.line, node.column
        for depth, step in enumerate(path):
            child = self._step(node, step)
            if child is None:
                break
            line, column = child.line, child.column
            if isinstance(step, str) and (at_key or child.kind != "scalar" or child.is_null):
                entry = node.entries[step]
                line, column = entry.line, entry.column
            if at_key and depth == len(path) - 1:
                break
            node = child
        return line, column

    def places_of(self, key: str, indexes: Sequence[int]) -> list[Path]:
        """Return the paths of the entries of a list that have these values of `index`, the first of each."""
        entries = self._root.get(key) if self._root is not None else None
        found: dict[str, Path] = {}
        for place, entry in enumerate(entries.items if entries is not None else []):
            index = entry.get("index")
            if index is not None:
                found.setdefault(index.text.strip(), (key, place))
        return [found.get(str(index), (key,)) for index in indexes]

    @staticmethod
    def _step(node: Node, step: str | int) -> Node | None:
        if isinstance(step, int):
            return node.items[step] if node.kind == "list" and 0 <= step < len(node.items) else None
        return node.get(step) if node.kind == "map" else None
