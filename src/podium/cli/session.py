"""What every command that talks to a server shares: which server, which account, how to answer."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from podium.cli import output
from podium.cli.config import DEFAULT_PROFILE, DEFAULT_SERVER, Config, ConfigError, Profile, load, token_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from podium.client import Podium
    from podium.client.errors import PodiumError

P = ParamSpec("P")

ServerOption = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Address of the server.", show_default=False)
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Which stored server and account.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]


class Exit:
    """Exit codes that scripts can use; EXIT_CODES says what they mean."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 3
    CANCELLED = 4
    REFUSED = 5
    UNREACHABLE = 6


EXIT_CODES = {
    Exit.OK: "it went well; a submission that was waited for finished",
    Exit.FAILED: "it failed (the submission, the bundle, the file), or a question was answered with no",
    Exit.USAGE: "the command was not understood",
    Exit.TIMED_OUT: "what was waited for had not ended within --timeout seconds; it goes on",
    Exit.CANCELLED: "the submission was cancelled",
    Exit.REFUSED: "the server refused: no login, no right, a limit reached, nothing of that number",
    Exit.UNREACHABLE: "no connection to the server, or the server failed; worth another try",
}


@dataclass
class Globals:
    """Options given before the command."""

    server: str | None = None
    profile: str | None = None
    json: bool = False


@dataclass
class Session:
    """One command's server, account and way of answering."""

    config: Config
    profile_name: str
    profile: Profile
    json: bool

    @property
    def server(self) -> str:
        """The server's address."""
        return self.profile.server

    @property
    def token(self) -> str | None:
        """PODIUM_TOKEN, else the stored token of this profile; never one that another server gave."""
        given = os.environ.get("PODIUM_TOKEN")
        if given or self.config.profiles.get(self.profile_name) != self.profile:
            return given
        return token_of(self.profile_name, self.profile)

    def client(self) -> Podium:
        """A client with this session's token."""
        from podium.client import Podium  # noqa: PLC0415 - costs a third of a second

        return Podium(self.server, self.token)

    def items(self, found: Sequence[BaseModel], columns: Sequence[output.Column[Any]], *, empty: str) -> None:
        """Print a list: as JSON, or as a table with `columns`, or `empty` when there is nothing in it."""
        if self.answer([item.model_dump(mode="json", exclude={"token"}) for item in found]):
            return
        if found:
            output.listed(found, columns)
        else:
            output.say(empty)

    def item(self, found: BaseModel, text: str) -> None:
        """Print one thing: as JSON, or as the sentence `text`."""
        if not self.answer(found.model_dump(mode="json")):
            output.say(text, style="green")

    def done(self, data: Any, text: str) -> None:
        """Say what was done: `data` as JSON, or the sentence `text`."""
        if not self.answer(data):
            output.say(text, style="green")

    def answer(self, data: Any) -> bool:
        """In JSON mode print `data` and say so; otherwise the command prints for people."""
        if self.json:
            output.print_json(data)
        return self.json


def open_session(given: Globals) -> Session:
    """Find out which profile is meant: named, else the one whose server was named, else the current one.

    A token goes only to the server it was made for: with an address that no profile has, there is no token.
    Raises ConfigError when a named profile does not exist.
    """
    from podium.client.rules import clean_server  # noqa: PLC0415

    config = load()
    asked = given.server or os.environ.get("PODIUM_SERVER") or os.environ.get("PODIUM_URL")
    server = clean_server(asked) if asked else None
    name = given.profile or os.environ.get("PODIUM_PROFILE")
    if name is None:
        name = _name_for(config, server) if server else config.current
    elif name not in config.profiles and server is None:
        known = ", ".join(sorted(config.profiles)) or "none yet"
        raise ConfigError(
            f"There is no profile {name!r} (known: {known}). Make it with `podium login --profile {name} --server URL`."
        )
    stored = config.profiles.get(name)
    if stored is None or (server is not None and stored.server != server):
        stored = Profile(server or DEFAULT_SERVER)
    return Session(config=config, profile_name=name, profile=stored, json=given.json)


def _name_for(config: Config, server: str) -> str:
    """The profile of a server; for a new server a name that no other one has."""
    for name in (config.current, *config.profiles):
        if name in config.profiles and config.profiles[name].server == server:
            return name
    return server.partition("://")[2] if DEFAULT_PROFILE in config.profiles else DEFAULT_PROFILE


def remote(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Make a command of a function that takes a session: adds --server, --profile and --json, and explains faults."""

    @functools.wraps(command)
    def run(
        ctx: typer.Context,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        before = ctx.find_object(Globals) or Globals()
        given = Globals(
            server=kwargs.pop("server_") or before.server,  # type: ignore[arg-type]
            profile=kwargs.pop("profile_") or before.profile,  # type: ignore[arg-type]
            json=bool(kwargs.pop("json_")) or before.json,
        )
        from podium.client.errors import PodiumError  # noqa: PLC0415

        session: Session | None = None
        try:
            session = open_session(given)
            command(session, *args, **kwargs)
        except PodiumError as fault:
            explain(
                _with_login(fault, session) if session and command.__name__ != "login" else fault, as_json=given.json
            )
            raise typer.Exit(exit_code_for(fault)) from fault
        except ConfigError as fault:
            output.error(str(fault))
            raise typer.Exit(Exit.USAGE) from fault

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    added = [
        inspect.Parameter("server_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ServerOption),
        inspect.Parameter("profile_", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ProfileOption),
        inspect.Parameter("json_", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    every = [context, *own, *added]
    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
    del run.__wrapped__
    return run


def _with_login(fault: PodiumError, session: Session) -> PodiumError:
    """A refusal for want of a login says how to log in to this very server."""
    from podium.client.errors import ApiError, NotLoggedInError  # noqa: PLC0415

    if not isinstance(fault, ApiError) or fault.status not in {401, 403}:
        return fault
    how = f"Use: podium login --server {session.server}"
    if session.token is None:
        return NotLoggedInError(fault.status, "You are not logged in.", code=fault.code, hint=how, fields=fault.fields)
    if isinstance(fault, NotLoggedInError):
        message = f"{session.server} does not accept your login any more."
        return NotLoggedInError(fault.status, message, code=fault.code, hint=how, fields=fault.fields)
    return fault


def exit_code_for(fault: PodiumError) -> int:
    """The exit code for what stopped a command: refused, not reachable, timed out, or failed."""
    from podium.client.errors import (  # noqa: PLC0415 - the command that failed has it loaded
        ApiError,
        ServerFailedError,
        UnreachableError,
        WaitTimeoutError,
    )

    if isinstance(fault, UnreachableError | ServerFailedError):
        return Exit.UNREACHABLE
    if isinstance(fault, WaitTimeoutError):
        return Exit.TIMED_OUT
    return Exit.REFUSED if isinstance(fault, ApiError) else Exit.FAILED


def explain(fault: PodiumError, *, as_json: bool) -> None:
    """Say what went wrong: on standard error for people, as an object with `error` for scripts."""
    if as_json:
        output.print_json(
            {
                "error": {
                    "message": fault.message,
                    "hint": fault.hint,
                    "status": getattr(fault, "status", None),
                    "code": getattr(fault, "code", ""),
                    "fields": getattr(fault, "fields", {}),
                    "faults": getattr(fault, "faults", []),
                }
            }
        )
        return
    output.error(fault.message, hint=fault.hint)
    for line in getattr(fault, "faults", []):
        output.say(f"  {line}", stderr=True)
