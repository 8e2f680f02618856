"""Compiles the catalogues of translations (.po) into the form that the site reads (.mo).

The compiled files are not kept in version control. Babel alone is needed for it: `uv run --only-group messages`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "src" / "podium" / "site" / "locale"


def compile_all(locale: Path) -> list[Path]:
    """Compile every catalogue below a folder and remove what has none any more; returns the files written.

    Raises PoFileError for a catalogue that cannot be read.
    """
    for compiled in locale.glob("*/LC_MESSAGES/*.mo"):
        compiled.unlink()
    return [_compiled(source) for source in sorted(locale.glob("*/LC_MESSAGES/*.po"))]


def _compiled(source: Path) -> Path:
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name, abort_invalid=True)
    content = io.BytesIO()
    write_mo(content, catalogue)
    target = source.with_suffix(".mo")
    target.write_bytes(content.getvalue())
    return target


if __name__ == "__main__":
    try:
        written = compile_all(LOCALE)
    except PoFileError as error:
        sys.exit(str(error))
    print(f"{len(written)} catalogues in {LOCALE.relative_to(ROOT)}")
