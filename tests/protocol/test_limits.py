"""The effective limits: never above what is asked or given, never lowered without saying so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.protocol import AskedLimits, Ceilings, JobLimits, Lowering, complete, lower, promise, shortfalls
from podium.protocol.limits import QUANTITIES, REQUIRED

GIB = 2**30
SITE = Ceilings(wall_seconds=86400, gpus=None)
ASKED = AskedLimits(wall_seconds=600, memory_bytes=16 * GIB)
SMALL, BIG = Ceilings(memory_bytes=8 * GIB), Ceilings(memory_bytes=32 * GIB)

_amounts = {name: st.none() | st.integers(1, 8) for name in QUANTITIES}
asked_limits = st.builds(
    AskedLimits, **{**_amounts, "wall_seconds": st.integers(1, 8), "gpus": st.none() | st.integers(0, 2)}, network=...
)
ceilings = st.builds(Ceilings, **{**_amounts, "gpus": st.none() | st.integers(0, 2)}, network=...)


def test_what_every_ceiling_allows_is_promised_as_asked() -> None:
    assert promise(ASKED, SITE, [BIG]) == promise(ASKED, SITE, [SMALL, BIG]) == promise(ASKED, SITE, [])
    assert promise(ASKED, SITE, [BIG]).limits == ASKED
    assert promise(ASKED, SITE, [BIG]).lowered == ()


def test_the_strongest_worker_counts_and_what_it_lacks_is_told() -> None:
    found = promise(ASKED, SITE, [Ceilings(memory_bytes=4 * GIB), SMALL])

    assert found.limits.memory_bytes == 8 * GIB
    assert found.lowered == (Lowering("memory_bytes", 16 * GIB, 8 * GIB, "workers"),)


def test_a_limit_that_site_and_worker_lower_is_told_once_with_the_ceiling_that_holds() -> None:
    endless = AskedLimits(wall_seconds=2147483647)

    assert promise(endless, SITE, []).lowered == (Lowering("wall_seconds", 2147483647, 86400, "site"),)
    assert promise(endless, SITE, [Ceilings(wall_seconds=60)]).lowered == (
        Lowering("wall_seconds", 2147483647, 60, "workers"),
    )


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [({"gpus": 2}, ("gpus",)), ({"network": True}, ("network",)), ({"gpus": 1, "network": True}, ("gpus", "network"))],
)
def test_what_a_program_cannot_do_without_is_not_lowered_but_lacking(
    asked: dict[str, object], lacking: tuple[str, ...]
) -> None:
    wanted = ASKED.model_copy(update=asked)
    found = promise(wanted, SITE.model_copy(update={"network": True}), [BIG])

    assert (found.limits, found.lacking) == (wanted, lacking)


def test_the_site_alone_can_lack_what_is_required() -> None:
    assert promise(ASKED.model_copy(update={"network": True}), SITE, []).lacking == ("network",)


def test_defaults_fill_what_is_not_asked_and_stay_below_the_ceilings() -> None:
    defaults = JobLimits(wall_seconds=600, memory_bytes=4 * GIB, disk_bytes=10 * GIB)
    full = complete(AskedLimits(wall_seconds=30), defaults, [SITE, Ceilings(memory_bytes=2 * GIB, cpus=2)])

    assert (full.wall_seconds, full.memory_bytes, full.disk_bytes, full.cpus) == (30, 2 * GIB, 10 * GIB, 2)
    assert full.gpus is None


@given(asked=asked_limits, site=ceilings, workers=st.lists(ceilings, max_size=4))
def test_a_promise_is_never_more_than_asked_and_every_lowering_is_told(
    asked: AskedLimits, site: Ceilings, workers: list[Ceilings]
) -> None:
    found = promise(asked, site, workers)
    told = {each.name: each for each in found.lowered}

    for name in QUANTITIES:
        wanted, due = getattr(asked, name) or 0, getattr(found.limits, name) or 0
        assert due <= wanted
        assert (due < wanted) == (name in told)
        assert name not in told or (told[name].asked, told[name].given) == (wanted, due)
    assert not set(told) & set(REQUIRED)
    assert set(shortfalls(site, found.limits)) <= set(REQUIRED)
    if workers and not found.lacking:
        assert any(not shortfalls(worker, found.limits) for worker in workers), "some worker keeps the promise"


@given(asked=asked_limits, site=ceilings, worker=ceilings)
def test_a_job_is_below_every_ceiling_and_has_what_was_promised(
    asked: AskedLimits, site: Ceilings, worker: Ceilings
) -> None:
    found = promise(asked, site, [worker])
    full = complete(found.limits, JobLimits(wall_seconds=5, memory_bytes=5), [site, worker])

    for name in QUANTITIES:
        value, most = getattr(full, name), [getattr(each, name) for each in (site, worker)]
        if name not in REQUIRED:
            assert value is None or all(value <= each for each in most if each is not None)
        due = getattr(found.limits, name)
        if due is not None and not found.lacking:
            assert value == due
    assert lower(full, worker) == full
