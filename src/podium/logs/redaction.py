"""What must never reach a log, and how it is recognized: by its name, by its shape, or because we know it.

- *By name*: a value whose key, header, cookie or parameter is called password, token, secret and the like.
- *By shape*: bearer tokens, passwords in addresses, signed addresses of files, one-time addresses of accounts.
- *Known*: the secrets of this process's own settings (`hide`), wherever and however they turn up.

Rather a word too many is hidden than one too few.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

HIDDEN = "[redacted]"
LEAST_KNOWN = 8
"""A known secret that is shorter is not looked for in texts: it would blank out ordinary words."""
MOST_TEXT = 32_768
"""Characters of one value that are logged."""
MOST_DEPTH = 6
MOST_ITEMS = 200

_NAME = r"passw(?:or)?d|passphrase|secret|token|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key" + (
    r"|signature|credential|session"
)
_NAMED = re.compile(rf"{_NAME}|^sig$", re.IGNORECASE)
# A quoted text, also one whose quotes are escaped because it stands in another.
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|\\+[\"'][^\"'\\\s]*"
# Bounded repeats, so that no text, however it is made, costs more than its length.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A cookie header holds several values, so the line ends with it.
    (re.compile(rf"(?i)\b((?:set-)?cookie[\"']?\s*[:=]\s*)(?:b?(?:{_QUOTED})|[^\r\n]+)"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(authorization[\"']?\s*[:=,]\s*)(?:b?(?:{_QUOTED})|(?:\w+\s+)?[^\s,;]+)"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(token\s+)[A-Za-z0-9._~+/=-]{20,}"), rf"\1{HIDDEN}"),
    # Podium's own tokens, wherever they stand: of a queue, a person, an attempt.
    (re.compile(r"\b(podium_[a-z]{1,3}_)[A-Za-z0-9_-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(://)[^\s\"'<>@/]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(/files/)[^\s\"'<>?#\\]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(/submission_input/\d+/\d+/)[^\s\"'<>?#/\\]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(/accounts/(?:password/reset/key|confirm-email|delete)/)[^\s\"'<>?#/\\]+"), rf"\1{HIDDEN}"),
    # name=value in queries, forms and texts; "name": "value" in JSON and in Python's own notation.
    (
        re.compile(
            rf"(?i)((?:(?:{_NAME})[\w.-]{{0,40}}|\bsig)\\*[\"']?\s*[:=]\s*)(?:b?(?:{_QUOTED})|[^\s&;,\"'<>)}}\]]+)"
        ),
        rf"\1{HIDDEN}",
    ),
)


class _Known:
    """The secrets that this process knows, in every notation in which a text may hold them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        with self._lock:
            for value in values:
                if len(value) >= LEAST_KNOWN:
                    self._values |= {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
                    self._values.add(repr(value)[1:-1])
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def redact(self, text: str) -> str:
        pattern = self._pattern
        return pattern.sub(HIDDEN, text) if pattern else text


_known = _Known()


def hide(*secrets: str | None) -> None:
    """From now on these values are blanked out wherever they turn up in a log of this process."""
    _known.add(secret for secret in secrets if secret)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret."""
    return _NAMED.search(name) is not None


def redact_text(text: str) -> str:
    """The text with every secret in it blanked out; a very long text loses its end."""
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]}... ({len(text) - MOST_TEXT} more characters)"
    text = _known.redact(text)
    for pattern, instead in _SHAPES:
        text = pattern.sub(instead, text)
    return text


def redact_value(value: Any, depth: int = 0) -> Any:
    """The value as plain data (texts, numbers, lists, dictionaries) with every secret in it blanked out."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= MOST_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        items = list(value.items())[:MOST_ITEMS]
        return {redact_text(_shown(key)): _named(_shown(key), inner, depth) for key, inner in items}
    if isinstance(value, list | tuple | set | frozenset):
        if len(value) == 2 and isinstance(value, list | tuple) and isinstance(value[0], str | bytes):
            return [
                redact_value(value[0], depth + 1),
                _named(_shown(value[0]), value[1], depth),
            ]  # a header, a form's field
        return [redact_value(inner, depth + 1) for inner in list(value)[:MOST_ITEMS]]
    return redact_text(_shown(value))


def _named(name: str, value: Any, depth: int) -> Any:
    if is_secret_name(name) and value is not None and not isinstance(value, bool):
        return HIDDEN
    return redact_value(value, depth + 1)


def _shown(value: object) -> str:
    """A text for a value; an object that cannot even be shown must not cost the line."""
    if isinstance(value, str):
        return str(value)
    try:
        return str(value) if isinstance(value, UUID | PurePath | date | Enum) else repr(value)
    except Exception:  # noqa: BLE001 - whatever its code does, and a logger has nobody to tell
        return f"<{type(value).__name__} that cannot be shown>"
