"""`podium submit`, `submissions`, `logs`, `scores`, `leaderboard` and `download`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import catalogue, completion, facts, live, output
from podium.cli.groups import group
from podium.cli.progress import progress_bar
from podium.cli.session import Exit, Session, remote

if TYPE_CHECKING:
    from podium.client import Competition, Leaderboard, Phase, Podium, Submission

app = typer.Typer()
submissions_app = group("Submissions: look at them, cancel, run again, take away.")

SubmissionArgument = Annotated[
    int,
    typer.Argument(metavar="SUBMISSION", help="Number of the submission.", autocompletion=completion.submissions),
]
PhaseOption = Annotated[int | None, typer.Option("--phase", help="Number of the phase.", show_default=False)]
CompetitionOption = Annotated[
    int | None, typer.Option("--competition", help="Number of the competition; its running phase is taken.")
]


@submissions_app.command("submit")
@app.command()
@remote
def submit(
    session: Session,
    *,
    what: Annotated[
        list[str],
        typer.Argument(metavar="COMPETITION FILE", help="Number of the competition; file or folder to submit."),
    ],
    phase: PhaseOption = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Number or name of a task; may be repeated. Default: all.")
    ] = None,
    organization: Annotated[
        int | None, typer.Option("--organization", help="Number of the organization that you submit for.")
    ] = None,
    fact: Annotated[
        list[str] | None, typer.Option("--fact", metavar="KEY=VALUE", help="An answer of the fact sheet.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show status and log until it has ended.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most.", show_default=False)] = None,
) -> None:
    """Submit a file or folder to a competition.

    With --phase, leave the competition's number away. With --wait the exit code says how it ended: 0 finished,
    1 failed, 3 not ended within --timeout, 4 cancelled; 5 refused by the server, 6 no connection (podium exit-codes).
    """
    number, file = _where_and_what(what, phase)
    given = facts.pairs(fact or [])
    with session.client() as client:
        competition = client.competition(number) if number is not None else None
        chosen = phase if phase is not None else _running_phase(competition).id
        tasks = _tasks(competition, chosen, task) if task else None
        answers = facts.answers_to(competition.fact_sheet, given) if competition else given
        allowed = client.can_make_submission(chosen)
        if not allowed.can:
            reason = (allowed.reason or "the server says no").rstrip(".")
            hint = _how_to_take_part(number, competition) if "not approved" in reason else ""
            output.error(f"You cannot submit to phase {chosen}: {reason}.", hint=hint)
            raise typer.Exit(Exit.REFUSED)
        with progress_bar(f"Sending {file.name}", quiet=session.json) as progress:
            made = client.submit_file(
                chosen, file, tasks=tasks, fact_sheet_answers=answers, organization=organization, progress=progress
            )
        if not session.json:
            output.say(f"Submission {made.id} is sent to phase {chosen}.")
        if wait:
            _wait(session, client, made.id, timeout, number)
        elif not session.answer(made.model_dump(mode="json")):
            output.say(f"Watch it with: podium logs {made.id} --follow")


def _how_to_take_part(number: int | None, competition: Competition | None) -> str:
    status = competition.participant_status if competition else None
    if status == "pending":
        return "You have asked to take part; the organizers have yet to approve it."
    if status == "denied":
        return "The organizers have turned your wish to take part down; ask them."
    return f"Take part first: podium register {number if number is not None else 'COMPETITION'}"


def _where_and_what(what: list[str], phase: int | None) -> tuple[int | None, Path]:
    """Take COMPETITION FILE, or FILE alone when the phase is named."""
    if phase is None and (len(what) != 2 or not what[0].isdigit()):
        raise typer.BadParameter("Say where to submit: podium submit COMPETITION FILE, or --phase NUMBER FILE.")
    if phase is not None and len(what) != 1:
        raise typer.BadParameter("With --phase give the file alone, without the competition's number.")
    file = Path(what[-1])
    if not file.exists():
        raise typer.BadParameter(f"There is no file or folder {file}.")
    return (int(what[0]) if phase is None else None), file


def _running_phase(competition: Competition | None) -> Phase:
    """The one phase that runs now; more or fewer are for the user to decide."""
    if competition is None:
        raise typer.BadParameter("Give the phase's number, or --competition.")
    running = [phase for phase in competition.phases if phase.status == "Current"]
    if len(running) == 1:
        return running[0]
    listed = ", ".join(f"{p.id} ({p.name}, {p.status})" for p in competition.phases) or "none"
    what = "More than one phase runs" if running else "No phase runs now"
    raise typer.BadParameter(f"{what} in competition {competition.id}; name one by its number. Its phases: {listed}.")


def _tasks(competition: Competition | None, phase: int, wanted: list[str]) -> list[int]:
    """Task numbers; names are looked up in the competition."""
    if all(word.isdigit() for word in wanted):
        return [int(word) for word in wanted]
    if competition is None:
        raise typer.BadParameter("With --phase, give tasks by number (see `podium competition`).")
    tasks = [task for p in competition.phases if p.id == phase for task in p.tasks]
    by_name = {task.name: task.id for task in tasks}
    unknown = [word for word in wanted if not word.isdigit() and word not in by_name]
    if unknown:
        raise typer.BadParameter(f"No task is called {unknown[0]!r}. The tasks: {', '.join(by_name)}.")
    return [int(word) if word.isdigit() else by_name[word] for word in wanted]


def _wait(session: Session, client: Podium, number: int, timeout: float | None, competition: int | None = None) -> None:
    from podium.client.errors import WaitTimeoutError  # noqa: PLC0415

    told: dict[str, Any] = {}
    events = client.watch(number, timeout=timeout)
    try:
        if session.json:
            for _ in events:
                pass
        else:
            told = live.show_events(events, main=number)
    except WaitTimeoutError as fault:
        if not session.answer({"id": number, "timed_out": True, "status": client.submission(number).status}):
            output.error(fault.message, hint=fault.hint)
        raise typer.Exit(Exit.TIMED_OUT) from fault
    except KeyboardInterrupt:
        output.say(f"\nSubmission {number} goes on. Watch it again with: podium logs {number} --follow", stderr=True)
        raise
    ended = client.submission(number)
    if not session.answer(ended.model_dump(mode="json")):
        known = catalogue.look_up(client, {ended.phase}, competition) if ended.status == "Finished" else None
        live.show_end(ended, _members(client, ended), told=told, catalogue=known)
    raise typer.Exit(live.exit_code_of(ended.status))


def _members(client: Podium, submission: Submission) -> list[Submission]:
    """The submissions, one per task, that a submission to several tasks consists of, in order of their making."""
    return [client.submission(child) for child in sorted(submission.children)]


@submissions_app.command("list")
@remote
def submissions(
    session: Session,
    competition: CompetitionOption = None,
    phase: PhaseOption = None,
    status: Annotated[str | None, typer.Option(help="Only those in this state, e.g. Failed.")] = None,
    search: Annotated[str | None, typer.Option(help="Words in file, name, description or owner.")] = None,
) -> None:
    """List your submissions, newest first."""
    with session.client() as client:
        found = client.submissions(competition=competition, phase=phase, status=status, search=search).all()
        if session.answer([item.model_dump(mode="json") for item in found]):
            return
        known = catalogue.look_up(client, {item.phase for item in found}, competition)
    if not found:
        output.say("No submissions.")
        return
    failed = any(s.status == "Failed" for s in found)
    rows = [
        (
            s.id,
            output.moment(s.created_when),
            known.title(s.phase),
            s.phase_name or s.phase,
            s.filename,
            s.owner,
            s.status,
            _scores_in_short(s, known),
            *([_reason(s)] if failed else []),
        )
        for s in found
    ]
    headers = ["ID", "Made (UTC)", "Competition", "Phase", "File", "Owner", "Status", "Scores"]
    output.table("", [*headers, *(["Reason"] if failed else [])], rows, right=(0,))


def _scores_in_short(submission: Submission, known: catalogue.Catalogue) -> str:
    """Scores in one line; a score that several tasks have is told for each."""
    return ", ".join(
        f"{known.heading(submission.phase, score.column_key)} "
        f"{known.rounded(submission.phase, score.column_key, score.score) or 'n/a'}"
        for score in submission.scores
    )


def _reason(submission: Submission) -> str:
    if submission.status != "Failed":
        return ""
    return submission.message or submission.status_details or submission.cause or ""


@submissions_app.command("logs")
@app.command()
@remote
def logs(
    session: Session,
    number: SubmissionArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the submission has ended.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to follow at most.", show_default=False)] = None,
) -> None:
    """Print the output of a submission's programs."""
    with session.client() as client:
        if follow:
            _wait(session, client, number, timeout)
            return
        found = client.submission(number)
        texts = {member: client.logs(member) for member in (number, *sorted(found.children))}
    if session.answer({str(member): every for member, every in texts.items()}):
        return
    for member, every in texts.items():
        for name, text in every.items():
            if text:
                mark = "" if member == number else f"[{member}] "
                output.say(f"--- {mark}{name.replace('_', ' ')} ---", style="bold")
                output.write(text if text.endswith("\n") else text + "\n")
    if not any(any(every.values()) for every in texts.values()):
        output.say(f"Submission {number} ({found.status}) has printed nothing yet.")


@submissions_app.command("scores")
@app.command()
@remote
def scores(session: Session, number: SubmissionArgument) -> None:
    """Show the scores of a submission, with every digit.

    Exit code 1 and the reason when it failed, 4 when it was cancelled.
    """
    with session.client() as client:
        found = client.submission(number)
        members = _members(client, found)
    if not session.answer([item.model_dump(mode="json") for item in (found, *members)]):
        live.show_scores(found, members)
        if found.ended and found.status != "Finished":
            live.show_failure(found, {})
    if found.ended:
        raise typer.Exit(live.exit_code_of(found.status))


@app.command()
@remote
def leaderboard(
    session: Session,
    phase: Annotated[
        int | None, typer.Argument(metavar="PHASE", help="Number of the phase.", show_default=False)
    ] = None,
    competition: CompetitionOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Show the leaderboard of a phase."""
    with session.client() as client:
        found = client.competition(competition) if phase is None and competition is not None else None
        chosen = phase if phase is not None else _running_phase(found).id
        board = client.leaderboard(chosen)
    if session.answer(board.model_dump(mode="json")):
        return
    if as_csv:
        print_csv(board)
    else:
        show_leaderboard(board)


def print_csv(board: Leaderboard) -> None:
    """Print a leaderboard as CSV, as `show_leaderboard` does as a table; a text is never a formula."""
    headers, rows = _lines(board)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_plain(header.replace("\n", " ")) for header in headers])
    for place, owner, *others in rows:
        writer.writerow([place, _plain(str(owner)), *others])


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def show_leaderboard(board: Leaderboard) -> None:
    """Print a leaderboard: rank, participant, and a column per task and score."""
    headers, rows = _lines(board)
    output.table(board.title, headers, rows, right=(0, 2, *range(3, len(headers))))
    if not rows:
        output.say("Nobody is on this leaderboard yet.")


def _lines(board: Leaderboard) -> tuple[list[str], list[tuple[object, ...]]]:
    """Headings and rows of a leaderboard."""
    columns = [(task, column) for task in board.tasks for column in task.columns if not column.hidden]
    several = len({task.id for task, _ in columns}) > 1
    headers = [
        "#",
        "Participant",
        "ID",
        *(f"{t.name}\n{c.title}" if several and t.name else c.title for t, c in columns),
    ]
    rows: list[tuple[object, ...]] = []
    for position, row in enumerate(board.submissions, start=1):
        by_task = {(score.task_id, score.column_key): score.score for score in row.scores}
        values = [
            catalogue.shown(by_task.get((t.id, c.key), by_task.get((None, c.key))), c.precision) for t, c in columns
        ]
        rows.append((row.rank or position, row.owner, row.id, *values))
    return headers, rows


@submissions_app.command("download")
@app.command()
@remote
def download(
    session: Session,
    number: SubmissionArgument,
    into: Annotated[Path | None, typer.Option("--into", help="Folder; default: submission-NUMBER.")] = None,
) -> None:
    """Download the files and logs of a submission.

    Archive, outputs, detailed results and logs, as far as you may see them.
    """
    folder = into or Path(f"submission-{number}")
    with session.client() as client:
        details = client.details(number)
        folder.mkdir(parents=True, exist_ok=True)
        named = {
            "submission.zip": details.data_file,
            "prediction.zip": details.prediction_result,
            "scoring.zip": details.scoring_result,
            "private.zip": details.private_result,
            "detailed_results.html": details.detailed_result,
            **{f"{_file_name(log.name)}.txt": log.data_file for log in details.logs},
        }
        sizes: dict[str, int] = {}
        for name, url in named.items():
            if url:
                with progress_bar(name, quiet=session.json) as progress:
                    sizes[str(folder / name)] = client.download(url, folder / name, progress=progress)
    if session.answer(sizes):
        return
    for path, size in sizes.items():
        output.say(f"{path} ({size} bytes)")
    if not sizes:
        output.say(f"Submission {number} has nothing to download yet.")


def _file_name(text: str) -> str:
    """A log's name as a file name; what the server calls it never leads out of the folder."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in text)[:100] or "log"
