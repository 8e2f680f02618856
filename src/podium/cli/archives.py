"""`podium archive`, and what `podium check` says of archives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import output
from podium.cli.competitions import CompetitionArgument, competitions_app
from podium.cli.progress import progress_bar
from podium.cli.session import Exit, Session, remote

if TYPE_CHECKING:
    from podium.client.models import CompetitionArchive

app = typer.Typer()


@competitions_app.command("archive")
@app.command()
@remote
def archive(
    session: Session,
    number: CompetitionArgument,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: the server's name for it, here.")
    ] = None,
) -> None:
    """Download a competition of yours with everything that happened in it.

    Waits until the server has written the archive. It holds names and addresses of participants and hidden data. An
    administrator restores it on any server: podium manage restore_archive FILE.
    """
    with session.client() as client:
        started = client.create_archive(number)
        finished = client.wait_for_archive(number, started.id, on_change=None if session.json else _Teller().tell)
        path = target or Path(_file_name(finished.name, number))
        with progress_bar(path.name, quiet=session.json) as progress:
            client.download(str(finished.url), path, sha256=finished.sha256, progress=progress)
    if not session.answer({"path": str(path), "size": finished.size, "sha256": finished.sha256}):
        output.say(f"{path} ({finished.size} bytes, sha256 {finished.sha256})", style="green")


def _file_name(told: str, number: int) -> str:
    """The server's name for an archive where it is one of an archive; it never replaces anything else that is here."""
    return told if re.fullmatch(r"archive-[\w-]+\.zip", told, re.ASCII) else f"archive-{number}.zip"


class _Teller:
    """Says how far an archive has come, each state once and bytes in tenths."""

    def __init__(self) -> None:
        self._told = ""

    def tell(self, archive: CompetitionArchive) -> None:
        """Say what is new."""
        tenths = f", {10 * (10 * archive.done // archive.total)} %" if archive.total and not archive.ended else ""
        text = f"  {archive.status}{tenths}"
        if text != self._told:
            self._told = text
            output.say(text)


def check_archive(path: Path, *, as_json: bool) -> None:
    """Read a whole archive and say whether it can be restored; ends the command with 1 when it cannot."""
    from podium.formats.competition_archive import BadArchiveError, open_competition_archive  # noqa: PLC0415

    fault = ""
    facts: dict[str, Any] = {}
    try:
        with open_competition_archive(path) as opened:
            opened.verify()
            manifest = opened.manifest
            facts = {
                "competition": manifest.competition.title,
                "site": manifest.site,
                "made": manifest.made.isoformat(),
                "rows": dict(opened.counts),
            }
    except BadArchiveError as problem:
        fault = str(problem)
    if as_json:
        output.print_json({"path": str(path), "ok": not fault, "fault": fault, **facts})
    elif fault:
        output.error(f"{path}: {fault}", hint="It cannot be restored. Use another copy.")
    else:
        rows = facts["rows"]
        output.say(f"{facts['competition']}, archived at {facts['site']} on {facts['made']}")
        shown = ("people", "participants", "submissions", "scores", "files")
        output.say(", ".join(f"{rows[kind]} {kind}" for kind in shown))
        output.say(f"{path}: everything is there and as it was written.", style="green")
    if fault:
        raise typer.Exit(Exit.FAILED)
