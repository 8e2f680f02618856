"""The command in a program's metadata: from a line of text to an argument list, with no shell in between."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final, Literal

MAX_COMMAND_LENGTH: Final = 32 * 1024
_SHELL_WORDS: Final = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>", "2>&1", "&", "cd", "export", "source"})

Role = Literal["ingestion", "submission", "scoring"]


class CommandError(Exception):
    """A command cannot be run as it is written; the message says what is wrong with it."""


def argv(command: str, variables: Mapping[str, str]) -> list[str]:
    """Split a command like a POSIX shell would, without running one, and put the variables in.

    `variables` maps names without the dollar sign to paths. `$input` and `${input}` are replaced; `$input_data` is
    another word and stays as it is unless it has a value of its own. Replacement comes after splitting, so a path
    with blanks stays one argument. Carriage returns count as blanks.

    Raises CommandError when nothing is left, a quote is not closed, a NUL occurs or the text is too long.
    """
    if len(command) > MAX_COMMAND_LENGTH:
        raise CommandError(f"The command is longer than {MAX_COMMAND_LENGTH:,} characters.")
    if "\0" in command:
        raise CommandError("The command contains a NUL character.")
    try:
        words = shlex.split(command.replace("\r\n", "\n").replace("\r", "\n"))
    except ValueError as problem:
        message = f"The command {command.strip()[:200]!r} cannot be split into words: {str(problem).lower()}."
        raise CommandError(message) from problem
    if not words or not words[0]:
        raise CommandError('The command is empty. Write, for example, "command: python3 program.py".')
    if not variables:
        return words
    names = "|".join(re.escape(name) for name in sorted(variables, key=len, reverse=True))
    pattern = re.compile(rf"\$(?:\{{({names})\}}|({names})(?![A-Za-z0-9_]))")
    return [pattern.sub(lambda match: variables[match[1] or match[2]], word) for word in words]


def shell_feature(words: list[str]) -> str | None:
    """Return the first word that only a shell would understand, or None; used to warn organizers."""
    for place, word in enumerate(words):
        if word in _SHELL_WORDS and (place == 0 or word not in {"cd", "export", "source"}):
            return word
    return None


def variables_for(role: Role, scoring_step: bool) -> dict[str, str]:
    """Return what the variables of a command stand for, for the program in that role.

    ====================  ======================  =====================  ========================
    variable              ingestion               submission             scoring
    ====================  ======================  =====================  ========================
    $input                /app/input_data         /app/input_data        /app/input
    $output, $tmp         /app/output             /app/output            /app/output
    $program              /app/program            /app/program           /app/program
    $ingestion_program    /app/ingestion_program  /app/program           /app/program
    $submission_program   /app/ingested_program   /app/program           /app/ingested_program
    $predictions          prediction step: /app/output; scoring step: /app/input/res
    $hidden               /app/input/ref          /app/input/ref         /app/input/ref
    $shared               /app/shared             /app/shared            /app/shared
    ====================  ======================  =====================  ========================

    The rule is Codabench's with two defects mended: a submission with its own command finds the input data at
    `$input` (as in CodaLab 1.5), and `$program` is always the folder in which the program's own files are. The
    ingestion program's folder appears at /app/program and at /app/ingestion_program.
    """
    own, submission = "/app/program", "/app/ingested_program"
    return {
        "input": "/app/input" if role == "scoring" else "/app/input_data",
        "output": "/app/output",
        "tmp": "/app/output",
        "program": own,
        "ingestion_program": "/app/ingestion_program" if role == "ingestion" else own,
        "submission_program": own if role == "submission" else submission,
        "predictions": "/app/input/res" if scoring_step else "/app/output",
        "hidden": "/app/input/ref",
        "shared": "/app/shared",
    }
