"""Another language in a real browser: chosen with and without scripts, and spoken by modules too."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from tests.browser.conftest import Visit
from tests.site import pseudo

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


@pytest.fixture(autouse=True)
def french(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of French stands a language with marks around each message."""
    pseudo.speak(monkeypatch)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_language_is_chosen_at_the_foot_of_a_page(visit: Visiting, pat: User, *, scripts: bool) -> None:
    page = visit(pat, java_script_enabled=scripts).open("/competitions/public/?search=sums")
    page.get_by_role("group", name="Language").get_by_role("button", name="Français").click()
    page.wait_for_url("**/competitions/public/?search=sums")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("link", name="⟦Skip to the content⟧")).to_have_count(1)
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert User.objects.get(pk=pat.pk).language == "en"


def test_modules_speak_it_colours_change_in_place_and_times_are_written_in_it(
    visit: Visiting, competition: Competition, pat: User, tmp_path: Path
) -> None:
    User.objects.filter(pk=pat.pk).update(language="fr")
    somebody = visit(pat)
    page = somebody.open(f"/competitions/{competition.pk}/submissions/")
    assert somebody.faults_in_every_look() == []
    expect(page.locator("[data-drop] label")).to_have_text("⟦Choose a zip file, or drop it here⟧")
    file = tmp_path / "result.zip"
    file.write_bytes(b"x" * 1500)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator("[data-drop-hint]")).to_have_text("1,5⟦ KB⟧⟦. Click or drop to choose another file.⟧")
    page.evaluate("window.same = true")
    page.get_by_role("button", name="⟦Colours follow the system. Switch to light⟧").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate("window.same")
    somebody.open(f"/competitions/{competition.pk}/phases/")
    moment = page.locator("time[data-local]").first
    assert re.search(r"(janv|févr|mars|avr|mai|juin|juil|août|sept|oct|nov|déc)", moment.text_content() or "")
