"""The documentation as pages of the site: the files of `docs/` by section, with links that lead from page to page."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext_lazy
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from podium.site.pages.markdown import aligned_cell

SECTIONS: Final[dict[str, tuple[str | Promise, tuple[str, ...]]]] = {
    "participants": (
        pgettext_lazy("documentation for", "Participants"),
        ("index", "account", "failures", "forum", "resources", "uploads", "cli", "commands", "client"),
    ),
    "organizers": (
        pgettext_lazy("documentation for", "Organizers"),
        ("index", "bundles", "queues", "terminal", "webhooks", "codalab"),
    ),
    "operators": (
        pgettext_lazy("documentation for", "Operators"),
        ("index", "configuration", "sign-in", "workers", "rabbitmq", "monitoring", "bucket", "backup"),
    ),
    "developers": (
        pgettext_lazy("documentation for", "Developers"),
        (
            *("index", "testing", "conventions", "api", "access", "hostile-reading", "sandbox", "worker", "durability"),
            *("live", "archive", "design", "translating", "figures"),
        ),
    ),
}
"""Sections by their folder: what they are called, and their files in the order in which they are read."""

_TITLE = re.compile(r"# (.+)")


@dataclass(frozen=True)
class Chapter:
    """One page of the documentation: its name ("organizers/bundles"), its title, and its text as HTML."""

    name: str
    title: str
    html: SafeString


def chapters() -> list[str]:
    """The names of all pages, in order."""
    return ["features", *(f"{section}/{name}" for section, (_, names) in SECTIONS.items() for name in names)]


@cache
def chapter(name: str) -> Chapter:
    """A page by its name, "index" for the first one. Raises KeyError when there is none of that name."""
    if name not in {"index", *chapters()}:
        raise KeyError(name)
    tokens = tokens_of(name)
    for token in tokens:
        for inner in token.children or ():
            _lead(inner, posixpath.dirname(name))
    html = str(_parser().renderer.render(tokens, _parser().options, {}))
    return Chapter(name, title_of(name), mark_safe(html))  # noqa: S308 - ours


def tokens_of(name: str) -> list[Token]:
    """What a page consists of; its headings have ids."""
    return _parser().parse(_file(name).read_text(encoding="utf-8"))


def _file(name: str) -> Path:
    return Path(settings.DOCS_DIR) / f"{name}.md"


@cache
def title_of(name: str) -> str:
    """The first heading of a page."""
    with _file(name).open(encoding="utf-8") as lines:
        found = _TITLE.match(lines.readline())
    return found[1] if found else name


def address_of(name: str) -> str:
    """Where a page is on this site."""
    return reverse("docs") if name == "index" else reverse("docs_chapter", args=[name.removesuffix("/index")])


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.use(anchors_plugin, max_level=4)
    parser.add_render_rule("th_open", aligned_cell)
    parser.add_render_rule("td_open", aligned_cell)
    return parser


def _lead(token: Token, folder: str) -> None:
    """Let a link to another file lead to its page, and an image to where the site has it."""
    if token.type == "image":
        picture = posixpath.basename(str(token.attrs["src"]))
        token.attrs.update({"src": static(f"docs/{picture}"), "loading": "lazy"})
    if token.type == "link_open":
        path, hash_, anchor = str(token.attrs["href"]).partition("#")
        name = posixpath.normpath(posixpath.join(folder, path)).removesuffix(".md")
        if path.endswith(".md") and name in {"index", *chapters()}:
            token.attrs["href"] = f"{address_of(name)}{hash_}{anchor}"
