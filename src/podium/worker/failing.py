"""How a sandbox's verdict becomes a cause that people understand."""

from __future__ import annotations

import itertools
import math
import os
import signal as signals
from collections.abc import Mapping
from pathlib import Path

from podium.formats.languages import python2_line
from podium.formats.unpacking import read_regular_file
from podium.protocol import Cause, Failure, Fault, ProgramOutcome, Step
from podium.sandbox import Cause as SandboxCause
from podium.sandbox import Limits, Result

_MAX_TEXT = 4000
_MAX_NOTE = 1000
_MAX_NOTES = 100
_MAX_SOURCES = 50
_MAX_SOURCE = 256 * 1024
_MAX_LISTED = 1000

_CAUSES: Mapping[SandboxCause, Cause] = {
    SandboxCause.TIME_LIMIT: Cause.TIME_LIMIT,
    SandboxCause.MEMORY_LIMIT: Cause.MEMORY_LIMIT,
    SandboxCause.DISK_LIMIT: Cause.DISK_LIMIT,
    SandboxCause.OUTPUT_LIMIT: Cause.OUTPUT_LIMIT,
    SandboxCause.IMAGE_PULL: Cause.IMAGE_PULL,
    SandboxCause.CANCELLED: Cause.CANCELLED,
    SandboxCause.PLATFORM: Cause.PLATFORM,
}


class StepFailedError(Exception):
    """The step ends here with a known cause."""

    def __init__(
        self, cause: Cause, step: Step, message: str, *, program: str | None = None, fault: Fault | None = None
    ) -> None:
        super().__init__(message)
        self.failure = Failure(cause=cause, step=step, message=clip(message, _MAX_TEXT), program=program, fault=fault)


def clip(text: str, most: int) -> str:
    """Shorten `text` to `most` characters, showing that something is missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clip_notes(notes: list[str]) -> list[str]:
    """Bring notes within the protocol's bounds, each once."""
    return [clip(note, _MAX_NOTE) for note in dict.fromkeys(notes)][:_MAX_NOTES]


def program_outcome(name: str, result: Result) -> ProgramOutcome:
    """Report how a program ended, as the protocol says it."""
    return ProgramOutcome(
        name=name,
        exit_code=result.exit_code,
        cause=result.cause.value,
        detail=clip(result.detail, _MAX_TEXT),
        wall_seconds=max(result.wall_seconds, 0.0),
        cpu_seconds=result.cpu_seconds,
        peak_memory_bytes=result.peak_memory_bytes,
        stdout_truncated=result.stdout_truncated,
        stderr_truncated=result.stderr_truncated,
    )


def failure_of(step: Step, name: str, title: str, result: Result, limits: Limits) -> Failure:
    """Make the failure of a program that did not end well.

    Args:
        step: which step it ran in.
        name: "program" or "ingestion".
        title: how a sentence about it begins, e.g. "The scoring program".
        result: the sandbox's verdict, not OK.
        limits: what the program was allowed.
    """
    if result.cause is SandboxCause.EXIT_CODE:
        cause = Cause.SCORER_FAILED if step is Step.SCORING and name == "program" else Cause.EXIT_CODE
        message = f"{title} {_ending(result)}."
    else:
        cause = _CAUSES[result.cause]
        message = f"{title} did not end well. {result.detail}" if result.detail else f"{title} hit: {result.cause}."
    limit, measured = _figures(result, limits)
    return Failure(
        cause=cause, step=step, message=clip(message, _MAX_TEXT), program=name, limit=limit, measured=measured
    )


def with_language(failure: Failure, result: Result, folder: Path) -> Failure:
    """Say so where a program that ended with an error is written for Python 2, which is the usual reason then.

    folder: the program's own, which it could write to; only plain files at its top are looked at.
    """
    if result.cause is not SandboxCause.EXIT_CODE:
        return failure
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in itertools.islice(entries, _MAX_LISTED) if e.name.endswith(".py"))[:_MAX_SOURCES]
    for name in names:
        source = read_regular_file(folder / name, _MAX_SOURCE)
        line = python2_line(source[:_MAX_SOURCE]) if source is not None else None
        if line is not None:
            hint = (
                f" {clip(name, 100)}, line {line}, is written for Python 2, and was started with another. Choose an "
                "image in which its command finds Python 2, or bring the program to Python 3."
            )
            return failure.model_copy(update={"message": clip(failure.message + hint, _MAX_TEXT)})
    return failure


def ended_badly(title: str, result: Result) -> str:
    """Say in one sentence that a program ended badly, for a note."""
    if result.cause is SandboxCause.EXIT_CODE:
        return f"{title} {_ending(result)}."
    return f"{title} ended early ({result.cause.value}). {result.detail}".rstrip()


def _ending(result: Result) -> str:
    if result.signal is not None:
        return f"was ended by signal {result.signal} ({_signal_name(result.signal)})"
    hint = {
        126: " (its command cannot be executed)",
        127: " (its command was not found)",
    }.get(result.exit_code or 0, "")
    return f"ended with exit code {result.exit_code}{hint}"


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return "real-time signal"


def _figures(result: Result, limits: Limits) -> tuple[str | None, str | None]:
    """The limit that was hit and what was measured, as texts with units."""
    if result.cause is SandboxCause.TIME_LIMIT:
        return _seconds(limits.wall_seconds), _seconds(result.wall_seconds)
    if result.cause is SandboxCause.MEMORY_LIMIT:
        return _size(limits.memory_bytes), _size(result.peak_memory_bytes)
    if result.cause is SandboxCause.DISK_LIMIT:
        return _size(limits.disk_bytes), None
    if result.cause is SandboxCause.OUTPUT_LIMIT:
        return _size(limits.output_bytes), None
    return None, None


def _seconds(value: float) -> str:
    return f"{math.ceil(value * 10) / 10:g} s"


def _size(value: int | None) -> str | None:
    if value is None:
        return None
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
