"""Bundles that are spoiled at random: each becomes a whole competition, or nothing and a reason; never a traceback.

`PODIUM_SOAK_BUNDLES` says how many in `make soak` (10,000); `PODIUM_SOAK_SEED` names the first of them.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.db import transaction

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services.creation import BundleRefused, create_from_bundle
from podium.site.queues.models import Queue
from tests import factories
from tests.examples.harness import EXAMPLES
from tests.formats.building import BundleMaker
from tests.site.acting import files_in
from tests.site.bundle_mutator import Files, mutated, read_bundle

SHORT = 300
MEMORY = 300 * 2**20
"""Bytes that reading one small bundle may take beside what the process has, whatever is in it."""


@pytest.fixture
def sources(tmp_path: Path) -> list[Files]:
    """Bundles as they really look: those of the examples, of the checker's tests and of the site's."""
    made = [read_bundle(EXAMPLES / name) for name in ("iris", "pi", "tabular", "data-centric")]
    made.append(read_bundle(BundleMaker(tmp_path).folder("whole")))
    made.append(read_bundle(factories.write_bundle(tmp_path / "two-tasks", ingestion=True, tasks=2)))
    return made


def resident_peak() -> int:
    """The most memory that this process has held since `forget_peak`, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Begin to measure the peak anew."""
    Path("/proc/self/clear_refs").write_text("5")


def rows() -> dict[str, int]:
    """How many rows every table has."""
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def whole(competition: Competition) -> bool:
    """Whether a competition has all that the site's pages rely on."""
    phases = list(competition.phases.select_related("leaderboard"))
    return bool(phases) and all(phase.leaderboard is not None and phase.phase_tasks.exists() for phase in phases)


@dataclass
class Site:
    """What bundles are given to: a person's account on a site with these files."""

    olivia: User
    files: Path
    path: Path

    def run(self, first: int, count: int, sources: list[Files]) -> dict[str, int]:
        """Check `count` bundles from the seed `first` on, and count what became of them."""
        before, rows_before = files_in(self.files), rows()
        ends = {"created": 0, "refused": 0}
        for seed in range(first, first + count):
            self.path.write_bytes(mutated(sources[seed % len(sources)], random.Random(seed)))  # noqa: S311 - a seed
            ends[self._check(seed, before)] += 1
        assert rows() == rows_before, "rows were left behind"
        return ends

    def _check(self, seed: int, before: list[str]) -> str:
        forget_peak()
        start = resident_peak()
        try:
            with transaction.atomic():
                competition, _ = create_from_bundle(bundle=self.path, user=self.olivia)
                assert whole(competition), f"bundle {seed}: a competition that is not whole"
                transaction.set_rollback(True)
            result = "created"
            for name in set(files_in(self.files)) - set(before):
                (self.files / name).unlink()
        except BundleRefused as refused:
            told = [fault["message"] for fault in refused.faults if fault["severity"] == "error"]
            assert told and all(message.strip() for message in told), f"bundle {seed}: refused without a reason"
            assert files_in(self.files) == before, f"bundle {seed}: files were left behind"
            result = "refused"
        except Exception as error:
            error.add_note(f"bundle {seed}")
            raise
        used = resident_peak() - start
        assert used < MEMORY, f"bundle {seed}: {used / 2**20:.0f} MiB"
        return result


@pytest.fixture
def site(olivia: User, queue: Queue, files: Path, tmp_path: Path) -> Site:
    """The site, with its default queue."""
    return Site(olivia, files, tmp_path / "mutated.zip")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_spoiled_bundles_become_a_whole_competition_or_nothing_and_a_reason(site: Site, sources: list[Files]) -> None:
    ends = site.run(0, SHORT, sources)
    assert min(ends.values()) > SHORT / 20, f"the mutations are too weak or too strong to say much: {ends}"


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_ten_thousand_spoiled_bundles(site: Site, sources: list[Files], capsys: pytest.CaptureFixture[str]) -> None:
    count = int(os.environ.get("PODIUM_SOAK_BUNDLES", "10000"))
    first = int(os.environ.get("PODIUM_SOAK_SEED", str(random.SystemRandom().randrange(10**9))))
    with capsys.disabled():
        print(f"\n{count} spoiled bundles from seed {first}", flush=True)
        print(site.run(first, count, sources))
