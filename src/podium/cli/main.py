"""The program `podium`: every command is registered here; what it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli import account, archives, check, competitions, doctor, new, operate, queues, run, submissions
from podium.cli.session import Globals, JsonOption, ProfileOption, ServerOption

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


for _part in (account, competitions, archives, submissions, new, check, run, operate, doctor):
    app.registered_commands.extend(_part.app.registered_commands)
app.add_typer(queues.app, name="queues")
