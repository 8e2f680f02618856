"""Detailed results while the scoring program still writes them: what has arrived of them, and when it changed."""

from __future__ import annotations

from dataclasses import dataclass

from podium.protocol import Step
from podium.site.evaluation.models import Attempt
from podium.site.resources import grants, storage


@dataclass(frozen=True)
class Growing:
    """A report that may change: where it is, and a text that tells one state of it from another."""

    key: str
    version: str
    size: int

    def url(self, *, absolute: bool = False) -> str:
        """A short-lived address of it. Call it only after asking a policy."""
        return grants.incoming_url(self.key, name="detailed_results.html", content_type="text/html", absolute=absolute)


def growing(attempt: Attempt) -> Growing | None:
    """What a worker has handed over of the report of an attempt that it still works on."""
    if attempt.run.step != Step.SCORING:
        return None
    key = attempt.detailed_results_key
    state = storage.incoming_state(key)
    return None if state is None else Growing(key, f"{attempt.pk}-{state.changed}-{state.size}", state.size)
