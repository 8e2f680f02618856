"""The program `podium`: every command is registered here; what it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli import (
    account,
    archives,
    backups,
    check,
    competitions,
    doctor,
    history,
    new,
    operate,
    organizing,
    participants,
    people,
    phases,
    queues,
    resources,
    run,
    steering,
    submissions,
)
from podium.cli.session import EXIT_CODES, Globals, JsonOption, ProfileOption, ServerOption

app = typer.Typer(
    name="podium",
    help="Podium: benchmarks and competitions for machine learning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help takes 0.3 s more to print the same
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow for one word

        typer.echo(f"podium {version('podium')}")
        raise typer.Exit


@app.callback()
def globally(
    ctx: typer.Context,
    *,
    server: ServerOption = None,
    profile: ProfileOption = None,
    json_: JsonOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Podium: benchmarks and competitions for machine learning."""
    ctx.obj = Globals(server=server, profile=profile, json=json_)


# Their commands go into the groups of competitions and of submissions.
_JOINING = (organizing, steering, history)

for _part in (account, competitions, archives, submissions, new, check, run, operate, backups, doctor):
    app.registered_commands.extend(_part.app.registered_commands)
for _name, _group in (
    ("competitions", competitions.competitions_app),
    ("participants", participants.app),
    ("phases", phases.app),
    ("submissions", submissions.submissions_app),
    ("datasets", resources.datasets),
    ("tasks", resources.tasks),
    ("quota", resources.quota),
    ("queues", queues.app),
    ("organizations", people.organizations),
    ("tokens", people.tokens),
    ("profiles", people.profiles),
):
    app.add_typer(_group, name=_name)


@app.command("exit-codes")
def exit_codes() -> None:
    """Say what the exit codes of all commands mean."""
    for code, meaning in EXIT_CODES.items():
        typer.echo(f"{code}  {meaning}")
