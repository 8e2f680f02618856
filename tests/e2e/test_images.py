"""Images of competitions, pulled by Podman, that cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from podium.client import Competition
from tests.images.podman import IMAGE

from . import bundles
from .people import Person
from .running import Platform

pytestmark = [pytest.mark.slow, pytest.mark.container, pytest.mark.xdist_group("e2e-podman")]

Compete = Callable[..., Competition]
ABSENT = "localhost:1/nobody/has-this:1"


@pytest.fixture(scope="module")
def platform(in_containers: Platform) -> Platform:
    """Programs in containers of Podman."""
    return in_containers


def test_an_image_that_cannot_be_had_is_named_and_costs_the_participant_nothing(
    compete: Compete, platform: Platform, olivia: Person, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    changed = olivia.patch(f"/api/competitions/{competition.id}/", json={"docker_image": ABSENT})
    assert changed.status_code == 200, changed.text
    mine = bundles.write(tmp_path / "mine", {"answer.txt": "1"})
    made = pat.submit(competition, mine)
    assert pat.ended(made.id).status == "Failed"
    facts = pat.facts(made.id)
    assert (facts["cause"], facts["fault"]) == ("image_pull", "platform")
    assert ABSENT in facts["status_details"]
    assert pat.used_tries(competition.id) == 0

    changed = olivia.patch(f"/api/competitions/{competition.id}/", json={"docker_image": IMAGE})
    assert changed.status_code == 200, changed.text
    assert pat.ended(pat.submit(competition, mine).id).status == "Finished"
