"""Read YAML into plain values that remember their line and column, under caps, building no Python objects.

The parser is ruamel.yaml's; its events are put together here, because only so can duplicate keys be kept apart,
depth, size and the growth by aliases be limited, and every value and key keep its place. The rules are those of YAML
1.1 (yes and no are booleans), since bundles were written for a parser of that version.
"""

from __future__ import annotations

import difflib
import io
import itertools
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

MAX_BYTES: Final = 2**20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 50_000  # reading that many takes a few seconds; real files have a few hundred
_MAX_MESSAGE: Final = 400
_TRUE: Final = frozenset({"yes", "true", "on"})
_INTEGER: Final = re.compile(r"[-+]?[0-9][0-9_]*")
_MAX_DIGITS: Final = 400
_ODD_BLANK: Final = re.compile("[\u00a0\u2000-\u200b\u202f\u3000]")
_LOOKED_BACK: Final = 3
_MAX_ANCHOR: Final = 100
_MAX_ANCHORS: Final = 500  # as far as a misspelt one is looked for
_AROUND: Final = "Check the indentation, the colons and the quotes around this place."
_FLATTER: Final = "Check the brackets and the indentation: such files have five or six levels."

Scalar = str | int | float | bool | None


class YamlError(Exception):
    """Text is no YAML that can be used; `line` and `column` count from 1 and are None where there is no place."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None, hint: str = "") -> None:
        # What is quoted from the file may be as long as the file.
        super().__init__(message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}...")
        self.line = line
        self.column = column
        self.hint = hint


@dataclass
class Node:
    """One value: a scalar, a list of nodes, or a mapping from text keys to nodes.

    `text` is a scalar as written; dates stay text. `key_node` is set on the values of a mapping. `weight` is the
    number of nodes below this one with aliases counted each time.
    """

    kind: Literal["scalar", "list", "map"]
    line: int
    column: int
    value: Scalar = None
    text: str = ""
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    duplicates: list[Duplicate] = field(default_factory=list)
    weight: int = 1

    @property
    def is_null(self) -> bool:
        """Whether this is an empty value."""
        return self.kind == "scalar" and self.value is None

    def get(self, key: str) -> Node | None:
        """Return the value at a key of a mapping, None where there is none."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def plain(self) -> Any:
        """Return the value as plain lists, dicts and scalars."""
        if self.kind == "list":
            return [item.plain() for item in self.items]
        if self.kind == "map":
            return {key: entry.node.plain() for key, entry in self.entries.items()}
        return self.value

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order of the file."""
        yield self
        for child in self.items or [entry.node for entry in self.entries.values()]:
            yield from child.walk()


@dataclass
class Entry:
    """A key's place and its value."""

    line: int
    column: int
    node: Node


@dataclass(frozen=True)
class Duplicate:
    """A key that was given again in the same mapping; the last one counts."""

    key: str
    line: int
    column: int
    first_line: int


def decode(data: bytes, limit: int = MAX_BYTES) -> str:
    """Return the text of a YAML or JSON file: UTF-8 with or without byte order mark, or UTF-16 with one.

    Raises YamlError with the line when bytes are no such text, and when there are more than `limit` of them.
    """
    if len(data) > limit:
        message = f"The file is larger than {limit // 1024:,} KiB, which is the limit."
        raise YamlError(message, hint="Move what is long out of it.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        message = f"The text is not UTF-8 (byte 0x{data[problem.start]:02x})."
        raise YamlError(message, line, None, "Save the file with the encoding UTF-8.") from problem


def load(text: str, max_nodes: int = MAX_NODES) -> Node:
    """Read one YAML document and return its root node; an empty document is a null scalar.

    Raises YamlError with line and column for a syntax fault, for what is nested deeper than MAX_DEPTH, for more than
    `max_nodes` values (aliases counted each time they are used), and for a value that contains itself.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    composer = _Composer(yaml, max_nodes)
    try:
        return composer.compose(yaml.parse(io.StringIO(text)))
    except MarkedYAMLError as problem:
        raise _syntax_error(problem, text) from problem
    except RecursionError as problem:
        raise YamlError("Values are nested too deeply.", hint=_FLATTER) from problem
    except (YAMLError, ValueError, IndexError, AttributeError, KeyError, AssertionError) as problem:
        # Outside MarkedYAMLError the parser reports by bare exceptions: unprintable characters, bad escapes, bad tags.
        raise _other_error(problem, text) from problem


def _syntax_error(problem: MarkedYAMLError, text: str) -> YamlError:
    mark = problem.problem_mark or problem.context_mark
    opened, hint = problem.context_mark, ""
    if opened is not None and "quoted scalar" in str(problem.context):
        mark, hint = opened, "The quote that opens here is not closed, or another one inside of the text ends it."
    elif opened is not None and "flow" in str(problem.context):
        hint = f"Check the bracket that opens in line {opened.line + 1}: it is not closed, or a comma is missing."
    line = mark.line + 1 if mark is not None else None
    column = mark.column + 1 if mark is not None else None
    said = str(problem.problem or problem.context or "syntax error").strip().replace("\n", " ")
    context = f" {str(problem.context).strip()}" if problem.context and problem.problem else ""
    lines = text.split("\n")
    source = lines[line - 1] if line is not None and line <= len(lines) else ""
    hint = _odd_blank(lines, line or 1) or hint or _syntax_hint(said, source)
    return YamlError(f"This is not valid YAML: {said}{context}.", line, column, hint)


def _odd_blank(lines: list[str], line: int) -> str:
    """Name what looks like a blank in a line or shortly before it, and is none; '' where there is nothing such."""
    for number in range(line, max(line - _LOOKED_BACK, 0), -1):
        found = _ODD_BLANK.search(lines[number - 1]) if number <= len(lines) else None
        if found is not None:
            name = unicodedata.name(found[0]).lower()
            return f"Line {number} has a {name} (U+{ord(found[0]):04X}), which looks like a blank: write a blank."
    return ""


def _syntax_hint(said: str, source: str) -> str:
    if "\t" in source[: len(source) - len(source.lstrip())] or "\\t" in said or "'\t'" in said:
        return "Indent with blanks; YAML allows no tabs."
    if "mapping values are not allowed" in said:
        return 'Put text that contains ": " in quotes, and check the indentation of this line.'
    if "could not find expected ':'" in said or "expected <block end>" in said or "did not find expected" in said:
        return "Check the indentation and the quotes of this line and of the lines above it."
    if "cannot start any token" in said:
        return "Put a text that starts with this character in quotes."
    if "alias" in said:
        return "A text that starts with * must stand in quotes."
    return _AROUND


def _other_error(problem: Exception, text: str) -> YamlError:
    position = getattr(problem, "position", None)
    character = getattr(problem, "character", None)
    if isinstance(position, int) and character is not None:
        code = ord(character) if isinstance(character, str) else int(character)
        bad = chr(code)
        at = text.find(bad)
        line = text.count("\n", 0, at) + 1 if at >= 0 else None
        return YamlError(f"The text holds the control character U+{code:04X}.", line, None, "Remove that character.")
    return YamlError(
        f"This is not valid YAML: {str(problem).splitlines()[0] if str(problem) else 'bad value'}.", hint=_AROUND
    )


class _Composer:
    """Puts events together to nodes; never deeper than MAX_DEPTH, so recursion is safe."""

    def __init__(self, yaml: YAML, max_nodes: int) -> None:
        self._resolver = yaml.resolver
        self._anchors: dict[str, Node | None] = {}
        self._events: Iterator[Any] = iter(())
        self._count = 0
        self._max_nodes = max_nodes

    def compose(self, events: Iterator[Any]) -> Node:
        self._events = events
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    line, column = _place(event)
                    message = "A second YAML document starts here; one is expected."
                    raise YamlError(message, line, column, 'Remove the line "---".')
                root = self._node(next(self._events), 0)
        return root or Node("scalar", 1, 1)

    def _node(self, event: Any, depth: int) -> Node:
        line, column = _place(event)
        self._count += 1
        if depth > MAX_DEPTH:
            raise YamlError(f"Values are nested more than {MAX_DEPTH} levels deep.", line, column, _FLATTER)
        if isinstance(event, AliasEvent):
            return self._alias(event, line, column)
        self._refuse_tag(event, line, column)
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, line, column)
        elif isinstance(event, SequenceStartEvent):
            node = self._list(line, column, depth)
        elif isinstance(event, MappingStartEvent):
            node = self._map(line, column, depth)
        else:  # the parser's grammar allows nothing else here
            raise YamlError("This is not valid YAML.", line, column, _AROUND)
        if anchor:
            self._anchors[anchor] = node
        if node.weight > self._max_nodes or self._count > self._max_nodes:
            raise YamlError(
                f"The file holds more than {self._max_nodes:,} values.", line, column, "Use fewer aliases (*name)."
            )
        return node

    @staticmethod
    def _refuse_tag(event: Any, line: int, column: int) -> None:
        """Refuse tags that ask for objects; those of plain values are harmless."""
        tag = None if event.tag is None else str(event.tag)
        if tag not in _KNOWN_TAGS:
            raise YamlError(f"The tag {tag} is not allowed.", line, column, "Remove the tag; plain values are enough.")

    def _alias(self, event: Any, line: int, column: int) -> Node:
        name = event.anchor
        if name not in self._anchors:
            message = f"The alias *{name} has no anchor &{name} before it."
            near = difflib.get_close_matches(name[:_MAX_ANCHOR], itertools.islice(self._anchors, _MAX_ANCHORS), n=1)
            hint = f"Did you mean *{near[0]}? " if near else ""
            raise YamlError(message, line, column, f"{hint}A text that starts with * must stand in quotes.")
        node = self._anchors[name]
        if node is None:
            raise YamlError(f"The value &{name} contains itself.", line, column, f"Write out what *{name} stands for.")
        return node

    def _list(self, line: int, column: int, depth: int) -> Node:
        node = Node("list", line, column)
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item = self._node(event, depth + 1)
            node.items.append(item)
            node.weight += item.weight
        return node

    def _map(self, line: int, column: int, depth: int) -> Node:
        node = Node("map", line, column)
        merged: list[Node] = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            node.weight += key.weight + value.weight
            if key.kind != "scalar":
                message = "A key must be a plain word, not a list or a mapping."
                raise YamlError(message, key.line, key.column, "Put it in quotes if it is a text.")
            if key.text == "<<" and isinstance(event, ScalarEvent) and event.implicit[0]:
                merged.append(value)
                continue
            if key.text in node.entries:
                first = node.entries.pop(key.text)
                node.duplicates.append(Duplicate(key.text, key.line, key.column, first.line))
            node.entries[key.text] = Entry(key.line, key.column, value)
        self._merge(node, merged)
        return node

    def _merge(self, node: Node, merged: list[Node]) -> None:
        """Take over the entries of "<<" mappings that the mapping does not give itself; the first one wins."""
        sources = [inner for value in merged for inner in (value.items if value.kind == "list" else [value])]
        for source in sources:
            if source.kind != "map":
                message = "What follows << must be a mapping."
                raise YamlError(message, source.line, source.column, "Name an anchor of a mapping, such as <<: *first.")
            for key, entry in source.entries.items():
                node.entries.setdefault(key, entry)

    def _scalar(self, event: Any, line: int, column: int) -> Node:
        text = _without_surrogates(event.value, line, column)
        tag = "str" if str(event.tag) == "!" else event.tag
        if tag is None:
            tag = self._resolver.resolve(ScalarNode, text, event.implicit)
        kind = str(tag).rpartition(":")[2]
        return Node("scalar", line, column, value=_value(kind, text, line, column), text=text)


_PLAIN: Final = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
_KNOWN_TAGS: Final = frozenset({None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in _PLAIN)})


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _without_surrogates(text: str, line: int, column: int) -> str:
    """Join pairs of escaped surrogates, as JSON writes them; one alone is no text that could be stored."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as problem:
        message = "The text holds half of a character (a lone surrogate)."
        raise YamlError(message, line, column, "Write the character itself.") from problem


def _value(kind: str, text: str, line: int, column: int) -> Scalar:
    """Return a scalar's value; what looks like a number of a forgotten kind (12:30, 0x1F) stays text."""
    if kind == "null":
        return None
    if kind == "bool" and len(text) > 1:  # the parsers that bundles were written for took y and n for words
        return text.lower() in _TRUE
    if kind == "int" and _INTEGER.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise YamlError("This number has too many digits.", line, column, "Shorten it, or put it in quotes.")
        return int(text)
    if kind == "float":
        return _float(text)
    return text


def _float(text: str) -> Scalar:
    lowered = text.lower().replace("_", "")
    if lowered.lstrip("+-") == ".nan":
        return math.nan
    if lowered.lstrip("+-") == ".inf":
        return -math.inf if lowered.startswith("-") else math.inf
    try:
        return float(lowered)
    except ValueError:
        return text
