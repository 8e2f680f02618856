"""What people type is text on every page: no tag, attribute, comment or address of a script comes of it."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.db import DatabaseError, models, transaction
from django.test import Client

from podium.site.accounts.models import User
from tests.site.access_table import FURTHER, TABLE
from tests.site.access_worlds import OPEN, World
from tests.site.test_access import build, people  # noqa: F401 - fixtures

BACKEND = "podium.site.accounts.backends.NameOrEmailBackend"
TYPED = "\"'><i zq=1></script></textarea><!--"
NOT_TYPED = ("state", "status", "kind", "key", "hash", "digest", "token", "password", "secret", "language", "action")
"""Words in names of columns that hold what the site itself writes."""


class Told(HTMLParser):
    """Notes what of a page has become markup and must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            script = (value or "").strip().lower().startswith("javascript:")
            if name.startswith(("zq", "on")) or script:
                self.wrong.append(f"<{tag} {name}={value!r}> at {self.getpos()}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data[:40]} at {self.getpos()}")


def _type_everywhere() -> int:
    """Add markup to every text of every row; how many texts took it."""
    count = 0
    for model in apps.get_models():
        ours = model.__module__.startswith("podium.")
        for field in model._meta.concrete_fields if ours else ():
            is_text = type(field) in (models.CharField, models.TextField, models.URLField)
            if not is_text or field.choices or field.unique or any(word in field.name for word in NOT_TYPED):
                continue
            for pk, text in model._base_manager.exclude(**{field.name: None}).values_list("pk", field.attname):
                try:
                    with transaction.atomic():
                        count += model._base_manager.filter(pk=pk).update(**{field.attname: text + TYPED})
                except DatabaseError:
                    continue  # too long, or not as a constraint has it
    return count


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_that_was_typed_is_markup_on_any_page(build: Callable[..., World]) -> None:  # noqa: F811
    world = build(OPEN)
    assert _type_everywhere() > 100
    addresses = [route for method, route in TABLE if method == "GET" and not route.endswith("events/")]
    wrong: list[str] = []
    holding = 0
    for role in ("pat", "ada"):
        client = Client()
        client.cookies["podium_language"] = "fr"  # translated words stand around names there
        client.force_login(User.objects.get(username=role), backend=BACKEND)
        for address in (*addresses, *FURTHER):
            answer = client.get(world.address(address))
            if answer.streaming or "html" not in answer.headers.get("Content-Type", ""):
                continue
            page, told = answer.content.decode(), Told()
            told.feed(page)
            told.close()
            holding += "zq" in page
            wrong += [f"/{address} for {role}: {one}" for one in told.wrong]
    assert not wrong, "\n".join(wrong)
    assert holding > 100, "pages that do not hold it prove nothing"
