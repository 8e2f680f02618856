"""The life of a submission and of its runs, written down once.

    Submitting -> Submitted -> Preparing -> Running -> Scoring -> Finished
                       (any of them) -----------------> Failed | Cancelled

A submission waits in Submitting while it is held for the organizer, in Submitted while its first run waits for a
worker, is in Preparing while a worker fetches and unpacks, in Running while the prediction step's programs run, in
Scoring from then on (a submission without prediction step goes there from Preparing). A lost attempt takes it back
to Submitted. Changes are compare-and-set; what the table does not allow is refused and logged.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SubmissionStatus(models.TextChoices):
    """Codabench's words."""

    SUBMITTING = "Submitting", _("Submitting")
    SUBMITTED = "Submitted", _("Submitted")
    PREPARING = "Preparing", _("Preparing")
    RUNNING = "Running", _("Running")
    SCORING = "Scoring", _("Scoring")
    FINISHED = "Finished", _("Finished")
    FAILED = "Failed", _("Failed")
    CANCELLED = "Cancelled", _("Cancelled")


class RunState(models.TextChoices):
    """A run waits, is claimed by an attempt, and ends."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(models.TextChoices):
    """An attempt is active until it ends in one of four ways."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


State = TypeVar("State", SubmissionStatus, RunState, AttemptState)
_S = SubmissionStatus
TERMINAL = frozenset({_S.FINISHED, _S.FAILED, _S.CANCELLED})
_ENDS = {_S.FAILED, _S.CANCELLED}
SUBMISSION_TRANSITIONS: dict[SubmissionStatus, frozenset[SubmissionStatus]] = {
    _S.SUBMITTING: frozenset({_S.SUBMITTED, *_ENDS}),
    _S.SUBMITTED: frozenset({_S.PREPARING, *_ENDS}),
    _S.PREPARING: frozenset({_S.SUBMITTED, _S.RUNNING, _S.SCORING, *_ENDS}),
    _S.RUNNING: frozenset({_S.SUBMITTED, _S.SCORING, *_ENDS}),
    _S.SCORING: frozenset({_S.FINISHED, *_ENDS}),
    _S.FINISHED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.CLAIMED, RunState.CANCELLED, RunState.FAILED}),
    RunState.CLAIMED: frozenset({RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}
OPEN_RUNS = frozenset(state for state, targets in RUN_TRANSITIONS.items() if targets)
ATTEMPT_TRANSITIONS: dict[AttemptState, frozenset[AttemptState]] = {
    AttemptState.ACTIVE: frozenset(AttemptState) - {AttemptState.ACTIVE},
    **{state: frozenset() for state in set(AttemptState) - {AttemptState.ACTIVE}},
}


class IllegalTransition(Exception):
    """A change of state that the table does not allow, or that another process was quicker to make."""


def sources_of(target: State) -> list[State]:
    """The states of the same machine from which `target` may be reached."""
    tables: dict[type, dict[Any, frozenset[Any]]] = {
        SubmissionStatus: SUBMISSION_TRANSITIONS,
        RunState: RUN_TRANSITIONS,
        AttemptState: ATTEMPT_TRANSITIONS,
    }
    return [state for state, targets in tables[type(target)].items() if target in targets]


_PROGRESS = {
    state: place for place, state in enumerate([_S.SUBMITTING, _S.SUBMITTED, _S.PREPARING, _S.RUNNING, _S.SCORING])
}


def parent_status(children: list[SubmissionStatus]) -> SubmissionStatus:
    """The status of a submission to several tasks, derived from its children's.

    While a child is under way the parent shows the furthest that any child has come, short of Scoring until all are
    that far. When all have ended: Finished if any finished (the others are named in the details), else Failed if
    any failed, else Cancelled.
    """
    if all(state in TERMINAL for state in children):
        for end in (_S.FINISHED, _S.FAILED):
            if end in children:
                return end
        return _S.CANCELLED
    under_way = [state for state in children if state not in TERMINAL]
    if all(state is _S.SCORING for state in under_way):
        return _S.SCORING
    if len(under_way) < len(children):
        return _S.RUNNING
    furthest = max(under_way, key=lambda state: _PROGRESS[state])
    return _S.RUNNING if furthest is _S.SCORING else furthest
