"""A competition from an uploaded bundle, with live steps and the checker's report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, CreationStatus
from podium.site.competitions.services.creation import run_creation
from podium.site.resources.models import Dataset
from tests.factories import bundle, zip_of
from tests.site.acting import uploaded
from tests.web.conftest import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue", "files")]
Visiting = Callable[..., Visitor]


def _file(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("bundle.zip", content, "application/zip")


def test_uploading_needs_an_account(visitor: Visiting) -> None:
    somebody = visitor()
    somebody.open("/competitions/upload/")
    assert somebody.url.startswith("/accounts/login/")


def test_a_plain_form_uploads_a_bundle_and_leads_to_its_progress(visitor: Visiting, olivia: User) -> None:
    somebody = visitor(olivia)
    page = somebody.send("/competitions/upload/", {"file": _file(zip_of(bundle()))})
    assert "Checking the bundle" in page.text
    status = CreationStatus.objects.get()
    assert f'hx-get="/competitions/upload/{status.pk}/"' in somebody.response.content.decode()
    run_creation(status_id=status.pk)
    page = somebody.open(f"/competitions/upload/{status.pk}/")
    assert "Open Sums" in page.text
    assert "hx-get" not in somebody.response.content.decode()
    assert not Competition.objects.get().published


def test_a_file_uploaded_before_is_named_by_its_key(visitor: Visiting, olivia: User) -> None:
    dataset = uploaded(olivia, zip_of(bundle()), type="competition_bundle")
    assert "Checking the bundle" in visitor(olivia).send("/competitions/upload/", {"data_key": str(dataset.key)}).text


def test_somebody_elses_upload_cannot_be_named(visitor: Visiting, olivia: User, sam: User) -> None:
    dataset = uploaded(olivia, zip_of(bundle()), type="competition_bundle")
    page = visitor(sam).send("/competitions/upload/", {"data_key": str(dataset.key)}, status=400)
    assert "no longer there" in page.text
    assert not CreationStatus.objects.exists()


def test_a_form_without_a_file_says_so(visitor: Visiting, olivia: User) -> None:
    assert "Choose a file first." in visitor(olivia).send("/competitions/upload/", {}, status=400).text


def test_faults_are_shown_with_place_and_hint(visitor: Visiting, olivia: User, files: Path) -> None:
    content = bundle()
    content["competition.yaml"] = (
        str(content["competition.yaml"]).replace("overview.md", "missing.md") + "colour: red\n"
    )
    somebody = visitor(olivia)
    somebody.send("/competitions/upload/", {"file": _file(zip_of(content))})
    status = CreationStatus.objects.get()
    run_creation(status_id=status.pk)
    page = somebody.open(f"/competitions/upload/{status.pk}/")
    for words in (
        "This bundle cannot be used yet: 1 fault",
        "competition.yaml:",
        "missing.md",
        "colour",
        "Nothing was created",
    ):
        assert words in page.text
    assert not Competition.objects.exists()
    assert not Dataset.objects.exists()


def test_a_hostile_bundle_cannot_write_into_the_report(visitor: Visiting, olivia: User) -> None:
    content = bundle()
    content["competition.yaml"] = "version: 2\ntitle: <script>alert(1)</script>\n<img src=x onerror=alert(1)>: 1\n"
    somebody = visitor(olivia)
    somebody.send("/competitions/upload/", {"file": _file(zip_of(content))})
    run_creation(status_id=CreationStatus.objects.get().pk)
    somebody.open(f"/competitions/upload/{CreationStatus.objects.get().pk}/")


def test_others_do_not_see_my_upload(visitor: Visiting, olivia: User, sam: User, ada: User) -> None:
    status = CreationStatus.objects.create(created_by=olivia)
    visitor(sam).open(f"/competitions/upload/{status.pk}/", status=404)
    visitor(ada).open(f"/competitions/upload/{status.pk}/")


def test_progress_alone_is_sent_to_the_page_that_asks_again(visitor: Visiting, olivia: User) -> None:
    status = CreationStatus.objects.create(created_by=olivia)
    answer = visitor(olivia).client.get(f"/competitions/upload/{status.pk}/", headers={"HX-Request": "true"})
    assert answer.content.decode().startswith('<div id="creation"')
