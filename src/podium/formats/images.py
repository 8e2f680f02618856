"""Check that a competition's image is one, by its first bytes."""

from __future__ import annotations

from typing import Final

from podium.formats.faults import Collector
from podium.formats.files import Bundle
from podium.formats.unpacking import ArchiveError, human_size, quoted
from podium.formats.yamlnodes import Node

MAX_IMAGE_BYTES: Final = 10 * 2**20
_STARTS: Final = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "bmp": (b"BM",),
}


def image_kind(start: bytes) -> str | None:
    """Return png, jpeg, gif, bmp or webp for the first 16 bytes of such a file, else None."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return next((kind for kind, marks in _STARTS.items() if start.startswith(marks)), None)


def check_image(root: Node, bundle: Bundle, faults: Collector) -> None:
    """Report an image that is none or is too large; a missing file has been reported before."""
    node = root.get("image")
    if node is None or node.kind != "scalar" or faults.has_error_at(("image",)):
        return
    try:
        name = bundle.resolve(node.text)
        if bundle.is_dir(name) or not bundle.exists(name):
            return
        start = bundle.read(name, 16)
    except ArchiveError as problem:
        faults.error(problem.code, str(problem), ("image",), "Make the zip of the bundle again.")
        return
    if image_kind(start) is None:
        message = f"{quoted(name)} is no image that can be shown."
        faults.error("not_an_image", message, ("image",), "Use a PNG, JPEG, GIF or WebP file.")
    elif bundle.size(name) > MAX_IMAGE_BYTES:
        message = f"The image {quoted(name)} has {human_size(bundle.size(name))}."
        faults.error("image_too_large", message, ("image",), f"At most {human_size(MAX_IMAGE_BYTES)} are allowed.")
