"""`podium check`: every fault of a bundle at once, with its place and a way to mend it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import output
from podium.cli.session import Exit, Globals, JsonOption, ServerOption, open_session

if TYPE_CHECKING:
    from podium.client.models import CreationFault
    from podium.formats.bundle import Fault, Report

app = typer.Typer()


@app.command()
def check(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="Competition bundle, a zip or a folder, or an archive.", show_default=False)
    ],
    server: ServerOption = None,
    json_: JsonOption = False,
) -> None:
    """Check a bundle, or whether an archive of a competition is whole; no server is needed.

    Every fault at once, with its place and a hint. Exit code 1 when the server would refuse it. With --server the
    limits of its phases are also held against what that server gives.
    """
    before = ctx.find_object(Globals) or Globals()
    as_json = json_ or before.json
    if path.is_file():
        from podium.cli.archives import check_archive  # noqa: PLC0415 - most files are bundles
        from podium.formats.competition_archive import is_archive  # noqa: PLC0415

        if is_archive(path):
            check_archive(path, as_json=as_json)
            return
    report = run_check(path, server or before.server)
    print_report(report, path, as_json=as_json)
    if not report.ok:
        raise typer.Exit(Exit.FAILED)


def run_check(path: Path, server: str | None = None) -> Report:
    """Check a bundle, against a server's ceilings if one is named.

    A path where nothing is, and a server that does not answer, end the command.
    """
    if not path.exists():
        output.error(f"There is no file or folder {path}.", hint="Check the path.")
        raise typer.Exit(Exit.USAGE)
    from podium.formats.bundle import check_bundle  # noqa: PLC0415 - pydantic and the YAML reader load slowly

    return check_bundle(path, ceilings=_ceilings(server) if server else {})


def _ceilings(server: str) -> dict[str, float]:
    from podium.client.errors import PodiumError  # noqa: PLC0415 - costs a third of a second

    try:
        with open_session(Globals(server=server)).client() as podium:
            return podium.limits()
    except PodiumError as fault:
        output.error(fault.message, hint=fault.hint)
        raise typer.Exit(Exit.FAILED) from fault


def print_report(report: Report, path: Path, *, as_json: bool) -> None:
    """Print each fault as `file:line:column: severity: message` with its hint below, and a last line that counts."""
    if as_json:
        output.print_json(
            {"path": str(path), "ok": report.ok, "faults": [_as_dict(f) for f in report.faults], "notes": report.notes}
        )
        return
    for note in report.notes:
        output.say(f"{path.name}: note: {note}")
    for fault in report.faults:
        print_fault(fault, path.name)
    counts = Counter(str(fault.severity) for fault in report.faults)
    parts = [
        f"{counts[word]} {word}{'' if counts[word] == 1 else 's'}" for word in ("error", "warning") if counts[word]
    ]
    output.say(f"{path}: {', '.join(parts) or 'no faults found'}.", style="green" if report.ok else "red")


def print_fault(fault: Fault | CreationFault, bundle: str) -> None:
    """Print one fault with its place, and its hint on a line of its own."""
    place = ":".join(str(part) for part in (fault.file or bundle, fault.line, fault.column) if part is not None)
    subject = f" ({fault.path})" if fault.path else ""
    output.say(f"{place}: {fault.severity}: {fault.message}{subject}", style=output.COLOURS.get(str(fault.severity)))
    if fault.hint:
        output.say(f"    {fault.hint}")


def _as_dict(fault: Fault) -> dict[str, Any]:
    names = ("severity", "code", "message", "file", "line", "column", "path", "hint")
    return {name: getattr(fault, name) for name in names}
