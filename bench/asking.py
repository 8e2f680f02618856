"""Asking the site in the same process again and again: what an answer takes, how many queries, how much is read."""

# ruff: noqa: PLC0415 - the site is imported only in the process that has set it up

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from tests.site.database_reading import Reading


def repeated(act: Callable[[int], None], rounds: int, *, grain: int = 1) -> dict[str, float]:
    """Seconds (median, 95th percentile), processor seconds, queries and what is read of an act done several times.

    act: is given the number of the round; the first call is not measured. grain: as `Reading` takes it.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    act(0)
    took, worked = [], []
    for place in range(rounds):
        began, before = time.perf_counter(), time.process_time()
        act(place)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
    with Reading(grain) as reading, CaptureQueriesContext(connection) as queries:
        act(1)
    return {
        "p50": statistics.median(took),
        "p95": sorted(took)[int(len(took) * 0.95)],
        "cpu": statistics.median(worked),
        "queries": len(queries),
        "read": reading.count(),
    }
