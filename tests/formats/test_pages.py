"""Pictures that the pages of a bundle show: found beside the page, from the root, or in CodaLab's `assets`."""

from __future__ import annotations

import pytest

from podium.formats import pages
from podium.formats.bundle import open_bundle
from podium.formats.images import MAX_IMAGE_BYTES
from podium.formats.pages import Pictures, free_name, is_picture_name, shown_names

from .building import PNG, BundleMaker


def pictured(bundle: BundleMaker, text: str, file: str = "") -> tuple[str, list[str], dict[str, str]]:
    with open_bundle(bundle.zip()) as opened:
        pictures = Pictures(opened)
        text, left = pictures.named(text, file)
        assert pictures.named(text, file) == (text, left), "what is named once stays so"
        return text, left, pictures.names


SHOWING = ['<img src="%s">', "![A plot](%s) and text", "<img alt='x' src='%s'/>", '![x](<%s> "title")', "[plot]: %s"]


@pytest.mark.parametrize("base", ["{{ ASSET_BASE_URL }}/", "{{ASSET_BASE_URL}}/", "{{ ASSET_BASE_URL }}"])
@pytest.mark.parametrize("page", SHOWING)
def test_a_picture_of_codalabs_folder_is_found(bundle: BundleMaker, base: str, page: str) -> None:
    bundle.files["assets/a/plot.png"] = PNG
    name = "assets/a/plot.png"
    assert pictured(bundle, page % f"{base}a/plot.png") == (page % name, [], {name: name})


@pytest.mark.parametrize("page", SHOWING)
@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("plot.png", "figures/overview.md"),
        ("./plot.png", "figures/overview.md"),
        ("../figures/plot.png", "pages/overview.md"),
        ("figures/plot.png", "overview.md"),
        ("figures/plot.png", "pages/overview.md"),
        ("figures/plot.png?raw=true", ""),
    ],
)
def test_a_picture_is_found_beside_its_page_and_from_the_root(
    bundle: BundleMaker, page: str, written: str, file: str
) -> None:
    bundle.files["figures/plot.png"] = PNG
    name = "figures/plot.png"
    assert pictured(bundle, page % written, file) == (page % name, [], {name: name})


def test_names_are_plain_and_no_two_the_same(bundle: BundleMaker) -> None:
    bundle.files |= {"my plot (1).PNG": PNG, "my-plot-1.png": PNG, "图.png": PNG, "no_ending": PNG}
    bundle.files["assets/my@plot.png"] = PNG
    text, left, names = pictured(
        bundle,
        "![](my%20plot%20%281%29.PNG) ![](my-plot-1.png) ![](图.png) ![](no_ending) "
        "![]({{ ASSET_BASE_URL }}/my@plot.png)",
    )
    assert left == []
    assert text == (
        "![](my-plot-1.PNG) ![](my-plot-1-2.png) ![](picture.png) ![](no_ending.png) ![](assets/my-plot.png)"
    )
    assert len(names) == 5 and all(is_picture_name(name) for name in names.values())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plot.png", None),
        ("paper.pdf", b"%PDF-1.4"),
        ("../../../logo.png", None),
        ("large.png", PNG + b"0" * MAX_IMAGE_BYTES),
    ],
)
@pytest.mark.parametrize("base", ["{{ ASSET_BASE_URL }}/", "assets/"])
def test_what_is_no_picture_stays_and_is_told(bundle: BundleMaker, name: str, content: bytes | None, base: str) -> None:
    if content is not None:
        bundle.files[f"assets/{name}"] = content
    page = f"![See]({base}{name})"
    told = name if "URL" in base else f"assets/{name}"
    text, left, names = pictured(bundle, page)
    assert (text, left, names) == (page, [told], {})
    bundle.files["pages/overview.md"] = page
    fault = bundle.fault("asset")
    assert fault.severity == "warning"
    assert told in fault.message
    assert fault.line == bundle.line_of("file: pages/overview.md")


def test_what_is_elsewhere_is_nobodys_file(bundle: BundleMaker) -> None:
    text = (
        "![a](https://x.org/a.png) ![b](/static/b.png) ![c](data:image/png;base64,AAAA) ![d](#d) "
        "<img src=//x.org/e.png> [a link](data.csv) [^1]\n\n[^1]: A note.\n[there]: https://x.org"
    )
    assert pictured(bundle, text) == (text, [], {})


def test_no_more_pictures_than_a_competition_has(bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PICTURES", 2)
    bundle.files |= {f"{name}.png": PNG for name in "abc"}
    text, left, names = pictured(bundle, "![](a.png)![](b.png)![](c.png)![](a.png)")
    assert left == ["c.png"] and list(names) == ["a.png", "b.png"] and text.endswith("![](c.png)![](a.png)")


def test_the_names_that_texts_show() -> None:
    texts = ["![a](a%20b.png) <img src='c.gif'>", "[d]: x/d.webp", "![](https://x.org/e.png) ![](/f.png)"]
    assert shown_names(texts) == {"a b.png", "c.gif", "x/d.webp"}


@pytest.mark.parametrize("piece", ["![", "<img ", "<img", "<img src", "![](", "[a]:\n"])
def test_four_million_characters_are_looked_through_in_one_go(piece: str) -> None:
    """Each beginning looked a thousand characters ahead, which stopped a process for ten seconds."""
    assert not {"a.png"} & shown_names([piece * (4_000_000 // len(piece))])


@pytest.mark.parametrize(
    "path", ["../../a.png", "/etc/a.png", "C:\\a\\b.png", ".png", "a/../b.png", "x" * 300 + ".png"]
)
def test_a_free_name_is_a_name(path: str) -> None:
    taken: list[str] = []
    for _ in range(3):
        taken.append(free_name(path, "png", taken))
    assert len(set(taken)) == 3 and all(is_picture_name(name) for name in taken), taken
