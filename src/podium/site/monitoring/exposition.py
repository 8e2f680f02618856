"""The page that Prometheus reads: figures of the whole site, and what this process has counted.

With several web processes the first are the same whichever is asked; the second carry the label `process`, so that
those of different processes stay apart and can be summed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version

import structlog
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from podium.site.monitoring import figures
from podium.site.monitoring.requests import COUNTERS

log = structlog.get_logger(__name__)

FRESH_SECONDS = 5.0
"""How long figures are given again before they are read anew, however often they are asked for."""

ProcessCollector(namespace="podium", registry=COUNTERS)


class SiteFigures(Collector):
    """Figures read from the database, kept for a few seconds; while the database is away it says so and no more."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._read_at = -FRESH_SECONDS
        self._metrics: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """The figures, at most `FRESH_SECONDS` old; one thread reads them, others wait for it."""
        with self._reading:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._metrics = self._read()
                self._read_at = time.monotonic()
            yield from self._metrics

    def forget(self) -> None:
        """Read anew at the next question."""
        self._read_at = -FRESH_SECONDS

    @staticmethod
    def _read() -> list[Metric]:
        began, metrics = time.perf_counter(), []
        try:
            for figure in figures.all_figures():
                family = GaugeMetricFamily(f"podium_{figure.name}", figure.meaning, labels=figure.labels)
                for labels, value in figure.values:
                    family.add_metric(labels, value)
                metrics.append(family)
        except DatabaseError:
            log.exception("figures cannot be read")
            return [GaugeMetricFamily("podium_database_up", "Whether the database answers.", value=0)]
        return [
            *metrics,
            GaugeMetricFamily("podium_database_up", "Whether the database answers.", value=1),
            GaugeMetricFamily(
                "podium_figures_read_seconds",
                "How long reading these figures took.",
                value=time.perf_counter() - began,
            ),
        ]


class _OfThisProcess(Collector):
    """The process's own counters, each with the label `process`."""

    def collect(self) -> Iterator[Metric]:
        own = {"process": f"{socket.gethostname()}:{os.getpid()}"}
        for metric in COUNTERS.collect():
            metric.samples = [sample._replace(labels={**sample.labels, **own}) for sample in metric.samples]
            yield metric
        build = GaugeMetricFamily("podium_build_info", "The version that runs.", labels=["version", *own])
        build.add_metric([version("podium"), *own.values()], 1)
        yield build


site_figures = SiteFigures()
_registry = CollectorRegistry(auto_describe=False)
_registry.register(_OfThisProcess())
_registry.register(site_figures)


def exposition() -> bytes:
    """Everything, in Prometheus's text format."""
    return generate_latest(_registry)
