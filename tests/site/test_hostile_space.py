"""What a hostile reader got of the disk beyond their quota: docs/developers/hostile-reading.md."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.test import Client as Browser
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient
from starlette.applications import Starlette

from podium.site import bytes_plane
from podium.site.accounts.models import Organization, User
from podium.site.accounts.services import organizations
from podium.site.competitions.models import Competition, CreationStatus, Dump, DumpKind
from podium.site.competitions.services import create_from_bundle
from podium.site.competitions.services.creation import BundleRefused
from podium.site.competitions.services.dumping import start_dump
from podium.site.errors import Refused
from podium.site.resources import grants, uploads
from podium.site.resources.models import Dataset, StoredFile
from podium.site.resources.services import announce_upload, usage
from podium.site.threads import in_thread
from tests import factories
from tests.site.acting import background
from tests.web.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True)


def left(user: User, size: int) -> None:
    """Leave a person so many bytes."""
    user.quota = usage(user).used + size
    user.save(update_fields=["quota"])


def test_the_parts_of_a_bundle_take_no_more_than_there_is(sam: User, files: Path, tmp_path: Path) -> None:
    folder = factories.write_bundle(tmp_path / "large")
    (folder / "reference.zip").write_bytes(factories.zip_of({"truth.txt": os.urandom(20_000)}))
    left(sam, 20_000)
    with pytest.raises(BundleRefused, match="Insufficient space"):
        create_from_bundle(bundle=folder, user=sam)
    assert not StoredFile.objects.exists()
    assert not [path for path in files.rglob("*") if path.is_file()]
    left(sam, 25_000)
    create_from_bundle(bundle=folder, user=sam)


def test_dumps_take_no_more_than_their_owner_has(competition: Competition, olivia: User, queue: object) -> None:
    left(olivia, 100)
    start_dump(competition=competition, by=olivia)
    background()
    made = Dump.objects.get()
    assert (made.status, made.dataset) == ("Failed", None)
    assert "Insufficient space" in made.details
    left(olivia, 100_000)
    start_dump(competition=competition, by=olivia)
    background()
    assert Dump.objects.order_by("-pk")[0].status == "Finished"


def test_copies_take_no_more_than_their_maker_has(competition: Competition, olivia: User) -> None:
    left(olivia, 10)
    browser = Browser()
    browser.force_login(olivia, backend=BACKEND)
    before = StoredFile.objects.count()
    page = browser.post(f"/competitions/{competition.pk}/copy/", follow=True)
    assert "Insufficient space" in page.content.decode()
    assert not CreationStatus.objects.exists()
    assert not Dataset.objects.filter(type="competition_bundle").exists()
    assert StoredFile.objects.count() == before


def test_archives_of_many_competitions_take_no_more_than_their_maker_has_and_the_newest(
    make_competition: Callable[..., Competition], olivia: User, ada: User, sam: User
) -> None:
    some = [make_competition(title=f"Copy {number}", collaborators=[sam.username]) for number in range(4)]

    def archive(by: User) -> list[int]:
        for each in some:
            start_dump(competition=each, by=by, kind=DumpKind.ARCHIVE)
            background()
        kept = Dump.objects.filter(kind=DumpKind.ARCHIVE, file__isnull=False)
        return [some.index(dump.competition) for dump in kept.order_by("pk")]

    User.objects.filter(pk=ada.pk).update(quota=0)
    assert archive(ada) == [0, 1, 2, 3], "an administrator of the site takes what they want"
    size = StoredFile.objects.filter(key__contains="archive").order_by("-size")[0].size
    User.objects.filter(pk=olivia.pk).update(quota=size * 5 // 2)
    User.objects.filter(pk=sam.pk).update(quota=0)
    assert archive(olivia) == [1, 2, 3]
    assert archive(sam) == [3]


def _address(user: User, *, in_parts: bool) -> str:
    """Where 3,000 bytes that were announced go, in one piece or as the first part of one."""
    facts = {"type": "submission", "file_name": "a.zip", "size": 3000}
    if not in_parts:
        return grants.upload_url(f"incoming/{announce_upload(user=user, **facts).key}", max_bytes=3000)
    session = uploads.begin(user=user, **facts)
    plan = uploads.plan_of(session)
    url = grants.parts_url(str(session.dataset.key), size=3000, part_size=plan.part_size, seconds=60)
    return url.replace("{part}", "1")


@pytest.mark.parametrize("in_parts", [False, True])
async def test_an_address_takes_one_file_at_a_time(sam: User, files: Path, in_parts: bool) -> None:
    """Connections that stand still kept a copy each of what the quota counts once."""
    address = await in_thread(lambda: _address(sam, in_parts=in_parts))
    digest = base64.b64encode(hashlib.sha256(b"x" * 3000).digest()).decode()
    headers = {"Content-Digest": f"sha-256=:{digest}:"}
    waiting: list[asyncio.Task[httpx.Response]] = []
    transport = httpx.ASGITransport(Starlette(routes=bytes_plane.routes))

    async def stands_still(begun: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"x" * 2000
        begun.set()
        await asyncio.Event().wait()

    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for _ in range(3):
            begun = asyncio.Event()
            waiting.append(asyncio.create_task(client.put(address, content=stands_still(begun), headers=headers)))
            await asyncio.wait_for(begun.wait(), 20)
        drafts = [path for path in files.rglob("*") if path.is_file() and path.name.endswith(".part")]
        assert len(drafts) == 1
        whole = await client.put(address, content=b"x" * 3000, headers=headers)
        assert whole.status_code == 200
        ended = [await asyncio.wait_for(one, 20) for one in waiting]
    assert [(one.status_code, one.json()["code"]) for one in ended] == [(409, "superseded")] * 3
    assert not [path for path in files.rglob("*") if path.name.endswith(".part")]


@pytest.mark.parametrize("in_parts", [False, True])
async def test_what_is_given_up_while_it_stands_still_is_forgotten(
    sam: User, files: Path, monkeypatch: pytest.MonkeyPatch, in_parts: bool
) -> None:
    """One could announce, send all but a byte and delete, again and again, and keep what no quota counts."""
    monkeypatch.setattr(bytes_plane, "LOOK_SECONDS", 0.05)
    address = await in_thread(lambda: _address(sam, in_parts=in_parts))
    headers = {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(b'x').digest()).decode()}:"}
    begun = asyncio.Event()

    async def stands_still() -> AsyncIterator[bytes]:
        yield b"x" * 2000
        begun.set()
        await asyncio.Event().wait()

    transport = httpx.ASGITransport(Starlette(routes=bytes_plane.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        waiting = asyncio.create_task(client.put(address, content=stands_still(), headers=headers))
        await asyncio.wait_for(begun.wait(), 20)
        await in_thread(lambda: uploads.give_up(dataset=Dataset.objects.get()))
        ended = await asyncio.wait_for(waiting, 20)
    assert (ended.status_code, ended.json()["code"]) == (410, "gone")
    assert not [path for path in files.rglob("*") if path.name.endswith(".part")]


async def test_what_was_announced_long_ago_needs_room_when_it_comes(sam: User, files: Path) -> None:
    """An announcement holds its place for an hour; a hundred old ones could be sent all at once."""
    await in_thread(lambda: left(sam, 5000))
    old = await in_thread(lambda: _address(sam, in_parts=False))
    await in_thread(lambda: Dataset.objects.update(upload_started_when=timezone.now() - timedelta(hours=2)))
    new = await in_thread(lambda: _address(sam, in_parts=False))
    transport = httpx.ASGITransport(Starlette(routes=bytes_plane.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        refused = await client.put(old, content=b"x" * 3000)
        assert (refused.status_code, refused.json()["code"]) == (413, "over_quota")
        await in_thread(lambda: Dataset.objects.latest("pk").delete())
        assert (await client.put(new, content=b"x" * 3000)).status_code == 410
        assert (await client.put(old, content=b"x" * 3000)).status_code == 200
    with pytest.raises(Refused, match="Insufficient space"):  # its place is held again, while it arrives as well
        await in_thread(lambda: _address(sam, in_parts=False))


def noise(size: int) -> bytes:
    """A picture of about so many bytes."""
    side = int((size / 3) ** 0.5)
    stream = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(stream, "PNG")
    return stream.getvalue()


def test_logos_and_photos_take_of_the_space_of_whose_they_are(
    competition: Competition, olivia: User, client_of: Callable[[User | None], APIClient]
) -> None:
    content = noise(30_000)
    sent = {"file_name": "x.png", "data": "data:image/png;base64," + base64.b64encode(content).decode()}
    client, before = client_of(olivia), usage(olivia).used
    group = {"name": "Noise", "email": "noise@example.org", "photo": json.dumps(sent)}
    left(olivia, len(content) + 1000)
    made = client.post("/api/organizations/", group, format="json")
    assert made.status_code == 201, made.json()
    assert usage(olivia).used == before + len(content)
    files = StoredFile.objects.count()
    refused = client.post("/api/organizations/", {**group, "name": "More", "email": "more@example.org"}, format="json")
    assert refused.status_code == 400 and "Insufficient space" in str(refused.json())
    address = f"/api/organizations/{made.json()['id']}/"
    assert client.patch(address, {"photo": json.dumps(sent)}, format="json").status_code == 400
    logo = client.patch(f"/api/competitions/{competition.pk}/", {"logo": json.dumps(sent)}, format="json")
    assert logo.status_code == 400 and "Insufficient space" in str(logo.json())
    assert StoredFile.objects.count() == files and usage(olivia).used == before + len(content)
    left(olivia, 2 * len(content))
    assert (
        client.patch(f"/api/competitions/{competition.pk}/", {"logo": json.dumps(sent)}, format="json").status_code
        == 200
    )
    assert usage(olivia).used > before + 2 * len(content), "the logo, and its icon"


def test_nobody_owns_organizations_without_end(
    olivia: User, client_of: Callable[[User | None], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(organizations, "MAX_OWNED", 2)
    answers = [
        client_of(olivia).post("/api/organizations/", {"name": f"O {n}", "email": f"o{n}@example.org"}, format="json")
        for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 400]
    assert "Nobody owns more than 2 organizations" in str(answers[-1].json())


def test_the_pages_of_a_competition_have_an_end(
    competition: Competition, olivia: User, client_of: Callable[[User | None], APIClient]
) -> None:
    pages = [{"title": str(n), "content": "x" * 350_000, "index": n} for n in range(12)]
    address = f"/api/competitions/{competition.pk}/"
    refused = client_of(olivia).patch(address, {"pages": pages}, format="json")
    assert refused.status_code == 400 and "at most 4,000,000 characters together" in str(refused.json())
    assert client_of(olivia).patch(address, {"pages": pages[:5]}, format="json").status_code == 200


def test_an_administrator_changes_the_photo_of_an_organization_whose_people_have_gone(
    sam: User, client_of: Callable[[User | None], APIClient]
) -> None:
    ada = factories.UserFactory(username="ada", is_superuser=True)
    left_alone = Organization.objects.create(name="Nobody", email="nobody@example.org")
    photo = {"file_name": "x.png", "data": "data:image/png;base64," + base64.b64encode(noise(3000)).decode()}
    address = f"/api/organizations/{left_alone.pk}/"
    assert client_of(ada).patch(address, {"photo": json.dumps(photo)}, format="json").status_code == 200
    assert client_of(sam).patch(address, {"photo": json.dumps(photo)}, format="json").status_code in {403, 404}
