"""The documentation on the site itself."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.test import Client

from podium.site.pages import handbook, passages

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
HREF = re.compile(r'<a href="(/docs/[^"#]*)(?:#([^"]+))?"')


FOUND = re.compile(r'class="finds__name"[^>]* href="(/docs/[^"#]*)#([^"]+)"')


def page(address: str) -> str:
    answer = Client().get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_every_file_is_a_page_in_the_order_of_the_built_documentation() -> None:
    nav = yaml.safe_load(re.sub(r"!!python\S*", "", (ROOT / "mkdocs.yml").read_text()))["nav"]
    listed = [
        file
        for part in nav
        for value in part.values()
        for each in (value if isinstance(value, list) else [value])
        for file in (each.values() if isinstance(each, dict) else [each])
    ]
    named = [f"{name}.md" for name in handbook.chapters()]
    assert sorted(listed) == sorted(["index.md", *named])
    for section in handbook.SECTIONS:
        assert [one for one in listed if one.startswith(f"{section}/")] == [
            one for one in named if one.startswith(f"{section}/")
        ]


@pytest.mark.parametrize("name", ["index", *handbook.chapters()])
def test_every_link_of_the_documentation_leads_to_a_page_and_a_place_on_it(name: str) -> None:
    text = page(handbook.address_of(name))
    assert f"<title>{handbook.title_of(name)}".replace("'", "&#x27;") in text
    assert not re.search(r'href="[^":]+\.md', text), "a link leads to a file"
    assert "<th></th>" not in text, "a column has no heading"
    for address, anchor in set(HREF.findall(text)):
        led_to = page(address)
        assert not anchor or f'id="{anchor}"' in led_to, f"{address} has no {anchor}"
    for picture in re.findall(r'src="/static/(docs/[^"]+)"', text):
        assert finders.find(picture), picture


def test_the_foot_of_every_page_leads_there_and_an_unknown_page_is_told() -> None:
    assert '<a href="/docs/">' in page("/about/")
    for wrong in ("nothing", "organizers/index/index", "organizers/nothing", "../README", "organizers/../../pyproject"):
        assert Client().get(f"/docs/{wrong}/").status_code == 404


def test_the_documentation_is_found_by_all_its_words_and_each_leads_to_a_place_on_its_page() -> None:
    assert 'name="in" value="documentation"' in page("/docs/")
    for words in ("leaderboard", "scoring program", "TOKEN expire", "vhost"):
        found = FOUND.findall(page(f"/search/?in=documentation&q={words}"))
        assert found, words
        for address, anchor in found:
            assert f'id="{anchor}"' in page(address), f"{address} has no {anchor}"
    assert "Nothing found" in page("/search/?in=documentation&q=zebrafish+leaderboard")


def test_what_has_the_words_in_its_heading_comes_first_and_the_table_of_features_last() -> None:
    found = [one.passage for one in passages.saying("backup")]
    assert "backup" in found[0].heading.casefold()
    assert "backup" in "".join(text for text, _ in passages.saying("backup")[0].excerpt).casefold()
    assert found[-1].address.startswith("/docs/features/")


def test_every_word_of_every_file_is_in_a_passage() -> None:
    shown = " ".join(f"{one.chapter} {one.heading} {one.text}" for one in passages.passages())
    for name in ["index", *handbook.chapters()]:
        text = re.sub(r"\]\([^)]*\)|^```\w+$", "]", (ROOT / "docs" / f"{name}.md").read_text(), flags=re.MULTILINE)
        assert set(re.findall(r"\w+", html.unescape(text))) <= set(re.findall(r"\w+", shown)), name


def test_signs_of_patterns_are_letters_like_others() -> None:
    for strange in ("(", "[a", ".*", "\\", "a" * 200, "x " * 90):
        assert all("".join(text for text, _ in one.excerpt) for one in passages.saying(strange))
    assert not passages.saying("leader.oard")
