"""Check that terms and pages have something to show, and find the pictures that they show."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from podium.formats.faults import Collector, Path
from podium.formats.files import UTF_16, Bundle
from podium.formats.images import MAX_IMAGE_BYTES, image_kind
from podium.formats.unpacking import ArchiveError, human_size, quoted
from podium.formats.yamlnodes import Node

MAX_PAGE_BYTES: Final = 2**20
MAX_PICTURES: Final = 200
"""That a competition has."""
MAX_PICTURE_NAME: Final = 150
_ASSET: Final = re.compile(r"\{\{ {0,9}ASSET_BASE_URL {0,9}\}\}/{0,2}([^\s\"'<>(){}]{1,200})")
_ASSETS: Final = "assets"
_SHOWN_BY: Final = re.compile(
    r"(!\[[^\[\]\n]{0,1000}\]\([ \t]{0,9}<?"  # ![words](address "title")
    r"|^ {0,3}\[[^\]\n]{1,500}\]:[ \t]{0,9}<?"  # [name]: address
    r"|<img\b[^<>]{0,1000}?\bsrc[ \t]{0,9}=[ \t]{0,9}[\"']?)"
    r"([^\s\"'<>()]{1,500})",
    re.MULTILINE | re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|[/#?\\{]", re.IGNORECASE)
"""How addresses begin that name no file of the bundle."""
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(?:png|jpe?g|gif|webp)", re.IGNORECASE)
_MAX_NAMED: Final = 20
_NO_TEXT: Final = (b"%PDF-", b"PK\x03\x04")  # PDF, and Word's files among others
_ENDINGS: Final = {"png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}


def is_picture_name(name: str) -> bool:
    """Whether a picture of a competition may be called so: a plain relative path that ends as pictures do."""
    return len(name) <= MAX_PICTURE_NAME and _NAME.fullmatch(name) is not None


def shown_names(texts: Iterable[str]) -> set[str]:
    """The names of the pictures that texts show, of whatever is not on the web."""
    found = (address for text in texts for _before, address in _SHOWN_BY.findall(text))
    return {unquote(address) for address in found if not _ELSEWHERE.match(address)}


class Pictures:
    """The pictures that the texts of a bundle show.

    A text names one by its path from the text's own folder or from the root of the bundle, or as CodaLab's pages do, by
    `{{ ASSET_BASE_URL }}/NAME`, which means the file assets/NAME.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.names: dict[str, str] = {}
        """What each is called in the competition, by its path in the bundle."""

    def named(self, text: str, file: str = "") -> tuple[str, list[str]]:
        """Call the pictures of a text by their names in the competition.

        file: the text's own, "" where it stands in the YAML file. Returns the text, and the names that it keeps: of
        what is no picture, not there or too large, and of pictures beyond `MAX_PICTURES`.
        """
        left: dict[str, None] = {}

        def asset(found: re.Match[str]) -> str:
            name = self._name(f"{_ASSETS}/{found[1]}")
            if name is None:
                left[found[1]] = None
            return name or found[0]

        def relative(found: re.Match[str]) -> str:
            address = found[2]
            if _ELSEWHERE.match(address):
                return found[0]
            path = unquote(re.split(r"[?#]", address)[0])
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
            name = self._name(beside) or self._name(posixpath.normpath(path))
            if name is None and not found[1].lstrip().startswith("["):  # which may be a link's
                left[address] = None
            return found[1] + (name or address)

        return _SHOWN_BY.sub(relative, _ASSET.sub(asset, text)), list(left)

    def _name(self, path: str) -> str | None:
        """What a picture is called, None for what is none."""
        try:
            path = self._bundle.resolve(path)
            if path in self.names:
                return self.names[path]
            if path in self.names.values() and not self._bundle.exists(path):
                return path  # which an earlier step has named
            if not self._bundle.exists(path) or self._bundle.is_dir(path) or len(self.names) >= MAX_PICTURES:
                return None
            if self._bundle.size(path) > MAX_IMAGE_BYTES:
                return None
            kind = _ENDINGS.get(image_kind(self._bundle.read(path, 15)) or "")
        except ArchiveError:
            return None
        if kind is not None:
            self.names[path] = free_name(path, kind, set(self.names.values()))
        return self.names.get(path)


def free_name(path: str, kind: str, taken: Iterable[str]) -> str:
    """A name that a picture may have, as like its path as can be, and no other one has.

    kind: how it ends where the path does not end as a picture does.
    """
    folder, _, file = path.replace("\\", "/").rpartition("/")
    stem, _, ending = file.rpartition(".")
    if not stem or ending.lower() not in {"png", "jpg", "jpeg", "gif", "webp"}:
        stem, ending = file, kind
    folders = [each for each in (_plain(part, "") for part in folder.split("/")) if each]
    before = "".join(f"{each}/" for each in folders)[-70:].lstrip("/")
    plain = _plain(stem, ".")[:60] or "picture"
    others = {name.lower() for name in taken}
    wanted, number = f"{before}{plain}.{ending}", 1
    while wanted.lower() in others:
        number += 1
        wanted = f"{before}{plain}-{number}.{ending}"
    return wanted


def _plain(text: str, more: str) -> str:
    return re.sub(rf"[^A-Za-z0-9_{re.escape(more)}-]+", "-", text).strip("-.")


def check_pages(root: Node, bundle: Bundle, faults: Collector) -> None:
    """Report pages that are empty, no text, too large or damaged, and warn of those that are not UTF-8."""
    pictures = Pictures(bundle)
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
        for shown in pictures.named(text, name)[1][:_MAX_NAMED]:
            message = f"{quoted(name)} shows {quoted(shown)}, which is no picture of the bundle."
            hint = (
                "Pages show PNG, JPEG, GIF and WebP files of the bundle, named by their path: at most "
                f"{MAX_PICTURES}, each of at most {human_size(MAX_IMAGE_BYTES)}. Other files belong on the web, with a "
                "link here."
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
