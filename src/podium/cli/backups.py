"""`podium backup` and `podium restore`: a whole installation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from podium.cli import output
from podium.cli.operate import DEFAULT_DATA, DataOption
from podium.cli.progress import progress_bar
from podium.cli.session import Exit, Globals, JsonOption

app = typer.Typer()

_LISTED = 20


@app.command()
def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of backups, on another disk or machine than the data.")],
    *,
    data: DataOption = DEFAULT_DATA,
    keep: Annotated[
        int | None, typer.Option(min=1, help="How many backups stay in the folder; the oldest go.", show_default=False)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Back up an installation: its database, its files and its secrets.

    Podium may run meanwhile. Files in a bucket (STORAGE_URL) are copied out of it. What the backup before has already
    takes no room. Exit code 1 when no backup could be written, or when files that the database names are missing or
    damaged.
    """
    from podium.site.backup import BackupError, write  # noqa: PLC0415

    as_json = _as_json(ctx, asked=json_)
    try:
        with progress_bar("Backup", quiet=as_json) as progress:
            address = os.environ.get("DATABASE_URL", "")
            bucket = os.environ.get("STORAGE_URL", "")
            done = write(
                data=data, database_url=address, storage_url=bucket, folder=folder, keep=keep, progress=progress
            )
    except BackupError as error:
        output.error(str(error))
        raise typer.Exit(Exit.FAILED) from error
    if as_json:
        facts = {"shared": done.shared, "missing": done.missing, "damaged": done.damaged}
        removed = [str(path) for path in done.removed]
        output.print_json(
            {"path": str(done.path), **done.manifest.model_dump(mode="json"), **facts, "removed": removed}
        )
    else:
        made = f"{done.manifest.files} files, {output.size(done.manifest.bytes)}, {done.shared} of them as before"
        output.say(f"{done.path} ({made})", style="green")
        for path in done.removed:
            output.say(f"removed {path}")
    for what, keys in (("Missing", done.missing), ("Not what was stored", done.damaged)):
        if keys:
            more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
            output.error(
                f"{what}, of the files that the database names: {', '.join(keys[:_LISTED])}{more}",
                hint="The backup is whole but for these. Bring them back from an earlier one.",
            )
    if done.missing or done.damaged:
        raise typer.Exit(Exit.FAILED)


@app.command()
def restore(
    ctx: typer.Context,
    place: Annotated[Path, typer.Argument(metavar="BACKUP", help="A backup, or a folder of them for the newest.")],
    *,
    data: DataOption = DEFAULT_DATA,
    check: Annotated[
        bool, typer.Option("--check", help="Only read it and compare it with its digests; restore nothing.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Make an installation from a backup.

    Into a data folder that is not there yet, an empty database where DATABASE_URL names one, and an empty bucket where
    STORAGE_URL does. All of it or nothing.
    """
    from podium.site import backup as backups  # noqa: PLC0415

    as_json = _as_json(ctx, asked=json_)
    try:
        found = backups.newest(place)
        with progress_bar("Check" if check else "Restore", quiet=as_json) as progress:
            if check:
                manifest = backups.check(found, progress)
            else:
                address = os.environ.get("DATABASE_URL", "")
                bucket = os.environ.get("STORAGE_URL", "")
                manifest = backups.restore(
                    found, data=data, database_url=address, storage_url=bucket, progress=progress
                )
    except backups.BackupError as error:
        output.error(str(error))
        raise typer.Exit(Exit.FAILED) from error
    if as_json:
        output.print_json({"path": str(found), **manifest.model_dump(mode="json")})
        return
    output.say(f"{found} is whole: {manifest.files} files and the database, of Podium {manifest.podium}.")
    if not check:
        output.say(f"Restored. Start it with: podium up --data {data}", style="green")


def _as_json(ctx: typer.Context, *, asked: bool) -> bool:
    return asked or (ctx.find_object(Globals) or Globals()).json
