"""Showing a submission live: its states, and the output of its programs line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli import output
from podium.cli.session import Exit

if TYPE_CHECKING:
    from podium.cli.catalogue import Catalogue
    from podium.client import Event, Submission
    from podium.client.models import Score

_EXIT_CODES = {"Finished": Exit.OK, "Failed": Exit.FAILED, "Cancelled": Exit.CANCELLED}
_WAY = ("Submitting", "Submitted", "Preparing", "Running", "Scoring")
_STATE_OF_STEP = {"prediction": "Running", "scoring": "Scoring"}
_FAULTS = {
    "participant": "The fault is the submission's.",
    "organizer": "The fault is the organizer's.",
    "platform": "The fault is the platform's.",
}


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


class StatePrinter:
    """Prints the states of submissions, each once and before the output that comes in it.

    Output is sent as it is written and may overtake its state; the output of a step says what the state is.
    """

    def __init__(self, main: int) -> None:
        self._main = main
        self._shown: dict[int, str] = {}
        self._ahead: set[int] = set()

    def told(self, submission: int, data: dict[str, Any]) -> None:
        """Take a state that the server tells."""
        status = str(data.get("status"))
        shown = self._shown.get(submission, "")
        if submission in self._ahead:
            if _place(status) < _place(shown):
                return  # the output of a later state was here before it
            self._ahead.discard(submission)
            if status == shown:
                return
        details = data.get("status_details")
        if submission == self._main and status in _EXIT_CODES:
            details = None  # how it ended is told in full below
        self._print(submission, status, details)

    def implied(self, submission: int, step: object) -> None:
        """Take the step of a piece of output."""
        status = _STATE_OF_STEP.get(str(step))
        if status is not None and _place(status) > _place(self._shown.get(submission, "")):
            self._ahead.add(submission)
            self._print(submission, status, None)

    def _print(self, submission: int, status: str, details: object) -> None:
        self._shown[submission] = status
        mark = "" if submission == self._main else f"[{submission}] "
        output.say(f"{mark}{status}{f': {details}' if details else ''}", style=output.COLOURS.get(status, "cyan"))


def _place(status: str) -> int:
    """Where on its way a state is; the ends are behind everything, what is unknown before."""
    if status in _EXIT_CODES:
        return len(_WAY)
    return _WAY.index(status) if status in _WAY else -1


def show_events(events: Iterable[Event], *, main: int) -> dict[str, Any]:
    """Print events as they come; returns what was told last of the state of submission `main`."""
    printer, states = LinePrinter(), StatePrinter(main)
    last: dict[str, Any] = {}
    for event in events:
        if event.kind == "status":
            states.told(event.submission, event.data)
            if event.submission == main:
                last = event.data
        elif event.kind == "log":
            states.implied(event.submission, event.data.get("step"))
            mark = "" if event.submission == main else f"[{event.submission}] "
            source = source_name(event.data.get("step"), event.data.get("stream"))
            printer.feed(mark + source, str(event.data.get("text", "")))
    printer.finish()
    return last


def show_end(
    submission: Submission,
    members: Sequence[Submission],
    *,
    told: Mapping[str, Any] | None = None,
    catalogue: Catalogue | None = None,
) -> None:
    """Print how a submission ended: scores, or why it failed, whose fault that is, and what to do next.

    `told` is the data of its last status event, which knows whether the try counted; with a `catalogue`, scores are
    printed as the leaderboard shows them.
    """
    if submission.status == "Finished":
        show_scores(submission, members, catalogue)
        return
    show_failure(submission, told or {})


def show_failure(submission: Submission, told: Mapping[str, Any]) -> None:
    """Print why a submission has no scores; nothing for one that is on its way."""
    reason = submission.message or submission.status_details or submission.cause
    if submission.cause:
        output.say(f"{submission.cause}: {reason}" if reason != submission.cause else submission.cause, style="red")
    elif reason and submission.ended:
        output.say(reason, style="red")
    for name, fact in (("Limit", submission.limit), ("Measured", submission.measured)):
        if fact and fact not in str(reason):
            output.say(f"{name}: {fact}")
    fault = _FAULTS.get(submission.fault or str(told.get("fault") or ""), "")
    counted = {True: "This try counts.", False: "This try does not count."}.get(told.get("counted"), "")  # type: ignore[arg-type]
    if fault or counted:
        output.say(f"{fault} {counted}".strip())
    if advice := submission.advice or _advice(submission.cause):
        output.say(advice)


def _advice(cause: str | None) -> str:
    """What to do about a cause; empty for one that only a newer server knows."""
    from podium.protocol import Cause, advice_for  # noqa: PLC0415

    return advice_for(Cause(cause)) if cause in set(Cause) else ""


def show_scores(submission: Submission, members: Sequence[Submission], catalogue: Catalogue | None = None) -> None:
    """Print the scores of a submission; `members` are its children, one per task, whose scores are told by task.

    With a `catalogue` columns have their titles and scores their decimals; otherwise both are as the server gives them.
    """

    def cells(score: Score) -> tuple[str, str | None]:
        key, phase = score.column_key, submission.phase
        if catalogue is None:
            return key, score.score
        return catalogue.heading(phase, key), catalogue.rounded(phase, key, score.score)

    by_task = [
        (member.task.name if member.task else member.id, *cells(score)) for member in members for score in member.scores
    ]
    of_members = {score.column_key for member in members for score in member.scores}
    own = [score for score in submission.scores if score.column_key not in of_members]
    rows = [*by_task, *(("" if members else None, *cells(score)) for score in own)]
    if not rows:
        output.say(f"Submission {submission.id} has no scores ({submission.status}).")
        return
    title = f"Scores of submission {submission.id}"
    if members:
        output.table(title, ("Task", "Column", "Score"), rows, right=(2,))
    else:
        output.table(title, ("Column", "Score"), [row[1:] for row in rows], right=(1,))
