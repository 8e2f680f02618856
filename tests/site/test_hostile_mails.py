"""What a hostile reader had others mailed who cannot switch it off: docs/developers/hostile-reading.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services.messages import STATUS_MAILED
from podium.site.errors import Refused
from podium.site.forums.services import posting
from podium.site.forums.services.telling import THREADS_MAILED
from podium.site.mails.models import Delivery

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
