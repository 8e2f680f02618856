"""The organizers' list: submissions are chosen, one is asked, and then it is done to exactly those."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory
from tests.site.access_answers import body_of
from tests.site.acting import WorkerDouble, background, fresh, phase_of, submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="podium.site.accounts.backends.NameOrEmailBackend")
    return client


def choose(user: User, competition: Competition, do: str, *chosen: Submission, sure: bool = False, **more: str) -> Any:
    body = {"do": do, "submission": [str(one.pk) for one in chosen], **({"sure": "yes"} if sure else {}), **more}
    return browser(user).post(f"/competitions/{competition.pk}/submissions/selected/", body)


def test_nothing_happens_before_one_is_sure(competition: Competition, olivia: User, pat: User, queue: Queue) -> None:
    submission = submit(pat, competition)
    answer = choose(olivia, competition, "cancel", submission)
    assert answer.status_code == 200
    assert f"#{submission.pk} by pat" in answer.content.decode()
    assert fresh(submission).status == "Submitted"


def test_chosen_ones_are_cancelled_and_no_others(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    ended = submit(pat, competition)
    worker.work_off(accuracy=1.0)
    chosen, other = submit(pat, competition), submit(pat, competition)
    asked = choose(olivia, competition, "cancel", ended, chosen).content.decode()
    assert "Cancel 1 submission?" in asked
    assert "1 of those chosen is left out" in asked
    answer = choose(olivia, competition, "cancel", ended, chosen, sure=True, query="status=Submitted")
    assert answer.url == f"/competitions/{competition.pk}/submissions/all/?status=Submitted"
    assert [fresh(one).status for one in (ended, chosen, other)] == ["Finished", "Cancelled", "Submitted"]


def test_chosen_ones_are_run_again_and_deleted(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    one, other = submit(pat, competition), submit(pat, competition)
    worker.work_off(accuracy=1.0)
    choose(olivia, competition, "rerun", one, sure=True)
    assert [made.original for made in Submission.objects.filter(original__isnull=False)] == [one]
    choose(olivia, competition, "delete", one, sure=True)
    assert set(Submission.objects.filter(original=None, parent=None).values_list("pk", flat=True)) >= {other.pk}
    assert not Submission.objects.filter(pk=one.pk).exists()


def test_chosen_ones_are_downloaded_and_the_list_as_a_table(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    first, other = submit(pat, competition), submit(pat, competition)
    answer = choose(olivia, competition, "download", first)
    with zipfile.ZipFile(io.BytesIO(body_of(answer))) as archive:
        assert [name.partition("_")[0] for name in archive.namelist()] == [str(first.pk)] and other.pk != first.pk
    assert choose(olivia, competition, "download").status_code == 302
    there = browser(olivia)
    page = there.get(f"/competitions/{competition.pk}/submissions/all/?status=Submitted").content.decode()
    address = re.search(r'href="(/api/submissions\.csv\?[^"]+)"', page)
    assert address is not None
    rows = list(csv.DictReader(io.StringIO(body_of(there.get(unescape(address[1]))).decode("utf-8-sig"))))
    assert len(rows) == 2


def test_held_ones_are_told_found_and_started(
    make_competition: Callable[..., Competition], olivia: User, pat: User, queue: Queue
) -> None:
    competition = make_competition(auto_run_submissions=False)
    held, other = submit(pat, competition), submit(pat, competition)
    page = browser(olivia).get(f"/competitions/{competition.pk}/submissions/all/").content.decode()
    assert "2 submissions wait for you to start them" in page
    listed = browser(olivia).get(f"/competitions/{competition.pk}/submissions/all/?status=Submitting")
    assert {row.pk for row in listed.context["page"]} == {held.pk, other.pk}
    choose(olivia, competition, "start", held, sure=True)
    assert [fresh(one).status for one in (held, other)] == ["Submitted", "Submitting"]


def test_submissions_of_other_competitions_cannot_be_chosen(
    make_competition: Callable[..., Competition], olivia: User, pat: User, sam: User, queue: Queue
) -> None:
    mine, theirs = make_competition(), make_competition()
    Competition.objects.filter(pk=theirs.pk).update(created_by=sam)
    foreign = submit(pat, theirs)
    answer = choose(olivia, mine, "cancel", foreign, sure=True)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["Choose submissions first."]
    assert fresh(foreign).status == "Submitted"


@pytest.mark.parametrize("do", ["start", "rerun", "cancel", "delete"])
def test_only_organizers_choose(do: str, competition: Competition, pat: User, sam: User, queue: Queue) -> None:
    submission = submit(pat, competition)
    for person in (pat, sam):
        assert choose(person, competition, do, submission, sure=True).status_code == 403
    assert fresh(submission).status == "Submitted"


@pytest.mark.parametrize("body", [{}, {"do": "burn"}, {"do": "cancel", "submission": ["x", "9" * 30, "-1"]}])
def test_nonsense_is_no_crash(body: dict[str, Any], competition: Competition, olivia: User) -> None:
    answer = browser(olivia).post(f"/competitions/{competition.pk}/submissions/selected/", body)
    assert answer.status_code in {302, 404}


@pytest.mark.parametrize("query", ["//evil.example/", "x\r\nSet-Cookie: a=b", "<script>"])
def test_the_way_back_leads_nowhere_else(query: str, competition: Competition, olivia: User) -> None:
    answer = choose(olivia, competition, "cancel", query=query)
    assert answer.url == f"/competitions/{competition.pk}/submissions/all/"


def test_the_list_costs_as_many_queries_with_fifty_as_with_five(
    competition: Competition, olivia: User, worker: WorkerDouble
) -> None:
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from tests.factories import UserFactory  # noqa: PLC0415

    counts = []
    for size in (5, 45):
        for _ in range(size):
            person = UserFactory()
            ParticipantFactory(competition=competition, user=person)
            submit(person, phase_of(competition))
        worker.work_off(accuracy=0.5)
        client = browser(olivia)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/competitions/{competition.pk}/submissions/all/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_what_stands_on_a_board_is_taken_over_by_the_next_phase_after_asking(
    make_competition: Any, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    competition = make_competition(phases=2)
    first, second = competition.phases.order_by("index")
    submit(pat, competition)
    worker.work_off(accuracy=1.0)
    there, address = browser(olivia), f"/competitions/{competition.pk}/phases/{first.pk}/migrate/"
    assert address in there.get(f"/competitions/{competition.pk}/tasks/").content.decode()
    assert "Take 1 over" in there.get(address).content.decode()
    assert not second.submissions.exists()
    assert there.post(address).url == f"/competitions/{competition.pk}/submissions/all/"
    background()
    assert second.submissions.get().owner == pat
    assert "There is nothing to take over" in there.get(address).content.decode()
    last = f"/competitions/{competition.pk}/phases/{second.pk}/migrate/"
    assert "is the last phase" in there.get(last).content.decode()
    assert "last phase" in there.post(last, follow=True).content.decode()
    assert browser(pat).post(address).status_code == 403


def test_a_phase_is_run_again_after_asking(
    competition: Competition, olivia: User, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    worker.work_off(accuracy=1.0)
    address = f"/competitions/{competition.pk}/phases/{phase_of(competition).pk}/rerun/"
    assert "Run 1 again" in browser(olivia).get(address).content.decode()
    assert not Submission.objects.filter(original__isnull=False).exists()
    answer = browser(olivia).post(address)
    assert answer.url == f"/competitions/{competition.pk}/phases/{phase_of(competition).pk}/comparison/"
    background()
    assert Submission.objects.filter(original__isnull=False).count() == 1
    assert browser(pat).post(address).status_code == 403
