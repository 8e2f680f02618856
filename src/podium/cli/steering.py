"""What is done with submissions that are there: `podium submissions show`, `cancel`, `rerun`, `delete`, ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli import live, output
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm
from podium.cli.progress import progress_bar
from podium.cli.session import Session, remote
from podium.cli.submissions import SubmissionArgument, submissions_app

Many = Annotated[list[int], typer.Argument(metavar="SUBMISSION...", help="Numbers of submissions.", show_default=False)]


@submissions_app.command("show")
@remote
def show(session: Session, number: SubmissionArgument) -> None:
    """Show a submission: its state, its scores or why it failed."""
    with session.client() as client:
        found = client.submission(number)
        members = [client.submission(child) for child in sorted(found.children)]
    if session.answer([item.model_dump(mode="json") for item in (found, *members)]):
        return
    output.say(f"Submission {found.id} of {found.owner}: {found.filename}", style="bold")
    made = output.moment(found.created_when)
    output.say(f"{found.phase_name or found.phase}, {made} UTC, {found.status}{_marks(found.is_public)}")
    if found.status == "Finished":
        live.show_scores(found, members)
    else:
        live.show_failure(found, {})


def _marks(public: bool) -> str:
    return ", shown to everybody" if public else ""


@submissions_app.command("cancel")
@remote
def cancel(session: Session, number: SubmissionArgument) -> None:
    """Cancel a submission that waits or runs."""
    with session.client() as client:
        cancelled = client.cancel_submission(number)
    text = f"Submission {number} is being cancelled." if cancelled else f"Submission {number} has ended already."
    session.done({"id": number, "canceled": cancelled}, text)


@submissions_app.command("run")
@remote
def run(session: Session, number: SubmissionArgument) -> None:
    """Start a submission that waits for the organizers; for them."""
    with session.client() as client:
        client.run_submission(number)
    session.done({"id": number}, f"Submission {number} is started.")


@submissions_app.command("rerun")
@remote
def rerun(
    session: Session,
    numbers: Many,
    task: Annotated[
        str | None, typer.Option("--task", metavar="KEY", help="On this task alone, off the board.")
    ] = None,
) -> None:
    """Evaluate submissions that have ended again; for organizers."""
    with session.client() as client:
        if len(numbers) == 1:
            made = client.rerun_submission(numbers[0], task=task)
            session.done({"id": made}, f"Submission {made} runs in place of {numbers[0]}.")
            return
        if task is not None:
            raise typer.BadParameter("--task goes with one submission.")
        client.rerun_submissions(numbers)
    session.done({"rerun": numbers}, f"{len(numbers)} submissions run again.")


@submissions_app.command("remove")
@remote
def remove(session: Session, number: SubmissionArgument, yes: Yes = False) -> None:
    """Remove the files of a submission of yours; its row and scores stay."""
    confirm(f"Remove the files of submission {number}?", yes=yes)
    with session.client() as client:
        client.remove_submission(number)
    session.done({"removed": number}, f"The files of submission {number} are removed.")


@submissions_app.command("delete")
@remote
def delete(session: Session, numbers: Many, yes: Yes = False) -> None:
    """Delete submissions with their files and scores for good, all or none."""
    confirm(f"Delete {len(numbers)} submissions with files and scores for good?", yes=yes)
    with session.client() as client:
        client.delete_submissions(numbers)
    session.done({"deleted": numbers}, f"{len(numbers)} submissions are deleted.")


@submissions_app.command("public")
@remote
def public(
    session: Session,
    number: SubmissionArgument,
    hide: Annotated[bool, typer.Option("--hide", help="Show it to nobody else again.")] = False,
) -> None:
    """Show a submission to whoever sees the competition."""
    with session.client() as client:
        now = client.publish_submission(number, not hide)
    text = f"Submission {number} is {'shown to whoever sees the competition' if now else 'shown to nobody else'}."
    session.done({"id": number, "is_public": now}, text)


@submissions_app.command("board")
@remote
def board(
    session: Session,
    number: SubmissionArgument,
    off: Annotated[bool, typer.Option("--off", help="Take it away instead.")] = False,
) -> None:
    """Put a submission on the leaderboard, where the rule leaves that to you."""
    with session.client() as client:
        client.place_submission(number, not off)
    text = f"Submission {number} is {'off' if off else 'on'} the leaderboard."
    session.done({"id": number, "on_leaderboard": not off}, text)


@submissions_app.command("download-many")
@remote
def download_many(
    session: Session,
    phase: Annotated[int | None, typer.Option("--phase", help="Number of the phase.")] = None,
    competition: Annotated[int | None, typer.Option("--competition", help="Number of the competition.")] = None,
    target: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("submissions.zip"),
    outputs: Annotated[bool, typer.Option("--outputs", help="Also what they predicted and what scoring gave.")] = False,
) -> None:
    """Download the files of all submissions of a phase or a competition in one zip."""
    if (phase is None) == (competition is None):
        raise typer.BadParameter("Say of what: --phase NUMBER or --competition NUMBER.")
    include = ["submission", "prediction_result", "scoring_result"] if outputs else []
    with session.client() as client, progress_bar(target.name, quiet=session.json) as progress:
        size = client.download_submissions(
            target, phase=phase, competition=competition, include=include, progress=progress
        )
    session.done({"path": str(target), "size": size}, f"{target} ({output.size(size)})")
