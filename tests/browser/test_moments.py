"""Moments that a person writes: in their own zone, sent in UTC."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.factories import CompetitionFactory, UserFactory, finished_submission, phase_with_board

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_board_of_another_moment_is_asked_for_in_the_viewers_zone(
    visit: Callable[..., Visit],
) -> None:
    phase = phase_with_board(CompetitionFactory())
    finished_submission(phase, UserFactory(), 1.0)
    # Nothing was there at these moments, which the console says as well.
    visited = visit(may_complain=True, timezone_id="Asia/Tokyo")
    page = visited.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}&as_of=2026-11-01T20:30")
    field = page.get_by_label("As of (your time)")
    assert field.input_value() == "2026-11-02T05:30"
    field.fill("2026-11-03T09:15")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**as_of=2026-11-03T00%3A15*")
    assert page.get_by_label("As of (your time)").input_value() == "2026-11-03T09:15"
    without = visit(may_complain=True, timezone_id="Asia/Tokyo", java_script_enabled=False)
    page = without.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}&as_of=2026-11-01T20:30")
    assert page.get_by_label("As of (UTC)").input_value() == "2026-11-01T20:30"
