"""Search fields of forms: of any number of tasks, files, queues and organizations each can be chosen, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from podium.site.accounts.models import Group, Membership, Organization, User
from podium.site.choosing import OFFERED
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, StoredFile, Task
from tests.factories import RESULT
from tests.web.conftest import Visitor
from tests.web.test_editor_pages import filled
from tests.web.test_submission_pages import _file

pytestmark = pytest.mark.django_db
People = Callable[..., Visitor]
MANY = 300


@pytest.fixture
def competition(make_competition: Callable[..., Competition]) -> Competition:
    return make_competition()


def offered(visitor: Visitor, kind: str, text: str = "") -> list[str]:
    """What a search field offers for a text, as a browser asks for it."""
    answer = visitor.client.get(f"/choices/{kind}/", {"field": text})
    assert answer.status_code == 200
    return [unescape(value) for value in re.findall(r'value="(.*?)"', answer.content.decode())]


def tasks_of(owner: User, number: int, name: str = "Task", **facts: Any) -> list[Task]:
    return Task.objects.bulk_create([Task(name=f"{name} {n}", created_by=owner, **facts) for n in range(number)])


def files_of(owner: User, number: int, kind: str, **facts: Any) -> list[Dataset]:
    files = StoredFile.objects.bulk_create([StoredFile(key=f"{kind}-{owner}-{n}", size=1) for n in range(number)])
    facts |= {"created_by": owner, "type": kind, "upload_completed_when": timezone.now()}
    return Dataset.objects.bulk_create(
        [Dataset(name=f"Kit {n}", data_file=one, **facts) for n, one in enumerate(files)]
    )


def test_each_of_300_tasks_and_files_is_chosen_for_a_phase(
    visitor: People, competition: Competition, olivia: User
) -> None:
    tasks, files = tasks_of(olivia, MANY), files_of(olivia, MANY, "starting_kit")
    somebody, phase = visitor(olivia), competition.phases.get()
    url = f"/competitions/{competition.pk}/edit/phases/{phase.pk}/"
    assert len(offered(somebody, "task")) == len(offered(somebody, "starting_kit", "kit")) == OFFERED
    task = f"Task 17 #{tasks[17].pk}"
    assert task in offered(somebody, "task", "tAsK 17 ")
    kit = f"Kit 41 #{files[41].pk}"
    assert kit in offered(somebody, "starting_kit", "kit 41")
    somebody.send(url, filled(somebody, url, add_task=task, starting_kit=kit))
    phase.refresh_from_db()
    assert tasks[17] in phase.tasks.all()
    assert phase.starting_kit == files[41]
    assert somebody.open(url).values["starting_kit"] == kit
    somebody.send(url, filled(somebody, url, starting_kit=""))
    phase.refresh_from_db()
    assert phase.starting_kit is None
    page = somebody.send(url, filled(somebody, url, add_task=task), status=400)
    assert "The phase has this task already." in page.text


def test_a_name_chooses_without_scripts_and_a_part_of_one_is_answered_with_what_is_like_it(
    visitor: People, olivia: User
) -> None:
    tasks_of(olivia, MANY)
    old = tasks_of(olivia, 1, "Sums of pears")[0]
    tasks_of(olivia, MANY)
    somebody = visitor(olivia)
    sent = filled(somebody, "/competitions/new/", title="By forms", start="2030-01-01T00:00", task="pears")
    page = somebody.send("/competitions/new/", sent, status=400)
    assert "You may use no task like that." in page.text
    assert f'<option value="Sums of pears 0 #{old.pk}"></option>' in somebody.response.content.decode()
    page = somebody.send("/competitions/new/", {**sent, "task": "task 5"}, status=400)
    assert "You have several of this name. Write the number too: Task 5 #" in page.text
    somebody.send("/competitions/new/", {**sent, "task": "SUMS of pears 0"})
    assert Competition.objects.get(title="By forms").phases.get().tasks.get() == old


def test_whoever_has_one_task_need_not_look_for_it(visitor: People, olivia: User) -> None:
    (task,) = tasks_of(olivia, 1)
    assert visitor(olivia).open("/competitions/new/").values["task"] == f"Task 0 #{task.pk}"


def test_own_tasks_come_first_and_those_of_others_only_where_they_may_be_used(
    visitor: People, olivia: User, sam: User
) -> None:
    (own,) = tasks_of(olivia, 1)
    (public,) = tasks_of(sam, 1, is_public=True)
    (private,) = tasks_of(sam, 1, "Task of nobody else")
    (shared,) = tasks_of(sam, 1)
    shared.shared_with.add(olivia)
    somebody = visitor(olivia)
    others = [f"Task 0 (of {sam.username}) #{task.pk}" for task in (shared, public)]
    assert offered(somebody, "task", "task") == [f"Task 0 #{own.pk}", *others]
    assert offered(somebody, "task", others[0]) == [f"Task 0 #{own.pk}", *others]
    sent = filled(somebody, "/competitions/new/", title="x", start="2030-01-01T00:00", task=f"x #{private.pk}")
    somebody.send("/competitions/new/", sent, status=400)
    somebody.send("/competitions/new/", {**sent, "task": str(private.key)}, status=400)
    somebody.send("/competitions/new/", {**sent, "task": others[1]})
    assert Competition.objects.get(title="x").phases.get().tasks.get() == public
    files_of(sam, 1, "starting_kit")
    (kit,) = files_of(sam, 1, "public_data", is_public=True)
    assert offered(somebody, "starting_kit") == []
    assert offered(somebody, "public_data") == [f"Kit 0 (of {sam.username}) #{kit.pk}"]


def test_a_colleagues_file_that_a_phase_has_stays(
    visitor: People, competition: Competition, olivia: User, sam: User
) -> None:
    (kit,) = files_of(sam, 1, "starting_kit")
    competition.phases.update(starting_kit=kit)
    somebody, phase = visitor(olivia), competition.phases.get()
    url = f"/competitions/{competition.pk}/edit/phases/{phase.pk}/"
    somebody.send(url, filled(somebody, url, name="Renamed"))
    phase.refresh_from_db()
    assert (phase.name, phase.starting_kit) == ("Renamed", kit)


def test_each_of_300_queues_is_chosen_and_none_is_the_default(
    visitor: People, competition: Competition, queue: Queue, olivia: User, sam: User
) -> None:
    rows = [Queue(name=f"lab {n}", owner=sam, is_public=True) for n in range(MANY)]
    queues = Queue.objects.bulk_create(rows)
    (closed,) = Queue.objects.bulk_create([Queue(name="closed", owner=sam)])
    somebody, url = visitor(olivia), f"/competitions/{competition.pk}/queue/"
    assert offered(somebody, "queue", "closed") == []
    wanted = f"lab 123 (public, {sam.username}) #{queues[123].pk}"
    assert offered(somebody, "queue", "LAB 123") == [wanted]
    somebody.send(url, {"queue": wanted})
    assert Competition.objects.get(pk=competition.pk).queue == queues[123]
    somebody.send(url, {"queue": f"closed #{closed.pk}"}, status=400)
    assert Competition.objects.get(pk=competition.pk).queue == queues[123]
    somebody.send(url, {"queue": ""})
    assert Competition.objects.get(pk=competition.pk).queue is None


def test_each_of_many_organizations_is_submitted_for(
    visitor: People, competition: Competition, pat: User, sam: User
) -> None:
    rows = [Organization(name=f"Team {n}", email=f"team{n}@example.org") for n in range(MANY)]
    teams = Organization.objects.bulk_create(rows)
    Membership.objects.bulk_create(
        [Membership(organization=team, user=pat if n else sam, group=Group.PARTICIPANT) for n, team in enumerate(teams)]
    )
    somebody, url = visitor(pat), f"/competitions/{competition.pk}/submissions/"
    assert f"Team 77 #{teams[77].pk}" in offered(somebody, "organization", "team 77")
    assert offered(visitor(sam), "organization") == [f"Team 0 #{teams[0].pk}"]
    assert "Team 0 " not in str(offered(somebody, "organization", "team 0"))
    somebody.open(url)
    assert somebody.response.content.decode().count("<option") == OFFERED
    somebody.send(url, {"file": _file(RESULT), "organization": f"Team 0 #{teams[0].pk}"}, status=400)
    somebody.send(url, {"file": _file(RESULT), "organization": "team 77"})
    assert Submission.objects.get().organization == teams[77]


def test_what_is_offered_of_many_asks_and_reads_as_little_as_of_few(visitor: People, olivia: User) -> None:
    somebody = visitor(olivia)
    tasks_of(olivia, OFFERED)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(offered(somebody, "task")) == OFFERED
        return len(queries)

    few = asked()
    tasks_of(olivia, 10 * OFFERED)
    assert asked() == few


def test_nothing_of_another_kind_is_offered(visitor: People, olivia: User) -> None:
    somebody = visitor(olivia)
    assert somebody.client.get("/choices/user/").status_code == 404
    assert somebody.client.get("/choices/task/", {"field": "\0" * 500}).status_code == 200
    assert visitor().client.get("/choices/task/").status_code == 302


def test_a_megabyte_of_blanks_is_looked_for_in_one_go(visitor: People, olivia: User) -> None:
    """Tried at every blank anew, as a careless pattern does it, this takes years."""
    tasks_of(olivia, 2)
    somebody = visitor(olivia)
    for blanks in (" " * 60_000 + "x", "(" * 60_000):
        assert offered(somebody, "task", blanks) == []
    offered(somebody, "task", "#1" + " " * 60_000 + "x")
    sent = filled(somebody, "/competitions/new/", title="x", start="2030-01-01T00:00", task="(" + " " * 1_000_000 + "x")
    somebody.send("/competitions/new/", sent, status=400)
