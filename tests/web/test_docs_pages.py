"""The documentation on the site itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.test import Client

from podium.site.pages import handbook

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
HREF = re.compile(r'<a href="(/docs/[^"#]*)(?:#([^"]+))?"')


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
