"""What groups of commands share: `podium things` lists, `podium things VERB` does something."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from podium.cli import output
from podium.cli.session import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_HELP = frozenset({"-h", "--help"})


class ListingGroup(TyperGroup):
    """A group whose `list` is meant when none of its commands is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` in front, unless the first word is a command or looks like one that was mistyped."""
        if not ctx.resilient_parsing and not (args and (args[0] in _HELP or self._is_command(args))):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def _is_command(self, args: Sequence[str]) -> bool:
        if args[0] in self.commands:
            return True
        return len(args) > 1 and bool(get_close_matches(args[0], list(self.commands), cutoff=0.75))


def group(text: str) -> typer.Typer:
    """A group of commands with a `list`."""
    return typer.Typer(help=text, cls=ListingGroup, rich_markup_mode=None)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost; ends the command when the answer is no, or when nobody is there to answer."""
    if yes:
        return
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        output.error("Nothing was changed.", hint="Say --yes to do it without being asked.")
        raise typer.Exit(Exit.FAILED) from None
