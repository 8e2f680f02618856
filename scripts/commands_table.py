"""Writes the reference of commands into the documentation, from the command line itself.

`python scripts/commands_table.py` rewrites the page; a test fails when page and program differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from generated import DOCS, markdown_table, write
from typer.main import get_command

from podium.cli.main import app
from podium.cli.session import EXIT_CODES

PAGE = DOCS / "participants" / "commands.md"
COMMON = {"--help", "--server", "--profile", "--json"}
"""Options that every command, or every one that talks to a server, has; they are told once."""


def table() -> str:
    """Exit codes, and each command with its arguments and options."""
    codes = markdown_table(("Exit code", "Meaning"), [(str(code), text) for code, text in EXIT_CODES.items()])
    root: Any = get_command(app)
    plain = [(f"podium {name}", one) for name, one in root.commands.items() if not hasattr(one, "commands")]
    parts = [codes, "## Commands", *_described(plain)]
    for name, group in root.commands.items():
        if hasattr(group, "commands"):
            within = [(f"podium {name} {verb}", one) for verb, one in group.commands.items()]
            parts += [f"## podium {name}", group.help, *_described(within)]
    return "\n\n".join(parts)


def _described(commands: list[tuple[str, Any]]) -> Iterator[str]:
    for path, command in commands:
        if command.hidden:
            continue
        own = [one for one in command.params if not COMMON & set(one.opts)]
        arguments = [one for one in own if one.param_type_name == "argument"]
        words = " ".join(_word(one) for one in arguments)
        yield f"### {path}"
        yield f"    {path}{f' {words}' if words else ''}"
        yield inspect.cleandoc(command.help or "")
        rows = [(_spelled(one), one.help or "") for one in own if getattr(one, "help", None)]
        if rows:
            yield markdown_table(("Argument or option", "What it is"), rows)


def _word(argument: Any) -> str:
    word = str(argument.metavar or argument.name.upper())
    return word if argument.required else f"[{word}]"


def _spelled(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{option.metavar or option.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.metavar or ''}".strip()


if __name__ == "__main__":
    write(PAGE, "commands", table())
