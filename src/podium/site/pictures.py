"""Pictures that people send: logos and photographs within JSON, as Codabench's editor does, and those of pages."""

from __future__ import annotations

import base64
import binascii
import io
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import structlog
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.formats.images import MAX_IMAGE_BYTES
from podium.site.errors import Refused

log = structlog.get_logger(__name__)

FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
_BUNDLED: Final = (*FORMATS, "BMP")
"""What bundles may bring, too. Of others no decoder is tried: that of EPS hands what is in it to Ghostscript."""
MAX_PIXELS: Final = 25_000_000
MAX_PIXELS_OF_PHOTOS: Final = 50_000_000
"""Of JPEG, which is decoded at an eighth of its size."""
_decoding = threading.Lock()
"""One picture at a time: what takes two kilobytes in a file may take a hundred megabytes of memory."""
_NONE: Final = gettext_noop("Please upload a valid image.")


@dataclass(frozen=True)
class Picture:
    """A picture that can be shown; `name` ends as its kind does, whatever it was called."""

    name: str
    content: bytes


def read_picture(given: Any, field: str) -> Picture | None:
    """Read `{"file_name": ..., "data": "data:image/png;base64,..."}`, as an object or as its JSON; None for none.

    The file is opened and read to its end; that its first bytes look right is not enough.
    field: what errors name. Raises Refused.
    """
    if given in (None, ""):
        return None
    try:
        said = json.loads(given) if isinstance(given, str) else given
        name, data = str(said["file_name"]), str(said["data"])
        content = base64.b64decode(data.partition(",")[2] if data.startswith("data:") else data, validate=True)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        message = 'Send JSON with "file_name" and "data", the picture in base64.'
        raise Refused(message, field=field, code="bad_picture") from None
    if len(content) > MAX_IMAGE_BYTES:
        raise _too_large(field)
    return Picture(f"{_stem(name)}.{_kind(content, field)}", content)


ICON_WIDTH: Final = 100
ICON_HEIGHT: Final = 400
"""Pixels of an icon at most; the width is Codabench's."""


def icon_of(content: bytes) -> bytes | None:
    """A picture made small, as PNG; None for one that cannot be read."""
    small = _upright(content, (2 * ICON_HEIGHT, 2 * ICON_HEIGHT))
    if small is None:
        return None
    small.thumbnail((ICON_WIDTH, ICON_HEIGHT))
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    return stream.getvalue()


class _TooManyPixels(ValueError):
    """A picture has more pixels than are decoded."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} pixels")
        self.most = most


@contextmanager
def _opened(content: bytes, formats: tuple[str, ...], wanted: tuple[int, int]) -> Iterator[Any]:
    """A picture that may be decoded now, one at a time. wanted: pixels that are enough. Raises what decoders raise."""
    from PIL import Image  # noqa: PLC0415 - only who sends a picture pays for loading it

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _decoding, Image.open(io.BytesIO(content), formats=formats) as picture:
            most = MAX_PIXELS_OF_PHOTOS if picture.format == "JPEG" else MAX_PIXELS
            if picture.width * picture.height > most:
                raise _TooManyPixels(most)
            picture.draft("RGB", wanted)
            yield picture


def _mode_of(picture: Any) -> str:
    return "RGBA" if picture.has_transparency_data else "RGB"


def _upright(content: bytes, wanted: tuple[int, int]) -> Any:
    """A picture as it is to be seen; None for one that cannot be read. wanted: pixels that are enough."""
    from PIL import ImageOps  # noqa: PLC0415 - only who sends a picture pays for loading it

    try:
        with _opened(content, _BUNDLED, wanted) as picture:
            small = picture if picture.mode in {"RGB", "RGBA", "L"} else picture.convert(_mode_of(picture))
            small.thumbnail(wanted)
            upright = ImageOps.exif_transpose(small)
            return upright.convert(_mode_of(upright))
    except Exception as problem:  # noqa: BLE001 - decoders of damaged pictures raise whatever they like
        log.info("a picture cannot be read", reason=str(problem)[:200])
        return None


PAGE_WIDTH: Final = 1600
MAX_PAGE_BYTES: Final = 500_000
"""Of a picture in a page: what is larger is made smaller, since everybody who reads the page loads it."""


def for_page(content: bytes, name: str, field: str) -> Picture:
    """A picture as pages show it: small drawings as they came, large ones and photographs made anew.

    Made anew, a photograph says no more where and with what it was taken. The name ends as the kind does.
    field: what errors name. Raises Refused for what is no picture or too large.
    """
    if len(content) > MAX_IMAGE_BYTES:
        raise _too_large(field)
    stem, kind = PurePosixPath(name.replace("\\", "/")).stem, _kind(content, field)
    if kind == "jpg" or len(content) > MAX_PAGE_BYTES:
        upright = _upright(content, (2 * PAGE_WIDTH, 2 * PAGE_WIDTH))
        if upright is None:
            raise Refused(_(_NONE), field=field, code="bad_picture")
        upright.thumbnail((PAGE_WIDTH, 4 * PAGE_WIDTH))
        stream = io.BytesIO()
        upright.save(stream, "WEBP", quality=82)
        content, kind = stream.getvalue(), "webp"
    return Picture(f"{stem}.{kind}", content)


def _too_large(field: str) -> Refused:
    message = _("A picture has at most %(most)s MiB.") % {"most": MAX_IMAGE_BYTES // 2**20}
    return Refused(message, field=field, code="too_large")


def _stem(name: str) -> str:
    stem = PurePosixPath(name.replace("\\", "/")).stem[:35]
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in stem)
    return kept or "picture"


def _kind(content: bytes, field: str) -> str:
    try:
        with _opened(content, FORMATS, (1, 1)) as picture:
            kind = str(picture.format)
            picture.load()
    except _TooManyPixels as problem:
        most = f"{problem.most:,}"
        raise Refused(
            _("A picture has at most %(most)s pixels.") % {"most": most}, field=field, code="too_large"
        ) from None
    except Exception:  # noqa: BLE001 - decoders of damaged pictures raise whatever they like
        raise Refused(_(_NONE), field=field, code="bad_picture") from None
    return "jpg" if kind == "JPEG" else kind.lower()
