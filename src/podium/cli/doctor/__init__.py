"""`podium doctor`: whether this machine can run Podium, and what to do where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from podium.cli import output
from podium.cli.doctor import machine, sandboxes, services
from podium.cli.doctor.findings import Finding
from podium.cli.operate import DEFAULT_DATA, DataOption
from podium.cli.session import Exit, Globals, JsonOption

app = typer.Typer()


@app.command()
def doctor(
    ctx: typer.Context,
    *,
    data: DataOption = DEFAULT_DATA,
    engine: Annotated[str, typer.Option(help="auto, bubblewrap or docker.", envvar="PODIUM_WORKER_ENGINE")] = "auto",
    server: Annotated[
        str | None, typer.Option(help="Compare the clock with this server's.", show_default=False)
    ] = None,
    send_to: Annotated[
        str, typer.Option("--send-to", help="Send a mail to this address, to see that it arrives.", show_default=False)
    ] = "",
    json_: JsonOption = False,
) -> None:
    """Check that this machine can run Podium.

    Exit code 1 when something has to be mended.
    """
    as_json = json_ or (ctx.find_object(Globals) or Globals()).json
    findings: list[Finding] = []
    for finding in examine(data, engine=engine, server=server, send_to=send_to):
        findings.append(finding)
        if not as_json:
            _show(finding)
    failed = [finding for finding in findings if finding.state == "fail"]
    if as_json:
        output.print_json({"ok": not failed, "checks": [asdict(finding) for finding in findings]})
    elif failed:
        output.say(f"{len(failed)} to mend: {', '.join(finding.name for finding in failed)}.", style="red")
    else:
        output.say("All is well.", style="green")
    if failed:
        raise typer.Exit(Exit.FAILED)


def _show(finding: Finding) -> None:
    output.say(f"{finding.state:<5}{finding.name}: {finding.detail}", style=output.COLOURS[finding.state])
    if finding.mend and finding.state != "ok":
        output.say(f"     {finding.mend}")


def examine(data: Path, *, engine: str, server: str | None, send_to: str) -> Iterator[Finding]:
    """Look at everything in turn; what is not configured is not looked at."""
    yield from machine.examine(data, server)
    yield from sandboxes.examine(data, engine)
    yield from services.examine(data, send_to)
