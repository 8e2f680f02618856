"""`podium tokens`, `podium organizations` and `podium profiles`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import completion, output
from podium.cli.config import ConfigError, forget_token, load, save
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm, group
from podium.cli.session import Exit, JsonOption, Session, remote

if TYPE_CHECKING:
    from podium.client.models import ApiToken, Organization

tokens = group("API tokens for scripts: list, make, revoke.")
organizations = group("Organizations that you belong to.")
profiles = group("Servers and accounts that are remembered here.")

OrganizationArgument = Annotated[int, typer.Argument(metavar="ORGANIZATION", help="Number of the organization.")]
ProfileArgument = Annotated[
    str, typer.Argument(metavar="PROFILE", help="Name of the profile.", autocompletion=completion.profiles)
]


@tokens.command("list")
@remote
def list_tokens(session: Session) -> None:
    """List your API tokens, newest first."""
    with session.client() as client:
        found = client.tokens().all()
    columns: list[output.Column[ApiToken]] = [
        ("ID", lambda t: t.id),
        ("Name", lambda t: t.name),
        ("May", lambda t: t.scope),
        ("Ends with", lambda t: t.ending),
        ("Expires (UTC)", lambda t: t.expires_when),
        ("Last used (UTC)", lambda t: t.last_used_when),
    ]
    session.items(found, columns, empty="No tokens. `podium tokens create NAME` makes one.")


@tokens.command("create")
@remote
def create_token(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[str, typer.Option("--scope", help="read, submit, organize or admin.")] = "submit",
    days: Annotated[int | None, typer.Option("--days", help="Days until it expires; default: never.")] = None,
) -> None:
    """Make a token; it is printed once and alone, so that it can be piped."""
    with session.client() as client:
        made = client.create_token(name, scope, expires_in_days=days)
    if not session.answer(made.model_dump(mode="json")):
        output.write(f"{made.token}\n")
        output.say("It is shown this once. Give it to scripts as PODIUM_TOKEN.", stderr=True)


@tokens.command("revoke")
@remote
def revoke_token(
    session: Session, token: Annotated[int, typer.Argument(metavar="TOKEN", help="Number of the token.")]
) -> None:
    """Revoke a token; it opens nothing from now on."""
    with session.client() as client:
        client.revoke_token(token)
    session.done({"revoked": token}, f"Token {token} is revoked.")


@organizations.command("list")
@remote
def list_organizations(session: Session) -> None:
    """List the organizations that you belong to."""
    with session.client() as client:
        found = client.organizations().all()
    columns: list[output.Column[Organization]] = [
        ("ID", lambda o: o.id),
        ("Name", lambda o: o.name),
        ("Page", lambda o: f"{session.server}{o.url}" if o.url else None),
    ]
    session.items(found, columns, empty="You belong to no organization.")


@organizations.command("create")
@remote
def create_organization(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    email: Annotated[str, typer.Option("--email", help="Its address.")],
) -> None:
    """Make an organization of yours."""
    with session.client() as client:
        made = client.create_organization(name, email)
    session.item(made, f"Organization {made.id} is made.")


@organizations.command("invite")
@remote
def invite(
    session: Session,
    organization: OrganizationArgument,
    people: Annotated[list[str], typer.Argument(metavar="USERNAME...", show_default=False)],
) -> None:
    """Invite people by their user names, or whole e-mail addresses."""
    with session.client() as client:
        numbers = []
        for name in people:
            found = client.find_people(name)
            one = next((p for p in found if p.username == name or "@" in name), None)
            if one is None:
                near = ", ".join(p.username for p in found) or "nobody of a like name"
                output.error(f"There is no {name}.", hint=f"There is: {near}.")
                raise typer.Exit(Exit.REFUSED)
            numbers.append(one.id)
        client.invite_to_organization(organization, numbers)
    session.done({"invited": people}, f"{len(people)} invited.")


@organizations.command("delete")
@remote
def delete_organization(session: Session, organization: OrganizationArgument, yes: Yes = False) -> None:
    """Delete an organization of yours."""
    confirm(f"Delete organization {organization}?", yes=yes)
    with session.client() as client:
        client.delete_organization(organization)
    session.done({"deleted": organization}, f"Organization {organization} is deleted.")


@profiles.command("list")
def list_profiles(as_json: JsonOption = False) -> None:
    """List the servers and accounts that are remembered here; `*` is used when none is named."""
    try:
        config = load()
    except ConfigError as fault:
        output.error(str(fault))
        raise typer.Exit(Exit.USAGE) from fault
    rows = [
        ("*" if name == config.current else "", name, one.server, one.username, "keyring" if one.keyring else "file")
        for name, one in config.profiles.items()
    ]
    if as_json:
        names = ("current", "profile", "server", "username", "token_in")
        output.print_json([{**dict(zip(names, row, strict=True)), "current": bool(row[0])} for row in rows])
    elif rows:
        output.table("", ("", "Profile", "Server", "User name", "Token in"), rows)
    else:
        output.say("No profiles. `podium login --server URL` makes one.")


@profiles.command("use")
def use(profile: ProfileArgument) -> None:
    """Use a profile when none is named."""
    config = load()
    _known(profile, list(config.profiles))
    config.current = profile
    save(config)
    output.say(f"{profile} ({config.profiles[profile].server}) is used from now on.")


@profiles.command("remove")
def remove(profile: ProfileArgument, yes: Yes = False) -> None:
    """Forget a profile and its token; the account on the server stays."""
    config = load()
    _known(profile, list(config.profiles))
    confirm(f"Forget profile {profile} and its token?", yes=yes)
    forget_token(profile, config.profiles.pop(profile))
    if config.current == profile:
        config.current = next(iter(config.profiles), "default")
    save(config)
    output.say(f"{profile} is forgotten.")


def _known(profile: str, known: list[str]) -> None:
    if profile not in known:
        raise typer.BadParameter(f"There is no profile {profile!r} (known: {', '.join(known) or 'none yet'}).")
