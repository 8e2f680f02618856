"""Workers that take their jobs from a real RabbitMQ: Podium's own, and one of somebody else's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podium.client import Competition

from . import bundles
from .brokers import Broker
from .people import Person
from .running import Platform
from .test_journeys import WAITS, Compete, code, until_it_prints
from .waiting import eventually, processes_with

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.bwrap,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("e2e-broker"),
]

SETTINGS = {"PODIUM_LEASE_SECONDS": "5", "PODIUM_SWEEP_SECONDS": "0.2", "PODIUM_BROKER_START_SECONDS": "20"}
PREDICTS = "import sys\nprint('predicting', flush=True)\nopen(sys.argv[1] + '/answer.txt', 'w').write('0.5')\n"
KINDS = ("https", "amqp", "foreign")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("rabbitmq"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def platform(new_platform: Callable[..., Platform], broker: Broker) -> Iterator[Platform]:
    """A platform with a broker, without workers."""
    made = new_platform(settings={**SETTINGS, **broker.settings})
    made.start(workers=0)
    yield made
    made.stop()


def start(platform: Platform, kind: str, name: str = "") -> None:
    starts = {
        "https": platform.start_worker,
        "amqp": platform.start_amqp_worker,
        "foreign": platform.start_foreign_worker,
    }
    starts[kind](name or f"worker-{kind}")


def stop_workers(platform: Platform) -> None:
    for role in list(platform.roles.values()):
        if role.name.startswith("worker"):
            role.stop()
            platform.roles.pop(role.name)


@pytest.fixture
def no_worker(platform: Platform) -> Iterator[None]:
    """Ends the workers that were started, and lets time pass: one that asked a moment ago would be waited for."""
    stop_workers(platform)
    with contextlib.closing(sqlite3.connect(platform.data / "podium.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE queues_worker SET last_seen = '2020-01-01 00:00:00'")
    yield
    stop_workers(platform)


@pytest.fixture(scope="class", params=KINDS)
def intake(request: pytest.FixtureRequest, platform: Platform) -> Iterator[str]:
    """A worker of one kind for the tests of a class."""
    start(platform, request.param)
    yield request.param
    stop_workers(platform)


@pytest.mark.usefixtures("intake")
class TestEveryIntake:
    """One suite of journeys, whichever way jobs come to the worker."""

    def test_a_code_submission_is_predicted_scored_and_ranked(
        self, compete: Compete, pat: Person, tmp_path: Path
    ) -> None:
        competition = compete(ingestion=bundles.RUNS_MAIN)
        folder, _ = code(tmp_path, PREDICTS)
        made = pat.submit(competition, folder)
        ended = pat.ended(made.id)
        assert ended.status == "Finished", (ended, pat.log(made.id))
        assert [float(score.score or "nan") for score in ended.scores] == [0.5]
        assert "predicting" in pat.log(made.id)
        assert "the scorer has read 0.5" in pat.log(made.id)
        board = pat.client.leaderboard(competition.phases[0].id)
        assert [(row.rank, row.id) for row in board.submissions] == [(1, made.id)]
        assert pat.used_tries(competition.id) == 1

    def test_a_result_submission_is_scored(self, compete: Compete, pat: Person, tmp_path: Path) -> None:
        competition = compete()
        made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.75"}))
        ended = pat.ended(made.id)
        assert ended.status == "Finished", (ended, pat.log(made.id))
        assert [float(score.score or "nan") for score in ended.scores] == [0.75]

    def test_detailed_results_arrive(self, compete: Compete, pat: Person, tmp_path: Path) -> None:
        scorer = {
            **bundles.SCORER,
            "score.py": bundles.SCORER["score.py"]
            + "open(sys.argv[2] + '/detailed_results.html', 'w').write('<p>well done</p>')\n",
        }
        competition = compete(scorer=scorer, enable_detailed_results=True)
        made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
        assert pat.ended(made.id).status == "Finished"
        answer = pat.get(f"/api/submissions/{made.id}/get_detail_result/")
        assert answer.status_code == 200
        page = pat.get(json.loads(answer.text).removeprefix(pat.platform.url))
        assert page.text == "<p>well done</p>"

    def test_a_program_that_fails_is_told_with_its_log(self, compete: Compete, pat: Person, tmp_path: Path) -> None:
        competition = compete(ingestion=bundles.RUNS_MAIN)
        folder, _ = code(tmp_path, "raise SystemExit('there is no such flower')\n")
        made = pat.submit(competition, folder)
        assert pat.ended(made.id).status == "Failed"
        facts = pat.facts(made.id)
        assert (facts["cause"], facts["fault"], facts["failed_step"]) == ("exit_code", "participant", "prediction")
        assert "there is no such flower" in pat.log(made.id)
        assert pat.used_tries(competition.id) == 0

    def test_a_scoring_program_that_fails_is_the_organizers_fault(
        self, compete: Compete, pat: Person, tmp_path: Path
    ) -> None:
        scorer = {**bundles.SCORER, "score.py": "raise SystemExit('no truth')\n"}
        competition = compete(scorer=scorer)
        made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
        assert pat.ended(made.id).status == "Failed"
        facts = pat.facts(made.id)
        assert (facts["cause"], facts["fault"]) == ("scorer_failed", "organizer")
        assert "no truth" in pat.log(made.id)

    def test_scoring_without_scores_fails(self, compete: Compete, pat: Person, tmp_path: Path) -> None:
        competition = compete(scorer={**bundles.SCORER, "score.py": "print('nothing to say')\n"})
        made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
        assert pat.ended(made.id).status == "Failed"
        assert pat.facts(made.id)["cause"] == "missing_output"

    def test_a_running_submission_is_cancelled(self, compete: Compete, pat: Person, tmp_path: Path) -> None:
        competition = compete(ingestion=bundles.RUNS_MAIN)
        folder, mark = code(tmp_path, WAITS)
        made = pat.submit(competition, folder)
        until_it_prints(pat, made.id, "I am here")
        pat.cancel(made.id)
        assert pat.ended(made.id, within=10).status == "Cancelled"
        assert "I am here" in pat.log(made.id)
        eventually(lambda: not processes_with(mark), "the end of the program", within=30)
        # The worker is free again.
        second, _ = code(tmp_path, PREDICTS)
        assert pat.ended(pat.submit(competition, second).id).status == "Finished"


def result(compete: Callable[..., Competition], pat: Person, folder: Path, answer: str = "1") -> int:
    competition = compete()
    return pat.submit(competition, bundles.write(folder / f"mine-{answer}", {"answer.txt": answer})).id


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("kind", ["amqp", "foreign"])
def test_a_worker_killed_in_the_middle_costs_an_attempt_not_the_submission(
    kind: str, platform: Platform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    start(platform, kind, "worker-first")
    competition = compete(ingestion=bundles.RUNS_MAIN)
    folder, mark = code(tmp_path, WAITS)
    made = pat.submit(competition, folder)
    until_it_prints(pat, made.id, "I am here")
    first = platform.roles.pop("worker-first")
    if kind == "foreign":
        os.killpg(first.pid, signal.SIGKILL)  # Celery's worker has a child
    first.kill()
    eventually(lambda: not processes_with(mark), "the end of the program with its worker", within=30)
    start(platform, kind, "worker-second")

    def tried_again() -> bool:
        rows = platform.rows(
            "SELECT a.state FROM evaluation_attempt a JOIN evaluation_run r ON r.id = a.run_id"
            " WHERE r.submission_id = ? ORDER BY a.number",
            made.id,
        )
        return [row["state"] for row in rows] == ["lost", "active"]

    eventually(tried_again, "another attempt")
    until_it_prints(pat, made.id, "I am here")
    pat.cancel(made.id)
    assert pat.ended(made.id, within=10).status == "Cancelled"


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("kind", ["amqp", "foreign"])
def test_a_broker_that_restarts_loses_nothing(  # noqa: PLR0917 - fixtures
    kind: str, platform: Platform, broker: Broker, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    """Offered before it dies, submitted while it is down: both are done when it is back."""
    before = result(compete, pat, tmp_path, "0.1")
    offered = "SELECT 1 FROM evaluation_delivery WHERE published_when IS NOT NULL AND started_when IS NULL"
    eventually(lambda: platform.rows(offered), "an offer in the broker")
    broker.kill()
    during = result(compete, pat, tmp_path, "0.2")
    broker.start()
    start(platform, kind)
    assert pat.ended(before, within=120).status == "Finished", platform.logs()
    assert pat.ended(during, within=120).status == "Finished", platform.logs()


@pytest.mark.usefixtures("no_worker")
def test_a_broker_that_has_lost_everything_is_filled_again(
    platform: Platform, broker: Broker, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    waiting = result(compete, pat, tmp_path, "0.3")
    offered = "SELECT 1 FROM evaluation_delivery WHERE published_when IS NOT NULL AND started_when IS NULL"
    eventually(lambda: platform.rows(offered), "an offer in the broker")
    user = platform.broker_url().partition("://")[2].partition(":")[0]
    broker.forget()

    def let_in() -> bool:
        found = broker.ask(f"/api/users/{user}/permissions")
        return found.is_success and bool(found.json())

    # The worker is started once and ends when its login is refused; its container would be started again.
    eventually(let_in, "the worker's login, made again")
    start(platform, "foreign")
    assert pat.ended(waiting, within=120).status == "Finished", platform.logs()


@pytest.mark.usefixtures("no_worker")
def test_no_more_lies_in_the_broker_than_its_consumers_can_start(
    platform: Platform, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete()
    made = [pat.submit(competition, bundles.write(tmp_path / f"mine-{n}", {"answer.txt": "1"})).id for n in range(4)]
    active = "SELECT 1 FROM evaluation_attempt WHERE state = 'active'"
    eventually(lambda: len(platform.rows(active)) == 1, "one offer, where nobody listens")
    assert [pat.client.submission(one).status for one in made] == ["Submitted"] * 4
    start(platform, "foreign")
    for one in made:
        assert pat.ended(one).status == "Finished"


def test_every_queue_has_a_vhost_and_a_user_of_its_own(platform: Platform, broker: Broker) -> None:
    url = platform.broker_url()
    vhost, user = url.rpartition("/")[2], url.partition("://")[2].partition(":")[0]
    mine = broker.ask(f"/api/users/{user}/permissions").json()
    assert [(one["vhost"], one["configure"]) for one in mine] == [(vhost, ".*")]
    assert broker.ask(f"/api/users/{user}").json()["tags"] in ("", [])
    password = url.partition("://")[2].partition("@")[0].partition(":")[2]
    assert len(password) == 64
    assert password not in platform.logs()
    assert not platform.rows("SELECT 1 FROM queues_brokeraccess WHERE trouble LIKE ?", f"%{password}%")
