"""The page on which organizers read what was changed, and the one for administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.audit.models import AuditEntry
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services import editing, participation
from tests.factories import UserFactory
from tests.web.conftest import Visitor

Visiting = Callable[..., Visitor]


def address(competition: Competition) -> str:
    return f"/competitions/{competition.pk}/history/"


def test_organizers_read_what_was_changed_by_whom_and_what_it_was_before(
    visitor: Visiting, competition: Competition, olivia: User, sam: User
) -> None:
    asked = Participant.objects.create(competition=competition, user=sam, status="pending")
    organizer = visitor(olivia)
    overview = f"/competitions/{competition.pk}/"
    assert address(competition) in organizer.open(overview).links
    assert address(competition) not in visitor(sam).open(overview).links
    organizer.send(f"/competitions/{competition.pk}/participants/{asked.pk}/", {"status": "approved"})
    page = organizer.open(address(competition))
    for words in (
        "olivia",
        "in the browser",
        "Participant approved or denied",
        "Participant: sam",
        "pending",
        "approved",
    ):
        assert words in page.text
    assert "Competition made" in page.text and "Entries are kept for good." in page.text
    assert f"/api/competitions/{competition.pk}/audit.csv" in page.links


def test_moments_are_shown_as_times_and_values_in_words(
    visitor: Visiting, competition: Competition, olivia: User
) -> None:
    phase = competition.phases.get()
    change = {
        "title": "<b>Bold</b>",
        "phases": [{"id": phase.pk, "end": "2091-02-03T04:05:00Z"}],
        "enable_detailed_results": True,
    }
    editing.update_competition(competition=competition, by=olivia, given=change)
    page = visitor(olivia)
    shown = page.open(address(competition))
    assert "3 Feb 2091, 04:05 UTC" in shown.text and "enable detailed results" in shown.text
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page.response.content.decode(), "what people write is text"


def test_the_list_is_filtered_by_person_action_and_time_and_goes_on_page_by_page(
    visitor: Visiting, competition: Competition, olivia: User
) -> None:
    colin = UserFactory(username="colin")
    competition.collaborators.add(colin)
    for number in range(60):
        participation.set_published(competition=competition, by=colin, published=bool(number % 2))
    organizer, url = visitor(olivia), address(competition)
    first = organizer.open(url)
    assert "Page 1 of 2" in first.text
    assert any("page=2" in link for link in first.links)
    assert "Competition made" in organizer.open(f"{url}?page=2").text
    assert "60 changes" in organizer.open(f"{url}?user=colin").text
    chosen = organizer.open(f"{url}?user=colin&action=competition.published")
    assert "30 changes" in chosen.text
    assert any("audit.csv?user=colin&action=competition.published" in link for link in chosen.links)
    AuditEntry.objects.filter(action="competition.published").update(when=timezone.now() - timedelta(days=30))
    week = (timezone.now() - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M")
    assert "30 changes" in organizer.open(f"{url}?user=colin&since={week}").text
    assert "Nothing found" in organizer.open(f"{url}?user=nobody").text
    wrong = organizer.open(f"{url}?since=yesterday")
    assert "From (UTC): Enter a valid date/time." in wrong.text and "the newest first" not in wrong.text


def test_administrators_read_the_whole_sites_history_with_addresses(
    visitor: Visiting, competition: Competition, olivia: User, ada: User
) -> None:
    organizer = visitor(olivia)
    organizer.send(f"/competitions/{competition.pk}/access/", {})
    assert "127.0.0.1" not in organizer.open(address(competition)).text
    organizer.open("/audit/", status=403)
    administrator = visitor(ada)
    assert "/audit/" in administrator.open("/").links
    page = administrator.open("/audit/")
    for words in ("olivia", "Secret link exchanged", competition.title, "127.0.0.1", "changed"):
        assert words in page.text
    assert str(Competition.objects.get(pk=competition.pk).secret_key) not in page.text
    assert "127.0.0.1" in administrator.open(address(competition)).text
