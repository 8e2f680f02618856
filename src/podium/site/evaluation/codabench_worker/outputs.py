"""What can be learnt from the files that a worker leaves: exit codes and logs. All of it is a stranger's."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from podium.formats.archives import ArchiveError, open_archive
from podium.formats.metadata import MetadataError, metadata_in_archive
from podium.formats.repacking import copy_members
from podium.protocol import Cause, Failure, ProgramOutcome, Step
from podium.site.resources import storage

_PRIVATE = "private/"
MAX_LOG_FILE = 64 * 1024 * 1024
"""The most that a file of a program's output may have; what is kept of it is the cap of every log."""


def programs_of(output_key: str) -> list[ProgramOutcome]:
    """How the programs of a step ended, by the file `metadata` that the worker adds to the output.

    Nothing where there is no such file or where it cannot be understood.
    """
    try:
        with storage.local(output_key) as path:
            said = metadata_in_archive(path).extra
    except (ArchiveError, MetadataError, OSError):
        return []
    found = [
        _program("program", said.get("exitCode"), said.get("elapsedTime")),
        _program("ingestion", said.get("ingestionExitCode"), said.get("ingestionElapsedTime")),
    ]
    return [program for program in found if program is not None]


def _program(name: str, code: Any, seconds: Any) -> ProgramOutcome | None:
    if not isinstance(code, int) or isinstance(code, bool) or abs(code) > 2**31:
        return None
    plain = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    elapsed = float(seconds) if plain and 0 <= seconds < 10**9 else 0.0
    return ProgramOutcome(
        name=name,
        exit_code=code,
        cause="ok" if code == 0 else "exit_code",
        wall_seconds=elapsed if math.isfinite(elapsed) else 0.0,
    )


def unpackable(output_key: str) -> str | None:
    """Why the output's zip cannot be used by the next step, None when it can."""
    try:
        with storage.local(output_key) as path:
            metadata_in_archive(path)
    except ArchiveError as error:
        return str(error)
    except MetadataError:
        return None  # the programs may write what they like into it
    return None


def part_private(output_key: str, private_key: str) -> None:
    """Move the folder `private` of a scoring program's output into an upload of its own: it is for organizers only.

    The worker knows nothing of it. Cut off in between, it may be done again. A zip that cannot be read stays as it is.
    """
    try:
        with storage.local(output_key) as path, open_archive(path) as (archive, listing):
            files = {m.name: listing.info(m.name) for m in listing.members if not m.is_dir}
            private = {name: info for name, info in files.items() if name.startswith(_PRIVATE)}
            if private:
                inside = {name.removeprefix(_PRIVATE): info for name, info in private.items()}
                _copy(archive, inside, private_key)
                _copy(archive, {name: info for name, info in files.items() if name not in private}, output_key)
    except ArchiveError:
        return


def _copy(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], key: str) -> None:
    """Make an upload of some members of a zip."""
    upload = storage.receive(key)
    try:
        copy_members(archive, members, (), cast("BinaryIO", upload))
        upload.commit()
    finally:
        upload.abandon()


def failed_program(programs: list[ProgramOutcome], step: Step) -> Failure | None:
    """The failure of a prediction step whose programs did not end well, which the worker does not look at."""
    if step is not Step.PREDICTION:
        return None
    for program in programs:
        if program.exit_code:
            what = "The ingestion program" if program.name == "ingestion" else "The program"
            message = f"{what} ended with exit code {program.exit_code}."
            return Failure(cause=Cause.EXIT_CODE, step=step, program=program.name, message=message)
    return None


def log_of(key: str, cap: int) -> bytes:
    """The beginning of a file of a program's output, one byte more than `cap` where it is longer."""
    try:
        with storage.open_key(key) as stream:
            return stream.read(cap + 1)
    except FileNotFoundError:
        return b""
