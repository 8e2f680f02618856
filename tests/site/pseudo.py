"""A language in which every message is marked, ⟦so⟧, and a reader of pages that finds what is not.

It stands in the place of French, with the numbers and dates of French. Marked is what the source has as a message, and
what Django or allauth have in their catalogues; a text that is handed to gettext and found by no extraction is not.
Values that are put into a message are outside of its marks, so they have to be marked themselves.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.contrib.messages.storage.base import BaseStorage
from django.utils.translation.trans_real import CONTEXT_SEPARATOR, DjangoTranslation

from podium.site.pages import times

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "scripts") not in sys.path:
    sys.path.insert(0, str(ROOT / "scripts"))

import messages  # noqa: E402 - a script, found by the line above

_HOLE = re.compile(f"({messages.HOLE.pattern})")


@functools.cache
def known() -> frozenset[str]:
    """Every message of the source as gettext asks for it: with its context before it, plurals by their singular."""
    found = set()
    for message in messages.extracted():
        name = message.id if isinstance(message.id, str) else message.id[0]
        if name:
            found.add(f"{message.context}{CONTEXT_SEPARATOR}{name}" if message.context else name)
    return frozenset(found)


def marked(text: str) -> str:
    """A message with its own words in marks, and what is put into it outside of them."""
    return "".join(
        piece if index % 2 or not piece.strip() else f"⟦{piece}⟧" for index, piece in enumerate(_HOLE.split(text))
    )


class PseudoTranslation(DjangoTranslation):
    """Marks instead of translating."""

    def __init__(self) -> None:
        super().__init__("fr")

    def _is_message(self, message: str) -> bool:
        catalogue: Any = self._catalog
        return message in known() or catalogue.get(message) is not None or catalogue.get((message, 0)) is not None

    def gettext(self, message: str) -> str:
        """The message, marked; one that is in no catalogue as it is."""
        return marked(message.rpartition(CONTEXT_SEPARATOR)[2]) if self._is_message(message) else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The form for a number, marked."""
        chosen = msgid1 if n == 1 else msgid2
        return marked(chosen.rpartition(CONTEXT_SEPARATOR)[2]) if self._is_message(msgid1) else chosen


def speak(monkeypatch: Any) -> None:
    """Put the language in the place of French."""
    monkeypatch.setattr("django.utils.translation.trans_real._translations", {"fr": PseudoTranslation()})
    monkeypatch.setattr(times, "months", inspect.unwrap(times.months))  # kept by language, so the marks would stay


def overhear(monkeypatch: Any) -> list[str]:
    """Every message that is said above the next page, as it is put there."""
    said: list[str] = []
    add = BaseStorage.add

    def heard(storage: Any, level: int, message: Any, extra_tags: str = "") -> None:
        said.append(str(message))
        add(storage, level, message, extra_tags)

    monkeypatch.setattr(BaseStorage, "add", heard)
    return said


_SHOWN = ("title", "aria-label", "placeholder", "alt", "data-label", "data-sure", "aria-description")
_MACHINES = re.compile(
    r"\s(value|x|y|x1|x2|y1|y2|cx|cy|r|rx|width|height|points|d|viewBox|max|min|step|colspan|name|id|for|class)"
    r'="([^"]*)"'
)
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
_CODE = {"script", "style", "code", "pre", "kbd", "svg", "textarea"}
_MARKED = re.compile(r"⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[^\W\d_]{2,}")


class Words(HTMLParser):
    """The texts of a page that people see: one for all that stands in it, and one for each attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self._silent: list[str] = []
        self._untold: list[str] = []  # open elements within one that says of itself that it stays as it is
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._untold or given.get("translate") == "no":
            self._untold += [] if tag in _VOID else [tag]
            return
        self.attributes += [str(given[name]) for name in _SHOWN if given.get(name)]
        if tag == "meta" and given.get("name") == "description":
            self.attributes.append(str(given["content"]))
        if tag in _CODE:
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._untold:
            if tag not in _VOID:
                self._untold.pop()
            return
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent and not self._untold:
            self.texts.append(data)


def for_machines(page: str) -> list[tuple[str, str]]:
    """The attributes that browsers and scripts read, which are the same in every language."""
    without_words = re.sub(r'<script id="words-.*?</script>', "", page, flags=re.DOTALL)
    found = _MACHINES.findall(without_words)
    return [(name, value) for name, value in found if name != "value" or re.fullmatch(r"[\d.,]+", value)]


def differing(some: list[Any], others: list[Any]) -> list[Any]:
    """The first places in which two lists differ."""
    return [pair for pair in itertools.zip_longest(some, others) if pair[0] != pair[1]][:3]


def any_of(texts: Iterable[str], *patterns: str) -> re.Pattern[str]:
    """Matches each of the texts where it stands by itself, and the patterns."""
    longest_first = sorted((re.escape(text) for text in texts), key=len, reverse=True)
    return re.compile("|".join([*patterns, rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)"]))


def unmarked(page: str, data: re.Pattern[str]) -> list[str]:
    """What people read on a page that is no message. data: what people or machines have put there."""
    words = Words(page)
    found: list[str] = []
    for text in ["\x1f".join(words.texts), *words.attributes]:
        left = data.sub("\x1f", _MARKED.sub("\x1f", text))
        found += [piece.strip() for piece in re.split(r"[\x1f\n]+", left) if _WORD.search(piece)]
    return found
