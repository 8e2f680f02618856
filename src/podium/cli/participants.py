"""`podium participants`: who takes part in a competition of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import completion, output
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm, group
from podium.cli.session import Exit, Session, remote

if TYPE_CHECKING:
    from podium.client import Podium
    from podium.client.models import Participant

app = group("Who takes part in a competition of yours: see, approve, turn down, mail.")

Own = Annotated[
    int,
    typer.Argument(
        metavar="COMPETITION", help="Number of the competition.", autocompletion=completion.own_competitions
    ),
]
People = Annotated[list[str], typer.Argument(metavar="USERNAME...", help="User names.", show_default=False)]


@app.command("list")
@remote
def list_(
    session: Session,
    competition: Own,
    status: Annotated[str | None, typer.Option(help="approved, pending or denied.")] = None,
    search: Annotated[str | None, typer.Option(help="Part of a user name or address.")] = None,
) -> None:
    """List who takes part."""
    with session.client() as client:
        found = client.participants(competition, status=status, search=search).all()
    columns: list[output.Column[Participant]] = [
        ("ID", lambda p: p.id),
        ("User name", lambda p: p.username),
        ("E-mail", lambda p: p.email),
        ("Status", lambda p: p.status),
    ]
    session.items(found, columns, empty="Nobody, or the competition is not yours.")


@app.command()
@remote
def approve(
    session: Session,
    competition: Own,
    usernames: Annotated[list[str] | None, typer.Argument(metavar="USERNAME...", show_default=False)] = None,
    everybody: Annotated[bool, typer.Option("--pending", help="Everybody who waits to be approved.")] = False,
) -> None:
    """Let people take part."""
    with session.client() as client:
        if everybody:
            people = client.participants(competition, status="pending").all()
        else:
            people = _named(client, competition, usernames or [])
        changed = [client.set_participant_status(p.id, "approved") for p in people if p.status != "approved"]
    session.done([p.model_dump() for p in changed], f"{len(changed)} approved.")


@app.command()
@remote
def deny(session: Session, competition: Own, usernames: People, yes: Yes = False) -> None:
    """Turn people down, or take their right to take part away."""
    with session.client() as client:
        people = _named(client, competition, usernames)
        confirm(f"Turn down {', '.join(p.username for p in people)}? They leave the leaderboards.", yes=yes)
        changed = [client.set_participant_status(p.id, "denied") for p in people if p.status != "denied"]
    session.done([p.model_dump() for p in changed], f"{len(changed)} turned down.")


@app.command()
@remote
def credit(
    session: Session,
    *,
    competition: Own,
    username: Annotated[str, typer.Argument(help="User name.")],
    phase: Annotated[int, typer.Option("--phase", help="Number of the phase.")],
    tries: Annotated[int, typer.Option("--tries", help="How many more submissions.")] = 1,
    note: Annotated[str, typer.Option("--note", help="Why; the participant reads it.")] = "",
) -> None:
    """Give somebody tries beyond the limits of a phase."""
    with session.client() as client:
        (person,) = _named(client, competition, [username])
        now = client.credit_tries(person.id, phase, tries, note)
    left = "without limit" if now.left_total is None else f"{now.left_total} in all"
    session.done(now.model_dump(), f"{username} has {left} left, {now.left_today} today.")


def _named(client: Podium, competition: int, usernames: list[str]) -> list[Participant]:
    """The participants of these names; an unknown one ends the command before anything is changed."""
    if not usernames:
        raise typer.BadParameter("Say who: user names, or --pending.")
    found: list[Participant] = []
    for name in usernames:
        every = client.participants(competition, search=name)
        one = next((p for p in every if p.username == name), None)
        if one is None:
            near = ", ".join(p.username for p in every) or "nobody of a like name"
            output.error(f"{name} does not take part in competition {competition}.", hint=f"There is: {near}.")
            raise typer.Exit(Exit.REFUSED)
        found.append(one)
    return found
