"""Pages of the documentation that hold a table which is written from the code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars and line ends inside cells are made harmless."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [list(headers), ["---"] * len(headers), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rendered(page: str, name: str, table: str) -> str:
    """The page with the table between its marks brought up to date. Raises ValueError when the marks are missing."""
    begin, end = f"<!-- {name}: written by scripts/{name}_table.py -->", f"<!-- end of {name} -->"
    before, has_begin, rest = page.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError(f"The page needs the lines {begin!r} and {end!r} around its table.")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def write(page: Path, name: str, table: str) -> None:
    """Bring the table of a page up to date."""
    page.write_text(rendered(page.read_text(encoding="utf-8"), name, table), encoding="utf-8")
