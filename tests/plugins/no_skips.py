"""Turns every skipped test into a failed one when CI or PODIUM_NO_SKIPS is set: a missing service is a failure there.

Loaded with `-p tests.plugins.no_skips`. Tests that are expected to fail (xfail) are left as they are.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

_OFF = {"", "0", "false", "no"}


def skips_are_failures() -> bool:
    """Whether CI or PODIUM_NO_SKIPS asks for it."""
    return any(os.environ.get(name, "").lower() not in _OFF for name in ("CI", "PODIUM_NO_SKIPS"))


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or not skips_are_failures():
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and here nothing may be skipped. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped by a mark, a fixture or itself."""
    report = yield
    _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself as a whole."""
    report = yield
    _fail(report)
    return report
