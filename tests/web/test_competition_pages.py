"""A competition's pages: who sees what, taking part, publishing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Page, Participant, ParticipantStatus
from podium.site.evaluation.models import Run
from podium.site.pages import times
from podium.site.queues.models import Queue
from podium.site.resources.models import DatasetType, Solution
from tests.factories import dataset
from tests.site.acting import WorkerDouble, submit
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]
TABS = ["", "phases/", "submissions/", "results/", "files/", "terms/"]


@pytest.mark.parametrize("tab", TABS)
def test_everybody_reads_a_published_competition(visitor: Visiting, competition: Competition, tab: str) -> None:
    assert "Sums" in visitor().open(f"/competitions/{competition.pk}/{tab}").text


@pytest.mark.parametrize("tab", TABS)
def test_an_unpublished_competition_is_not_there_for_strangers(
    visitor: Visiting, make_competition: Making, sam: User, tab: str
) -> None:
    hidden = make_competition(published=False)
    for who in (None, sam):
        assert "Sums" not in visitor(who).open(f"/competitions/{hidden.pk}/{tab}", status=404).text


def test_its_secret_link_opens_it_and_is_kept_in_every_tab(visitor: Visiting, make_competition: Making) -> None:
    hidden = make_competition(published=False)
    somebody = visitor()
    page = somebody.open(f"/competitions/{hidden.pk}/?secret_key={hidden.secret_key}")
    inside = [link for link in page.links if link.startswith(f"/competitions/{hidden.pk}/")]
    assert len(inside) >= 6
    for link in inside:
        somebody.open(link)


def test_a_wrong_secret_opens_nothing(visitor: Visiting, make_competition: Making) -> None:
    hidden = make_competition(published=False)
    for secret in ("x", "00000000-0000-0000-0000-000000000000", ""):
        visitor().open(f"/competitions/{hidden.pk}/?secret_key={secret}", status=404)


def test_the_secret_key_is_shown_to_organizers_only(
    visitor: Visiting, make_competition: Making, olivia: User, pat: User
) -> None:
    hidden = make_competition(published=False)
    for who, seen in ((olivia, True), (pat, False)):
        somebody = visitor(who)
        somebody.open(f"/competitions/{hidden.pk}/")
        assert (str(hidden.secret_key) in somebody.response.content.decode()) is seen


def test_written_pages_have_addresses_of_their_own(visitor: Visiting, competition: Competition) -> None:
    extra = Page.objects.create(competition=competition, title="Data", content="**Four** columns", index=5)
    page = visitor().open(f"/competitions/{competition.pk}/pages/{extra.pk}/")
    assert "Four columns" in page.text
    visitor().open(f"/competitions/{competition.pk}/pages/{extra.pk + 1000}/", status=404)


def test_what_an_organizer_writes_cannot_run_in_the_page(visitor: Visiting, competition: Competition) -> None:
    hostile = "<script>alert(1)</script><p onclick=x style='color:red'>text</p>"
    Page.objects.update(content=hostile)
    Competition.objects.update(terms=hostile, description=hostile, title="<script>t</script>", reward=hostile[:50])
    competition.phases.update(description=hostile, name="<script>n</script>")
    for tab in TABS:
        visitor().open(f"/competitions/{competition.pk}/{tab}")  # the visitor refuses pages with scripts in them


def test_files_are_offered_by_right(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, sam: User
) -> None:
    address = f"/competitions/{competition.pk}/files/"
    assert "Log in to see the files" in visitor().open(address).text
    assert "Take part to see the files" in visitor(sam).open(address).text
    assert "Reference data" not in visitor(pat).open(address).text
    organizer = visitor(olivia).open(address)
    assert "Reference data" in organizer.text
    assert any(link.startswith("/files/") for link in organizer.links)
    assert "reference.zip" in organizer.text
    assert times.day_text(timezone.now().date()) in organizer.text
    assert " @ " not in organizer.text


def _add_kit(competition: Competition, olivia: User) -> None:
    kit = dataset(olivia, type=DatasetType.STARTING_KIT, name="starting_kit @ 11-22-2026", file_name="kit.zip")
    competition.phases.update(starting_kit=kit)


def test_the_starting_kit_is_offered_with_the_phase_to_those_who_may_have_it(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, sam: User
) -> None:
    _add_kit(competition, olivia)
    address = f"/competitions/{competition.pk}/phases/"
    for who in (pat, olivia):
        page = visitor(who).open(address)
        assert "kit.zip" in page.text
        assert any(link.startswith("/files/") for link in page.links)
    for stranger in (None, sam):
        page = visitor(stranger).open(address)
        assert "take part" in page.text
        assert not any(link.startswith("/files/") for link in page.links)


def test_a_solution_is_named_beside_its_file(
    visitor: Visiting, competition: Competition, olivia: User, pat: User
) -> None:
    task = competition.phases.get().phase_tasks.get().task
    file = dataset(olivia, type=DatasetType.SOLUTION, name="solution @ 11-22-2026", file_name="trees.zip")
    Solution.objects.create(name="Random forest", data=file).tasks.add(task)
    text = visitor(pat).open(f"/competitions/{competition.pk}/files/").text
    assert "Solution trees.zip Random forest" in text


def test_the_image_asked_for_and_the_one_in_which_runs_really_ran_are_told_apart(
    visitor: Visiting, competition: Competition, pat: User, queue: Queue
) -> None:
    address = f"/competitions/{competition.pk}/phases/"
    page = visitor().open(address)
    assert f"Image asked for {competition.docker_image}" in page.text
    assert "Runs in" not in page.text
    submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=1)
    Run.objects.update(image_digest="sha256:abc")
    assert "Runs in sha256:abc" in visitor().open(address).text


def test_a_page_that_opens_with_a_heading_shows_its_title_to_screen_readers_alone(
    visitor: Visiting, competition: Competition
) -> None:
    for content, hidden in (("# Three irises\n\nText", True), ("Text", False)):
        Page.objects.update(content=content)
        somebody = visitor()
        somebody.open(f"/competitions/{competition.pk}/")
        assert ('<h2 class="sr">Overview</h2>' in somebody.response.content.decode()) is hidden


def test_phases_show_where_they_are_in_time_and_what_they_allow(visitor: Visiting, make_competition: Making) -> None:
    competition = make_competition(phases=3, phase={"max_submissions_per_day": 3, "max_submissions": 9})
    now = timezone.now()
    first, second, third = competition.phases.order_by("index")
    type(first).objects.filter(pk=first.pk).update(start=now - timedelta(days=9), end=now - timedelta(days=5))
    type(first).objects.filter(pk=second.pk).update(start=now - timedelta(days=5), end=now + timedelta(days=5))
    type(first).objects.filter(pk=third.pk).update(start=now + timedelta(days=5), end=None)
    somebody = visitor()
    page = somebody.open(f"/competitions/{competition.pk}/phases/")
    for words in ("Over", "Open now", "To come", "stays open", "3 a day, 9 in all"):
        assert words in page.text
    html = somebody.response.content.decode()
    assert html.count('class="timeline__today"') == 1
    assert 'cx="50.0%"' in html


def test_taking_part_needs_an_account(visitor: Visiting, competition: Competition) -> None:
    somebody = visitor()
    page = somebody.open(f"/competitions/{competition.pk}/submissions/")
    assert "Taking part needs an account" in page.text
    somebody.send(f"/competitions/{competition.pk}/register/", {"accept": "on"})
    assert somebody.url.startswith("/accounts/login/?next=")
    assert {participant.user.username for participant in Participant.objects.all()} <= {"olivia", "pat"}


def test_taking_part_needs_agreement_to_the_terms(visitor: Visiting, competition: Competition, sam: User) -> None:
    somebody = visitor(sam)
    assert "Terms" in somebody.open(f"/competitions/{competition.pk}/submissions/").text
    page = somebody.send(f"/competitions/{competition.pk}/register/", {})
    assert "needs your agreement" in page.text
    assert not Participant.objects.filter(user=sam).exists()


def test_where_an_organizer_approves_one_waits(visitor: Visiting, competition: Competition, sam: User) -> None:
    somebody = visitor(sam)
    page = somebody.send(f"/competitions/{competition.pk}/register/", {"accept": "on"})
    assert "Waiting for approval" in page.text
    Participant.objects.filter(user=sam).update(status=ParticipantStatus.DENIED, reason="Too late")
    assert "Too late" in somebody.open(f"/competitions/{competition.pk}/submissions/").text


def test_where_nobody_has_to_approve_one_takes_part_at_once(
    visitor: Visiting, make_competition: Making, sam: User
) -> None:
    competition = make_competition(registration_auto_approve=True)
    page = visitor(sam).send(f"/competitions/{competition.pk}/register/", {"accept": "on"})
    assert "You take part in Sums." in page.text
    assert "New submission" in page.text


def test_only_organizers_publish(visitor: Visiting, make_competition: Making, olivia: User, pat: User) -> None:
    hidden = make_competition(published=False)
    address = f"/competitions/{hidden.pk}/publish/"
    assert "Unpublish" not in visitor(pat).open(f"/competitions/{hidden.pk}/").text
    visitor(pat).send(address, {"published": "yes"})
    hidden.refresh_from_db()
    assert not hidden.published
    assert "is published" in visitor(olivia).send(address, {"published": "yes"}).text
    hidden.refresh_from_db()
    assert hidden.published


@pytest.mark.parametrize("address", ["register/", "publish/"])
def test_nothing_changes_by_following_a_link(
    visitor: Visiting, competition: Competition, olivia: User, address: str
) -> None:
    assert visitor(olivia).client.get(f"/competitions/{competition.pk}/{address}").status_code == 405


def test_my_competitions_are_those_that_i_run_and_those_i_take_part_in(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, sam: User
) -> None:
    assert "Organized by me Sums" in visitor(olivia).open("/competitions/").text
    Participant.objects.get_or_create(
        competition=competition, user=olivia, defaults={"status": ParticipantStatus.APPROVED}
    )
    assert visitor(olivia).open("/competitions/").links.count(f"/competitions/{competition.pk}/") == 1
    assert "You run no competition" in visitor(pat).open("/competitions/").text
    assert "Sums" not in visitor(sam).open("/competitions/").text


def test_the_bundle_is_for_organizers(visitor: Visiting, competition: Competition, pat: User) -> None:
    visitor(pat).open(f"/competitions/{competition.pk}/bundle/", status=403)
