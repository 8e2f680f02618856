"""Check that terms and pages have something to show, and put CodaLab's pictures of a page into it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

from podium.formats.faults import Collector, Path
from podium.formats.files import UTF_16, Bundle
from podium.formats.images import image_kind
from podium.formats.unpacking import ArchiveError, quoted
from podium.formats.yamlnodes import Node

MAX_PAGE_BYTES: Final = 2**20
MAX_PICTURED_CHARACTERS: Final = 190_000
"""A page with its pictures; the site formats pages of up to 200,000 characters."""
_ASSET: Final = re.compile(r"\{\{ {0,9}ASSET_BASE_URL {0,9}\}\}/{0,2}([^\s\"'<>(){}]{1,200})")
_ASSETS: Final = "assets"
_MAX_NAMED: Final = 20
_NO_TEXT: Final = (b"%PDF-", b"PK\x03\x04")  # PDF, and Word's files among others
_SHOWN: Final = frozenset({"png", "jpeg", "gif", "webp"})


def with_pictures(text: str, bundle: Bundle) -> tuple[str, list[str]]:
    """Put the pictures that a page of CodaLab's names as `{{ ASSET_BASE_URL }}/NAME` into the page itself.

    Such a name means the file assets/NAME of the bundle. Returns the page, and the names that stay as they are: of
    what is no picture or is not there, and of pictures for which the page would become too long.
    """
    left: dict[str, None] = {}
    room = MAX_PICTURED_CHARACTERS - len(text)

    def picture(found: re.Match[str]) -> str:
        nonlocal room
        address = _address_of(found[1], room, bundle)
        if address is None:
            left[found[1]] = None
            return found[0]
        room -= len(address)
        return address

    return _ASSET.sub(picture, text), list(left)


def _address_of(name: str, room: int, bundle: Bundle) -> str | None:
    """Return a picture as an address that holds it, None where that is not possible."""
    try:
        path = bundle.resolve(f"{_ASSETS}/{name}")
        if not bundle.exists(path) or bundle.is_dir(path) or bundle.size(path) * 4 // 3 + 100 > room:
            return None
        kind = image_kind(bundle.read(path, 15))
        if kind not in _SHOWN:
            return None
        return f"data:image/{kind};base64,{base64.b64encode(bundle.read(path, room)).decode()}"
    except ArchiveError:
        return None


def check_pages(root: Node, bundle: Bundle, faults: Collector) -> None:
    """Report pages that are empty, no text, too large or damaged, and warn of those that are not UTF-8."""
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
        elif "\0" in text or data.startswith(_NO_TEXT):
            hint = "Pages are Markdown or HTML; put other documents on the web, and link to them."
            faults.error("not_text", f"{quoted(name)} is no text.", path, hint)
        elif not _is_unicode(data):
            message = f"{quoted(name)} is not UTF-8; it is read as Windows-1252."
            faults.warning("not_utf8", message, path, "Save it with the encoding UTF-8.")
        _warn_of_assets(text, name, bundle, path, faults)


def _warn_of_assets(text: str, name: str, bundle: Bundle, path: Path, faults: Collector) -> None:
    for asset in with_pictures(text, bundle)[1][:_MAX_NAMED]:
        message = f"{quoted(name)} shows {quoted(asset)} of the folder {_ASSETS}, which cannot be put into the page."
        hint = (
            "PNG, JPEG, GIF and WebP pictures can, about 140 kB on a page. Put other files on the web and link to them."
        )
        faults.warning("asset", message, path, hint)


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


def _is_unicode(data: bytes) -> bool:
    try:
        data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True
