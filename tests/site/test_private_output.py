"""What a scoring program writes for organizers only: they find it, nobody else finds a trace of it."""

# ruff: noqa: PLR0917 - pytest's fixtures come by name

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from rest_framework.test import APIClient

from podium.formats.archives import inspect
from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.codabench_worker import outputs
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.queues.models import Queue
from podium.site.resources import storage
from podium.site.resources.folder import path_of
from podium.site.resources.models import StoredFile
from tests.factories import zip_of
from tests.site.acting import WorkerDouble, fresh, put, scores, submit

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], APIClient]
PRIVATE = zip_of({"priv.txt": "audit = 1"})


@pytest.fixture
def scored(competition: Competition, pat: User, queue: Queue) -> Submission:
    """A submission whose scoring program has written something for the organizers; shown to everybody."""
    worker = WorkerDouble(queue)
    submission = submit(pat, competition)
    job = worker.job()
    assert job.private_output_url is not None
    put(job.private_output_url, PRIVATE)
    worker.finish(job, scores(accuracy=0.5), private_output_uploaded=True)
    Submission.objects.filter(pk=submission.pk).update(is_public=True)
    return fresh(submission)


def told(client: APIClient, submission: Submission) -> Any:
    return client.get(f"/api/submissions/{submission.pk}/get_details/").json()


def test_an_organizer_gets_it_by_the_api_and_on_the_page(
    scored: Submission, olivia: User, client_of: Client, client: Browser
) -> None:
    details = told(client_of(olivia), scored)
    stored = Run.objects.get(submission=scored).private_output
    assert stored is not None
    assert path_of(stored.key).read_bytes() == PRIVATE
    assert details["private_result"] != details["scoring_result"]
    client.force_login(olivia)
    assert "For organizers only" in client.get(f"/submissions/{scored.pk}/").content.decode()


@pytest.mark.parametrize("who", ["pat", "sam", "nobody"])
def test_nobody_else_gets_it_though_all_may_see_the_submission(
    who: str, scored: Submission, pat: User, sam: User, client_of: Client, client: Browser
) -> None:
    user = {"pat": pat, "sam": sam, "nobody": None}[who]
    details = told(client_of(user), scored)
    assert details["private_result"] is None
    assert (details["scoring_result"] is None) == (who != "pat")
    if user is not None:
        client.force_login(user)
    page = client.get(f"/submissions/{scored.pk}/").content.decode()
    assert "For organizers only" not in page


def test_it_goes_with_the_submission_and_with_a_new_attempt(
    scored: Submission, competition: Competition, pat: User, queue: Queue, client_of: Client, olivia: User
) -> None:
    worker, again = WorkerDouble(queue), submit(pat, competition)
    job = worker.job()
    put(str(job.private_output_url), PRIVATE)
    platform = Failure(cause=Cause.PLATFORM, step=Step.SCORING, message="The worker is not well.")
    worker.finish(job, failure=platform, private_output_uploaded=True)
    worker.finish(worker.job(), scores(accuracy=0.5))
    assert Run.objects.get(submission=again).private_output is None
    assert StoredFile.objects.filter(key__startswith="private_result/").count() == 1
    assert client_of(olivia).delete(f"/api/submissions/{scored.pk}/").status_code == 204
    assert not StoredFile.objects.filter(key__startswith="private_result/").exists()


def test_of_a_worker_that_knows_nothing_of_it_it_is_parted_by_the_platform(
    competition: Competition, pat: User, queue: Queue, files: Path
) -> None:
    submit(pat, competition)
    WorkerDouble(queue).job()
    attempt = Attempt.objects.get()
    put(attempt.output_key, zip_of({"scores.txt": "accuracy: 1", "private/": "", "private/a/priv.txt": "audit = 1"}))
    for _ in range(2):  # cut off in between, it is done again
        outputs.part_private(attempt.output_key, attempt.private_output_key)
        names = [member.name for member in inspect(path_of(attempt.output_key)).members if not member.is_dir]
        assert names == ["scores.txt"]
        (private,) = inspect(path_of(attempt.private_output_key)).members
        assert private.name == "a/priv.txt"


@pytest.mark.parametrize("output", [b"no zip", zip_of({"scores.txt": "accuracy: 1", "private.txt": "not a folder"})])
def test_an_output_without_it_stays_as_it_is(
    output: bytes, competition: Competition, pat: User, queue: Queue, files: Path
) -> None:
    submit(pat, competition)
    WorkerDouble(queue).job()
    attempt = Attempt.objects.get()
    put(attempt.output_key, output)
    outputs.part_private(attempt.output_key, attempt.private_output_key)
    assert path_of(attempt.output_key).read_bytes() == output
    assert storage.incoming_size(attempt.private_output_key) is None
