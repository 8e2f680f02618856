"""Organizers decide who takes part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.site.accounts.models import User
from podium.site.competitions import counts, services
from podium.site.competitions.models import Competition, Participant
from podium.site.errors import Forbidden, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(competition: Competition, sam: User) -> Participant:
    """Sam has asked to take part in a competition that does not approve by itself."""
    Competition.objects.filter(pk=competition.pk).update(registration_auto_approve=False, published=True)
    competition.refresh_from_db()
    return services.register(competition=competition, user=sam)


def test_who_asks_waits_until_an_organizer_approves(waiting: Participant, olivia: User) -> None:
    assert waiting.status == "pending"
    services.set_participant_status(participant=waiting, by=olivia, status="approved")
    waiting.refresh_from_db()
    assert waiting.status == "approved"


def test_participants_do_not_approve_each_other(waiting: Participant, pat: User) -> None:
    with pytest.raises(Forbidden):
        services.set_participant_status(participant=waiting, by=pat, status="approved")


def test_the_same_status_again_is_refused_in_codabenchs_words(waiting: Participant, olivia: User) -> None:
    with pytest.raises(Refused, match="Status is already set to `pending`"):
        services.set_participant_status(participant=waiting, by=olivia, status="pending")


def test_an_unknown_status_is_refused(waiting: Participant, olivia: User) -> None:
    with pytest.raises(Refused, match='"banished" is not a valid choice'):
        services.set_participant_status(participant=waiting, by=olivia, status="banished")


def test_an_organizer_cannot_be_shut_out(competition: Competition, olivia: User) -> None:
    own = Participant.objects.get(competition=competition, user=olivia)
    with pytest.raises(Refused, match="always takes part"):
        services.set_participant_status(participant=own, by=olivia, status="denied")


def test_organizers_are_not_counted_as_participants(waiting: Participant, olivia: User) -> None:
    def counted() -> int:
        return counts.counts_of([waiting.competition_id])[waiting.competition_id].participants

    before = counted()
    services.set_participant_status(participant=waiting, by=olivia, status="approved")
    assert counted() == before + 1
    people = Participant.objects.filter(competition=waiting.competition_id, status="approved").exclude(user=olivia)
    assert counted() == people.count()


def test_the_api_lists_searches_and_approves(
    waiting: Participant, olivia: User, sam: User, client_of: Callable[[User | None], Any]
) -> None:
    organizer = client_of(olivia)
    address = f"/api/participants/?competition={waiting.competition_id}"
    rows = organizer.get(f"{address}&search={sam.username}").json()
    assert rows == [
        {
            "id": waiting.pk,
            "username": sam.username,
            "is_bot": False,
            "email": sam.email,
            "status": "pending",
            "is_deleted": False,
        }
    ]
    answer = organizer.patch(f"/api/participants/{waiting.pk}/", {"status": "approved"})
    assert answer.json()["status"] == "approved"
    assert organizer.get(f"{address}&status=pending").json() == []


def test_the_api_shows_others_nothing(waiting: Participant, pat: User, client_of: Callable[[User | None], Any]) -> None:
    assert client_of(pat).get(f"/api/participants/?competition={waiting.competition_id}").json() == []
    assert client_of(pat).patch(f"/api/participants/{waiting.pk}/", {"status": "approved"}).status_code == 404
    assert client_of(None).get("/api/participants/").status_code == 403
