"""What organizers do on the pages of their competition: participants, everybody's submissions, taking it back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pydantic import SecretStr

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Dump, Participant, ParticipantStatus
from podium.site.competitions.services import dumping
from podium.site.queues.models import Queue
from tests.factories import UserFactory
from tests.site.access_answers import body_of, inline
from tests.site.acting import WorkerDouble, submit
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


def _people(competition: Competition) -> str:
    return f"/competitions/{competition.pk}/participants/"


def _submissions(competition: Competition) -> str:
    return f"/competitions/{competition.pk}/submissions/all/"


@pytest.mark.parametrize("address", ["participants/", "submissions/all/", "unpublish/"])
def test_the_pages_of_organizers_are_for_organizers(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, address: str
) -> None:
    url = f"/competitions/{competition.pk}/{address}"
    visitor(pat).open(url, status=403)
    anonymous = visitor()
    anonymous.open(url)
    assert anonymous.url.startswith("/accounts/login/?next=")
    visitor(olivia).open(url)


def test_only_organizers_have_the_tabs_and_the_links_in_the_head(
    visitor: Visiting, competition: Competition, olivia: User, pat: User
) -> None:
    address = f"/competitions/{competition.pk}/"
    inside = {_people(competition), _submissions(competition), f"{address}unpublish/"}
    assert inside <= set(visitor(olivia).open(address).links)
    assert not inside & set(visitor(pat).open(address).links)
    assert not inside & set(visitor().open(address).links)


def test_an_organizer_approves_and_denies(visitor: Visiting, competition: Competition, olivia: User, sam: User) -> None:
    asked = Participant.objects.create(competition=competition, user=sam, status=ParticipantStatus.PENDING)
    organizer = visitor(olivia)
    page = organizer.open(_people(competition))
    for words in ("sam", sam.email, "Waiting", "Approve sam", "Deny sam"):
        assert words in page.text
    decide = f"{_people(competition)}{asked.pk}/"
    assert "sam takes part now" in organizer.send(decide, {"status": "approved"}).text
    asked.refresh_from_db()
    assert asked.status == ParticipantStatus.APPROVED
    assert "sam does not take part" in organizer.send(decide, {"status": "denied"}).text
    asked.refresh_from_db()
    assert asked.status == ParticipantStatus.DENIED


def test_after_a_decision_the_list_is_as_it_was(
    visitor: Visiting, competition: Competition, olivia: User, sam: User
) -> None:
    asked = Participant.objects.create(competition=competition, user=sam, status=ParticipantStatus.PENDING)
    organizer = visitor(olivia)
    here = f"{_people(competition)}?search=sam&page=1"
    organizer.send(f"{_people(competition)}{asked.pk}/", {"status": "approved", "next": here})
    assert organizer.url == here
    for elsewhere in ("https://example.org/", "//example.org/", f"{_people(competition)}../../"):
        organizer.send(f"{_people(competition)}{asked.pk}/", {"status": "approved", "next": elsewhere})
        assert organizer.url == _people(competition)


def test_nobody_else_decides_and_nothing_is_decided_by_a_link(
    visitor: Visiting, make_competition: Making, olivia: User, pat: User, sam: User
) -> None:
    competition = make_competition()
    asked = Participant.objects.create(competition=competition, user=sam, status=ParticipantStatus.PENDING)
    decide = f"{_people(competition)}{asked.pk}/"
    visitor(pat).send(decide, {"status": "approved"}, status=403)
    other = make_competition()
    visitor(olivia).send(f"{_people(other)}{asked.pk}/", {"status": "approved"}, status=404)
    assert visitor(olivia).client.get(decide).status_code == 405
    visitor(olivia).send(decide, {"status": "king"})
    asked.refresh_from_db()
    assert asked.status == ParticipantStatus.PENDING


def test_participants_are_searched_filtered_and_cut_into_pages(
    visitor: Visiting, competition: Competition, olivia: User
) -> None:
    for _ in range(51):
        Participant.objects.create(competition=competition, user=UserFactory(), status=ParticipantStatus.DENIED)
    organizer = visitor(olivia)
    page = organizer.open(f"{_people(competition)}?status=denied")
    assert "51 people" in page.text
    assert "Page 1 of 2" in page.text
    assert "status=denied&page=2" in " ".join(page.links)
    assert "Page 2 of 2" in organizer.open(f"{_people(competition)}?status=denied&page=2").text
    assert "1 person" in organizer.open(f"{_people(competition)}?search=pat").text
    assert "Nobody found" in organizer.open(f"{_people(competition)}?search=nobodylikethis").text
    organizer.open(f"{_people(competition)}?status=strange&page=-1&search=%00")


def test_the_list_of_participants_costs_the_same_queries_for_one_as_for_many(
    visitor: Visiting,
    competition: Competition,
    olivia: User,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    for _ in range(30):
        Participant.objects.create(competition=competition, user=UserFactory(), status=ParticipantStatus.PENDING)
    organizer = visitor(olivia)
    with django_assert_max_num_queries(25):  # type: ignore[attr-defined]
        organizer.open(_people(competition))


def test_an_organizer_sees_everybodys_submissions_with_cause_and_score(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, queue: Queue
) -> None:
    organizer = visitor(olivia)
    assert "Nobody has submitted yet" in organizer.open(_submissions(competition)).text
    worker = WorkerDouble(queue)
    scored = submit(pat, competition)
    worker.work_off(accuracy=0.75)
    submit(pat, competition)
    failure = Failure(cause=Cause.BAD_SCORES, step=Step.SCORING, message="No scores", limit=None, measured=None)
    worker.finish(worker.job(), failure=failure, output=False)
    page = organizer.open(_submissions(competition))
    assert f"/submissions/{scored.pk}/" in page.links
    for words in ("2 submissions", "pat", "answer.zip", "0.75", "Failed", "The scores cannot be used", "Phase 0"):
        assert words in page.text
    for query, found in (
        ("status=Failed", "1 submission"),
        (f"phase={scored.phase_id}", "2 submissions"),
        ("search=pat", "2 submissions"),
        ("search=olivia", "Nothing found"),
        ("phase=999999&status=x&page=x", "2 submissions"),
    ):
        assert found in organizer.open(f"{_submissions(competition)}?{query}").text


def test_the_list_of_submissions_costs_the_same_queries_for_few_as_for_many(
    visitor: Visiting,
    competition: Competition,
    olivia: User,
    pat: User,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    for _ in range(5):
        submit(pat, competition)
    organizer = visitor(olivia)
    with django_assert_max_num_queries(25):  # type: ignore[attr-defined]
        organizer.open(_submissions(competition))


def test_taking_a_competition_back_is_asked_first(visitor: Visiting, competition: Competition, olivia: User) -> None:
    organizer = visitor(olivia)
    assert "Unpublish Sums?" in organizer.open(f"/competitions/{competition.pk}/unpublish/").text
    competition.refresh_from_db()
    assert competition.published
    organizer.send(f"/competitions/{competition.pk}/publish/", {"published": "no"})
    competition.refresh_from_db()
    assert not competition.published


def test_those_who_do_not_take_part_are_offered_to(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, sam: User
) -> None:
    address = f"/competitions/{competition.pk}/"
    for who, offered in ((None, 2), (sam, 2), (pat, 0), (olivia, 0)):
        somebody = visitor(who)
        somebody.open(address)
        html = somebody.response.content.decode()
        assert html.count(f'<a class="button button--main" href="{address}submissions/">') == offered
    asking = visitor().open(f"{address}submissions/")
    assert any(link.startswith("/accounts/signup/?next=") for link in asking.links)
    Participant.objects.create(competition=competition, user=sam, created_when=timezone.now())
    assert f'button--main" href="{address}submissions/"' not in str(visitor(sam).client.get(address).content)


def test_organizers_create_a_dump_and_download_it_and_nobody_else_sees_that(
    visitor: Visiting, competition: Competition, olivia: User, pat: User
) -> None:
    address = f"/competitions/{competition.pk}/files/"
    assert "Dumps" not in visitor(pat).open(address).text
    organizer = visitor(olivia)
    organizer.open(address)
    organizer.client.post(f"/competitions/{competition.pk}/dumps/", {"keys_instead_of_files": "on"})
    dump = Dump.objects.get()
    assert (dump.status, dump.keys_instead_of_files, dump.created_by) == ("Waiting", True, olivia)
    assert "Waiting" in organizer.open(address).text
    dumping.run_dump(dump_id=dump.pk)
    shown = organizer.open(address)
    assert "Finished" in shown.text
    assert "the dump of" in shown.text
    Dump.objects.update(status="Failed", details="The file of <b>x</b> is gone.", dataset=None)
    assert "The file of <b>x</b> is gone." in organizer.open(address).text


def test_many_are_approved_and_denied_at_once_and_organizers_stay(
    visitor: Visiting, competition: Competition, olivia: User, sam: User
) -> None:
    asked = [
        Participant.objects.create(competition=competition, user=user, status=ParticipantStatus.PENDING)
        for user in (sam, UserFactory(username="tess"), UserFactory(username="tom"))
    ]
    own = Participant.objects.get_or_create(
        competition=competition, user=olivia, defaults={"status": ParticipantStatus.APPROVED}
    )[0]
    organizer, address = visitor(olivia), f"{_people(competition)}selected/"
    keys = [one.pk for one in (*asked[:2], own)]
    assert "2 people take part now" in organizer.send(address, {"participant": keys, "status": "approved"}).text
    statuses = dict(Participant.objects.values_list("user__username", "status"))
    assert (statuses["sam"], statuses["tess"], statuses["tom"]) == ("approved", "approved", "pending")
    assert "2 people were denied" in organizer.send(address, {"participant": keys, "status": "denied"}).text
    statuses = dict(Participant.objects.values_list("user__username", "status"))
    assert (statuses["sam"], statuses["tess"], statuses["olivia"]) == ("denied", "denied", "approved")
    assert "Choose people first" in organizer.send(address, {"status": "approved"}).text
    assert "not a valid choice" in organizer.send(address, {"participant": keys, "status": "nonsense"}).text


def test_all_of_a_list_are_approved_whatever_page_they_are_on(
    visitor: Visiting, competition: Competition, olivia: User
) -> None:
    for number in range(60):
        user = UserFactory(username=f"asks{number:02d}")
        Participant.objects.create(competition=competition, user=user, status=ParticipantStatus.PENDING)
    other = Participant.objects.create(
        competition=competition, user=UserFactory(username="sue"), status=ParticipantStatus.PENDING
    )
    organizer, people = visitor(olivia), _people(competition)
    listed = f"{people}?search=asks&status=pending"
    assert "All 60 of the list" in organizer.open(listed).text
    assert "of the list" not in organizer.open(f"{people}?search=sue").text
    page = organizer.send(f"{people}selected/", {"all": "on", "status": "approved", "next": f"{listed}&page=2"})
    assert "60 people take part now" in page.text
    other.refresh_from_db()
    assert other.status == ParticipantStatus.PENDING, "who is not in the list stays"


def test_that_people_are_told_by_mail_is_said_where_the_site_sends_mail(
    visitor: Visiting, competition: Competition, olivia: User, settings: Any
) -> None:
    assert "This site sends no mail, so tell them yourself." in visitor(olivia).open(_people(competition)).text
    settings.CONFIG = settings.CONFIG.model_copy(update={"email_url": SecretStr("smtp://mail.example.org")})
    assert "Choose people above; they are told by mail." in visitor(olivia).open(_people(competition)).text


def test_nobody_of_another_competition_is_decided_on(
    visitor: Visiting, make_competition: Making, competition: Competition, olivia: User, sam: User
) -> None:
    other = make_competition(participants=())
    asked = Participant.objects.create(competition=other, user=sam, status=ParticipantStatus.PENDING)
    visitor(olivia).send(f"{_people(competition)}selected/", {"participant": [asked.pk], "status": "approved"})
    asked.refresh_from_db()
    assert asked.status == ParticipantStatus.PENDING


def test_the_list_of_participants_is_a_table_for_spreadsheets_as_filtered_and_without_formulas(
    visitor: Visiting, competition: Competition, olivia: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline(monkeypatch)
    User.objects.filter(pk=sam.pk).update(display_name="=1+1")
    Participant.objects.create(
        competition=competition, user=sam, status=ParticipantStatus.PENDING, reason="asked twice"
    )
    client = visitor(olivia).client

    def rows(query: str) -> list[list[str]]:
        answer = client.get(f"{_people(competition)}csv/{query}")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.reader(body_of(answer).decode().splitlines()))

    heading, *found = rows("")
    assert heading == ["Username", "Name", "E-mail", "Status", "Asked", "Note"]
    assert {one[0] for one in found} >= {"pat", "sam"}
    (waiting,) = rows("?status=pending")[1:]
    assert [*waiting[:4], waiting[5]] == ["sam", "'=1+1", sam.email, "pending", "asked twice"]


def test_the_head_has_the_report_and_the_image(visitor: Visiting, competition: Competition, pat: User) -> None:
    Competition.objects.update(report="https://example.org/paper.pdf", docker_image="example/image:1")
    page = visitor(pat).open(f"/competitions/{competition.pk}/phases/")
    assert "https://example.org/paper.pdf" in page.links
    assert "example/image:1" in page.text
    assert "Time of the server" in page.text
    Competition.objects.update(report="javascript:alert(1)")
    page = visitor(pat).open(f"/competitions/{competition.pk}/")
    assert "javascript:alert(1)" in page.text
    assert not any("javascript" in link for link in page.links)
