"""What people write, as HTML that is safe to show.

Competitions hold Markdown and HTML, often mixed. So Markdown is rendered with raw HTML let through, and then
everything is cleaned by an allow-list: elements and attributes that are not named here go, scripts and styles with
their content. Images load only from this site or from within the page (`data:`), as the site's content security
policy has it; an image elsewhere becomes a link to it, so that looking at a page tells no other server who looks.
An image that is named by a relative path is a file of what the text belongs to, which `render` is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from html import escape, unescape
from typing import Any
from urllib.parse import quote, unquote

import nh3
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin

from podium.site.pages.weight import MOST, seen, weight

Pictures = Callable[[], Mapping[str, str]]
"""Addresses by name."""
MAX_CHARACTERS = 200_000
"""Longer texts are shown as plain text: the worst of them would keep a request busy for many seconds (measured)."""
MAX_BRACKETS = 20_000
"""So many `[` take a second, and twice as many four."""
MAX_HTML = 1_000_000
"""Characters that a text may become: a footnote that is named time and again is a link each time."""
MAX_POST = 20_000
"""The same for one of many texts on a page, see `_is_costly`."""

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
    parser.add_render_rule("th_open", aligned_cell)
    parser.add_render_rule("td_open", aligned_cell)
    return parser


def aligned_cell(
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
    read = _IGNORED_IN_ADDRESSES.sub("", source)  # as browsers and mail programs do: "/ /host" is "//host"
    return read.startswith("/") and not read.startswith(("//", "/\\"))


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "id":
        return value if _FOOTNOTE_ID.fullmatch(value) else None
    if (tag, name) == ("img", "src"):
        return value if _is_local(value) else None
    if (tag, name) == ("a", "href"):
        scheme = _SCHEME.match(_IGNORED_IN_ADDRESSES.sub("", value))
        return None if scheme and scheme[1].lower() == "data" else value
    return value


def _before_rewriting(tag: str, name: str, value: str) -> str | None:
    return value if (tag, name) == ("img", "src") else _attribute(tag, name, value)


@cache
def _cleaner(*, last: bool) -> nh3.Cleaner:
    options: dict[str, Any] = {
        "tags": _TAGS,
        "attributes": _ATTRIBUTES,
        "allowed_classes": _CLASSES,
        "attribute_filter": _attribute if last else _before_rewriting,
        "url_schemes": {"http", "https", "mailto", "data"},
        "link_rel": "nofollow noopener",
        "strip_comments": True,
    }
    return nh3.Cleaner(**options)


# Matched against the cleaner's own output only, which is well-formed: attributes in double quotes, no comments.
_TAG = re.compile(r'<(/?)(img|h[1-6])\b((?:[^">]|"[^"]*")*)>')
_GIVEN = re.compile(r'([a-z]+)="([^"]*)"')


_NAMED = "/~named/"
"""Before the name of a picture, until it is known where that is; no page of the site is called so."""
_ELSEWHERE = re.compile(r"[\x00-\x20]*(?:[a-z][a-z0-9+.-]*:|[/\\#?])", re.IGNORECASE)
_PLACED = re.compile(r'<img src="/~named/([^"]*)" alt="([^"]*)"((?: [a-z]+="[^"]*")*)>')


def _more(given: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(given[name])}"' for name in ("title", "width", "height") if name in given)


def _placed(html: SafeString, pictures: Pictures | None) -> SafeString:
    """Give the pictures that are named their addresses; of others there are only the words."""
    if _NAMED not in html:
        return html
    there = pictures() if pictures is not None else {}

    def one(found: re.Match[str]) -> str:
        address = there.get(unquote(found[1]))
        if address:
            return f'<img src="{escape(address)}" alt="{found[2]}"{found[3]}>'
        return escape(unescape(found[2]) or _("image"))

    return mark_safe(_PLACED.sub(one, html))  # noqa: S308 - cleaned before; the addresses are ours


def _rewritten(match: re.Match[str], lower_headings: int) -> str:
    """A heading some levels lower, or a link in place of an image that is on another site."""
    slash, tag, attributes = match.groups()
    if tag != "img":
        return f"<{slash}h{min(6, int(tag[1]) + lower_headings)}>"
    given = {name: unescape(value) for name, value in _GIVEN.findall(attributes)}
    source = given.get("src", "")
    if _is_local(source):
        return match.group()
    words = given.get("alt") or given.get("title") or _("image")
    if source and not _ELSEWHERE.match(source):
        return f'<img src="{_NAMED}{quote(unquote(source))}" alt="{escape(given.get("alt", ""))}"{_more(given)}>'
    if source.startswith(("http://", "https://", "//")):
        words = _("%(words)s (image on another site)") % {"words": words}
        return f'<a href="{escape(source)}">{escape(words)}</a>'
    return escape(words)


def clean(html: str, *, lower_headings: int = 0) -> SafeString:
    """Clean HTML by the allow-list.

    Links get rel="nofollow noopener"; a link by `data:` loses its address. Cleaned twice: what is rewritten in
    between is well-formed then, and whatever the rewriting makes of it is cleaned like the rest.
    lower_headings: by how many levels, so that a page has one first heading, its own; counted from the highest that
    the text has, so that none is left out between the page's and its own.
    """
    formed = _cleaner(last=False).clean(html)
    highest = min((int(tag[1]) for _slash, tag, _given in _TAG.findall(formed) if tag != "img"), default=1)
    lower = lower_headings + 1 - highest if lower_headings else 0
    rewritten = _TAG.sub(lambda match: _rewritten(match, lower), formed)
    return mark_safe(_cleaner(last=True).clean(rewritten))  # noqa: S308 - cleaned just now


@cache
def _plain_parser() -> MarkdownIt:
    """Without footnotes: their addresses would be those of another text on the same page."""
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False, "typographer": False})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("th_open", aligned_cell)
    parser.add_render_rule("td_open", aligned_cell)
    return parser


def _is_costly(text: str) -> bool:
    """Whether a post would take longer than a page of them may: each of these costs by its square, or makes many cells.

    Of 10,000 characters the worst took 15 seconds (rows of a wide table, which are filled up); so at most 0.2.
    """
    if len(text) > MAX_POST or text.count("[") > 500 or text.count("<") > 1000:
        return True
    if sum(text.count(each) for each in "*_~") > 2000:
        return True
    lines = text.splitlines()
    return len(lines) * max((line.count("|") for line in lines), default=0) > 5000


_ID = re.compile(r'(<(?:li|sup)\b[^>]*?) id="[^"]*"')


def render_post(text: str) -> SafeString:
    """Render one of several texts on a page: as `render`, without footnotes and with nothing that has an id.

    What would take long is shown as plain text.
    """
    return _placed(_rendered_post(text, get_language()), None)


@lru_cache(maxsize=256)
def _rendered_post(text: str, _language: str | None) -> SafeString:
    html = "" if _is_costly(text) else seen(_plain_parser().render(text))
    if not html or weight(html) > MOST // 10:
        return _as_text(text)
    formed = clean(html, lower_headings=2)
    return mark_safe(_ID.sub(r"\1", formed))  # noqa: S308 - cleaned; only attributes are taken out


def render(text: str, pictures: Pictures | None = None) -> SafeString:
    """Render Markdown or HTML that a person wrote.

    text: CommonMark with tables, footnotes and strikethrough; HTML within it is cleaned like everything else. The
    highest heading comes out as the third level, since it stands below a page's title and a section's. What would take
    long, or more memory than a page is worth, is shown as plain text.
    pictures: asked for the addresses of pictures by their names, where the text names any.
    """
    return _placed(_rendered(text, get_language()), pictures)


@lru_cache(maxsize=64)
def _rendered(text: str, _language: str | None) -> SafeString:
    if len(text) > MAX_CHARACTERS or text.count("[") > MAX_BRACKETS:
        return _as_text(text)
    html = seen(_parser().render(text))
    if len(html) > MAX_HTML or weight(html) > MOST:
        return _as_text(text)
    return clean(html, lower_headings=2)


def _as_text(text: str) -> SafeString:
    return mark_safe(f"<pre>{escape(text)}</pre>")  # noqa: S308 - escaped


_HEADING = re.compile(
    r"\s*(?:#{1,6}[ \t]+\S|<h[1-6][\s>]"  # "# Data", "<h1>Data</h1>"
    r"|[^\s#>*+<|`-][^\n]*\n(?:=+|-+)[ \t]*(?:\n|$))"  # "Data" underlined
)


def begins_with_heading(text: str) -> bool:
    """Whether a text opens with a heading of its own, so that its title above it would be a second one."""
    return _HEADING.match(text) is not None
