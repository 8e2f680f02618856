"""`podium login`, `logout` and `whoami`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from podium.cli import output
from podium.cli.config import Profile, forget_token, save, store_token
from podium.cli.session import Session, remote

if TYPE_CHECKING:
    from podium.client import Podium

app = typer.Typer()
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@app.command()
@remote
def login(
    session: Session,
    username: Annotated[str | None, typer.Option("--username", "-u", help="User name or e-mail address.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, for scripts.")
    ] = False,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep the token in the system's keyring instead of a private file.")
    ] = False,
) -> None:
    """Log in to a server and remember the token."""
    parts = urlsplit(session.server)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        output.say(
            f"Warning: {session.server} is not encrypted; others on the network can read the password.",
            style="yellow",
            stderr=True,
        )
    name = username or session.profile.username or typer.prompt("User name", err=True)
    password = (
        sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True, err=True)
    )
    if not password:
        raise typer.BadParameter("No password was given.")
    with session.client() as client:
        token = _log_in(client, name, password)
        account = client.me()
    profile = Profile(session.server, account.username, keyring)
    store_token(session.profile_name, profile, token)
    session.config.profiles[session.profile_name] = profile
    session.config.current = session.profile_name
    save(session.config)
    if not session.answer({"server": session.server, "username": account.username, "profile": session.profile_name}):
        output.say(f"Logged in to {session.server} as {account.username}.", style="green")


def _log_in(client: Podium, name: str, password: str) -> str:
    from podium.client import ApiError  # noqa: PLC0415 - brings the HTTP library

    try:
        return client.login(name, password)
    except ApiError as error:
        if error.status == 400:
            error.hint = error.hint or (
                f"Check user name, password and server ({client.server}). No account yet, or the password forgotten? "
                f"See {client.server}/accounts/login/"
            )
        raise


@app.command()
@remote
def logout(session: Session) -> None:
    """Forget the token of a server."""
    stored = session.config.profiles.get(session.profile_name)
    if stored is not None:
        forget_token(session.profile_name, stored)
        stored.keyring = False
        save(session.config)
    if not session.answer({"server": session.server, "profile": session.profile_name}):
        output.say(f"Logged out of {session.server}.")


@app.command()
@remote
def whoami(session: Session) -> None:
    """Show who you are on the server."""
    with session.client() as client:
        account = client.me()
    if not session.answer({"server": session.server, **account.model_dump()}):
        output.say(f"{account.username} on {session.server}" + (f" ({account.email})" if account.email else ""))
