"""Showing a submission live: its states, and the output of its programs line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli import output
from podium.cli.session import Exit

if TYPE_CHECKING:
    from podium.client import Event, Submission

_EXIT_CODES = {"Finished": Exit.OK, "Failed": Exit.FAILED, "Cancelled": Exit.CANCELLED}


def exit_code_of(status: str) -> int:
    """The exit code for a submission's end: 0 finished, 1 failed, 4 cancelled."""
    return _EXIT_CODES.get(status, Exit.FAILED)


class LinePrinter:
    """Prints the output of several programs at once, whole lines only, each with the name of its source."""

    def __init__(self) -> None:
        self._rest: dict[str, str] = {}

    def feed(self, source: str, text: str) -> None:
        """Take a piece of output of `source` and print the lines that it completes."""
        *lines, rest = (self._rest.get(source, "") + text).split("\n")
        self._rest[source] = rest
        for line in lines:
            self._print(source, line)

    def finish(self) -> None:
        """Print what is left of lines that never ended."""
        for source, rest in self._rest.items():
            if rest:
                self._print(source, rest)
        self._rest.clear()

    @staticmethod
    def _print(source: str, line: str) -> None:
        output.write(f"{source} | {line}\n")


def source_name(step: object, stream: object) -> str:
    """How a stream of output is called on the terminal, e.g. `scoring`, `prediction ingestion stderr`."""
    words = [str(step), *(word for word in str(stream).split("_") if word != "stdout")]
    return " ".join(words)


def show_events(events: Iterable[Event], *, main: int) -> str | None:
    """Print events as they come; returns the last state of submission `main`, or None when none was told."""
    printer = LinePrinter()
    last: str | None = None
    for event in events:
        mark = "" if event.submission == main else f"[{event.submission}] "
        if event.kind == "status":
            _show_status(mark, event.data)
        elif event.kind == "log":
            source = source_name(event.data.get("step"), event.data.get("stream"))
            printer.feed(mark + source, str(event.data.get("text", "")))
        if event.submission == main and event.kind in {"status", "end"}:
            last = str(event.data.get("status") or last)
    printer.finish()
    return last


def _show_status(mark: str, data: dict[str, Any]) -> None:
    status = str(data.get("status"))
    details = data.get("status_details")
    output.say(f"{mark}{status}{': ' + details if details else ''}", style=output.COLOURS.get(status, "cyan"))


def show_end(submission: Submission, members: Sequence[Submission]) -> None:
    """Print how a submission ended: scores, or why it failed and what to do next."""
    if submission.status == "Finished":
        show_scores(submission, members)
        return
    reason = submission.message or submission.status_details or submission.cause
    if submission.cause:
        output.say(f"{submission.cause}: {reason}" if reason != submission.cause else submission.cause, style="red")
    if advice := submission.advice or _advice(submission.cause):
        output.say(advice)


def _advice(cause: str | None) -> str:
    """What to do about a cause; empty for one that only a newer server knows."""
    from podium.protocol import Cause, advice_for  # noqa: PLC0415

    return advice_for(Cause(cause)) if cause in set(Cause) else ""


def show_scores(submission: Submission, members: Sequence[Submission]) -> None:
    """Print the scores of a submission; `members` are its children, one per task, whose scores are told by task."""
    by_task = [
        (member.task.name if member.task else member.id, score.column_key, score.score)
        for member in members
        for score in member.scores
    ]
    of_members = {key for _, key, _ in by_task}
    own = [score for score in submission.scores if score.column_key not in of_members]
    rows = [*by_task, *(("" if members else None, score.column_key, score.score) for score in own)]
    if not rows:
        output.say(f"Submission {submission.id} has no scores ({submission.status}).")
        return
    title = f"Scores of submission {submission.id}"
    if members:
        output.table(title, ("Task", "Column", "Score"), rows, right=(2,))
    else:
        output.table(title, ("Column", "Score"), [row[1:] for row in rows], right=(1,))
