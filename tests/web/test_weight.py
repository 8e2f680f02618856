"""What HTML would cost is known before it is parsed: some kilobytes become gigabytes otherwise."""

from __future__ import annotations

import re

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.site.pages.markdown import render, render_post
from podium.site.pages.weight import MOST, seen, weight

PIECES = [
    *("<b {n}>", "<i {n}>", "<a href={n}>", "<div>", "<span>", "<table>", "<tr>", "<td>", "<li>", "<ul>", "<p>x", "x"),
    *(
        "</b>",
        "</i>",
        "</a>",
        "</div>",
        "</span>",
        "</table>",
        "</td>",
        "</ul>",
        "</p>",
        "</>",
        "</ x>",
        "<br/>",
        "<b/>",
    ),
    *("<!--", "-->", "<!-->", "--!>", "<![CDATA[", "]]>", "<?", "<!x>", "<svg>", "</svg>", "<math>", "<mi>", "</mi>"),
    *("<style>", "</style>", "<textarea>", "</textarea>", "<title>", "</title>", "<select>", "</select>", "<template>"),
    *('<b a="', "<b a='", '">', "'>", '<p " >', "<p a=>", "<p =a='>", "<b a/=", "<object>", "</object>", "<button>"),
    *(
        "<script>",
        "</script>",
        "<script><!--",
        "<xmp>",
        "<noscript>",
        "</noscript>",
        "<h1>",
        "</h2>",
        "<nobr>",
        "\0",
        "<",
    ),
]
TAGS = {
    "b",
    "i",
    "a",
    "div",
    "span",
    "table",
    "tbody",
    "tr",
    "td",
    "li",
    "ul",
    "p",
    "br",
    "svg",
    "math",
    "mi",
    "select",
}
TAGS |= {"select", "object", "button", "h1", "nobr", "template", "textarea", "title", "xmp", "noscript"}
CLEANER = nh3.Cleaner(tags=TAGS, attributes={}, link_rel=None)


@given(st.lists(st.sampled_from(PIECES), max_size=5), st.lists(st.sampled_from(PIECES), max_size=6))
def test_no_more_elements_come_out_than_were_counted(first: list[str], again: list[str]) -> None:
    html = "".join(first) + "".join("".join(again).replace("{n}", str(n)) for n in range(30)) + "<p>x" * 30
    shown = seen(html)
    assert len(re.findall(r"<[a-z]", CLEANER.clean(shown))) <= 2 * weight(shown) + 50


@pytest.mark.parametrize(
    "hostile",
    [
        "<p>" + "".join(f"<b a={n}>" for n in range(2000)) + "<p>x" * 2000,
        "<div>" * 20_000,
        "<div><table><td></div></table>" * 3000,
        "<div><!--" + "</div>" * 5000 + "-->" + "<div>" * 5000,
        "<style><!--</style>" + "<div>" * 5000,
        "<textarea></textarea>" + "<div>" * 5000,
        '<p " >' + "<div>" * 5000 + '" >',
        "</>" + "<div>" * 5000,
        "^[" * 30_000,
        "[^1]: x\n\n" + "[^1] " * 30_000,
    ],
)
def test_what_would_take_the_memory_of_the_process_is_shown_as_text(hostile: str) -> None:
    for rendered in (render(hostile), render_post(hostile)):
        assert rendered.startswith("<pre>")
        assert len(rendered) < 5 * len(hostile)


def test_a_post_may_be_a_tenth_as_heavy() -> None:
    text = "<p>" + "".join(f"<b a={n}>" for n in range(250)) + "<p>x" * 100
    assert render_post(text).startswith("<pre>") and not render(text).startswith("<pre>")


def test_long_pages_as_people_write_them_are_light() -> None:
    old = (
        "<div class='row'><p>Hello <b>you</b> & 1 < 2<ul><li>one<li>two</ul><table><tr><td>1<td>2</table></div>\n"
        * 1000
    )
    page = f"<style>p {{ color: red }}</style><!-- <div> of old --><title>x</title>{old}"
    assert weight(seen(old)) < MOST // 5
    assert render(old).count("<table>") == 1000
    assert "<script" not in seen(page) and "color" not in render(page)
    new = (
        "## Data\n\nSome *text* with [a link](https://example.org), `code`.\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|\n\n"
        * 800
    )
    assert render(new).count("<h3>") == 800
