"""Pictures that a page of CodaLab's takes from the folder `assets` of its bundle."""

from __future__ import annotations

import base64

import pytest

from podium.formats.bundle import open_bundle
from podium.formats.pages import MAX_PICTURED_CHARACTERS, with_pictures

from .building import PNG, BundleMaker

SHOWN = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def pictured(bundle: BundleMaker, text: str) -> tuple[str, list[str]]:
    with open_bundle(bundle.zip()) as opened:
        return with_pictures(text, opened)


@pytest.mark.parametrize("base", ["{{ ASSET_BASE_URL }}/", "{{ASSET_BASE_URL}}/", "{{ ASSET_BASE_URL }}"])
@pytest.mark.parametrize("page", ['<img src="%s">', "![A plot](%s) and text", "<img src='%s' alt='x'/>"])
def test_a_picture_is_put_into_the_page(bundle: BundleMaker, base: str, page: str) -> None:
    bundle.files["assets/a/plot.png"] = PNG
    assert pictured(bundle, page % f"{base}a/plot.png") == (page % SHOWN, [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plot.png", None),
        ("paper.pdf", b"%PDF-1.4"),
        ("../logo.png", None),
        ("large.png", PNG + b"0" * MAX_PICTURED_CHARACTERS),
    ],
)
def test_what_is_no_picture_of_the_folder_stays_and_is_told(
    bundle: BundleMaker, name: str, content: bytes | None
) -> None:
    if content is not None:
        bundle.files[f"assets/{name}"] = content
    page = f"See {{{{ ASSET_BASE_URL }}}}/{name}"
    assert pictured(bundle, page) == (page, [name])
    bundle.files["pages/overview.md"] = page
    fault = bundle.fault("asset")
    assert fault.severity == "warning"
    assert name in fault.message
    assert fault.line == bundle.line_of("file: pages/overview.md")


def test_pictures_are_put_in_as_long_as_there_is_room(bundle: BundleMaker) -> None:
    bundle.files["assets/half.png"] = PNG + b"0" * (MAX_PICTURED_CHARACTERS * 3 // 4 - 1000)
    bundle.files["assets/small.png"] = PNG
    text, left = pictured(
        bundle, "".join(f"({{{{ ASSET_BASE_URL }}}}/{n})" for n in ("half.png", "half.png", "small.png"))
    )
    assert left == ["half.png"]
    assert text.endswith(f"({SHOWN})")
    assert len(text) < MAX_PICTURED_CHARACTERS + 200
