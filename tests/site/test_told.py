"""What strangers read of a submission that stands on the board: its place, not what its owner was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, scores, submit

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], Any]


@pytest.fixture
def ranked(competition: Competition, pat: User, queue: Queue) -> Submission:
    """A submission of pat's on the board, with a remark for him."""
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), scores(accuracy=0.5))
    Submission.objects.filter(pk=submission.pk).update(notes=["a column is missing"], is_public=True)
    submission.refresh_from_db()
    return submission


def test_remarks_are_for_the_owner_and_the_organizers(
    ranked: Submission, pat: User, olivia: User, sam: User, client_of: Client
) -> None:
    for reader, reads in ((pat, True), (olivia, True), (sam, False), (None, False)):
        page = client_of(reader).get(f"/submissions/{ranked.pk}/")
        assert page.status_code == 200
        assert ("a column is missing" in page.content.decode()) is reads, reader
        assert bool(client_of(reader).get(f"/api/submissions/{ranked.pk}/").json()["notes"]) is reads, reader


def test_a_hidden_board_hides_the_scores_of_public_submissions_too(
    ranked: Submission, pat: User, olivia: User, sam: User, client_of: Client
) -> None:
    Leaderboard.objects.update(hidden=True)
    for reader, sees in ((pat, True), (olivia, True), (sam, False), (None, False)):
        assert bool(client_of(reader).get(f"/api/submissions/{ranked.pk}/").json()["scores"]) is sees, reader
        page = client_of(reader).get(f"/submissions/{ranked.pk}/").content.decode()
        assert ('id="scores"' in page) is sees, reader
