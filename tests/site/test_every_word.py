"""Every word of every page is a message that can be translated, or somebody's data; for programs is English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import Client

from podium.site.accounts.models import User
from podium.site.pages import handbook
from tests.site import pseudo
from tests.site.access_answers import body_of
from tests.site.access_table import FURTHER, TABLE
from tests.site.access_worlds import CLOSED, OPEN, Setting, World
from tests.site.pages_world import Addresses, addresses
from tests.site.test_access import build, people
from tests.web.conftest import BACKEND

__all__ = ["addresses", "build", "people"]

ROLES = ("anonymous", "penny", "pat", "olivia", "ada", "ben")
TITLES = {handbook.title_of(name) for name in ("index", *handbook.chapters())}
"""Of the documentation, which is in English."""
NAMES = {*TITLES, "Podium", "API", "GitHub", "LinkedIn", "X (Twitter)", "UTC", "CSV", "English", "Français", "Español"}
"""What is called so in every language."""
PATTERNS = (
    r"https?://\S+",
    r"[\w.+-]+@[\w.-]+",
    r"[\w-]+\.(?:zip|csv|json|py|yaml|txt)\b",
    r"mark-[\w-]+",
    r"\bAvery\w+",
    r"[\w-]*(?:TOTAL|INITIAL)_FORMS",
    r"\bv?\d+(?:\.\d+)+\b",
    r"\b\d+ min\b",
)
"""Addresses, names of files and fields, marks of the tests, versions, minutes."""
WRITTEN = {"A footnote", "An", "Data", "Welcome", "announcement", "link", "nothing like it", "pa", "sum"}
"""Words of what is written in Markdown, or searched for, on the pages in `pages_world`."""
HISTORY = {"audit/", "competitions/<pk>/history/"}
"""Pages that have the names of fields as they are called inside."""


def names_of_fields() -> set[str]:
    """What the fields of the site's models are called."""
    named = {field.name for model in apps.get_models() for field in model._meta.get_fields()}
    return {name.replace("_", " ") for name in named} | {"bundle", "note", "tries"}


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a value of JSON."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def data_of_the_database() -> set[str]:
    """Every text that people or programs have put into the database; of the closed lists of the site, nothing."""
    found: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField | models.JSONField) and not field.choices:
                for value in model._default_manager.values_list(field.name, flat=True):
                    found |= set(texts_in(value))
    return found


def page_of(answer: Any) -> str:
    """A page; "" for what is none."""
    return body_of(answer).decode() if answer.headers.get("Content-Type", "").startswith("text/html") else ""


def told(left: dict[str, set[str]]) -> str:
    """What is left, with some of the places where it was read."""
    return "\n".join(f"{text!r}: {', '.join(sorted(places)[:3])}" for text, places in sorted(left.items()))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setting", [OPEN, CLOSED], ids=lambda setting: setting.name)
def test_every_word_of_every_page_can_be_translated(
    setting: Setting, build: Callable[[Setting], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(setting)
    data = pseudo.any_of({*data_of_the_database(), *NAMES}, *PATTERNS)
    with_fields = pseudo.any_of({*data_of_the_database(), *NAMES, *names_of_fields()}, *PATTERNS)
    pseudo.speak(monkeypatch)
    left: dict[str, set[str]] = {}
    said = pseudo.overhear(monkeypatch)
    for role in ROLES:
        world.clients[role].defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    for method, route in TABLE:
        if route.startswith("api/"):
            continue
        for role in ROLES:
            page = world.ask(role, method, world.address(route), page_of)
            for text in pseudo.unmarked(page, with_fields if route in HISTORY else data):
                left.setdefault(text, set()).add(f"{method} {route}")
            for text in pseudo.unmarked("\n".join(said), data):
                left.setdefault(text, set()).add(f"above the page after {method} {route}")
            said.clear()
    assert not left, told(left)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_word_of_pages_in_other_states_can_be_translated_and_numbers_for_machines_stay(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pseudo.any_of({*data_of_the_database(), *NAMES, *WRITTEN}, *PATTERNS)
    with_fields = pseudo.any_of({*data_of_the_database(), *NAMES, *names_of_fields()}, *PATTERNS)
    pseudo.speak(monkeypatch)
    left: dict[str, set[str]] = {}
    other: dict[str, Any] = {}
    for user, address in addresses:
        client = Client()
        if user is not None:
            client.force_login(user, backend=BACKEND)
        page, english = (page_of(client.get(address, headers={"Accept-Language": each})) for each in ("fr", "en"))
        for text in pseudo.unmarked(page, with_fields if address.endswith("/history/") else data):
            left.setdefault(text, set()).add(address)
        differing = pseudo.differing(pseudo.for_machines(page), pseudo.for_machines(english))
        if differing:
            other[address] = differing
    assert not other
    assert not left, told(left)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_api_speaks_english_to_everybody(
    build: Callable[[Setting], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(OPEN)
    pseudo.speak(monkeypatch)
    User.objects.update(language="fr")
    wrong: list[str] = []
    for role in ("anonymous", "sam", "pat", "olivia", "ben"):
        world.clients[role].defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    routes = [*TABLE, *(("GET", address) for address in FURTHER)]
    for method, route in [(method, route) for method, route in routes if route.startswith("api/")]:
        for role in ("anonymous", "sam", "pat", "olivia", "ben"):
            body = world.ask(role, method, world.address(route), body_of)
            if "⟦".encode() in body:
                wrong.append(f"{method} {route} for {role}")
    assert not wrong
