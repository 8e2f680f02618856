"""Pictures in the texts of a competition: from bundles and into them, with every copy, gone with the competition."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from podium.formats.bundle import check_bundle
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Page, PagePicture
from podium.site.competitions.services import create_from_bundle, deleting
from podium.site.competitions.services import page_pictures as pictures
from podium.site.errors import Forbidden, Refused
from podium.site.pictures import MAX_PAGE_BYTES, PAGE_WIDTH
from podium.site.resources import quota
from podium.site.resources.folder import path_of
from podium.site.resources.models import StoredFile
from tests.factories import write_bundle
from tests.site.test_archives import archived, rows_of
from tests.site.test_copying import copy, made
from tests.site.test_dumps import comparable, dumped
from tests.site.test_restoring import restored

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Competition]


def image(size: tuple[int, int] = (8, 8), kind: str = "PNG", *, noise: bool = False, **options: Any) -> bytes:
    """A picture; noise: that packing makes no smaller."""
    stream = io.BytesIO()
    drawn = Image.effect_noise(size, 90).convert("RGB") if noise else Image.new("RGB", size, "teal")
    drawn.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def pictured(make_competition: Make, olivia: User, tmp_path: Path) -> Competition:
    """A competition of a bundle whose texts show four pictures in four ways."""
    make_competition()  # which brings what a competition needs
    folder = write_bundle(
        tmp_path / "pictured",
        pages=[{"title": "Data", "file": "pages/data.md"}, {"title": "Rules", "file": "rules.md"}],
        phase={"description": "![Way](figures/way.webp)"},
    )
    (folder / "pages").mkdir()
    (folder / "figures").mkdir()
    (folder / "pages/data.md").write_text("![Plot](plot.png) <img src='../figures/way.webp'> ![](../logo.png)")
    (folder / "rules.md").write_text("![Plot][p]\n\n[p]: pages/plot.png\n\n![none](none.png)")
    (folder / "terms.md").write_text("# Terms\n![Seal](seal.gif)")
    (folder / "pages/plot.png").write_bytes(image())
    (folder / "seal.gif").write_bytes(image(kind="GIF"))
    (folder / "figures/way.webp").write_bytes(image((9, 9), "WEBP"))
    (folder / "logo.png").write_bytes(image((7, 7)))
    competition, warnings = create_from_bundle(bundle=folder, user=olivia)
    assert [fault["message"] for fault in warnings if fault["code"] == "asset"] == [
        '"rules.md" shows "none.png", which is no picture of the bundle.'
    ]
    return competition


def of_logos(user: User) -> int:
    """Bytes of the logos of somebody's competitions, which count as well."""
    logos = [(one.logo, one.logo_icon) for one in Competition.everything.filter(created_by=user)]
    return sum(file.size for pair in logos for file in pair if file is not None)


def names(competition: Competition) -> dict[str, str]:
    return dict(competition.pictures.values_list("name", "file__sha256"))


def test_a_bundle_brings_the_pictures_that_its_texts_show(pictured: Competition, olivia: User) -> None:
    assert sorted(names(pictured)) == ["figures/way.webp", "logo.png", "pages/plot.png", "seal.gif"]
    data, rules = pictured.pages.order_by("index")
    assert data.content == "![Plot](pages/plot.png) <img src='figures/way.webp'> ![](logo.png)"
    assert "[p]: pages/plot.png" in rules.content and "![none](none.png)" in rules.content
    assert pictures.shown_on(pictured) == {
        "figures/way.webp": ["Data", "Phase 0"],
        "logo.png": ["Data"],
        "pages/plot.png": ["Data", "Rules"],
        "seal.gif": ["Terms"],
    }
    size = sum(picture.file.size for picture in pictured.pictures.select_related("file"))
    assert quota.usage(olivia).pictures == size + of_logos(olivia) > of_logos(olivia)
    assert quota.usage(olivia).used > size


@pytest.mark.parametrize("keys", [False, True])
def test_a_dump_carries_the_pictures_that_are_shown(pictured: Competition, olivia: User, *, keys: bool) -> None:
    pictures.add_picture(competition=pictured, by=olivia, content=image((3, 3)), name="nowhere.png")
    bundle = dumped(pictured, olivia, keys=keys)
    assert check_bundle(bundle).ok
    back, _ = create_from_bundle(bundle=bundle, user=olivia)
    assert comparable(back) == comparable(pictured)
    assert names(back) == {name: digest for name, digest in names(pictured).items() if name != "nowhere.png"}
    assert list(back.pages.values_list("content")) == list(pictured.pages.values_list("content"))


def test_a_copy_takes_the_pictures_along(pictured: Competition, olivia: User) -> None:
    copy(pictured, olivia)
    assert names(made()) == names(pictured)


def test_an_archive_brings_every_picture_back(pictured: Competition, olivia: User, ada: User) -> None:
    pictures.add_picture(competition=pictured, by=olivia, content=image((3, 3)), name="nowhere.png")
    path = archived(pictured, olivia)
    assert len(rows_of(path)["pictures"]) == 5
    back = restored(path).competition
    assert names(back) == names(pictured)
    assert rows_of(archived(back, ada))["pictures"] == rows_of(path)["pictures"]


def test_pictures_go_with_their_competition(pictured: Competition, olivia: User) -> None:
    keys = list(pictured.pictures.values_list("file__key", flat=True))
    assert all(path_of(key).exists() for key in keys)
    deleting.delete_competition(competition=pictured, by=olivia)
    assert quota.usage(olivia).pictures > of_logos(olivia), "as long as it can be restored"
    Competition.everything.filter(pk=pictured.pk).update(deleted_when=timezone.now() - timedelta(days=8))
    assert deleting.purge_due() == 1
    assert not StoredFile.objects.filter(key__in=keys).exists() and not any(path_of(key).exists() for key in keys)
    assert quota.usage(olivia).pictures == of_logos(olivia)


def add(competition: Competition, by: User, content: bytes, name: str) -> PagePicture:
    return pictures.add_picture(competition=competition, by=by, content=content, name=name)


def test_a_small_drawing_stays_as_it_is_and_is_kept_once(competition: Competition, olivia: User) -> None:
    first = add(competition, olivia, image(), "My plot (1).png")
    assert first.name == "My-plot-1.png" and path_of(first.file.key).read_bytes() == image()
    assert add(competition, olivia, image(), "again.png").pk == first.pk
    assert add(competition, olivia, image((9, 9)), "My plot (1).png").name == "My-plot-1-2.png"
    assert StoredFile.objects.filter(key__startswith="page/").count() == 2


def test_large_ones_and_photographs_are_made_anew_without_what_a_camera_writes(
    competition: Competition, olivia: User
) -> None:
    large = add(competition, olivia, image((2400, 1200), noise=True), "large.png")
    with Image.open(path_of(large.file.key)) as shown:
        assert shown.size == (PAGE_WIDTH, PAGE_WIDTH // 2)
    assert large.name == "large.webp" and large.file.size < len(image((2400, 1200), noise=True))
    exif = Image.Exif()
    exif[0x0110] = "A camera of somebody's"
    photograph = image((40, 30), "JPEG", exif=exif)
    assert b"A camera" in photograph and len(photograph) < MAX_PAGE_BYTES
    kept = path_of(add(competition, olivia, photograph, "photo.jpg").file.key).read_bytes()
    assert b"A camera" not in kept


def test_what_is_refused_leaves_nothing(
    competition: Competition, olivia: User, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Forbidden):
        add(competition, pat, image(), "a.png")
    for content in (b"<svg/>", b"\x89PNG\r\n\x1a\n" + b"0" * 99):
        with pytest.raises(Refused, match="valid image"):
            add(competition, olivia, content, "a.png")
    with pytest.raises(Refused, match="10 MiB"):
        add(competition, olivia, image() + b"0" * 11 * 2**20, "a.png")
    one = add(competition, olivia, image(), "a.png")
    monkeypatch.setattr(pictures, "MAX_PICTURES", 1)
    with pytest.raises(Refused, match="at most 1 pictures"):
        add(competition, olivia, image((9, 9)), "b.png")
    User.objects.filter(pk=olivia.pk).update(quota=1)
    monkeypatch.undo()
    competition = Competition.objects.get(pk=competition.pk)
    with pytest.raises(Refused, match="Insufficient space"):
        add(competition, competition.created_by, image((9, 9)), "b.png")
    assert list(StoredFile.objects.filter(key__startswith="page/")) == [one.file]


def test_only_what_no_text_shows_is_deleted(competition: Competition, olivia: User, pat: User) -> None:
    one = add(competition, olivia, image(), "a.png")
    page = Page.objects.create(competition=competition, title="With", content="![a](a.png)", index=9)
    with pytest.raises(Refused, match="take it out of the text first"):
        pictures.delete_picture(competition=competition, by=olivia, picture_id=one.pk)
    page.delete()
    with pytest.raises(Forbidden):
        pictures.delete_picture(competition=competition, by=pat, picture_id=one.pk)
    pictures.delete_picture(competition=competition, by=olivia, picture_id=one.pk)
    assert not path_of(one.file.key).exists()
    with pytest.raises(Refused, match="not there any more"):
        pictures.delete_picture(competition=competition, by=olivia, picture_id=one.pk)
