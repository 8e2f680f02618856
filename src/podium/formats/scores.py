"""The scores that a scoring program writes: `scores.json`, else `scores.txt`."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from podium.formats.intervals import Interval, Written, companions, read_interval
from podium.formats.unpacking import quoted, read_regular_file
from podium.formats.yamlnodes import Node, YamlError, decode, load

FILES: Final = ("scores.json", "scores.txt")
MAX_BYTES: Final = 2**20
MAX_KEYS: Final = 1000
MAX_NODES: Final = 20_000
MAX_KEY_LENGTH: Final = 200
MAX_TEXT_LENGTH: Final = 100
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?\.?(nan|inf|infinity)", re.IGNORECASE)
_COMMENT: Final = re.compile(r"\s#")
_MAX_NOTES: Final = 50
_MAX_UNCERTAIN: Final = 100
"""Scores that are given an interval; resampling takes time."""


class ScoresError(Exception):
    """Scores cannot be used; `code` is "missing_output" or "bad_scores", the message says what to mend."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ScoreValue:
    """One score: the number as an IEEE double, the text as the scoring program gave it, and how uncertain it is."""

    number: float
    text: str
    interval: Interval | None = None

    @property
    def bounds(self) -> dict[str, Any]:
        """The interval as the fields `low`, `high` and `interval` of a message; nothing where there is none."""
        found = self.interval
        return {} if found is None else {"low": found.low, "high": found.high, "interval": found.source}


@dataclass(frozen=True)
class Scores:
    """The usable scores of one run by key, the file that they come from, and remarks for people."""

    values: dict[str, ScoreValue]
    file: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Given:
    """A value as the file gives it: `kind` is number, bool, text, null, list or map; `items` are those of a list."""

    kind: str
    text: str
    items: tuple[_Given, ...] = ()


def is_number(text: str) -> bool:
    """Whether a text is a number as scores are written, e.g. `0.5`, `.5` or `1e-3`; 1e999 is one too, and infinite."""
    return _NUMBER.fullmatch(text) is not None


def read_scores(folder: Path, columns: Iterable[str] | None = None) -> Scores:
    """Read the scores in the output folder of a scoring program.

    `scores.json` is strict JSON; `scores.txt` is a YAML mapping or lines `key: value` or `key:value` (CodaLab's
    habit). True and false become 1 and 0, numbers in quotes are numbers, nested values are ignored with a note.
    `columns` are the keys that the leaderboard wants: with them, a value that cannot be a score is an error only
    where it is wanted, and a remark elsewhere, because real scoring programs write other things beside the scores.

    Raises ScoresError: "missing_output" without a file, "bad_scores" when it is too large, cannot be read, or holds
    NaN, infinity, text, a list or nothing where a number must be.
    """
    name, data = _find(folder)
    given, notes = _parse_json(data, name) if name == "scores.json" else _parse_text(data, name)
    return _usable(given, notes, name, columns)


def scores_in_message(data: bytes, key: str, columns: Iterable[str] | None = None) -> Scores:
    """Read the scores that a message (a JSON object) holds under `key`, as `read_scores` reads those of a file.

    Raises ScoresError "bad_scores" as `read_scores`, also when there is no object under `key`.
    """
    given, notes = _parse_json(data, key, within=key)
    return _usable(given, notes, key, columns)


def _usable(given: dict[str, _Given], notes: list[str], name: str, columns: Iterable[str] | None) -> Scores:
    if len(given) > MAX_KEYS:
        raise ScoresError("bad_scores", f"{name} holds {len(given):,} keys; at most {MAX_KEYS:,} are allowed.")
    wanted = None if columns is None else set(columns)
    values: dict[str, ScoreValue] = {}
    given, beside = _apart(given, wanted or set())
    for key, value in given.items():
        problem = _problem(key, value, name)
        if problem is None:
            interval, remarks = read_interval(_number(value), beside.get(key, {}))
            notes += [f"{name}: {remark}" for remark in remarks]
            values[key] = ScoreValue(_number(value), _text(value), interval)
        elif value.kind in ("map", "list") and (wanted is None or key not in wanted):
            notes.append(f"{name}: {quoted(key)} holds a {_KIND_WORDS[value.kind]} and is ignored.")
        elif wanted is None or key in wanted:
            raise ScoresError("bad_scores", problem)
        else:
            notes.append(f"{problem} It is no column of the leaderboard, so it is ignored.")
    return Scores(values, name, tuple(notes[:_MAX_NOTES]))


def _apart(given: dict[str, _Given], wanted: set[str]) -> tuple[dict[str, _Given], dict[str, dict[str, Written]]]:
    """Take what says how uncertain a wanted score is from among the scores; a key that is wanted itself is a score."""
    beside: dict[str, dict[str, Written]] = {}
    for key in sorted(wanted & given.keys())[:_MAX_UNCERTAIN]:
        found = {name: _written(given[name]) for name in companions(key) if name in given and name not in wanted}
        if found:
            beside[key] = found
    taken = {name for names in beside.values() for name in names}
    return {key: value for key, value in given.items() if key not in taken}, beside


def _written(value: _Given) -> Written:
    """A number, or a list of numbers, as `read_interval` takes them; None for anything else."""
    if value.kind == "list":
        numbers = [_written(item) for item in value.items]
        return [number for number in numbers if isinstance(number, float)] if None not in numbers else None
    if value.kind not in ("number", "text") or not (
        is_number(text := value.text.strip()) or _NOT_FINITE.fullmatch(text)
    ):
        return None
    return float(text.replace(".nan", "nan").replace(".inf", "inf"))


def validate_scores(
    values: Mapping[str, ScoreValue], columns: Iterable[str]
) -> tuple[dict[str, ScoreValue], tuple[str, ...]]:
    """Keep the scores that the leaderboard's columns want, and say in notes what was ignored and what is missing.

    `columns` are the keys of the columns that a scoring program fills (not the computed ones), in their order.
    Raises ScoresError "bad_scores" when none of them is there.
    """
    wanted = list(dict.fromkeys(columns))
    kept = {key: values[key] for key in wanted if key in values}
    unknown = [key for key in values if key not in kept]
    if wanted and not kept:
        raise ScoresError("bad_scores", _nothing_matches(list(values), wanted))
    notes = []
    for key in unknown[:20]:
        near = difflib.get_close_matches(key, [w for w in wanted if w not in kept], n=1, cutoff=0.6)
        hint = f" (did the scoring program mean {quoted(near[0])}?)" if near else ""
        notes.append(f"The score {quoted(key)} belongs to no column of the leaderboard and is ignored{hint}.")
    notes += [f"The scoring program gave no score for the column {quoted(k)}." for k in wanted if k not in kept][:20]
    return kept, tuple(notes)


def _nothing_matches(found: list[str], wanted: list[str]) -> str:
    keys = ", ".join(quoted(key) for key in wanted[:20])
    if not found:
        return f"The scoring program wrote no scores. The leaderboard wants: {keys}."
    message = (
        f"None of the scores belongs to a column of the leaderboard. Written: "
        f"{', '.join(quoted(key) for key in found[:20])}. The leaderboard wants: {keys}."
    )
    lowered = {key.lower(): key for key in wanted}
    for key in found:
        near = difflib.get_close_matches(key.lower(), list(lowered), n=1, cutoff=0.6)
        if near:
            return f"{message} Did you mean {quoted(lowered[near[0]])} instead of {quoted(key)}?"
    return f"{message} Keys must be written exactly as in the bundle's columns."


def _find(folder: Path) -> tuple[str, bytes]:
    """Return name and bytes of the scores file; a link or a pipe in its place is no file."""
    for name in FILES:
        data = read_regular_file(folder / name, MAX_BYTES)
        if data is not None:
            if len(data) > MAX_BYTES:
                raise ScoresError("bad_scores", f"{name} is larger than 1 MiB. Write only the scores into it.")
            return name, data
    raise ScoresError(
        "missing_output",
        "The scoring program wrote neither scores.json nor scores.txt into its output folder /app/output.",
    )


def _parse_json(data: bytes, name: str, within: str | None = None) -> tuple[dict[str, _Given], list[str]]:
    notes: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            keys = [key for key, _ in items]
            twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) <= MAX_KEYS else []
            notes.extend(f"{name}: {quoted(key)} occurs more than once; the last one counts." for key in twice)
        return result

    def number(text: str) -> _Given:
        return _Given("number", text)

    try:
        text = decode(data, MAX_BYTES)
        root = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_int=number, parse_constant=number)
    except YamlError as problem:
        raise ScoresError("bad_scores", f"{name}: {problem} {problem.hint}".strip()) from problem
    except json.JSONDecodeError as problem:
        message = f"{name}, line {problem.lineno}, column {problem.colno}: this is not valid JSON: {problem.msg}."
        raise ScoresError("bad_scores", message) from problem
    except RecursionError as problem:
        raise ScoresError("bad_scores", f"{name}: values are nested too deeply.") from problem
    if within is not None and isinstance(root, dict):
        root = root.get(within)
    if not isinstance(root, dict):
        raise ScoresError("bad_scores", f'{name} must hold an object such as {{"accuracy": 0.9}}.')
    return {key: _given_json(value) for key, value in root.items()}, notes


def _given_json(value: Any) -> _Given:
    if isinstance(value, _Given):
        return value
    if value is None:
        return _Given("null", "null")
    if isinstance(value, bool):
        return _Given("bool", "true" if value else "false")
    if isinstance(value, str):
        return _Given("text", value)
    if isinstance(value, list):
        return _Given("list", "", tuple(_given_json(item) for item in value))
    return _Given("map", "")


def _parse_text(data: bytes, name: str) -> tuple[dict[str, _Given], list[str]]:
    """Read scores.txt: simple lines first, because that is what nearly all are; otherwise YAML."""
    try:
        text = decode(data, MAX_BYTES)
        simple = _parse_lines(text, name)
        if simple is not None:
            return simple
        root = load(text, MAX_NODES)
    except YamlError as problem:
        place = f"{name}, line {problem.line}" if problem.line is not None else name
        raise ScoresError("bad_scores", f"{place}: {problem} Write lines such as accuracy: 0.9") from problem
    if root.kind != "map":
        raise ScoresError("bad_scores", f"{name} must hold lines such as accuracy: 0.9")
    notes = [f"{name}, line {d.line}: {quoted(d.key)} is given again; the last one counts." for d in root.duplicates]
    return {key: _given_node(entry.node) for key, entry in root.entries.items()}, notes


def _parse_lines(text: str, name: str) -> tuple[dict[str, _Given], list[str]] | None:
    """Read lines of one plain key and one plain value each; None when the text is anything else."""
    given: dict[str, _Given] = {}
    notes: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        parts = _split(line.rstrip())
        if parts is None:
            return None
        key, value = parts
        if key[0] in "-?'\"{[&*!|>%@`" or value[:1] in tuple("'\"{[&*!|>%@`"):
            return None
        if key in given:
            notes.append(f"{name}, line {number}: {quoted(key)} is given again; the last one counts.")
        given[key] = _given_plain(value)
    return (given, notes) if given else None


def _split(line: str) -> tuple[str, str] | None:
    """Take key and value of a line apart in linear time, whatever its length; None when it is no simple line."""
    key, colon, rest = line.partition(":")
    if not colon or not key or key[0].isspace() or key[0] == "#":
        return None
    value = rest.lstrip()
    if value.startswith("#"):  # a comment, if there is a blank before it
        return (key.rstrip(), "") if rest[0].isspace() else None
    comment = _COMMENT.search(value)
    return key.rstrip(), (value[: comment.start()] if comment else value).rstrip()


def _given_plain(value: str) -> _Given:
    if value in ("", "~", "null", "Null", "NULL", "None"):
        return _Given("null", value)
    if value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return _Given("bool", value)
    return _Given("number" if is_number(value) or _NOT_FINITE.fullmatch(value) else "text", value)


def _given_node(node: Node) -> _Given:
    if node.kind != "scalar":
        return _Given(node.kind, "", tuple(_given_node(item) for item in node.items))
    if node.value is None:
        return _Given("null", node.text)
    if isinstance(node.value, bool):
        return _Given("bool", node.text)
    return _Given("text" if isinstance(node.value, str) else "number", node.text)


_KIND_WORDS: Final = {"map": "mapping", "list": "list"}


def _problem(key: str, value: _Given, name: str) -> str | None:
    """Say why a value is no score, naming its key and what to do; None when it is one."""
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        return f"{name}: the key {quoted(key)} is empty, longer than {MAX_KEY_LENGTH} characters, or not printable."
    where = f"{name}: {quoted(key)}"
    if value.kind == "null":
        return f"{where} has no value. Write a number, or leave the key out."
    if value.kind in _KIND_WORDS:
        return f"{where} is a {_KIND_WORDS[value.kind]}, not a number. Write one number per key."
    return None if value.kind == "bool" else _problem_of_number(value.text.strip(), where)


def _problem_of_number(text: str, where: str) -> str | None:
    if _NOT_FINITE.fullmatch(text):
        what = "not a number (NaN)" if "nan" in text.lower() else "infinite"
        return f"{where} is {what}. The scoring program must write a finite number, for example its worst score."
    if not is_number(text):
        return f"{where} is text ({quoted(text[:60])}), not a number. Write numbers with a decimal point."
    if not math.isfinite(float(text)):
        return f"{where} is too large for a floating-point number ({quoted(text[:60])})."
    return None


def _text(value: _Given) -> str:
    """Return the text of a score: as given, but 1 or 0 for true or false, since whoever reads it expects a number."""
    return f"{_number(value):.0f}" if value.kind == "bool" else value.text[:MAX_TEXT_LENGTH]


def _number(value: _Given) -> float:
    if value.kind == "bool":
        return 1.0 if value.text.lower() in ("true", "yes", "on", "y") else 0.0
    return float(value.text.strip())
