"""Every page, on a phone and on a desktop, in light and in dark: accessible, quiet, and no wider than the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.site.competitions.models import Competition
from tests.browser.conftest import Visit
from tests.site.pages_world import Addresses, addresses

__all__ = ["addresses"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(600)
def test_every_page_is_accessible_and_fits_its_window(addresses: Addresses, visit: Callable[..., Visit]) -> None:
    visits: dict[int | None, Visit] = {}
    faults: list[str] = []
    for user, address in addresses:
        key = user.pk if user else None
        if key not in visits:
            visits[key] = visit(user)
        visits[key].open(address)
        faults += visits[key].faults_in_every_look()
    assert faults == []


def test_pages_that_are_not_there_or_refuse_are_accessible_too(
    make_competition: Callable[..., Competition], visit: Callable[..., Visit]
) -> None:
    window = visit(may_complain=True)
    for address in ("/nowhere/", f"/competitions/{make_competition().pk}/submissions/compare/"):
        window.open(address)
        assert window.faults() == []
