"""What a hostile reader had others mailed, and kept from being sent: docs/developers/hostile-reading.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from rest_framework.test import APIClient

from podium.site.accounts.models import Membership, User
from podium.site.accounts.services import organizations
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services.messages import STATUS_MAILED
from podium.site.errors import Refused
from podium.site.forums.services import posting
from podium.site.forums.services.telling import THREADS_MAILED
from podium.site.mails.models import Delivery
from podium.site.webhooks import services as webhooks
from podium.site.webhooks.models import Webhook
from podium.site.webhooks.services import PER_PERSON
from tests.factories import UserFactory
from tests.site.acting import background

Client = Callable[[User | None], APIClient]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organized(competition: Competition, sam: User) -> Competition:
    """A competition of olivia's of which sam was made an administrator unasked."""
    competition.collaborators.add(sam)
    return competition


def test_a_participation_that_is_changed_to_and_fro_is_mailed_some_times(
    organized: Competition, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    row = Participant.objects.get(competition=organized, user=pat)
    for _ in range(STATUS_MAILED):
        for status in ("denied", "approved"):
            answer = client_of(olivia).patch(f"/api/participants/{row.pk}/", {"status": status})
            assert answer.status_code == 200
    for person in (pat, sam, olivia):
        assert Delivery.objects.filter(user=person).count() == STATUS_MAILED


def test_threads_without_end_are_not_mailed_without_end(organized: Competition, olivia: User, sam: User) -> None:
    for number in range(THREADS_MAILED + 3):
        posting.start_thread(competition=organized, by=olivia, title=f"Thread {number}", content="Text")
    assert Delivery.objects.filter(user=sam).count() == THREADS_MAILED
    for number in range(THREADS_MAILED):
        posting.start_thread(competition=organized, by=olivia, title=f"News {number}", content="Text", announce=True)
    with pytest.raises(Refused, match="Go on tomorrow"):
        posting.start_thread(competition=organized, by=olivia, title="One more", content="Text", announce=True)
    assert Delivery.objects.filter(user=sam).count() == 2 * THREADS_MAILED


def test_a_receiver_that_never_answers_holds_up_its_own_organizers_alone(
    competition: Competition, olivia: User, sam: User
) -> None:
    slow = Webhook.objects.create(competition=competition, created_by=sam, url="https://slow.example", events=[])
    quick = Webhook.objects.create(competition=competition, created_by=olivia, url="https://quick.example", events=[])
    for _ in range(3 * PER_PERSON):
        webhooks.ping(webhook=slow, by=olivia)
    late = webhooks.ping(webhook=quick, by=olivia)
    found = webhooks.due(100)
    assert len(found) == PER_PERSON + 1
    assert found.index(late.pk) == 1


def test_whoever_invites_everybody_has_some_mailed(sam: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organizations, "INVITERS_MAILED", 3)
    mail.outbox.clear()
    for number in range(2):
        facts = {"name": f"Buy at evil.example {number}", "email": f"lab{number}@example.org"}
        group = organizations.create(by=sam, facts=facts)
        organizations.invite(organization=group, by=sam, users=[UserFactory().pk for _ in range(4)])
        background()
    assert Membership.objects.filter(group="INVITED").count() == 8
    assert len(mail.outbox) == 3
