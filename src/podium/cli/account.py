"""`podium login`, `logout` and `whoami`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from podium.cli import output
from podium.cli.config import ConfigError, Profile, forget_token, has_keyring, save, store_token
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
    with_token: Annotated[
        bool,
        typer.Option("--with-token", help="Read an API token from standard input, instead of name and password."),
    ] = False,
    keyring: Annotated[
        bool | None,
        typer.Option(
            "--keyring/--no-keyring",
            help="Keep the token in the system's keyring or in a private file; default: the keyring, if there is one.",
        ),
    ] = None,
) -> None:
    """Log in to a server and remember the token."""
    from podium.client import Podium  # noqa: PLC0415 - brings the HTTP library

    parts = urlsplit(session.server)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        output.say(
            f"Warning: {session.server} is not encrypted; others on the network can read the password.",
            style="yellow",
            stderr=True,
        )
    if with_token:
        token = _token_given()
        with Podium(session.server, token) as client:
            account = client.me()
        _remember(session, account.username, token, keyring=keyring)
        return
    name = username or session.profile.username or typer.prompt("User name", err=True)
    password = (
        sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True, err=True)
    )
    if not password:
        raise typer.BadParameter("No password was given.")
    with session.client() as client:
        token = _log_in(client, name, password)
        account = client.me()
    _remember(session, account.username, token, keyring=keyring)


def _token_given() -> str:
    given = sys.stdin.readline().strip() if not sys.stdin.isatty() else typer.prompt("Token", hide_input=True, err=True)
    if not given:
        raise typer.BadParameter("No token was given.")
    return str(given)


def _remember(session: Session, username: str, token: str, *, keyring: bool | None) -> None:
    wanted = has_keyring() if keyring is None else keyring
    profile = Profile(session.server, username, wanted)
    try:
        store_token(session.profile_name, profile, token)
    except ConfigError:
        if keyring:
            raise
        profile = Profile(session.server, username, keyring=False)  # nobody insisted on the keyring, which is locked
        store_token(session.profile_name, profile, token)
    session.config.profiles[session.profile_name] = profile
    session.config.current = session.profile_name
    save(session.config)
    place = "the system's keyring" if profile.keyring else "a file that only you may read"
    answer = {"server": session.server, "username": username, "profile": session.profile_name}
    session.done(answer, f"Logged in to {session.server} as {username}; the token is in {place}.")


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
