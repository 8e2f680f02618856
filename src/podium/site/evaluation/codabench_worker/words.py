"""A worker's words for a failure, as causes of Podium's list."""

from __future__ import annotations

import re
from collections.abc import Callable

from podium.protocol import Cause, Failure, Fault, Step

MAX_MESSAGE = 2000
_ADDRESS = re.compile(r"\b[a-z]+://\S+", re.IGNORECASE)
_PROGRAM_CODE = re.compile(r"program_rc=(-?\d+)")
_LIMIT = re.compile(r"Limit was (\d+(?:\.\d+)?) seconds")
_OUTPUT_HAS_METADATA = "the output directory already contains a metadata file"


def failure_of(step: Step, details: str) -> Failure:
    """Understand the `status_details` of a worker that reports Failed.

    Signed addresses are taken out: a participant is not to read them.
    """
    text = " ".join(without_addresses(details).split())[:MAX_MESSAGE]
    for known, understood in _KNOWN:
        if known.lower() in text.lower():
            return understood(step, text)
    if step is Step.SCORING:
        return Failure(cause=Cause.SCORER_FAILED, step=step, message=text or "The scoring program failed.")
    return Failure(cause=Cause.EXIT_CODE, step=step, message=text or "The worker reported a failure without a reason.")


def without_addresses(text: str) -> str:
    """A worker's text as people may read it."""
    return _ADDRESS.sub("(address)", text.replace("\0", ""))


def _time_limit(step: Step, text: str) -> Failure:
    named = _LIMIT.search(text)
    return Failure(cause=Cause.TIME_LIMIT, step=step, message=text, limit=f"{named[1]} s" if named else None)


def _program_code(step: Step, text: str) -> Failure:
    found = _PROGRAM_CODE.search(text)
    code = f"with exit code {found[1]}" if found else "with an error"
    if step is Step.SCORING:
        return Failure(
            cause=Cause.SCORER_FAILED, step=step, program="program", message=f"The scoring program ended {code}."
        )
    return Failure(cause=Cause.EXIT_CODE, step=step, program="program", message=f"The program ended {code}.")


def _no_scores(step: Step, _: str) -> Failure:
    message = "The scoring program wrote neither scores.json nor scores.txt into its output folder /app/output."
    return Failure(cause=Cause.MISSING_OUTPUT, step=step, message=message)


def _bad_archive(step: Step, text: str) -> Failure:
    # Which of the archives it was the worker does not say. Those of the organizer were looked into when they came.
    return Failure(cause=Cause.UNPACK, step=step, message=text)


def _metadata_in_output(step: Step, _: str) -> Failure:
    message = 'The program wrote a file named "metadata" into its output folder; that name is the platform\'s.'
    return Failure(cause=Cause.BAD_LAYOUT, step=step, message=message)


def _as(cause: Cause, fault: Fault | None = None) -> Callable[[Step, str], Failure]:
    return lambda step, text: Failure(cause=cause, step=step, message=text, fault=fault)


_KNOWN: tuple[tuple[str, Callable[[Step, str], Failure]], ...] = (
    ("Execution Time Limit exceeded", _time_limit),
    ("Soft time limit exceeded", _time_limit),
    ("Pull for ", _as(Cause.IMAGE_PULL)),
    ("program_rc=", _program_code),
    ("Child task failed or non-zero return code", _program_code),
    ("Could not find scores file", _no_scores),
    ("Could not decode scores json", _as(Cause.BAD_SCORES)),
    ("Bad or empty zip file", _bad_archive),
    ("Metadata file not found", _as(Cause.BAD_LAYOUT)),
    (_OUTPUT_HAS_METADATA, _metadata_in_output),
    ("Problem fetching", _as(Cause.PLATFORM)),
    ("Failure updating submission data", _as(Cause.PLATFORM)),
)
"""Texts of Codabench's worker, each with what it means; the first that occurs counts."""
