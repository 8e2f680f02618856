"""The documentation by its passages, each from one heading to the next: what a search in it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from markdown_it.token import Token

from podium.site.pages import handbook
from podium.site.searching import terms

EXCERPT: Final = 180
"""Characters of a passage that are shown."""
_LAST: Final = "features"
"""A table of everything has all words, so it comes last."""


@dataclass(frozen=True)
class Passage:
    """What stands below one heading.

    address: of the heading on this site. chapter: the title of its page. text: without marks and line ends.
    """

    address: str
    chapter: str
    heading: str
    text: str


@dataclass(frozen=True)
class Found:
    """A passage with a piece of its text around the first word that was searched for, in parts: (text, whether hit)."""

    passage: Passage
    excerpt: list[tuple[str, bool]]


def saying(text: str) -> list[Found]:
    """The passages in which each word of `text` occurs: those with the words in their headings first."""
    words = [word.casefold() for word in terms(text)]
    found = [passage for passage in passages() if words and _has_all(passage, words)]
    found.sort(
        key=lambda passage: (
            -sum(2 * (word in passage.heading.casefold()) + (word in passage.chapter.casefold()) for word in words)
        )
    )
    return [Found(passage, _excerpt(passage.text, words)) for passage in found]


@cache
def passages() -> tuple[Passage, ...]:
    """All passages, in the order in which pages are read."""
    names = ["index", *handbook.chapters()]
    names.sort(key=lambda name: name == _LAST)
    return tuple(passage for name in names for passage in _of_chapter(name))


def _of_chapter(name: str) -> Iterator[Passage]:
    address, title = handbook.address_of(name), handbook.title_of(name)
    pieces: list[str] = []
    heading, anchor, opened = title, "", False
    for token in handbook.tokens_of(name):
        if token.type == "heading_open":
            if pieces:
                yield Passage(f"{address}{anchor}", title, heading, " ".join(pieces))
            anchor, pieces, opened = f"#{token.attrs['id']}", [], True
        elif token.type == "inline" and opened:
            heading, opened = _plain(token), False
        elif token.type in {"inline", "fence", "code_block"}:
            pieces.append(" ".join(_plain(token).split()))
    if pieces:
        yield Passage(f"{address}{anchor}", title, heading, " ".join(pieces))


def _plain(token: Token) -> str:
    if not token.children:
        return token.content
    return "".join(" " if "break" in child.type else child.content for child in token.children)


def _has_all(passage: Passage, words: list[str]) -> bool:
    where = f"{passage.chapter}\n{passage.heading}\n{passage.text}".casefold()
    return all(word in where for word in words)


def _excerpt(text: str, words: list[str]) -> list[tuple[str, bool]]:
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(text)
    start = max(0, first.start() - EXCERPT // 3) if first else 0
    start = text.find(" ", start) + 1 if start else 0
    shown = text[start : start + EXCERPT]
    parts, at = [("… ", False)] if start else [], 0
    for hit in pattern.finditer(shown):
        parts += [(shown[at : hit.start()], False), (hit[0], True)]
        at = hit.end()
    return [*parts, (shown[at:] + (" …" if start + EXCERPT < len(text) else ""), False)]
