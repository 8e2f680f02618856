"""Check that terms and pages have something to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from podium.formats.faults import Collector, Path
from podium.formats.files import Bundle
from podium.formats.unpacking import ArchiveError, quoted
from podium.formats.yamlnodes import Node

MAX_PAGE_BYTES: Final = 2**20


def check_pages(root: Node, bundle: Bundle, faults: Collector) -> None:
    """Report pages that are empty, too large or damaged, and warn of those that are not UTF-8."""
    for path, node in _texts(root):
        if node.kind != "scalar" or faults.has_error_at(path):
            continue
        try:
            name = bundle.resolve(node.text)
            if bundle.is_dir(name) or not bundle.exists(name):
                continue
            text = bundle.read_text(name, MAX_PAGE_BYTES)
            data = bundle.read(name, MAX_PAGE_BYTES)
        except ArchiveError as problem:
            faults.error(problem.code, str(problem), path, "Pages are text; link to large things instead.")
            continue
        if not text.strip():
            message = f"{quoted(name)} is empty, it must contain content."
            faults.error("empty_page", message, path, "Write Markdown or HTML into it.")
        elif not _is_utf8(data):
            message = f"{quoted(name)} is not UTF-8; it is read as Windows-1252."
            faults.warning("not_utf8", message, path, "Save it with the encoding UTF-8.")


def _texts(root: Node) -> Iterator[tuple[Path, Node]]:
    terms = root.get("terms")
    if terms is not None:
        yield ("terms",), terms
    html = root.get("html")
    if html is not None and html.kind == "map":
        yield from ((("html", title), entry.node) for title, entry in html.entries.items())
    pages = root.get("pages")
    for place, page in enumerate(pages.items if pages is not None else []):
        file = page.get("file") if page.kind == "map" else None
        if file is not None:
            yield ("pages", place, "file"), file


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True
