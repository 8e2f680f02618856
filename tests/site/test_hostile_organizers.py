"""What a hostile reader who organizes a competition of their own got of others: docs/developers/hostile-reading.md."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from podium.formats.competition_archive import open_competition_archive
from podium.site.accounts.models import User
from podium.site.archives.writing import write
from podium.site.competitions.models import Competition
from podium.site.competitions.services import create_from_bundle
from podium.site.competitions.services.creation import BundleRefused
from podium.site.queues.services import default_queue
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources.models import Task
from tests import factories
from tests.factories import zip_of
from tests.site.acting import submit

Client = Callable[[User | None], APIClient]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def of_sam(sam: User, competition: Competition, tmp_path: Path) -> Competition:
    """A competition of sam's, made of nothing of olivia's."""
    return create_from_bundle(bundle=factories.write_bundle(tmp_path / "sam's", title="Sam's"), user=sam)[0]


def test_whoever_is_made_an_administrator_unasked_keeps_their_address(
    of_sam: Competition, sam: User, pat: User, client_of: Client
) -> None:
    client = client_of(sam)
    added = client.patch(f"/api/competitions/{of_sam.pk}/", {"collaborators": [pat.pk]}, format="json")
    assert added.status_code == 200, added.content
    rows = client.get(f"/api/participants/?competition={of_sam.pk}").json()
    assert {row["username"]: row["email"] for row in rows} == {"sam": "sam@example.org", "pat": None}
    for search in ("search=pat@example", "user__email=pat@example.org"):
        assert client.get(f"/api/participants/?competition={of_sam.pk}&{search}").json() == []
    page = client.get(f"/competitions/{of_sam.pk}/participants/").content.decode()
    assert "sam@example.org" in page
    assert "pat@example.org" not in page


def test_an_archive_tells_no_address_of_whom_its_organizers_made_one(
    of_sam: Competition, sam: User, olivia: User, pat: User, tmp_path: Path, client_of: Client
) -> None:
    of_sam.collaborators.add(olivia)  # as a bundle does
    client_of(sam).patch(f"/api/competitions/{of_sam.pk}/", {"collaborators": [olivia.pk, pat.pk]}, format="json")
    path = tmp_path / "archive.zip"
    with path.open("wb+") as stream:
        write(of_sam, stream)
    with open_competition_archive(path) as archive:
        people = {row["username"]: row["email"] for row in archive.rows("people")}
    assert people == {"sam": "sam@example.org", "olivia": None, "pat": None}


def test_a_solution_comes_to_no_task_of_somebody_else(
    competition: Competition, olivia: User, sam: User, tmp_path: Path
) -> None:
    task = Task.objects.get()
    task.is_public = True
    task.save()
    source = factories.write_bundle(tmp_path / "evil", solutions=[{"index": 0, "tasks": [0], "path": "evil.zip"}])
    (source / "evil.zip").write_bytes(zip_of({"evil.txt": "evil"}))
    text = (source / "competition.yaml").read_text()
    text = text.replace("- index: 0\n  name: Task 0", f"- index: 0\n  key: {task.key}\n  name: Task 0", 1)
    (source / "competition.yaml").write_text(text)
    with pytest.raises(BundleRefused, match="somebody else's"):
        create_from_bundle(bundle=source, user=sam)
    assert not task.solutions.exists()
    create_from_bundle(bundle=source, user=olivia)
    assert task.solutions.count() == 1


def test_a_collaborator_of_one_competition_does_not_change_another_by_a_task_of_both(
    make_competition: Callable[..., Competition], olivia: User, sam: User, client_of: Client
) -> None:
    first, second = make_competition(), make_competition(title="Another", published=False)
    task = Task.objects.get(phase_tasks__phase__competition=first)
    link = second.phases.get().phase_tasks.get()
    link.task = task
    link.save()
    first.collaborators.add(sam)
    assert _replaced(client_of(sam), first, task) == 404
    assert task.versions.count() == 1
    link.delete()
    assert _replaced(client_of(sam), first, task) == 302, "where nobody else uses it, organizers do"
    assert task.versions.count() == 2


def _replaced(client: APIClient, competition: Competition, task: Task) -> int:
    file = io.BytesIO(zip_of(factories.SCORER | {"other.py": "pass"}))
    file.name = "other.zip"
    address = f"/competitions/{competition.pk}/tasks/{task.pk}/"
    return client.post(address, {"scoring_program": file}, format="multipart").status_code


@pytest.mark.parametrize("kept", [True, False])
def test_whoever_organizes_no_more_runs_nothing_of_the_competition_on_a_queue_of_their_own(
    kept: bool, competition: Competition, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    lab = create_queue(user=sam, name="Sam's", organizers=[olivia] if kept else [])
    competition.collaborators.add(sam)
    client_of(sam).patch(f"/api/competitions/{competition.pk}/", {"queue": lab.pk}, format="json")
    waiting = submit(pat, competition)
    assert waiting.queue == lab
    taken_out = client_of(olivia).patch(f"/api/competitions/{competition.pk}/", {"collaborators": []}, format="json")
    assert taken_out.status_code == 200
    competition.refresh_from_db()
    waiting.refresh_from_db()
    assert competition.queue == (lab if kept else None)
    assert waiting.queue == (lab if kept else default_queue())
