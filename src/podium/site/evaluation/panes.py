"""The logs of a submission as its page shows them: a pane for each program stream."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.protocol import Stream
from podium.site.evaluation.queries import Log

SHOWN_LOG_BYTES = 64_000
"""What of a log the page shows: its end; the whole of it is a download."""

STEP_NAMES = {"prediction": gettext_lazy("Prediction"), "scoring": gettext_lazy("Scoring")}
_STREAMS = {
    Stream.STDOUT: gettext_lazy("output"),
    Stream.STDERR: gettext_lazy("errors"),
    Stream.INGESTION_STDOUT: gettext_lazy("ingestion program, output"),
    Stream.INGESTION_STDERR: gettext_lazy("ingestion program, errors"),
}


def titled(step: str, what: object) -> str:
    return _("{step}: {what}").format(step=STEP_NAMES[step], what=what)


@dataclass(frozen=True)
class Pane:
    """One program stream as the page shows it."""

    step: str
    stream: str
    title: str
    text: str
    cut: bool


# Colours and cursor movements of terminals, and control characters that are no white space; live.js takes the same out.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


def panes(logs: Iterable[Log], *, failed: bool = False, most: int = SHOWN_LOG_BYTES) -> list[Pane]:
    """Stored logs, each cut to its end where it is longer than `most` bytes; failed: errors first."""
    found = []
    for log in logs:
        title = titled(log.step, _STREAMS[Stream(log.stream)])
        text, cut = log.tail(most)
        found.append(Pane(log.step, log.stream, title, _ESCAPES.sub("", text), cut))
    if failed:  # what explains a failure comes first
        found.sort(key=lambda pane: not pane.stream.endswith(Stream.STDERR))
    return found
