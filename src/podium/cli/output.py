"""How the command line speaks: tables for people, JSON for scripts, and nothing that a stranger can smuggle in."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

FILE_WIDTH = 240
"""How wide a table may be that is not shown on a terminal, in characters."""

COLOURS = {
    "Finished": "green",
    "Failed": "red",
    "Cancelled": "yellow",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "error": "red",
    "warning": "yellow",
}


def safe(text: object) -> str:
    """Text of strangers made harmless for a terminal: no escape sequences, control or direction characters.

    Line ends of any kind become newlines, since programs draw progress bars with carriage returns.
    """
    lines = str(text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _SEQUENCES.sub("", lines))


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or error as they are now."""
    from rich.console import Console  # noqa: PLC0415 - `podium --help` and scripts do without it

    shown = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not shown.is_terminal and "COLUMNS" not in os.environ:
        shown.width = FILE_WIDTH
    return shown


def say(text: str, *, style: str | None = None, stderr: bool = False) -> None:
    """Print a line for people; colours only on a terminal."""
    console(stderr=stderr).print(safe(text), style=style, markup=False)


def write(text: str, *, stderr: bool = False) -> None:
    """Print text as it is, made harmless, without a line end of its own."""
    stream = sys.stderr if stderr else sys.stdout
    stream.write(safe(text))
    stream.flush()


def print_json(data: Any) -> None:
    """Print data as JSON on standard output; characters that steer a terminal are written by their numbers."""
    sys.stdout.write(_json(data, indent=2) + "\n")


def print_json_line(data: Any) -> None:
    """Print data as JSON on one line of standard output, at once."""
    sys.stdout.write(_json(data) + "\n")
    sys.stdout.flush()


def _json(data: Any, *, indent: int | None = None) -> str:
    text = json.dumps(data, indent=indent, ensure_ascii=False, default=str)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> None:
    """Print a table; columns whose index is in `right` are aligned to the right. None is shown as a dash."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    aligned = set(right)
    if title:
        say(title, style="bold")
    shown = Table(box=box.SIMPLE_HEAD)
    for index, header in enumerate(headers):
        shown.add_column(Text(safe(header)), justify="right" if index in aligned else "left", overflow="fold")
    for row in rows:
        cells = ["-" if value is None or value == "" else safe(value) for value in row]
        shown.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in cells))
    console().print(shown, soft_wrap=False)


Column = tuple[str, Callable[[T], object]]
"""A column of a table: its heading, and what it shows of a thing."""


def listed(found: Sequence[T], columns: Sequence[Column[T]]) -> None:
    """Print things as a table, a row for each; columns of numbers are aligned to the right."""
    rows = [[show(item) for _, show in columns] for item in found]
    right = [at for at in range(len(columns)) if all(isinstance(row[at], int | float | None) for row in rows)]
    table("", [heading for heading, _ in columns], [[_cell(value) for value in row] for row in rows], right=right)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else None
    return moment(value) if isinstance(value, datetime) else value


def moment(text: str | datetime | None) -> str | None:
    """A time as the API gives it, to the minute."""
    return str(text)[:16].replace("T", " ") if text else None


def size(count: float | None) -> str | None:
    """So many bytes, for people."""
    if count is None:
        return None
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.0f} {units[0]}" if units[0] == "bytes" or count >= 100 else f"{count:.1f} {units[0]}"


def error(message: str, *, hint: str = "") -> None:
    """Print what went wrong, and what to do about it, on standard error."""
    say(f"Error: {message}", style="red", stderr=True)
    if hint:
        say(hint, stderr=True)
