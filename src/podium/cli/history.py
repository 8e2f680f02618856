"""`podium competitions history`: what organizers and administrators changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import completion, output
from podium.cli.competitions import competitions_app
from podium.cli.session import Session, remote

if TYPE_CHECKING:
    from podium.client.models import HistoryEntry

_WAYS = {"session": "in the browser", "command": "on the server", "platform": "in the background"}
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@competitions_app.command("history")
@remote
def history(
    session: Session,
    *,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[COMPETITION]",
            help="Number of a competition of yours; without it the whole site, for administrators.",
            autocompletion=completion.own_competitions,
            show_default=False,
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, as competition.published.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Only from this moment (UTC) on.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Only before this moment (UTC).")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many, the newest first.")] = 50,
) -> None:
    """Show who of the organizers and administrators changed what."""
    with session.client() as client:
        entries = client.history(number, user=user, action=action, since=_utc(since), until=_utc(until))
        found = list(islice(entries, most))
    columns: list[output.Column[HistoryEntry]] = [
        ("When (UTC)", lambda entry: entry.when),
        ("Who", lambda entry: entry.who or "nobody with an account"),
        ("How", _way),
        ("What", lambda entry: entry.what or entry.action),
        ("Of", lambda entry: entry.object_name),
        ("Before", lambda entry: _fields(entry.before)),
        ("After", lambda entry: _fields(entry.after)),
    ]
    session.items(found, columns, empty="Nothing was changed, or nothing that was asked for.")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _way(entry: HistoryEntry) -> str:
    if entry.via == "token":
        return f"by the token {entry.token_name}" if entry.token_name else "by a token"
    return _WAYS.get(entry.via, entry.via)


def _fields(side: dict[str, Any]) -> str:
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in side.items()
    )
