"""`podium phases`: what organizers do with all submissions of a phase."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import output
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm
from podium.cli.session import Exit, Session, remote

if TYPE_CHECKING:
    from podium.client import Podium
    from podium.client.models import PhaseWork

app = typer.Typer(help="Phases of your competitions: migrate, run again, progress.", no_args_is_help=True)

PhaseArgument = Annotated[int, typer.Argument(metavar="PHASE", help="Number of the phase (see `podium competition`).")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until it is done.")]
_ENDED = frozenset({"finished", "failed", "done"})


@app.command()
@remote
def migrate(session: Session, phase: PhaseArgument, yes: Yes = False, wait: WaitOption = False) -> None:
    """Submit what stands on the leaderboard to the next phase, each entry once."""
    confirm(f"Submit what stands on the board of phase {phase} to the next phase?", yes=yes)
    with session.client() as client:
        client.migrate_phase(phase)
        if wait:
            _wait(session, client, phase)
    session.done({"phase": phase}, f"The entries of phase {phase} go to the next phase.")


@app.command()
@remote
def rerun(session: Session, phase: PhaseArgument, yes: Yes = False, wait: WaitOption = False) -> None:
    """Evaluate every submission of a phase again."""
    confirm(f"Evaluate every submission of phase {phase} again?", yes=yes)
    with session.client() as client:
        count = client.rerun_phase(phase)
        if wait:
            _wait(session, client, phase)
    session.done({"phase": phase, "count": count}, f"{count} submissions of phase {phase} run again.")


@app.command()
@remote
def works(session: Session, phase: PhaseArgument) -> None:
    """Show how far reruns and migrations have come."""
    with session.client() as client:
        found = client.phase_works(phase).all()
    columns: list[output.Column[PhaseWork]] = [
        ("ID", lambda w: w.id),
        ("What", lambda w: w.kind),
        ("State", lambda w: w.state),
        ("Done", lambda w: f"{w.done}/{w.total}"),
        ("Started (UTC)", lambda w: w.created_when),
        ("Details", lambda w: w.details),
    ]
    session.items(found, columns, empty="There was no rerun and no migration.")


@app.command("settle-limits")
@remote
def settle_limits(session: Session, phase: PhaseArgument) -> None:
    """Settle the limits of a phase anew, at what site and workers give now."""
    with session.client() as client:
        client.settle_limits(phase)
    session.done({"phase": phase}, f"The limits of phase {phase} are what site and workers give now.")


def _wait(session: Session, client: Podium, phase: int) -> None:
    told = ""
    while True:
        newest = client.phase_works(phase).first()
        if newest is None:
            return
        if not session.json and (now := f"  {newest.state}: {newest.done}/{newest.total}") != told:
            told = now
            output.say(now)
        if newest.state.lower() in _ENDED:
            if newest.state.lower() == "failed":
                output.error(newest.details or "It failed.")
                raise typer.Exit(Exit.FAILED)
            return
        time.sleep(0.5)
