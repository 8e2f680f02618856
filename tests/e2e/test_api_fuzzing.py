"""Requests made up from the site's own OpenAPI description: none may make it fail, whatever they say.

A short fixed run belongs to `make test`. `PODIUM_SOAK_API_MINUTES` (30) sets the length of the one of `make soak`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from . import bundles
from .people import Person, sign_up
from .running import Platform, clean_environment

pytestmark = [pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

SCHEMA = "/api/api/schema/"
CHECKS = "not_a_server_error,response_schema_conformance"


def fuzz(platform: Platform, person: Person | None, folder: Path, *options: str) -> None:
    """Send made-up requests in a person's name, and fail with schemathesis's report."""
    credentials = ["--header", f"Authorization: Token {person.client.token}"] if person else []
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", platform.url + SCHEMA, *credentials),
            *("--checks", CHECKS, "--request-timeout", "60"),
            *("--exclude-path-regex", "/events/$"),  # streams do not end; test_attacks.py says what they take
            *("--continue-on-failure", "--warnings", "off", "--no-color", *options),
        ],
        cwd=folder,  # where it keeps its own notes
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]


@pytest.fixture
def organizer(platform: Platform, tmp_path: Path) -> Person:
    """Somebody of this test alone with a competition to ask about; what is made up may delete it."""
    name = f"fuzz{uuid.uuid4().hex[:8]}"
    person = sign_up(platform, name)
    person.publish(bundles.bundle(tmp_path / name, name, image=platform.image))
    return person


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_made_up_requests_do_not_make_the_site_fail(platform: Platform, organizer: Person, tmp_path: Path) -> None:
    short = ("--phases", "examples,fuzzing", "--max-examples", "6", "--generation-deterministic")
    fuzz(platform, organizer, tmp_path, *short)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("who", ["an organizer", "nobody"])
def test_made_up_requests_for_long(
    who: str, platform: Platform, organizer: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = float(os.environ.get("PODIUM_SOAK_API_MINUTES", "30"))
    seed = os.environ.get("PODIUM_SOAK_SEED", str(random.SystemRandom().randrange(10**9)))
    with capsys.disabled():
        print(f"\nmade-up requests of {who} for {minutes / 2:g} minutes, seed {seed}", flush=True)
    length = ("--phases", "examples,coverage,fuzzing", "--max-time", str(int(minutes * 30)))
    length = (*length, "--max-examples", "1000000", "--seed", seed)
    fuzz(platform, organizer if who == "an organizer" else None, tmp_path, *length)
