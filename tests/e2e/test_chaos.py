"""Processes that are killed, frozen and restarted while they work; nothing is lost and nothing happens twice."""

from __future__ import annotations

import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from podium.client import Competition
from podium.client.errors import CreationFailedError
from podium.protocol import Beat, Claim, Job, Outcome, Phase, Score

from . import bundles
from .chaos import BreakablePlatform, attempts, ledger, scores
from .people import Person
from .soundness import assert_files_are_known, assert_sound, files_of
from .test_journeys import WAITS, Compete, code, until_it_prints
from .waiting import eventually, processes_with

pytestmark = [pytest.mark.slow, pytest.mark.bwrap]

ONCE_STUCK = """import os, pathlib, signal, sys
output = sys.argv[1]
print('started', flush=True)
if not os.path.exists('/app/data/go'):
    signal.pause()
pathlib.Path(output, 'answer.txt').write_text('0.5')
"""
"""Waits for ever unless the worker's data folder says go; so a first attempt hangs and a later one need not."""


@pytest.fixture(
    params=[
        pytest.param("chaos_on_sqlite", marks=pytest.mark.xdist_group("e2e-chaos")),
        pytest.param("chaos_on_postgresql", marks=[pytest.mark.service, pytest.mark.xdist_group("e2e-chaos-pg")]),
    ],
    scope="module",
)
def platform(request: pytest.FixtureRequest) -> BreakablePlatform:
    """Both databases, with short leases; its worker serves a data folder in which `go` can appear."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BreakablePlatform)
    return found


@pytest.fixture(autouse=True)
def whole(platform: BreakablePlatform) -> Iterator[None]:
    """Each test begins with web and site-worker up and no compute worker, and leaves no program behind."""
    platform.make_whole()
    yield
    platform.stop_workers()
    assert not platform.sandboxes()
    assert_sound(platform)


def test_a_killed_worker_costs_an_attempt_not_the_submission(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, mark = code(tmp_path, ONCE_STUCK)
    first = platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, folder)
    until_it_prints(pat, made.id, "started")
    platform.go(True)
    first.kill()
    eventually(lambda: not processes_with(mark), "the death of the killed worker's sandbox", within=10)
    platform.start_worker("worker-1", slots=1)
    ended = pat.ended(made.id)
    assert ended.status == "Finished", pat.log(made.id)
    assert attempts(platform, made.id) == [
        ("prediction", 1, "lost"),
        ("prediction", 2, "succeeded"),
        ("scoring", 1, "succeeded"),
    ]
    assert scores(platform, made.id) == [0.5]
    assert ledger(platform, made.id) == [1]
    board = pat.client.leaderboard(competition.phases[0].id)
    assert [row.id for row in board.submissions] == [made.id]


def test_three_lost_workers_end_it_by_the_platforms_fault_and_give_the_try_back(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, mark = code(tmp_path, WAITS)
    made = pat.submit(competition, folder)
    assert pat.used_tries(competition.id) == 1
    for number in (1, 2, 3):
        worker = platform.start_worker("worker-0", slots=1)
        eventually(lambda: processes_with(mark), f"the start of attempt {number}")
        worker.kill()
        eventually(lambda: not processes_with(mark), "the death of the sandbox", within=10)
        eventually(
            lambda number=number: attempts(platform, made.id)[-1] == ("prediction", number, "lost"),  # type: ignore[misc]
            f"the loss of attempt {number}",
        )
    assert pat.ended(made.id).status == "Failed"
    facts = pat.facts(made.id)
    assert (facts["cause"], facts["fault"]) == ("worker_lost", "platform")
    assert "3 times" in facts["status_details"]
    assert ledger(platform, made.id) == [1, -1]
    assert pat.used_tries(competition.id) == 0
    assert len(attempts(platform, made.id)) == 3


class ByHand:
    """A worker that does nothing by itself: the test speaks the protocol for it."""

    def __init__(self, platform: BreakablePlatform) -> None:
        self._http = httpx.Client(base_url=platform.url, timeout=60)
        self._token = platform.worker_token

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def claim(self) -> Job:
        message = Claim(worker="by-hand", wait=30)
        answer = self._post("/api/worker/claim", self._token, message.model_dump_json())
        assert answer.status_code == 200, answer.text
        return Job.model_validate_json(answer.content)

    def beat(self, job: Job) -> int:
        message = Beat(phase=Phase.RUNNING)
        url = f"/api/worker/attempts/{job.attempt}/beat"
        return self._post(url, job.token, message.model_dump_json()).status_code

    def finish(self, job: Job, score: str) -> int:
        self._http.put(job.output_url, content=_empty_zip()).raise_for_status()
        given = {"score": Score(value=float(score), text=score)}
        message = Outcome(scores=given, output_uploaded=True)
        url = f"/api/worker/attempts/{job.attempt}/finish"
        return self._post(url, job.token, message.model_dump_json()).status_code

    def _post(self, url: str, token: str, content: str) -> httpx.Response:
        return self._http.post(url, content=content, headers={"Authorization": f"Bearer {token}"})


def _empty_zip() -> bytes:
    return b"PK\x05\x06" + b"\0" * 18


@pytest.fixture
def by_hand(platform: BreakablePlatform) -> Iterator[ByHand]:
    with ByHand(platform) as worker:
        yield worker


def test_a_late_report_of_a_lost_attempt_is_refused_and_changes_nothing(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path, by_hand: ByHand
) -> None:
    competition = compete()
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
    old = by_hand.claim()
    assert by_hand.beat(old) == 200
    eventually(lambda: attempts(platform, made.id) == [("scoring", 1, "lost")], "the loss of the silent attempt")
    assert by_hand.beat(old) == 409
    assert by_hand.finish(old, "0.9") == 409
    assert scores(platform, made.id) == []
    new = by_hand.claim()
    assert (new.run, new.number) == (old.run, 2)
    assert by_hand.finish(old, "0.9") == 409
    assert by_hand.finish(new, "0.4") == 200
    assert by_hand.finish(old, "0.9") == 409
    assert pat.ended(made.id).status == "Finished"
    assert scores(platform, made.id) == [0.4]
    assert ledger(platform, made.id) == [1]


def test_a_report_that_comes_twice_is_taken_once(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path, by_hand: ByHand
) -> None:
    competition = compete()
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
    job = by_hand.claim()
    assert by_hand.finish(job, "0.4") == 200

    def everything() -> list[object]:
        tables = {"leaderboards_score": "submission_id", "leaderboards_entry": "submission_id"}
        rows: list[object] = [platform.rows(f"SELECT * FROM {t} WHERE {c} = ?", made.id) for t, c in tables.items()]  # noqa: S608
        return [
            *rows,
            platform.rows("SELECT * FROM evaluation_run WHERE submission_id = ?", made.id),
            pat.facts(made.id),
        ]

    before = everything()
    assert by_hand.finish(job, "0.8") == 200
    assert everything() == before
    assert scores(platform, made.id) == [0.4]
    assert len(pat.client.leaderboard(competition.phases[0].id).submissions) == 1


def test_a_web_server_killed_during_a_run_comes_back_and_the_run_counts(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    # It prints and goes on as soon as the test has seen it, which the test says through a pipe on the disk.
    program = ONCE_STUCK.replace(
        "signal.pause()", "import time\n    while not os.path.exists('/app/data/go'): time.sleep(.01)"
    )
    folder, mark = code(tmp_path, program)
    platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, folder)
    until_it_prints(pat, made.id, "started")
    platform.roles["web"].kill()
    platform.go(True)
    eventually(lambda: not processes_with(mark), "the end of the program while no web server runs")
    platform.start_web()
    ended = pat.ended(made.id)
    assert ended.status == "Finished"
    assert scores(platform, made.id) == [0.5]
    assert ledger(platform, made.id) == [1]


@pytest.fixture
def large_bundle(tmp_path: Path) -> Path:
    """A bundle that takes long enough to unpack to be interrupted: many parts, none of which compress."""
    title = f"Large {uuid.uuid4().hex[:8]}"
    folder = bundles.bundle(tmp_path / title, title, reference={"truth.txt": "42"})
    noise = bytes(range(256)) * 4096
    for number in range(120):
        (folder / "reference_data" / f"{number}.bin").write_bytes(noise)
    target = tmp_path / f"{title}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def kill_during_creation(platform: BreakablePlatform, status_id: int, *, attempt: int) -> set[str]:
    """Kill the site-worker at its nth work on a creation, while it stores the bundle's files; returns their keys.

    It is frozen for every look, and moves on between two looks only: however slow a look is, it does not come too late.
    """
    site_worker = platform.roles["site-worker"]

    def half_written() -> set[str]:
        site_worker.freeze()
        query = "SELECT attempt, status, files FROM competitions_creationstatus WHERE id = ?"
        (row,) = platform.rows(query, status_id)
        assert row["status"] == "Starting", f"it ended before it could be interrupted: {row}"
        files = set(json.loads(row["files"]) if isinstance(row["files"], str) else row["files"])
        if row["attempt"] == attempt and files & files_of(platform):
            return files
        site_worker.thaw()
        return set()

    files = eventually(half_written, "the site-worker storing the bundle's files")
    site_worker.kill()
    return files


def test_a_creation_survives_the_death_of_its_site_worker(
    platform: BreakablePlatform, olivia: Person, large_bundle: Path
) -> None:
    status_id = olivia.client.upload_bundle(large_bundle)
    half_written = kill_during_creation(platform, status_id, attempt=1)
    platform.start_site_worker()
    number = olivia.client.wait_for_competition(status_id, timeout=60)
    title = large_bundle.stem
    assert [item.id for item in olivia.client.competitions(mine=True) if item.title == title] == [number]
    eventually(lambda: not half_written & files_of(platform), "the removal of what was half written")
    running = "SELECT id FROM django_tasks_database_dbtaskresult WHERE status IN ('READY', 'RUNNING')"
    eventually(lambda: not platform.rows(running), "the end of every background task")
    assert_files_are_known(platform)


def test_a_creation_that_kills_every_site_worker_fails_with_a_reason(
    platform: BreakablePlatform, olivia: Person, large_bundle: Path
) -> None:
    status_id = olivia.client.upload_bundle(large_bundle)
    half_written = set()
    for attempt in (1, 2, 3):
        half_written |= kill_during_creation(platform, status_id, attempt=attempt)
        platform.start_site_worker()
    with pytest.raises(CreationFailedError) as failed:
        olivia.client.wait_for_competition(status_id, timeout=60)
    assert any("interrupted 3 times" in fault for fault in failed.value.faults)
    assert not [item for item in olivia.client.competitions(mine=True) if item.title == large_bundle.stem]
    eventually(lambda: not half_written & files_of(platform), "the removal of what was half written")
    assert_files_are_known(platform)


def test_the_ledger_and_the_board_agree_with_what_was_seen(
    platform: BreakablePlatform, compete: Compete, pat: Person
) -> None:
    """A platform that went through all this still takes part in the ordinary."""
    competition: Competition = compete()
    assert pat.client.can_make_submission(competition.phases[0].id).can
    assert not platform.rows("SELECT id FROM evaluation_attempt WHERE state = 'active'")
