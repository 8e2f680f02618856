"""Tries: what costs one, what gives one back, and what organizers give beyond the limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import services
from podium.site.evaluation.models import TryEntry
from podium.site.evaluation.services import deletion, ledger
from podium.site.evaluation.tries import tries
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, fresh, phase_of, submit

ApiClient = Callable[[User | None], APIClient]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


@pytest.fixture
def limited(competition: Competition) -> Phase:
    """The phase of a competition that allows two tries a day and three in all."""
    Phase.objects.filter(competition=competition).update(
        has_max_submissions=True, max_submissions_per_day=2, max_submissions_per_person=3
    )
    return phase_of(competition)


@pytest.fixture
def place(competition: Competition, pat: User) -> Participant:
    """Pat's participation."""
    return Participant.objects.select_related("user", "competition").get(competition=competition, user=pat)


def failure(cause: Cause, **more: str) -> Failure:
    return Failure(cause=cause, step=Step.SCORING, message="It failed.", **more)  # type: ignore[arg-type]


# What costs and what does not


def test_what_was_cancelled_after_it_began_stays_counted(limited: Phase, pat: User, worker: WorkerDouble) -> None:
    """Or whoever reads the log and cancels in time would have tries without end."""
    submission = submit(pat, limited)
    job = worker.job()
    worker.beat(job)
    services.cancel(submission=submission, by=pat)
    worker.finish(job, failure=failure(Cause.CANCELLED), output=False)
    assert fresh(submission).status == "Cancelled"
    assert tries(pat, limited).used_today == 1


def test_what_was_lost_and_waits_again_stays_counted_when_it_is_cancelled(
    limited: Phase, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, limited)
    worker.beat(worker.job())
    submission.runs.get().attempts.update(lease_until=timezone.now() - timedelta(seconds=1))
    services.sweep()
    services.cancel(submission=submission, by=pat)
    assert fresh(submission).status == "Cancelled"
    assert tries(pat, limited).used_today == 1


def test_what_is_deleted_by_its_owner_stays_counted(limited: Phase, pat: User, worker: WorkerDouble) -> None:
    Phase.objects.update(failed_submissions_count=True)
    submission = submit(pat, phase_of(limited.competition))
    worker.finish(worker.job(), failure=failure(Cause.EXIT_CODE, fault="participant"))
    deletion.delete(submission=fresh(submission), by=pat)
    assert tries(pat, limited).used_total == 1


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("fault", ["participant", "organizer", "platform"])
def test_a_failure_costs_a_try_only_where_it_is_the_participants_and_the_phase_counts_failures(
    counts: bool, fault: str, limited: Phase, pat: User, worker: WorkerDouble
) -> None:
    Phase.objects.update(failed_submissions_count=counts)
    submission = submit(pat, phase_of(limited.competition))
    while fresh(submission).status != "Failed":
        worker.finish(worker.job(), failure=failure(Cause.EXIT_CODE, fault=fault))
    assert tries(pat, limited).used_today == (1 if counts and fault == "participant" else 0)


def test_a_day_ends_at_midnight_utc(limited: Phase, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: clock)
    submit(pat, limited)
    submit(pat, limited)
    with pytest.raises(Refused, match="for today"):
        submit(pat, limited)
    clock += timedelta(minutes=2)
    submit(pat, limited)
    assert (tries(pat, limited).used_today, tries(pat, limited).used_total) == (1, 3)


# Credits


def test_a_credit_allows_more_tries_today_and_in_all(
    limited: Phase, pat: User, olivia: User, place: Participant
) -> None:
    for _ in range(2):
        submit(pat, limited)
    assert not tries(pat, limited).can
    ledger.credit(participant=place, phase=limited, tries=2, note="The scorer was wrong.", by=olivia)
    now = tries(pat, limited)
    assert (now.used_today, now.left_today, now.left_total) == (2, 2, 3)
    for _ in range(2):
        submit(pat, limited)
    with pytest.raises(Refused, match="for today"):
        submit(pat, limited)


def test_a_credit_before_anything_was_used_counts_in_full(
    limited: Phase, pat: User, olivia: User, place: Participant
) -> None:
    ledger.credit(participant=place, phase=limited, tries=1, note="A head start.", by=olivia)
    assert (tries(pat, limited).used_today, tries(pat, limited).left_today) == (0, 3)


def test_a_credit_of_yesterday_counts_in_all_and_not_today(
    limited: Phase, pat: User, olivia: User, place: Participant
) -> None:
    given = ledger.credit(participant=place, phase=limited, tries=5, note="Sorry.", by=olivia)
    TryEntry.objects.filter(pk=given.pk).update(day=given.day - timedelta(days=1))
    assert (tries(pat, limited).left_today, tries(pat, limited).left_total) == (2, 8)


def test_only_organizers_give_tries_and_only_with_a_note_in_their_own_competition(
    make_competition: Callable[..., Competition], limited: Phase, pat: User, olivia: User, place: Participant
) -> None:
    foreign = phase_of(make_competition())
    good = {"participant": place, "phase": limited, "tries": 1, "note": "Sorry.", "by": olivia}
    with pytest.raises(Forbidden):
        ledger.credit(**{**good, "by": pat})  # type: ignore[arg-type]
    for bad in ({"phase": foreign}, {"tries": 0}, {"tries": 101}, {"tries": -1}, {"note": " "}, {"note": "x" * 241}):
        with pytest.raises(Refused):
            ledger.credit(**{**good, **bad})  # type: ignore[arg-type]
    Participant.objects.filter(pk=place.pk).update(status="denied")
    with pytest.raises(Refused, match="does not take part"):
        ledger.credit(**{**good, "participant": Participant.objects.get(pk=place.pk)})  # type: ignore[arg-type]
    assert not TryEntry.objects.exists()


def test_tries_are_given_by_the_api(limited: Phase, olivia: User, place: Participant, client_of: ApiClient) -> None:
    path = f"/api/participants/{place.pk}/credit_tries/"
    answer = client_of(olivia).post(path, {"phase": limited.pk, "tries": 2, "note": "Sorry."}, format="json")
    assert (answer.status_code, answer.json()["left_today"]) == (200, 4), answer.content
    answer = client_of(olivia).post(path, {"phase": limited.pk, "tries": 2}, format="json")
    assert answer.status_code == 400
    assert "note" in answer.json()


def test_an_organizer_gives_tries_on_a_page_and_the_participant_reads_why(
    limited: Phase, olivia: User, pat: User, place: Participant, client: Client
) -> None:
    client.force_login(olivia, backend="podium.site.accounts.backends.NameOrEmailBackend")
    path = f"/competitions/{limited.competition_id}/participants/{place.pk}/tries/"
    assert "Nothing was submitted" in client.get(path).content.decode()
    refused = client.post(path, {"phase": limited.pk, "tries": 0, "note": "Sorry."})
    assert refused.status_code == 400
    answer = client.post(path, {"phase": limited.pk, "tries": 3, "note": "Sorry for <Monday>."}, follow=True)
    assert "3 tries more" in answer.content.decode()
    client.force_login(pat, backend="podium.site.accounts.backends.NameOrEmailBackend")
    page = client.get(f"/competitions/{limited.competition_id}/submissions/").content.decode()
    assert "Sorry for &lt;Monday&gt;." in page
    assert "3 more" in page
    assert "5 of 5 left" in page
