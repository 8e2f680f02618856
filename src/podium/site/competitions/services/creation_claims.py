"""Who works on a creation; the rules are those of every long job, see `claims`."""

from __future__ import annotations

from typing import Any

from podium.site.competitions.models import CreationState, CreationStatus
from podium.site.competitions.services.claims import Claims, Superseded

__all__ = ["Superseded", "change", "claim", "kept_alive", "recover"]


def _task() -> Any:
    from podium.site.competitions.tasks import create_competition  # noqa: PLC0415 - tasks call this module

    return create_competition


def _given_up(status: CreationStatus) -> dict[str, object]:
    steps = [{**step, "state": "failed" if step["state"] == "running" else step["state"]} for step in status.steps]
    details = (
        f"The platform was interrupted {status.attempt} times while it read this bundle. Nothing was created; "
        "upload the bundle again, and tell the administrators if that happens twice."
    )
    return {"steps": steps, "details": details}


_claims = Claims(
    model=CreationStatus,
    queued=CreationState.STARTING,
    running=CreationState.STARTING,
    failed=CreationState.FAILED,
    task=_task,
    given_up=_given_up,
    joined=("dataset__data_file", "created_by"),
)
enqueue, claim, change = _claims.enqueue, _claims.claim, _claims.change
kept_alive, recover = _claims.kept_alive, _claims.recover
