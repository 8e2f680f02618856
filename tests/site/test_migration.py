"""Phase migration: every entry of a board is submitted to the next phase, once."""

# ruff: noqa: PLR0917 - pytest's fixtures come by name

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services import migration
from podium.site.evaluation import services, tries
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import WorkerDouble, background, phase_of, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def begin_second(competition: Competition) -> Phase:
    """Let the second phase begin, that takes over entries."""
    second = Phase.objects.filter(competition=competition, index=1)
    second.update(start=timezone.now() - timedelta(minutes=1), auto_migrate_to_this_phase=True)
    return second.get()


def crowd(competition: Competition, number: int) -> list[User]:
    return [ParticipantFactory(competition=competition, user=UserFactory()).user for _ in range(number)]


@pytest.mark.parametrize("tasks", [1, 2])
def test_every_entry_is_submitted_to_the_phase_that_begins_once(
    make_competition: Make, pat: User, worker: WorkerDouble, tasks: int
) -> None:
    competition = make_competition(phases=2, tasks=tasks)
    people = crowd(competition, 3)
    entries = [submit(person, competition) for person in people]
    submit(pat, competition)
    services.cancel(submission=Submission.objects.get(owner=pat, parent=None), by=pat)
    worker.work_off(accuracy=0.5)
    second = begin_second(competition)
    assert migration.migrate_due() == 3
    assert migration.migrate_due() == 0, "it was begun already"
    background()
    assert migration.migrate_due() == 0
    copies = list(Submission.objects.filter(phase=second, parent=None).order_by("owner"))
    assert [(c.owner, c.data, c.created_by_migration_id) for c in copies] == [
        (e.owner, e.data, e.phase_id) for e in entries
    ]
    worker.work_off(accuracy=0.4)
    assert {c.status for c in Submission.objects.filter(phase=second)} == {"Finished"}
    assert second.entries.count() == 3
    assert [tries.tries(person, second).used_total for person in people] == [0, 0, 0], "a copy costs no try"
    second.refresh_from_db()
    assert second.has_been_migrated


def test_it_waits_while_the_earlier_phase_has_submissions_under_way(
    make_competition: Make, pat: User, worker: WorkerDouble
) -> None:
    competition = make_competition(phases=2)
    submit(pat, competition)
    second = begin_second(competition)
    assert migration.migrate_due() == 0
    worker.work_off(accuracy=0.5)
    assert migration.migrate_due() == 1
    background()
    assert Submission.objects.filter(phase=second).count() == 1


def test_a_phase_that_has_not_begun_or_takes_nothing_over_gets_nothing(
    make_competition: Make, pat: User, worker: WorkerDouble
) -> None:
    competition = make_competition(phases=2)
    submit(pat, competition)
    worker.work_off(accuracy=0.5)
    later = Phase.objects.filter(competition=competition, index=1)
    later.update(auto_migrate_to_this_phase=True)
    assert migration.migrate_due() == 0
    begin_second(competition)
    later.update(auto_migrate_to_this_phase=False)
    assert migration.migrate_due() == 0


def test_a_first_phase_or_one_without_a_task_does_not_keep_others_from_migrating(
    make_competition: Make, pat: User, worker: WorkerDouble
) -> None:
    empty, good = make_competition(phases=2), make_competition(phases=2)
    Phase.objects.filter(competition=empty, index=0).update(auto_migrate_to_this_phase=True)
    for competition in (empty, good):
        submit(pat, competition)
    worker.work_off(accuracy=0.5)
    begin_second(empty).phase_tasks.all().delete()
    begin_second(good)
    assert migration.migrate_due() == 1
    background()
    assert Submission.objects.filter(phase__competition=good, phase__index=1).count() == 1


def test_an_organizer_migrates_by_hand_each_entry_once(
    make_competition: Make, olivia: User, pat: User, sam: User, worker: WorkerDouble, client_of: Client
) -> None:
    competition = make_competition(phases=2)
    people = crowd(competition, 2)
    submit(people[0], competition)
    worker.work_off(accuracy=0.5)
    submit(people[1], competition)
    address = f"/api/phases/{phase_of(competition).pk}/manually_migrate/"
    for user in (sam, pat):
        answer = client_of(user).post(address)
        assert answer.status_code == 403
        assert answer.json()["detail"] == "You do not have administrative permissions for this competition"
    second = Phase.objects.get(competition=competition, index=1)

    def migrated() -> list[User]:
        answer = client_of(olivia).post(address)
        assert (answer.status_code, answer.json()) == (200, {})
        background()
        return [submission.owner for submission in Submission.objects.filter(phase=second).order_by("pk")]

    assert migrated() == [people[0]], "without waiting for what is under way"
    assert migrated() == [people[0]]
    assert not Phase.objects.get(pk=second.pk).has_been_migrated
    worker.work_off(accuracy=0.5)
    assert migrated() == people
    assert Phase.objects.get(pk=second.pk).has_been_migrated
    last = client_of(olivia).post(f"/api/phases/{second.pk}/manually_migrate/")
    assert (last.status_code, last.json()["code"]) == (400, "last_phase")
