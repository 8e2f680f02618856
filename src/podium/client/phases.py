"""What organizers do with phases and with the people who take part."""

from __future__ import annotations

from podium.client.models import Participant, PhaseWork, Tries
from podium.client.rules import call, many, named, one
from podium.client.steps import Plan, Stream


def participants(competition: int, *, status: str | None = None, search: str | None = None) -> Stream[Participant]:
    """Who takes part in a competition of the caller's, by name; `status` is approved, pending or denied."""
    return many(Participant, "api/participants/", {"competition": competition, "status": status, "search": search})


def set_participant_status(participant: int, status: str) -> Plan[Participant]:
    """Approve (`approved`) or turn down (`denied`) somebody; `participant` is their number in the list."""
    with named(f"participant {participant}"):
        return (yield from one(Participant, "PATCH", f"api/participants/{participant}/", json={"status": status}))


def credit_tries(participant: int, phase: int, tries: int, note: str) -> Plan[Tries]:
    """Give somebody tries beyond the limits of a phase, with a note that they read."""
    body = {"phase": phase, "tries": tries, "note": note}
    with named(f"participant {participant}"):
        return (yield from one(Tries, "POST", f"api/participants/{participant}/credit_tries/", json=body))


def migrate_phase(phase: int) -> Plan[None]:
    """Submit what stands on a phase's leaderboard to the next phase, each entry once."""
    with named(f"phase {phase}"):
        yield from call("POST", f"api/phases/{phase}/manually_migrate/")


def rerun_phase(phase: int) -> Plan[int]:
    """Evaluate every submission of a phase again; returns how many."""
    with named(f"phase {phase}"):
        answer = yield from call("POST", f"api/phases/{phase}/rerun_submissions/")
    return int(answer["count"])


def phase_works(phase: int) -> Stream[PhaseWork]:
    """How far reruns and migrations of a phase have come, newest first."""
    with named(f"phase {phase}"):
        yield from many(PhaseWork, f"api/phases/{phase}/works/")


def settle_limits(phase: int) -> Plan[None]:
    """Settle the limits of a phase anew, at what site and workers give now."""
    with named(f"phase {phase}"):
        yield from call("POST", f"api/phases/{phase}/settle_limits/")
