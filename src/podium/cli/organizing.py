"""What organizers do with a whole competition: `podium competitions create`, `update`, `dump`, ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from podium.cli import output
from podium.cli.competitions import CompetitionArgument, competitions_app
from podium.cli.groups import YesOption as Yes
from podium.cli.groups import confirm
from podium.cli.progress import progress_bar
from podium.cli.session import Exit, Session, remote

FactsArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON in the words of the API; - reads standard input.", allow_dash=True)
]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")]


@competitions_app.command("create")
@remote
def create(session: Session, file: FactsArgument) -> None:
    """Make a competition of JSON, as the web editor sends it (bundles: `podium upload`)."""
    with session.client() as client:
        made = client.create_competition(_facts(file))
    session.item(made, f"Competition {made.id} is made: {session.server}/competitions/{made.id}/")


@competitions_app.command("update")
@remote
def update(
    session: Session,
    *,
    number: CompetitionArgument,
    file: Annotated[Path | None, typer.Option("--from", help="JSON with what is to change.", allow_dash=True)] = None,
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    docker_image: Annotated[str | None, typer.Option("--docker-image", help="Image that programs run in.")] = None,
    if_match: Annotated[
        str | None, typer.Option("--if-match", metavar="ETAG", help="Only if it is still as it was read with this tag.")
    ] = None,
) -> None:
    """Change what is given of a competition; what is not given stays."""
    given = {"title": title, "description": description, "docker_image": docker_image}
    facts = {**(_facts(file) if file else {}), **{key: value for key, value in given.items() if value is not None}}
    if not facts:
        raise typer.BadParameter("Say what to change: --title, --description, --docker-image, or --from FILE.")
    with session.client() as client:
        changed = client.update_competition(number, if_match=if_match, **facts)
    session.item(changed, f"Competition {number} ({changed.title}) is changed.")


@competitions_app.command("delete")
@remote
def delete(session: Session, number: CompetitionArgument, yes: Yes = False) -> None:
    """Delete a competition of yours with all its submissions."""
    with session.client() as client:
        found = client.competition(number)
        confirm(
            f"Delete {found.title!r} with {found.submissions_count} submissions of {found.participants_count} people? "
            "(`podium archive` keeps a copy.)",
            yes=yes,
        )
        client.delete_competition(number)
    session.done({"deleted": number}, f"Competition {number} ({found.title}) is deleted.")


@competitions_app.command("dump")
@remote
def dump(
    session: Session,
    number: CompetitionArgument,
    target: OutputOption = None,
    keys: Annotated[bool, typer.Option("--keys", help="Name datasets by their keys, without their files.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 3600,
) -> None:
    """Write a competition out as a bundle and download it."""
    with session.client() as client:
        started = client.create_dump(number, keys_instead_of_files=keys)
        found = client.wait_for_dump(number, started, timeout=timeout)
        path = target or Path(f"competition-{number}.zip")
        with progress_bar(path.name, quiet=session.json) as progress:
            size = client.download(str(found.url), path, progress=progress)
    session.done({"path": str(path), "size": size}, f"{path} ({output.size(size)})")


@competitions_app.command("files")
@remote
def files(session: Session, number: CompetitionArgument) -> None:
    """List the bundle, the dumps and the archives of a competition."""
    with session.client() as client:
        found = client.files(number)
    if session.answer(found.model_dump(mode="json")):
        return
    rows: list[tuple[object, ...]] = [("bundle", None, found.bundle.name, "Finished")] if found.bundle else []
    rows += [("dump", one.id, one.name, one.status) for one in found.dumps]
    rows += [("archive", one.id, one.name, one.status) for one in found.archives]
    output.table("", ("Kind", "ID", "Name", "Status"), rows, right=(1,))


@competitions_app.command("results")
@remote
def results(
    session: Session,
    number: CompetitionArgument,
    target: OutputOption = None,
    phase: Annotated[int | None, typer.Option("--phase", help="Only this phase.")] = None,
    kind: Annotated[str, typer.Option("--format", help="csv, json, or zip with a CSV per leaderboard.")] = "zip",
) -> None:
    """Download the results of a competition, with every digit."""
    if kind not in {"csv", "json", "zip"}:
        raise typer.BadParameter("--format is csv, json or zip.")
    path = target or Path(f"results-{number}.{kind}")
    with session.client() as client:
        size = client.download_results(number, path, phase=phase, format=kind)
    session.done({"path": str(path), "size": size}, f"{path} ({output.size(size)})")


@competitions_app.command("email")
@remote
def email(
    session: Session,
    number: CompetitionArgument,
    message: Annotated[str, typer.Argument(help="The mail, in Markdown; - reads standard input.")],
    yes: Yes = False,
) -> None:
    """Write a mail to everybody who takes part."""
    text = sys.stdin.read() if message == "-" else message
    confirm(f"Send this to everybody who takes part in competition {number}?", yes=yes)
    with session.client() as client:
        client.email_participants(number, text)
    session.done({"competition": number}, "The mail is on its way.")


def _facts(file: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        data = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        output.error(f"{file} cannot be read: {error}")
        raise typer.Exit(Exit.USAGE) from error
    if not isinstance(data, dict):
        raise typer.BadParameter(f"{file} is not one JSON object.")
    return data
