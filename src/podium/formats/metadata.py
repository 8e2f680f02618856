"""What a program says about itself: the file `metadata.yaml` (or `metadata`) at the root of its folder."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from podium.formats.unpacking import (
    DEFAULT_CAPS,
    ArchiveError,
    Caps,
    Listing,
    open_archive,
    read_member,
    read_regular_file,
)
from podium.formats.yamlnodes import Node, YamlError, decode, load

NAMES: Final = ("metadata.yaml", "metadata")
MAX_BYTES: Final = 64 * 1024


class MetadataError(Exception):
    """A metadata file cannot be read as one; `file` and `line` say where."""

    def __init__(self, message: str, file: str, line: int | None = None) -> None:
        place = f"{file}, line {line}" if line is not None else file
        super().__init__(f"{place}: {message}")
        self.message = message
        self.file = file
        self.line = line


class Kind(StrEnum):
    """What a submission is; decides what runs."""

    RESULT = "result"
    CODE = "code"
    COMMAND = "command"


@dataclass(frozen=True)
class ProgramMetadata:
    """What the metadata file says: `present` is whether there is one, `command` the command to run or None.

    `image` is an image that the program asks for, `extra` every other key. `line` is the line of the command.
    """

    present: bool = False
    file: str | None = None
    command: str | None = None
    image: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    line: int | None = None
    notes: tuple[str, ...] = ()


def kind_of(metadata: ProgramMetadata) -> Kind:
    """Say what a submission is by Codabench's rule: no metadata file, one without a command, or one with a command."""
    if not metadata.present:
        return Kind.RESULT
    return Kind.CODE if metadata.command is None else Kind.COMMAND


def read_program_metadata(folder: Path) -> ProgramMetadata:
    """Read `metadata.yaml`, else `metadata`, of a program's folder.

    A file that is no mapping (a bare sentence occurs in real bundles) counts as metadata without a command. Links
    that lead out of the folder count as absent; a folder with one wrapper folder is not looked into.

    Raises MetadataError for a YAML fault, a file that is too large and a command that is no text.
    """
    for name in NAMES:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        data = read_regular_file(path, MAX_BYTES, follow=True)
        if data is not None:
            return parse_metadata(data, name)
    return ProgramMetadata()


def metadata_in_archive(source: Path | BinaryIO, caps: Caps = DEFAULT_CAPS) -> ProgramMetadata:
    """Read a program's metadata from its zip without unpacking it, through a single wrapper folder too.

    Raises ArchiveError when the zip is refused, MetadataError as `read_program_metadata`.
    """
    with open_archive(source, caps) as (archive, listing):
        name = metadata_name(listing)
        if name is None:
            return ProgramMetadata()
        return parse_metadata(read_member(archive, listing.info(name), MAX_BYTES), name)


def metadata_name(listing: Listing) -> str | None:
    """Return the name of the metadata file in an archive, at its root or in its wrapper folder; None without one."""
    files = {member.name for member in listing.members if not member.is_dir}
    prefixes = ("",) if listing.top_folder is None else ("", f"{listing.top_folder}/")
    return next((prefix + name for prefix in prefixes for name in NAMES if prefix + name in files), None)


def parse_metadata(data: bytes, file: str) -> ProgramMetadata:
    """Understand the bytes of a metadata file; `file` is its name in messages. Raises MetadataError."""
    try:
        root = load(decode(data, MAX_BYTES))
    except YamlError as problem:
        hint = problem.hint
        if "mapping values are not allowed" in str(problem):
            hint = "Put the whole command in quotes when it contains a colon followed by a blank."
        raise MetadataError(f"{problem} {hint}".strip(), file, problem.line) from problem
    if root.kind != "map":
        return ProgramMetadata(True, file, notes=(f"{file} holds no keys, so it names no command.",))
    extra = {k: entry.node.plain() for k, entry in root.entries.items() if k not in ("command", "image")}
    notes = tuple(f"{file}, line {d.line}: {d.key} is given twice; the last one counts." for d in root.duplicates)
    image = root.get("image")
    command = root.get("command")
    return ProgramMetadata(
        present=True,
        file=file,
        command=_command(command, file) if command is not None else None,
        image=image.text or None if image is not None and image.kind == "scalar" else None,
        extra=extra,
        line=root.entries["command"].line if command is not None else None,
        notes=notes,
    )


def _command(node: Node, file: str) -> str | None:
    """Return the command's text; a list of words is joined, an empty value is no command."""
    if node.kind == "scalar":
        return node.text if node.value is not None and node.text.strip() else None
    if node.kind == "list" and node.items and all(item.kind == "scalar" for item in node.items):
        return shlex.join(item.text for item in node.items)
    raise MetadataError('"command" must be one line of text, such as: command: python3 program.py', file, node.line)


__all__ = [
    "ArchiveError",
    "Kind",
    "MetadataError",
    "ProgramMetadata",
    "kind_of",
    "metadata_in_archive",
    "metadata_name",
    "parse_metadata",
    "read_program_metadata",
]
