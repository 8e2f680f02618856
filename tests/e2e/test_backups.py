"""A running installation is backed up, and another one made from it, in which everything is as it was."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from podium.client import Podium

from . import bundles
from .conftest import MakePlatform
from .people import Person, sign_up
from .running import Platform, own_database, podium_command
from .soundness import assert_sound, known_files
from .test_journeys import WAITS, code, until_it_prints

KINDS = [
    pytest.param(False, id="sqlite", marks=[pytest.mark.bwrap]),
    pytest.param(True, id="postgresql", marks=[pytest.mark.bwrap, pytest.mark.service]),
]
QUICK = {"PODIUM_LEASE_SECONDS": "3", "PODIUM_SWEEP_SECONDS": "0.2"}


@pytest.fixture(params=KINDS)
def twins(request: pytest.FixtureRequest, new_platform: MakePlatform) -> Iterator[tuple[Platform, Platform]]:
    """A running platform, and one of the same kind that is not there yet."""
    with ExitStack() as stack:
        urls = [stack.enter_context(own_database()) if request.param else "" for _ in range(2)]
        one, other = (new_platform(database_url=url, settings=QUICK) for url in urls)
        stack.callback(other.stop)
        stack.callback(one.stop)
        one.start(workers=0)
        yield one, other


def podium(platform: Platform, *words: str) -> dict[str, Any]:
    done = subprocess.run(podium_command(*words), env=platform.environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_an_installation_made_from_a_backup_goes_on_where_the_other_was(
    twins: tuple[Platform, Platform], tmp_path: Path
) -> None:
    first, second = twins
    olivia, pat = sign_up(first, "olivia"), sign_up(first, "pat")
    title = f"Kept {uuid.uuid4().hex[:8]}"
    bundle = bundles.bundle(tmp_path / "bundle", title, ingestion=bundles.RUNS_MAIN, image=first.image)
    competition = olivia.publish(bundle)
    pat.take_part(competition)
    first.start_worker("worker-0", slots=2)
    answers = "import sys\nopen(sys.argv[1] + '/answer.txt', 'w').write('0.75')\n"
    done = pat.ended(pat.submit(competition, code(tmp_path, answers)[0]).id)
    assert done.status == "Finished"
    under_way = pat.submit(competition, code(tmp_path, WAITS)[0])
    until_it_prints(pat, under_way.id, "I am here")
    before = everything(pat, competition.id, done.id)

    made = podium(first, "backup", str(tmp_path / "backups"), "--data", str(first.data), "--json")
    assert (made["missing"], made["damaged"]) == ([], [])
    assert made["files"] >= len(known_files(first))
    first.stop()  # what follows must need nothing of it
    podium(second, "restore", str(tmp_path / "backups"), "--data", str(second.data), "--json")

    second.start(workers=0)
    with Podium(second.url, token=pat.client.token) as client:
        again = dataclasses.replace(pat, client=client, platform=second)
        assert everything(again, competition.id, done.id) == before
        second.start_worker("worker-0", slots=2)
        until_it_prints(again, under_way.id, "I am here")
        again.cancel(under_way.id)
        assert again.ended(under_way.id).status == "Cancelled"
        assert again.ended(again.submit(competition, code(tmp_path, answers)[0]).id).status == "Finished"
    assert_sound(second)


def everything(person: Person, competition: int, submission: int) -> list[Any]:
    """What a participant sees of a competition and of a submission that has ended, files included."""
    client = person.client
    seen = client.competition(competition)
    log = client.submission(submission)
    board = client.leaderboard(seen.phases[0].id)
    return [seen.title, seen.phases, log.status, log.scores, board.submissions, client.logs(submission)]
