"""A competition is deleted by whoever made it: gone at once, restorable for a week, then for good with its files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services import deleting
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, StoredFile, Task
from tests.site.acting import WorkerDouble, background, fresh, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]


def test_its_creator_deletes_a_competition_and_it_is_gone_for_everybody(
    competition: Competition, pat: User, ada: User, queue: Queue, client_of: Client
) -> None:
    olivia = competition.created_by
    assert olivia
    path = f"/api/competitions/{competition.pk}/"
    done, worker = submit(pat, competition), WorkerDouble(queue)
    worker.finish(worker.job(), scores(accuracy=0.5))
    waiting = submit(pat, competition)
    competition.collaborators.add(pat)
    for other in (pat, ada):
        refused = client_of(other).delete(path)
        words = "You cannot delete competitions that you didn't create"
        assert (refused.status_code, refused.json()["detail"]) == (403, words)
    competition.collaborators.remove(pat)
    assert client_of(olivia).delete(path).status_code == 204
    for user in (None, pat, olivia, ada):
        client = client_of(user)
        assert [client.get(f"/api/{found}").status_code for found in (path[5:], f"submissions/{done.pk}/")] == [404] * 2
        assert client.get("/api/competitions/public/").json()["count"] == 0
        assert client.get(f"/competitions/{competition.pk}/").status_code == 404
    background()
    assert fresh(waiting).status == "Cancelled"
    assert fresh(done).status == "Finished"
    assert deleting.purge_due() == 0, "not for a week"
    assert [one.pk for one in deleting.restorable(olivia)] == [competition.pk]
    deleting.restore_competition(pk=competition.pk, by=olivia)
    assert client_of(olivia).get(path).json()["published"] is False
    assert client_of(pat).get(f"/api/submissions/{done.pk}/").status_code == 200


def test_after_a_week_everything_is_deleted_but_what_is_its_owners(
    competition: Competition, olivia: User, pat: User, queue: Queue, client_of: Client
) -> None:
    worker = WorkerDouble(queue)
    submit(pat, competition)
    worker.finish(worker.job(), scores(accuracy=0.5))
    running = submit(pat, competition)
    job = worker.job()
    kept = {row.data_file.key for row in Dataset.objects.filter(created_by=olivia).select_related("data_file")}
    assert client_of(olivia).delete(f"/api/competitions/{competition.pk}/").status_code == 204
    Competition.everything.update(deleted_when=timezone.now() - timedelta(days=8))
    assert deleting.purge_due() == 0, "a worker is still at it"
    assert fresh(running).cancel_requested_when is not None
    Submission.objects.filter(pk=running.pk).update(status="Cancelled", finished_when=timezone.now())
    assert deleting.purge_due() == 1
    assert not Competition.everything.exists() and not Submission.objects.exists()
    assert set(StoredFile.objects.values_list("key", flat=True)) == kept
    assert all(path_of(key).exists() for key in kept)
    assert Task.objects.filter(created_by=olivia).count() == 1
    assert not Dataset.objects.filter(created_by=pat).exists()
    assert worker.claim() is None, job
