"""Every form, empty, filled and refused, in all looks: accessible, quiet, no wider than the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.site.forms_world import State, States, states

__all__ = ["states"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def reach(window: Visit, state: State) -> None:
    """Open the page, fill in what the state says and press."""
    page = window.open(state.address)
    content = page.locator("main")
    if state.fields:
        page.evaluate("document.querySelectorAll('main details').forEach(part => { part.open = true })")
    for name, value in state.fields.items():
        place = content.locator(f"[name='{name}']:not([type=hidden])")
        if isinstance(value, bool):
            place.set_checked(value)
        else:
            place.fill(value)
    for name, content_of in state.files.items():
        content.locator(f"[name='{name}']").set_input_files({"name": "f.zip", "mimeType": "", "buffer": content_of})
    if state.press:
        page.evaluate("document.querySelectorAll('main form').forEach(form => { form.noValidate = true })")
        if state.shows:
            content.locator(state.press).first.click()
            content.locator(state.shows).first.wait_for()
            return
        with page.expect_navigation():
            content.locator(state.press).first.click()


@pytest.mark.timeout(900)
def test_every_form_is_accessible_and_fits_its_window(states: States, visit: Callable[..., Visit]) -> None:
    visits: dict[str, Visit] = {}
    faults: list[str] = []
    for state in states:
        key = state.window or str(state.who)
        if key not in visits:
            visits[key] = visit(state.who, may_complain=True)  # of the refused answers
        reach(visits[key], state)
        faults += visits[key].faults_in_every_look(state.name)
    assert faults == []
