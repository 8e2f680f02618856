"""A platform that is made to be broken: short leases, a proxy before the site, a database server of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .faulty import FaultyProxy, faulty_proxy
from .own_postgresql import OwnPostgresql, own_postgresql
from .running import Platform
from .soundness import assert_nothing_left_behind, assert_sound
from .waiting import eventually

QUICK = {"PODIUM_LEASE_SECONDS": "3", "PODIUM_SWEEP_SECONDS": "0.2"}


@dataclass
class BreakablePlatform(Platform):
    """See the module; `server` is None on SQLite."""

    proxy: FaultyProxy = None  # type: ignore[assignment]  # set as soon as the port is known
    server: OwnPostgresql | None = None

    def make_whole(self) -> None:
        """Bring up what a test has killed, and forget what it has told the proxy."""
        self.proxy.clear()
        self.go(False)
        if self.roles["web"].process.poll() is not None:
            self.start_web()
        if self.roles["site-worker"].process.poll() is not None:
            self.start_site_worker()

    def stop_workers(self) -> None:
        """End all compute workers."""
        self.proxy.clear()
        for role in list(self.roles.values()):
            if role.name.startswith("worker"):
                role.stop()

    def go(self, now: bool) -> None:
        """Let programs that wait for it (`/app/data/go`) go on from their next start, or not."""
        file = self.data / "shown" / "go"
        if now:
            file.touch()
        else:
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def breakable(make: Callable[..., Platform], *, postgresql: bool, **settings: str) -> Iterator[BreakablePlatform]:
    """A running platform without compute workers; in the end it must be sound, with nothing left behind.

    make: makes a platform that is not started, of the class that it is given.
    settings: further environment variables of the site.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(own_postgresql()) if postgresql else None
        made = make(kind=BreakablePlatform, settings={**QUICK, **settings}, database_url=server.url if server else "")
        assert isinstance(made, BreakablePlatform)
        made.server = server
        made.proxy = stack.enter_context(faulty_proxy(made.port))
        shown = made.data / "shown"
        shown.mkdir(parents=True, mode=0o755)
        made.worker_settings = {
            **made.worker_settings,
            "PODIUM_WORKER_DATA": str(shown),
            "PODIUM_WORKER_SERVER": made.proxy.url,
        }
        stack.callback(made.stop)
        made.start(workers=0)
        yield made
        made.make_whole()
        _sweep(made)
        assert_sound(made)
        assert_nothing_left_behind(made)


def _sweep(made: BreakablePlatform) -> None:
    """Start a compute worker and end it, so that what its killed predecessors left is swept."""
    made.stop_workers()
    worker = made.start_worker("worker-last", slots=1)
    eventually(lambda: "serves" in worker.log.read_text() or None, "the start of the last compute worker")
    worker.stop()


def attempts(platform: Platform, submission: int) -> list[tuple[str, int, str]]:
    """Step, number and state of every attempt of a submission, in the order of their claims."""
    rows = platform.rows(
        "SELECT run.step, attempt.number, attempt.state FROM evaluation_attempt attempt"
        " JOIN evaluation_run run ON run.id = attempt.run_id WHERE run.submission_id = ? ORDER BY attempt.id",
        submission,
    )
    return [(row["step"], row["number"], row["state"]) for row in rows]


def ledger(platform: Platform, submission: int) -> list[int]:
    """The entries of a submission in the ledger of tries."""
    rows = platform.rows("SELECT amount FROM evaluation_tryentry WHERE submission_id = ? ORDER BY id", submission)
    return [row["amount"] for row in rows]


def scores(platform: Platform, submission: int) -> list[float]:
    """The stored scores of a submission."""
    return [
        row["value"]
        for row in platform.rows("SELECT value FROM leaderboards_score WHERE submission_id = ?", submission)
    ]
