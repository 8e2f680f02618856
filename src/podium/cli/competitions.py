"""`podium competitions`, and for what is done every day `competition`, `register`, `upload` and `publish`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import completion, output
from podium.cli.groups import group
from podium.cli.progress import progress_bar
from podium.cli.session import Exit, Session, remote

if TYPE_CHECKING:
    from podium.client import Competition, CompetitionEvent, CreationStatus, Podium

app = typer.Typer()
competitions_app = group("Competitions: look around, make them, change them, take them away.")

CompetitionArgument = Annotated[
    int,
    typer.Argument(metavar="COMPETITION", help="Number of the competition.", autocompletion=completion.competitions),
]
SecretOption = Annotated[str | None, typer.Option("--secret-key", help="Key of a competition that is not published.")]


@competitions_app.command("list")
@remote
def competitions(
    session: Session,
    search: Annotated[str | None, typer.Argument(help="Words in title or description.", show_default=False)] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that you organize.")] = False,
    participating: Annotated[bool, typer.Option("--participating", help="Only those that you take part in.")] = False,
    kind: Annotated[str, typer.Option("--type", help="competition, benchmark or any.")] = "any",
) -> None:
    """List the competitions that you may see."""
    with session.client() as client:
        found = client.competitions(search=search, mine=mine, participating=participating, kind=kind).all()
    if session.answer([item.model_dump(mode="json") for item in found]):
        return
    if not found:
        output.say("No competitions.")
        return
    rows = [
        (
            c.id,
            c.title,
            c.competition_type,
            c.owner_display_name or c.created_by,
            c.participants_count,
            c.submissions_count,
        )
        for c in found
    ]
    output.table("", ("ID", "Title", "Type", "Organizer", "Participants", "Submissions"), rows, right=(0, 4, 5))


@competitions_app.command("show")
@app.command()
@remote
def competition(session: Session, number: CompetitionArgument, secret_key: SecretOption = None) -> None:
    """Show a competition with its phases and tasks."""
    with session.client() as client:
        found = client.competition(number, secret_key=secret_key)
    if not session.answer(found.model_dump(mode="json")):
        _show(found)


def _show(found: Competition) -> None:
    output.say(f"{found.title} (competition {found.id})", style="bold")
    organizer = found.owner_display_name or found.created_by or "a deleted user"
    output.say(f"by {organizer}; you: {found.participant_status or 'not registered'}")
    if found.description:
        output.say(found.description)
    rows = [
        (
            phase.id,
            phase.name,
            phase.status,
            f"{phase.start:%Y-%m-%d %H:%M}" if phase.start else None,
            f"{phase.end:%Y-%m-%d %H:%M}" if phase.end else None,
            _used(phase.used_submissions_per_day, phase.max_submissions_per_day),
            _used(phase.used_submissions_per_person, phase.max_submissions_per_person),
            "\n".join(f"{task.id}: {task.name}" for task in phase.tasks),
        )
        for phase in found.phases
    ]
    output.table(
        "", ("Phase", "Name", "Status", "Start (UTC)", "End (UTC)", "Today", "In all", "Tasks"), rows, right=(0, 5, 6)
    )


def _used(used: int | None, most: int | None) -> str:
    return f"{used or 0}/{most}" if most else f"{used or 0}"


@competitions_app.command("watch")
@remote
def watch(
    session: Session,
    number: CompetitionArgument,
    secret_key: SecretOption = None,
    seconds: Annotated[float | None, typer.Option("--for", help="End after so many seconds.")] = None,
) -> None:
    """Tell what happens in a competition, until you stop it; with --json an object on each line."""
    from podium.client.errors import WaitTimeoutError  # noqa: PLC0415

    names: dict[int, str] = {}
    with session.client() as client:
        try:
            for event in client.watch_competition(number, secret_key=secret_key, timeout=seconds):
                if session.json:
                    output.print_json_line(event.model_dump(mode="json"))
                else:
                    _tell(event, names)
                if event.kind == "end":
                    raise typer.Exit(Exit.REFUSED)
        except WaitTimeoutError:
            return
        except KeyboardInterrupt:
            raise typer.Exit(Exit.OK) from None


def _tell(event: CompetitionEvent, names: dict[int, str]) -> None:
    """Print an event for people; `names` are those of the phases that were told."""
    data = event.data
    phase = names.get(data.get("phase", 0), f"phase {data.get('phase')}")
    match event.kind:
        case "competition":
            state = "published" if data.get("published") else "not published"
            output.say(f"{data.get('title')} is {state}.", style="bold")
        case "phase":
            names[data["phase"]] = str(data.get("name"))
            output.say(f"Phase {data.get('name')}: {_STANDS.get(data.get('status', ''), data.get('status'))}")
        case "submission":
            status = str(data.get("status"))
            text = f"Submission {data.get('submission')} of {data.get('owner')} to {phase}: {status}"
            output.say(text, style=output.COLOURS.get(status))
        case "leaderboard":
            output.say(f"The leaderboard of {phase} has changed.", style="cyan")
        case "end":
            output.say("You may not see this competition any more.", stderr=True)


_STANDS = {"Next": "not started", "Current": "open", "Previous": "over"}


@competitions_app.command("join")
@app.command()
@remote
def register(session: Session, number: CompetitionArgument, secret_key: SecretOption = None) -> None:
    """Ask to take part in a competition."""
    with session.client() as client:
        status = client.register(number, secret_key=secret_key)
    if session.answer({"competition": number, "participant_status": status}):
        return
    if status == "approved":
        output.say(f"You take part in competition {number}.", style="green")
    else:
        output.say(f"Your registration for competition {number} is {status}; the organizer decides.")


@competitions_app.command("publish")
@app.command()
@remote
def publish(
    session: Session,
    number: CompetitionArgument,
    hide: Annotated[bool, typer.Option("--hide", help="Hide it again instead.")] = False,
) -> None:
    """Show a competition of yours to everybody."""
    with session.client() as client:
        published = client.publish(number, not hide)
    if not session.answer({"competition": number, "published": published}):
        output.say(f"Competition {number} is {'published' if published else 'hidden'}.")


@competitions_app.command("upload")
@app.command()
@remote
def upload(
    session: Session,
    *,
    bundle: Annotated[Path, typer.Argument(help="Competition bundle: a zip or a folder.", show_default=False)],
    publish_it: Annotated[bool, typer.Option("--publish", help="Publish it when it has been made.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the competition exists.")] = True,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check the bundle here first.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600,
) -> None:
    """Check a bundle, send it, and see it become a competition."""
    if publish_it and not wait:
        raise typer.BadParameter("--publish has to wait for the competition; leave --no-wait away.")
    if check and not _is_sound(session, bundle):
        raise typer.Exit(Exit.FAILED)
    with session.client() as client:
        with progress_bar(f"Sending {bundle.name}", quiet=session.json) as progress:
            status_id = client.upload_bundle(bundle, progress=progress)
        if not wait:
            if not session.answer({"status_id": status_id}):
                output.say(f"Sent. The server unpacks it now (creation status {status_id}).")
            return
        _finish(session, client, status_id, bundle.name, publish_it=publish_it, timeout=timeout)


def _is_sound(session: Session, bundle: Path) -> bool:
    from podium.cli.check import print_report, run_check  # noqa: PLC0415

    report = run_check(bundle)
    if not report.ok:
        print_report(report, bundle, as_json=session.json)
        if not session.json:
            output.say("Nothing was sent. (--no-check sends it all the same.)", stderr=True)
    return bool(report.ok)


def _finish(session: Session, client: Podium, status_id: int, bundle: str, *, publish_it: bool, timeout: float) -> None:
    from podium.cli.check import print_fault  # noqa: PLC0415
    from podium.client.errors import WaitTimeoutError  # noqa: PLC0415

    told: dict[str, str] = {}

    def show(status: CreationStatus) -> None:
        for step in status.steps:
            if told.get(step.name) != step.state and step.state != "waiting":
                output.say(f"  {step.name}: {step.state}")
            told[step.name] = step.state
        for fault in status.faults:
            if fault.severity == "warning" and fault.message not in told:
                told[fault.message] = ""
                print_fault(fault, bundle)

    try:
        number = client.wait_for_competition(status_id, timeout=timeout, on_change=None if session.json else show)
    except WaitTimeoutError as fault:
        output.error(fault.message, hint=fault.hint)
        raise typer.Exit(Exit.TIMED_OUT) from fault
    published = client.publish(number) if publish_it else client.competition(number).published
    if not session.answer(
        {"competition": number, "published": published, "url": f"{session.server}/competitions/{number}/"}
    ):
        output.say(f"Competition {number} is made{' and published' if published else ''}.", style="green")
        output.say(f"{session.server}/competitions/{number}/")
