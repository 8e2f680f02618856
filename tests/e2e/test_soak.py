"""Hundreds of submissions while things are killed, cut off, doubled and cancelled at random; then what must hold.

The seed is printed, and `PODIUM_SOAK_SEED` sets it; it decides which faults there are and when, not how processes
interleave. `PODIUM_SOAK_SUBMISSIONS` (200) says how many, `PODIUM_SOAK_DATABASES` on what (sqlite,postgresql).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from podium.client import Competition, Submission

from . import bundles
from .chaos import BreakablePlatform, breakable, scores
from .faulty import Kind
from .people import Person, sign_up
from .running import Platform
from .soundness import ENDED, assert_sound, wait_for_ends
from .waiting import eventually

pytestmark = [pytest.mark.soak, pytest.mark.bwrap, pytest.mark.service, pytest.mark.timeout(2 * 3600)]

SUBMISSIONS = int(os.environ.get("PODIUM_SOAK_SUBMISSIONS", "200"))
DATABASES = os.environ.get("PODIUM_SOAK_DATABASES", "sqlite,postgresql").split(",")
WORKERS, SLOTS, UNDER_WAY = 2, 2, 16
KINDS: list[Kind] = ["claim", "download", "beat", "upload", "finish"]

ANSWERS = "import sys\nopen(sys.argv[1] + '/answer.txt', 'w').write('{value}')\n"
TALKS = "print('x' * 300_000)\n" + ANSWERS
DIES = "import sys\nsys.exit('on purpose')\n"


@dataclass
class Storm:
    """A platform, what was submitted to it, and the faults it is given."""

    platform: BreakablePlatform
    chance: random.Random
    pat: Person
    results: Competition
    programs: Competition
    folder: Path
    expected: dict[int, float | None] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def submit(self, number: int) -> None:
        """Submit something that will score `number`, or fail by its own fault."""
        value = number / 1000
        shape = self.chance.choice(["result", "result", "bad result", "answers", "talks", "dies"])
        files = {
            "result": {"answer.txt": f"{value}"},
            "bad result": {"answer.txt": "not a number"},
            "answers": {"metadata": "", "main.py": ANSWERS.format(value=value), "mark": "m"},
            "talks": {"metadata": "", "main.py": TALKS.format(value=value), "mark": "m"},
            "dies": {"metadata": "", "main.py": DIES, "mark": "m"},
        }[shape]
        where = self.results if "result" in shape else self.programs
        made = self.pat.submit(where, bundles.write(self.folder / f"{number}", files))
        self.expected[made.id] = None if shape in {"bad result", "dies"} else value

    def break_something(self) -> None:
        """Do one thing that a machine room does."""
        faults: list[Callable[[], None]] = [
            self.kill_a_worker,
            self.kill_a_worker,
            self.kill_the_sandboxes,
            self.kill_the_site_worker,
            self.kill_the_web,
            self.fail_requests,
            self.fail_requests,
            self.fail_requests,
            self.double_requests,
            self.cancel_something,
            self.cancel_something,
            *([self.crash_the_database] if self.platform.server else []),
        ]
        fault = self.chance.choice(faults)
        self.faults[fault.__name__] += 1
        fault()

    def kill_a_worker(self) -> None:
        name = f"worker-{self.chance.randrange(WORKERS)}"
        self.platform.roles[name].kill()
        self.platform.start_worker(name, slots=SLOTS)

    def kill_the_sandboxes(self) -> None:
        for pid in self.platform.sandboxes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_the_site_worker(self) -> None:
        self.platform.roles["site-worker"].kill()
        self.platform.start_site_worker()

    def kill_the_web(self) -> None:
        self.platform.roles["web"].kill()
        self.platform.start_web()

    def crash_the_database(self) -> None:
        assert self.platform.server is not None
        self.platform.server.stop_at_once()
        self.platform.server.start()
        # The web server's connections are broken; each is found out by the request that uses it.
        eventually(lambda: self.pat.get("/api/competitions/").is_success or None, "an answer after the crash")

    def fail_requests(self) -> None:
        kind, proxy = self.chance.choice(KINDS), self.platform.proxy
        times = self.chance.randint(1, 4)
        how = self.chance.choice(["refuse", "drop", "drop_answer"])
        if how == "refuse":
            proxy.refuse(kind, status=self.chance.choice([500, 502, 503, 504]), times=times)
        else:
            getattr(proxy, how)(kind, times=times)

    def double_requests(self) -> None:
        kinds: list[Kind] = ["download", "beat", "upload", "finish"]
        self.platform.proxy.double(self.chance.choice(kinds), times=self.chance.randint(1, 5))

    def cancel_something(self) -> None:
        made = self.chance.choice(sorted(self.expected))
        self.pat.post(f"/api/submissions/{made}/cancel_submission/")

    def let_some_end(self) -> None:
        """Wait until not too many are under way."""
        query = f"SELECT COUNT(*) AS n FROM evaluation_submission WHERE status NOT IN {ENDED}"  # noqa: S608 - constant
        eventually(lambda: self.platform.rows(query)[0]["n"] < UNDER_WAY or None, "the end of some", within=300)

    def check(self, ended: Submission) -> str:
        """Assert that a submission ended as it had to; returns how."""
        facts, expected = self.pat.facts(ended.id), self.expected[ended.id]
        if ended.status == "Finished":
            assert expected is not None, f"what had to fail finished: {facts}"
            assert scores(self.platform, ended.id) == [expected]
        elif ended.status == "Failed" and expected is not None:
            assert facts["fault"] == "platform", f"the participant was blamed for a fault of the platform: {facts}"
        elif ended.status == "Failed":
            assert facts["cause"] in {"exit_code", "scorer_failed", "worker_lost", "platform"}, facts
        else:
            assert ended.status == "Cancelled", facts
        return f"{ended.status} {facts['cause'] or ''}".strip()


@pytest.fixture(params=DATABASES)
def platform(request: pytest.FixtureRequest, new_platform: Callable[..., Platform]) -> Iterator[BreakablePlatform]:
    """A platform of this test alone, taken down with the usual questions."""
    with breakable(new_platform, postgresql=request.param == "postgresql") as made:
        yield made


def test_hundreds_of_submissions_survive_random_faults(
    platform: BreakablePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("PODIUM_SOAK_SEED", str(random.SystemRandom().randrange(10**9))))
    with capsys.disabled():
        print(f"\n{SUBMISSIONS} submissions, seed {seed}", flush=True)
    olivia, pat = sign_up(platform, "olivia"), sign_up(platform, "pat")
    competitions = []
    for title, ingestion in (("Results", None), ("Programs", bundles.RUNS_MAIN)):
        many = {"max_submissions_per_day": 100_000, "max_submissions": 100_000}
        folder = bundles.bundle(tmp_path / title, title, image=platform.image, ingestion=ingestion, phase=many)
        competitions.append(olivia.publish(folder))
        pat.take_part(competitions[-1])
    for number in range(WORKERS):
        platform.start_worker(f"worker-{number}", slots=SLOTS)
    chance = random.Random(seed)  # noqa: S311 - a seed, so that a storm can be had again
    storm = Storm(platform, chance, pat, *competitions, tmp_path / "submissions")
    for number in range(1, SUBMISSIONS + 1):
        storm.submit(number)
        if chance.random() < 0.4:
            storm.break_something()
        storm.let_some_end()
    platform.proxy.clear()
    wait_for_ends(platform, within=600)
    platform.stop_workers()
    ends = Counter(storm.check(pat.client.submission(made)) for made in sorted(storm.expected))
    with capsys.disabled():
        print(f"faults: {dict(storm.faults)}\nends: {dict(ends)}", flush=True)
    assert len(platform.rows("SELECT id FROM evaluation_submission")) == SUBMISSIONS
    assert_sound(platform)
    olivia.client.close()
    pat.client.close()
