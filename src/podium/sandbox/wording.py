"""The sentences that people read about the end of a run, the same for every backend."""

from __future__ import annotations

import signal

from podium.sandbox.contract import GIB, KIB, MIB, OUTPUT_OVERFLOW_FACTOR, Cause, Limits

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
_SIGNAL_BASE = 128


def size(count: int) -> str:
    """A number of bytes as people read it: "512 MiB"."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}".replace(".0 ", " ")
    return f"{count} bytes"


def seconds(value: float) -> str:
    """A time as people read it: "1.5 s"."""
    return f"{value:.1f} s".replace(".0 ", " ")


def time_limit(limits: Limits, wall: float) -> str:
    """Says that the time was up."""
    return f"The time limit of {seconds(limits.wall_seconds)} was reached; the program was ended after {wall:.1f} s."


def memory_limit(limits: Limits, used: int | None) -> str:
    """Says that memory was used up."""
    limit = size(limits.memory_bytes or 0)
    measured = f" {size(used)} were in use." if used else ""
    return f"The memory limit of {limit} was reached and the program was ended.{measured}"


def disk_limit(limits: Limits, used: int) -> str:
    """Says that too much was written."""
    limit = size(limits.disk_bytes or 0)
    return f"The disk limit of {limit} was passed: {size(used)} had been written when it was noticed."


def too_deep(depth: int) -> str:
    """Says that folders were nested without end."""
    return f"The program nested folders deeper than {depth} levels in its output, which counts as filling the disk."


def output_limit(limits: Limits) -> str:
    """Says that far too much was printed."""
    most = limits.output_bytes * OUTPUT_OVERFLOW_FACTOR
    return (
        f"The program printed more than {size(most)}, {OUTPUT_OVERFLOW_FACTOR} times the {size(limits.output_bytes)} "
        "that are kept, and was ended."
    )


def signal_of(exit_code: int) -> int | None:
    """The signal behind an exit code above 128, the shells' convention that bubblewrap and Docker keep."""
    number = exit_code - _SIGNAL_BASE
    return number if number in signal.valid_signals() else None


def exit_sentence(exit_code: int, program: str) -> str:
    """Says how the program ended by itself."""
    if exit_code == 0:
        return "The program ended normally."
    if exit_code == EXIT_NOT_FOUND:
        return f'The program ended with exit code 127: usually a command was not found (the command is "{program}").'
    if exit_code == EXIT_NOT_EXECUTABLE:
        return f'The program ended with exit code 126: usually a command may not be executed (it is "{program}").'
    number = signal_of(exit_code)
    if number:
        return f"The program was ended by signal {signal.Signals(number).name} (exit code {exit_code})."
    return f"The program ended with exit code {exit_code}."


def exit_cause(exit_code: int) -> Cause:
    """The cause of a run that ended by itself."""
    return Cause.OK if exit_code == 0 else Cause.EXIT_CODE
