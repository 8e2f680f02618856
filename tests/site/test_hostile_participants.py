"""What a hostile reader who takes part, or only looks, got of others: docs/developers/hostile-reading.md."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services import set_participant_status
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, submissions
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset
from tests.factories import dataset
from tests.site.access_answers import body_of, inline
from tests.site.acting import WorkerDouble, phase_of, scores, submit

Client = Callable[[User | None], APIClient]
pytestmark = pytest.mark.django_db(transaction=True)


def on_board(user: User, competition: Competition, queue: Queue, file_name: str) -> Submission:
    submission = submit(user, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    assert submission.data is not None
    submission.data.file_name = file_name
    submission.data.save()
    return Submission.objects.get(pk=submission.pk)


def told(client: APIClient, submission: Submission) -> set[Any]:
    """By all routes: the name of a submission's file, and whether one can search for a part of it."""
    listed = client.get("/api/submissions/").json()
    table = body_of(client.get("/api/submissions/?format=csv")).decode()
    page = client.get(f"/submissions/{submission.pk}/").content.decode()
    found = client.get("/api/submissions/?search=ensemble").json()
    one = client.get(f"/api/submissions/{submission.pk}/").json()
    assert [row["pk"] for row in listed] == [submission.pk]
    return {listed[0]["filename"], one["filename"]} | {"ensemble" in table, "ensemble" in page, bool(found)}


def test_the_name_of_a_file_is_told_to_whoever_may_have_the_file(
    competition: Competition, pat: User, olivia: User, sam: User, queue: Queue, client_of: Client
) -> None:
    submission = on_board(pat, competition, queue, "ensemble-of-5.zip")
    for user in (pat, olivia):
        assert told(client_of(user), submission) == {"ensemble-of-5.zip", True}
    for user in (None, sam):
        assert told(client_of(user), submission) == {None, False}
    competition.can_participants_make_submissions_public = True
    competition.save()
    submission.phase.competition.refresh_from_db()
    deletion.toggle_public(submission=submission, by=pat)
    for user in (None, sam):
        assert told(client_of(user), submission) == {"ensemble-of-5.zip", True}


def test_beside_ones_own_submission_anothers_file_has_no_name(
    competition: Competition, pat: User, sam: User, queue: Queue, client_of: Client
) -> None:
    competition.participants.create(user=sam, status="approved")
    theirs = on_board(pat, competition, queue, "ensemble-of-5.zip")
    own = on_board(sam, competition, queue, "mine.zip")
    page = client_of(sam).get(
        f"/competitions/{competition.pk}/submissions/compare/?submission={own.pk}&submission={theirs.pk}"
    )
    assert page.status_code == 200
    assert "mine.zip" in page.content.decode()
    assert "ensemble" not in page.content.decode()
    assert phase_of(competition).pk == theirs.phase_id


def test_whoever_is_denied_while_their_file_is_looked_at_has_not_submitted(
    competition: Competition, pat: User, olivia: User, queue: Queue, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*, dataset: Dataset) -> Dataset:
        participant = competition.participants.get(user=pat)
        set_participant_status(participant=participant, by=olivia, status="denied")
        return dataset

    monkeypatch.setattr(submissions, "complete", slowly)
    asked = {"phase": phase_of(competition).pk, "data": str(dataset(pat).key)}
    answer = client_of(pat).post("/api/submissions/", asked, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_participant")
    assert not Submission.objects.exists()


SECRET = 'The score "private-key" belongs to no column of the leaderboard and is ignored.'
WRONG = 'None of the scores belongs to a column of the leaderboard. Written: "private-key".'


@pytest.mark.parametrize("hidden", ["hide_output", "hide_score_output"])
def test_what_quotes_hidden_output_is_hidden_as_well(
    hidden: str,
    competition: Competition,
    pat: User,
    olivia: User,
    queue: Queue,
    client_of: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    competition.phases.update(**{hidden: True})
    good, bad = submit(pat, competition), submit(pat, competition)
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), scores(accuracy=0.5), notes=[SECRET])
    failure = Failure(cause=Cause.BAD_SCORES, step=Step.SCORING, message=WRONG)
    worker.finish(worker.job(), failure=failure, notes=[SECRET])
    inline(monkeypatch)
    assert "private-key" not in everything(client_of(pat), good, bad)
    assert everything(client_of(olivia), good, bad).count("private-key") == EVERYWHERE
    assert "The organizers are told more" in client_of(pat).get(f"/submissions/{bad.pk}/").content.decode()
    competition.phases.update(**{hidden: False})
    assert everything(client_of(pat), good, bad).count("private-key") == EVERYWHERE


def everything(client: APIClient, *submissions: Submission) -> str:
    """What the pages, the API and the live stream tell of some submissions."""
    paths = [f"/{path}/{one.pk}/{more}" for one in submissions for path, more in ROUTES]
    return "".join(body_of(client.get(path)).decode() for path in ["/api/submissions/", *paths])


EVERYWHERE = 10
"""The reason of one and the notes of both, on their pages, by themselves and in the list; the reason in its stream."""
ROUTES = (("submissions", ""), ("api/submissions", ""), ("api/submissions", "events/"))


@pytest.mark.parametrize("name", ["phase", "phase__competition"])
@pytest.mark.parametrize("digits", [19, 25, 5000])
def test_a_number_without_end_is_no_fault_of_the_site(
    name: str, digits: int, competition: Competition, pat: User, olivia: User, client_of: Client
) -> None:
    for user in (None, pat, olivia):
        assert client_of(user).get(f"/api/submissions/?{name}={'9' * digits}").status_code == 400
