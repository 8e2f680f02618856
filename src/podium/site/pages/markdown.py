"""What people write, as HTML that is safe to show.

Competitions hold Markdown and HTML, often mixed. So Markdown is rendered with raw HTML let through, and then
everything is cleaned by an allow-list: elements and attributes that are not named here go, scripts and styles with
their content. Images load only from this site or from within the page (`data:`), as the site's content security
policy has it; an image elsewhere becomes a link to it, so that looking at a page tells no other server who looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from html.parser import HTMLParser
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin

MAX_CHARACTERS = 500_000
"""Longer texts are shown as plain text: rendering them would keep a request busy."""

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del"),
    *("details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", *_HEADINGS, "hr", "i", "img", "ins", "kbd"),
    *("li", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "ol": {"start", "type"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "li": {"id"},
    "sup": {"id"},
}
_FOOTNOTE_ID = re.compile(r"fn(ref)?[0-9]+(:[0-9]+)?")
_IMAGE_DATA = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_CLASSES = {"section": {"footnotes"}, "sup": {"footnote-ref"}, "li": {"footnote-item"}, "a": {"footnote-backref"}}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_IGNORED_IN_ADDRESSES = re.compile(r"[\x00-\x20]+")  # browsers skip these when they read a scheme


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False, "typographer": False})
    parser.enable(["table", "strikethrough"]).use(footnote_plugin)
    parser.add_render_rule("th_open", _aligned_cell)
    parser.add_render_rule("td_open", _aligned_cell)
    return parser


def _aligned_cell(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Say a column's alignment by attribute; the content security policy forbids style attributes."""
    token = tokens[index]
    style = str(token.attrs.pop("style", ""))
    if style.startswith("text-align:"):
        token.attrs["align"] = style.removeprefix("text-align:")
    return renderer.renderToken(tokens, index, options, env)


def _is_local(source: str) -> bool:
    if source.startswith("data:"):
        return _IMAGE_DATA.fullmatch(source) is not None
    return source.startswith("/") and not source.startswith(("//", "/\\"))


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "id":
        return value if _FOOTNOTE_ID.fullmatch(value) else None
    if (tag, name) == ("img", "src"):
        return value if _is_local(value) else None
    if (tag, name) == ("a", "href"):
        scheme = _SCHEME.match(_IGNORED_IN_ADDRESSES.sub("", value))
        return None if scheme and scheme[1].lower() == "data" else value
    return value


@cache
def _cleaner() -> nh3.Cleaner:
    options: dict[str, Any] = {
        "tags": _TAGS,
        "attributes": _ATTRIBUTES,
        "allowed_classes": _CLASSES,
        "attribute_filter": _attribute,
        "url_schemes": {"http", "https", "mailto", "data"},
        "link_rel": "nofollow noopener",
        "strip_comments": True,
    }
    return nh3.Cleaner(**options)


class _ImagesElsewhere(HTMLParser):
    """Copies HTML and puts a link in place of each image that is on another site.

    Runs before the cleaner, so that whatever it makes of strange HTML is cleaned like the rest.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        source = (given.get("src") or "").strip()
        if tag != "img" or _is_local(source):
            self.out.append(self.get_starttag_text() or "")
            return
        words = escape(given.get("alt") or given.get("title") or "image")
        if source.startswith(("http://", "https://", "//")):
            self.out.append(f'<a href="{escape(source)}">{words} (image on another site)</a>')
        else:
            self.out.append(words)

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")


def clean(html: str) -> SafeString:
    """Clean HTML by the allow-list.

    Links get rel="nofollow noopener"; a link by `data:` loses its address.
    """
    if "<img" in html.lower():
        images = _ImagesElsewhere()
        images.feed(html)
        images.close()
        html = "".join(images.out)
    return mark_safe(_cleaner().clean(html))  # noqa: S308 - cleaned just now


def render(text: str) -> SafeString:
    """Render Markdown or HTML that a person wrote.

    text: CommonMark with tables, footnotes and strikethrough; HTML within it is cleaned like everything else.
    """
    if len(text) > MAX_CHARACTERS:
        return mark_safe(f"<pre>{escape(text)}</pre>")  # noqa: S308 - escaped
    return clean(_parser().render(text))
