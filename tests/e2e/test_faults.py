"""Workers killed at every stage, and storage, site and database that fail for a while.

Between the workers and the site stands a proxy (`faulty`), which stops a worker at a stage by keeping the very request
that ends it. What must hold afterwards is said in `soundness`, and asserted once more when the platform is taken down.
"""

# ruff: noqa: PLR0917 - fixtures come by name

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from podium.client import Competition

from . import bundles
from .chaos import BreakablePlatform, attempts, ledger, scores
from .faulty import FaultyProxy, Held
from .people import Person
from .soundness import assert_sound
from .test_chaos import ONCE_STUCK
from .test_journeys import Compete, code, until_it_prints
from .waiting import eventually, processes_with

pytestmark = [pytest.mark.slow, pytest.mark.bwrap]


@pytest.fixture(
    params=[
        pytest.param("chaos_on_sqlite", marks=pytest.mark.xdist_group("e2e-chaos")),
        pytest.param("chaos_on_postgresql", marks=[pytest.mark.service, pytest.mark.xdist_group("e2e-chaos-pg")]),
    ],
    scope="module",
)
def platform(request: pytest.FixtureRequest) -> BreakablePlatform:
    """Both databases, with short leases."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BreakablePlatform)
    return found


@pytest.fixture(autouse=True)
def whole(platform: BreakablePlatform) -> Iterator[None]:
    """Each test begins with everything but compute workers, and ends with a platform in which all is well."""
    platform.make_whole()
    yield
    platform.stop_workers()
    assert not platform.sandboxes()
    assert_sound(platform)


@pytest.fixture
def proxy(platform: BreakablePlatform) -> FaultyProxy:
    """What stands between the workers and the site."""
    return platform.proxy


@dataclass(frozen=True)
class Stage:
    """Where a worker is stopped, and the attempts that its death leads to."""

    stop: Callable[[FaultyProxy], Held]
    attempts: tuple[str, ...]


STAGES = {
    "before its claim": Stage(lambda proxy: proxy.hold("claim"), ("succeeded",)),
    "claimed, and not told so": Stage(lambda proxy: proxy.hold_answer("claim"), ("lost", "succeeded")),
    "while staging": Stage(lambda proxy: proxy.hold("download"), ("lost", "succeeded")),
    "sandbox ended, nothing uploaded": Stage(lambda proxy: proxy.hold("upload"), ("lost", "succeeded")),
    "in the middle of the upload": Stage(lambda proxy: proxy.hold_half("upload"), ("lost", "succeeded")),
    "before its last word": Stage(lambda proxy: proxy.hold("finish"), ("lost", "succeeded")),
    "after its last word": Stage(lambda proxy: proxy.hold_answer("finish"), ("succeeded",)),
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_worker_may_be_killed_at_any_stage(
    stage: Stage, platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    held = stage.stop(proxy)
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.25"}))
    victim = platform.start_worker("worker-0", slots=1)
    held.arrived()
    victim.kill()
    # What the dead worker had sent reaches the site late where the stage allows it, else its connection breaks.
    late = held.asked is not None and held.asked.kind in {"upload", "finish"}
    if not late:
        held.cut()
    platform.start_worker("worker-1", slots=1)
    assert pat.ended(made.id).status == "Finished"
    if late:
        held.release()
        eventually(lambda: proxy.at_rest or None, "the late message to be answered")
    assert tuple(state for _, _, state in attempts(platform, made.id)) == stage.attempts
    assert scores(platform, made.id) == [0.25]
    assert ledger(platform, made.id) == [1]
    assert [row.id for row in pat.client.leaderboard(competition.phases[0].id).submissions] == [made.id]


def test_a_sandbox_that_is_killed_under_its_worker_costs_an_attempt_and_is_the_platforms_fault(
    platform: BreakablePlatform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, mark = code(tmp_path, ONCE_STUCK)
    platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, folder)
    until_it_prints(pat, made.id, "started")
    running = processes_with(mark)
    platform.go(True)
    for pid in platform.sandboxes():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(running) & set(processes_with(mark)) or None, "the end of all that ran in it", within=10)
    assert pat.ended(made.id).status == "Finished"
    assert [state for _, _, state in attempts(platform, made.id)] == ["failed", "succeeded", "succeeded"]
    causes = platform.rows("SELECT cause FROM evaluation_attempt WHERE state = 'failed' ORDER BY id DESC LIMIT 1")
    assert causes == [{"cause": "platform"}]
    assert ledger(platform, made.id) == [1]


def test_worker_and_site_worker_killed_together_cost_an_attempt(
    platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    held = proxy.hold("download")
    victim = platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.5"}))
    held.arrived()
    platform.roles["site-worker"].kill()
    victim.kill()
    held.cut()
    platform.start_worker("worker-1", slots=1)
    platform.start_site_worker()
    assert pat.ended(made.id).status == "Finished"
    assert [state for _, _, state in attempts(platform, made.id)] == ["lost", "succeeded"]


@pytest.mark.parametrize("kind", ["upload", "finish"])
def test_a_web_server_that_is_killed_while_it_takes_the_outcome_takes_it_once(
    kind: str, platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    held = proxy.hold_half(kind)  # type: ignore[arg-type]
    platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.5"}))
    held.arrived()
    platform.roles["web"].kill()
    held.release()
    platform.start_web()
    assert pat.ended(made.id).status == "Finished"
    assert scores(platform, made.id) == [0.5]
    assert ledger(platform, made.id) == [1]


def test_a_database_that_crashes_while_a_submission_runs_loses_nothing(
    platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    if platform.server is None:
        assert platform.database_url == "", "SQLite has no server that could crash"
        return
    competition = compete()
    held = proxy.hold("finish")
    platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.5"}))
    held.arrived()
    platform.server.stop_at_once()
    held.release()
    proxy.wait_until_answered("finish", 503)
    platform.server.start()
    assert pat.ended(made.id).status == "Finished"
    assert scores(platform, made.id) == [0.5]
    assert platform.roles["site-worker"].process.poll() is None
    assert platform.roles["web"].process.poll() is None


def test_who_asks_while_the_database_is_away_is_told_to_come_back_and_then_answered(
    platform: BreakablePlatform, pat: Person
) -> None:
    if platform.server is None:
        assert platform.database_url == "", "SQLite has no server that could crash"
        return

    def ask(_: object = None) -> int:
        return pat.get("/api/competitions/").status_code

    with ThreadPoolExecutor(16) as many:
        assert set(many.map(ask, range(32))) == {200}  # so that every thread of the site has a connection to lose
        platform.server.stop_at_once()
        try:
            answer, page = pat.get("/api/competitions/"), pat.get("/competitions/public/")
        finally:
            platform.server.start()
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert page.status_code == 503
        assert "Back in a moment" in page.text
        assert set(many.map(ask, range(64))) <= {200, 503}
    # The client goes on by itself, also with what makes something.
    assert eventually(lambda: ask() == 200, "an answer after the crash")
    assert pat.client.me().username == pat.name


def test_a_site_and_a_storage_that_fail_for_a_while_are_asked_again(
    platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    for kind in ("claim", "download", "upload", "finish"):
        proxy.refuse(kind, status=503, times=2)  # type: ignore[arg-type]
        proxy.drop(kind)  # type: ignore[arg-type]
        proxy.drop_answer(kind)  # type: ignore[arg-type]
    folder, _ = code(tmp_path, "import sys\nopen(sys.argv[1] + '/answer.txt', 'w').write('0.5')\n")
    made = pat.submit(competition, folder)
    platform.start_worker("worker-0", slots=1)
    assert pat.ended(made.id).status == "Finished"
    assert scores(platform, made.id) == [0.5]
    assert ledger(platform, made.id) == [1]
    states = [state for _, _, state in attempts(platform, made.id)]
    # The claim whose answer was lost gave a job to nobody; all else was repeated within one attempt.
    assert states == ["lost", "succeeded", "succeeded"]


def test_a_storage_that_does_not_answer_for_longer_than_a_lease_costs_no_attempt(
    platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    held = proxy.hold("upload")
    platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.5"}))
    held.arrived()
    beats = proxy.counted["beat"]
    proxy.wait_until_seen("beat", beats + 5)  # a beat comes with a third of the lease: this is longer than one
    held.release()
    assert pat.ended(made.id).status == "Finished"
    assert [state for _, _, state in attempts(platform, made.id)] == ["succeeded"]


def test_messages_that_come_twice_and_again_long_after_change_nothing(
    platform: BreakablePlatform, proxy: FaultyProxy, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    for kind in ("beat", "download", "upload", "finish"):
        proxy.double(kind)  # type: ignore[arg-type]
    program = "import sys\nprint('once', flush=True)\nopen(sys.argv[1] + '/answer.txt', 'w').write('0.5')\n"
    folder, _ = code(tmp_path, program)
    worker = platform.start_worker("worker-0", slots=1)
    made = pat.submit(competition, folder)
    assert pat.ended(made.id).status == "Finished"
    worker.stop()
    before = everything(platform, competition, pat, made.id)
    for asked in [asked for asked in proxy.seen if asked.kind in {"beat", "upload", "finish"}]:
        proxy.forward(asked)
    assert everything(platform, competition, pat, made.id) == before
    assert pat.log(made.id).count("once") == 1


def everything(platform: BreakablePlatform, competition: Competition, pat: Person, submission: int) -> list[object]:
    """All that is known of a submission."""
    tables = {"leaderboards_score": "submission_id", "leaderboards_entry": "submission_id"}
    rows = [platform.rows(f"SELECT * FROM {t} WHERE {c} = ? ORDER BY id", submission) for t, c in tables.items()]  # noqa: S608
    return [
        *rows,
        platform.rows("SELECT * FROM evaluation_run WHERE submission_id = ? ORDER BY id", submission),
        attempts(platform, submission),
        pat.facts(submission),
        pat.log(submission),
        pat.client.leaderboard(competition.phases[0].id),
    ]
