"""Pictures that people send: what is decoded, turned and made small."""

from __future__ import annotations

import contextlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from podium.site.errors import Refused
from podium.site.pictures import MAX_PIXELS, for_page, icon_of

SIDE = int(MAX_PIXELS**0.5) + 1
TURNED = 6
"""EXIF: the top is at the right."""


def picture(kind: str, size: tuple[int, int], mode: str = "RGB", turn: int = 0) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    if turn:
        exif[0x0112] = turn
    Image.new(mode, size).save(stream, kind, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_a_small_file_of_many_pixels_is_refused(kind: str) -> None:
    content = picture(kind, (SIDE, SIDE), "P" if kind == "GIF" else "RGB")
    assert len(content) < 1_000_000
    with pytest.raises(Refused, match="at most 25,000,000 pixels"):
        for_page(content, "x", "picture")
    assert icon_of(content) is None


def test_of_a_photograph_there_may_be_twice_as_many() -> None:
    made = for_page(picture("JPEG", (SIDE, SIDE)), "photo.jpg", "picture")
    assert made.name == "photo.webp" and Image.open(io.BytesIO(made.content)).size == (1600, 1600)
    with pytest.raises(Refused, match="at most 50,000,000 pixels"):
        for_page(picture("JPEG", (2 * SIDE, SIDE)), "photo.jpg", "picture")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
def test_a_picture_of_any_mode_is_turned_and_made_small(mode: str) -> None:
    icon = icon_of(picture("PNG", (800, 400), mode, TURNED))
    assert icon is not None
    assert Image.open(io.BytesIO(icon)).size == (100, 200)


def test_what_is_clear_stays_clear() -> None:
    icon = icon_of(picture("PNG", (800, 400), "RGBA"))
    assert icon is not None
    assert Image.open(io.BytesIO(icon)).getpixel((5, 5)) == (0, 0, 0, 0)


def test_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both, met = threading.Barrier(2), []

    def turned(image: Image.Image) -> Image.Image:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # passes once a second one is here
            met.append(image)
        return image

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", turned)
    content = picture("PNG", (300, 300))
    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(icon_of, [content, content]))
    assert not met
