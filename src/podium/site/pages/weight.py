"""How much work some HTML makes for who parses it as browsers do, which grows by the square of what is left open.

Every element that is open costs at each tag that follows, and formatting that was left open (`<b>`) is opened again in
each paragraph, so that some kilobytes become gigabytes. What is counted is an upper bound, in time that grows with the
length alone: a closing tag counts only where it closes what was opened last, and where tags may be text to a browser
(`<textarea>`) none counts. The grammar of tags, quotes and comments is that of the HTML standard, section 13.2.5.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 200_000
"""What people write stays far below: two thousand tags, ten deep, come to twenty thousand."""

_SPACE: Final = r"\t\n\f\r "
_UNSEEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))" rf"|<(script|style|title)(?=[{_SPACE}/>]).*?(?:</\1(?=[{_SPACE}/>])[^>]*>?|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_MAY_BE_TEXT = re.compile(
    r"<!--|<!\[CDATA\[|<(?:script|style|textarea|title|xmp|iframe|noembed|noframes|noscript|plaintext)", re.IGNORECASE
)
_ANY_TAG = re.compile(r"</?[a-zA-Z]")
_VALUE: Final = rf"""(?:"[^"]*"|'[^']*'|[^{_SPACE}>"'][^{_SPACE}>]*)"""
_ATTRIBUTES: Final = rf"(?:[{_SPACE}/]+|[^{_SPACE}/>][^{_SPACE}/>=]*(?:[{_SPACE}]*=[{_SPACE}]*{_VALUE}?)?)*+"
_TOKEN = re.compile(
    r"<(?:[!?]|/[^a-zA-Z>])[^>]*>?"  # what browsers take for a comment
    rf"|<(?P<end>/?)(?P<name>[a-zA-Z][^{_SPACE}/>]*){_ATTRIBUTES}>?"
)
_VOID: Final = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
}
_CLOSED_BY_OTHERS: Final = {
    *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup"),
}
"""What people leave open; the next of its kind closes it, or the end of what it stands in."""


def seen(html: str) -> str:
    """The HTML without what nobody sees: comments, scripts, styles and the title of a window."""
    return _UNSEEN.sub("", html)


def weight(html: str) -> int:
    """How many elements are open, summed over all tags; once that is more than `MOST` it is not counted further."""
    if _MAY_BE_TEXT.search(html):
        tags = len(_ANY_TAG.findall(html))
        return tags * (tags + 1) // 2
    total = 0
    opened: list[str] = []
    for token in _TOKEN.finditer(html):
        if token["name"] is None:
            continue
        name = token["name"].lower()
        total += len(opened) + 1
        if total > MOST:
            break
        if name in _VOID or name in _CLOSED_BY_OTHERS:
            continue
        if not token["end"]:
            opened.append(name)
        elif opened and opened[-1] == name:
            opened.pop()
    return total
