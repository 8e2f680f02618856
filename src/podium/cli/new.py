"""`podium new` and `podium schema`: a bundle to begin with, and what editors should know of its main file."""

from __future__ import annotations

import json
import struct
import zlib
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

import typer

from podium.cli import output
from podium.cli.session import Exit

app = typer.Typer()
_LOGO_SIZE: Final = 128
_LOGO_COLOUR: Final = bytes((58, 90, 160))


class Template(StrEnum):
    """What participants submit."""

    RESULTS = "results"
    CODE = "code"


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not exist yet.", show_default=False)],
    template: Annotated[
        Template, typer.Option(help="results: participants submit predictions; code: programs that are run.")
    ] = Template.RESULTS,
    title: Annotated[str, typer.Option(help="Title of the competition.")] = "My competition",
) -> None:
    """Start a bundle that works: one task, one phase, a scoring program and a sample solution."""
    if folder.exists():
        output.error(f"{folder} exists already.", hint="Name a folder that does not exist.")
        raise typer.Exit(Exit.USAGE)
    folder.mkdir(parents=True)
    _copy(resources.files("podium.cli") / "starters" / template.value, folder)
    (folder / "logo.png").write_bytes(_plain_png(_LOGO_SIZE, _LOGO_COLOUR))
    yaml = folder / "competition.yaml"
    quoted = json.dumps(title, ensure_ascii=not title.isprintable())
    text = yaml.read_text(encoding="utf-8").replace("title: My competition\n", f"title: {quoted}\n", 1)
    yaml.write_text(text, encoding="utf-8")
    output.say(f"{folder} is a competition that works. Next:", style="green")
    output.say(f"    podium check {folder}    says what is wrong with it")
    output.say(f"    podium run {folder}      runs its sample solution here")
    output.say(f"    podium upload {folder}   makes a competition of it")


@app.command()
def schema() -> None:
    """Print the JSON Schema of competition.yaml, for editors that complete and check YAML."""
    from podium.formats.schema import competition_schema  # noqa: PLC0415 - pydantic loads slowly

    output.print_json(competition_schema())


def _copy(source: Traversable, target: Path) -> None:
    for entry in source.iterdir():
        if entry.name == "__pycache__":
            continue
        place = target / entry.name
        if entry.is_dir():
            place.mkdir()
            _copy(entry, place)
        else:
            place.write_bytes(entry.read_bytes())


def _plain_png(size: int, colour: bytes) -> bytes:
    """A square picture of one colour; `size` in pixels, `colour` as three bytes."""
    rows = (b"\0" + colour * size) * size

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
