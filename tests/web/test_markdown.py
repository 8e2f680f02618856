"""What organizers write is shown, and nothing of it runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.site.pages.markdown import MAX_CHARACTERS, begins_with_heading, clean, render, render_post

_FORBIDDEN = {"script", "style", "iframe", "object", "embed", "form", "input", "button", "svg", "math", "base", "link"}
_FORBIDDEN |= {"meta", "template", "noscript", "textarea", "select", "video", "audio", "marquee"}
_ATTRIBUTES = {"href", "title", "src", "alt", "width", "height", "loading", "align", "rel", "class", "id", "colspan"}
_ATTRIBUTES |= {"rowspan", "scope", "start", "type", "span", "open"}


class _Dangers(HTMLParser):
    """Elements, attributes and addresses that must not come through."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _FORBIDDEN:
            self.found.append(tag)
        for name, value in attrs:
            if name not in _ATTRIBUTES:
                self.found.append(f"{tag} {name}")
            scheme = re.sub(r"[\x00-\x20]", "", value or "").lower().partition(":")[0]
            if name in {"href", "src"} and scheme in {"javascript", "vbscript", *(["data"] if tag == "a" else [])}:
                self.found.append(f"{tag} {name}={value}")
            if (tag, name) == ("img", "src") and not (value or "").startswith(("/", "data:image/")):
                self.found.append(f"image elsewhere: {value}")


def dangers(html: str) -> list[str]:
    """What of some HTML would run, load from elsewhere or cover the page."""
    return _Dangers(html).found


@pytest.mark.parametrize(
    "html",
    [
        "<script></script>",
        "<b onclick=x>x</b>",
        "<a href='java\nscript:x'>x</a>",
        "<a href='data:x'>x</a>",
        "<img src=x>",
    ],
)
def test_the_check_itself_sees_what_is_dangerous(html: str) -> None:
    assert len(dangers(html)) == 1


def test_headings_tables_code_and_footnotes_are_rendered() -> None:
    html = render("## Title\n\n|a|b|\n|:-:|--|\n|1|2|\n\n`code` ~~old~~ x[^1]\n\n[^1]: note\n")
    for part in ("<h3>Title</h3>", '<th align="center">a</th>', "<code>code</code>", "<s>old</s>", 'id="fn1"'):
        assert part in html


def test_html_of_an_organizer_is_kept_where_it_is_harmless() -> None:
    assert render("<center><b>Hello</b></center>") == "<center><b>Hello</b></center>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=/x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' jAvAsCrIpT\n:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<iframe src=//evil.example></iframe>",
        "<form action=//evil.example><input name=password></form>",
        "<p style='position:fixed;inset:0'>cover</p>",
        "<style>*{display:none}</style>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        '<img alt="><script>alert(1)</script>" src="//evil.example/x">',
        '<a title="<img src=//evil.example onerror=alert(1)>">x</a>',
        "<base href=//evil.example>",
        "<meta http-equiv=refresh content='0;url=//evil.example'>",
        "[x](javascript:alert(1))",
        "![x](javascript:alert(1))",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<template><script>alert(1)</script></template>",
    ],
)
def test_nothing_that_runs_or_covers_the_page_comes_through(hostile: str) -> None:
    assert dangers(render(hostile)) == []


@given(st.text(alphabet="<>\"'=/ aimgscriptonerror!-[]()&;#x`\n", max_size=200))
def test_no_garbled_html_breaks_out(text: str) -> None:
    assert dangers(render(text)) == []


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_an_image_on_another_site_becomes_a_link_to_it() -> None:
    html = render("![A plot](https://example.org/plot.png)")
    assert "<img" not in html
    assert '<a href="https://example.org/plot.png" rel="nofollow noopener">A plot (image on another site)</a>' in html


def test_an_image_of_this_site_or_within_the_page_is_shown() -> None:
    assert '<img src="/static/x.png"' in render("![x](/static/x.png)")
    assert "<img" in render("![x](data:image/png;base64,AAAA)")


def test_a_picture_that_is_named_is_shown_where_it_is() -> None:
    there = {"a b/plot.png": "/files/one?x=1&y=2"}
    for text in ("![A plot](a%20b/plot.png)", "<img alt='A plot' src='a b/plot.png'>"):
        assert '<img src="/files/one?x=1&amp;y=2" alt="A plot">' in render(text, lambda: there)
        assert "<img" not in render(text) and "A plot" in render(text), "the words stand in for one that is nowhere"
    sized = render('<img src="a b/plot.png" title="<b>" width="20" onerror="x">', lambda: there)
    assert 'title="&lt;b&gt;" width="20">' in sized and "onerror" not in sized
    assert render("no picture", lambda: pytest.fail("asked for nothing")) == "<p>no picture</p>\n"


@pytest.mark.parametrize("there", [{}, {"x": "/files/x"}])
@pytest.mark.parametrize(
    "hostile",
    [
        """<img src=x alt="<script>alert(1)</script>">""",
        """<img src=x alt='"><script>alert(1)</script>' title='"><script>'>""",
        "![<script>alert(1)</script>](x)",
        """<img src='/~named/x' alt='<img src=//evil.example onerror=alert(1)>'>""",
        """<img src="x&quot; onerror=&quot;alert(1)">""",
    ],
)
def test_the_words_of_a_named_picture_run_nothing(hostile: str, there: dict[str, str]) -> None:
    assert dangers(render(hostile, lambda: there)) == []


def test_an_svg_within_the_page_is_not_shown_as_an_image() -> None:
    assert "data:" not in render("<img alt=x src='data:image/svg+xml;base64,AAAA'>")


def test_links_give_no_credit_and_no_handle_on_the_page() -> None:
    assert 'rel="nofollow noopener"' in render("[x](https://example.org)")


def test_ids_cannot_collide_with_those_of_the_page() -> None:
    assert "id=" not in render("<li id=content>x</li>")


def test_headings_stand_below_those_of_the_page() -> None:
    assert render("# a\n\n<h2>b</h2>\n\n###### c") == "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>\n"
    assert render("### a\n\n#### b") == render("## a\n\n### b") == "<h3>a</h3>\n<h4>b</h4>\n", "none is left out"


@pytest.mark.parametrize(
    ("text", "opens"),
    [
        ("# Data\nx", True),
        ("\n## data ##\n", True),
        ("Data\n====\nx", True),
        ("<h1 class=x>Data</h1>", True),
        ("Data\nx", False),
        ("#tag of a line", False),
        ("<hr>\n# Data", False),
        ("- a\n---\n", False),
        ("", False),
    ],
)
def test_a_page_that_opens_with_a_heading_of_its_own_is_known(text: str, opens: bool) -> None:
    assert begins_with_heading(text) is opens


def test_a_very_long_text_is_shown_plainly() -> None:
    html = render("<b>" + "x" * MAX_CHARACTERS)
    assert html.startswith("<pre>&lt;b&gt;xxx")


@given(st.text(alphabet="<>/abimgsvxohtpfn:1=\"' ()[]^!*`|-#&;\n", max_size=300))
def test_no_post_brings_anything_dangerous_or_an_id(text: str) -> None:
    html = render_post(text)
    assert _Dangers(html).found == []
    assert ' id="' not in html


@pytest.mark.parametrize(
    "text", ["[" * 501, "![" * 600, "<br>" * 1001, "*a_ " * 1001, "|" + "a|" * 50 + "\n|" + "-|" * 50 + "\nx" * 110]
)
def test_a_post_that_would_take_long_is_shown_plainly(text: str) -> None:
    assert render_post(text).startswith("<pre>")
    assert "<pre>" not in render_post(text[: len(text) // 3])
