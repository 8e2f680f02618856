"""Work on a whole phase: asked for at once, done in the background in pieces, resumed or failed with a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services import migration
from podium.site.errors import Forbidden
from podium.site.evaluation.models import PhaseWork, Submission
from podium.site.evaluation.services import phase_work, reruns
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, background, phase_of, submit

ApiClient = Callable[[User | None], APIClient]
COUNT = 4


class Killed(BaseException):
    """The end of a process, which no handler of the work sees."""


@pytest.fixture
def phase(competition: Competition, pat: User, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Phase:
    """A phase with four finished submissions, of which two are done in one piece."""
    monkeypatch.setattr(phase_work, "PIECE", 2)
    for _ in range(COUNT):
        submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    return phase_of(competition)


def made(phase: Phase) -> list[int]:
    """The originals of the reruns in a phase."""
    rows = Submission.objects.filter(phase=phase, original__isnull=False).order_by("original")
    return list(rows.values_list("original", flat=True))


def die_in_piece(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Kill the process that works in its nth piece, after what the piece does and before its commit."""
    pieces, change = 0, phase_work._change

    def dying(work: PhaseWork, **values: object) -> None:
        nonlocal pieces
        if "cursor" in values:
            pieces += 1
            if pieces == number:
                raise Killed
        change(work, **values)

    monkeypatch.setattr(phase_work, "_change", dying)


def silence() -> None:
    """Let the sign of life of every work be overdue."""
    PhaseWork.objects.update(alive_until=timezone.now() - timedelta(seconds=1))


def test_asking_answers_with_the_number_and_does_nothing_yet(phase: Phase, olivia: User) -> None:
    assert reruns.rerun_phase(phase=phase, by=olivia) == COUNT
    assert made(phase) == []
    (work,) = PhaseWork.objects.all()
    assert (work.state, work.done, work.total, work.created_by) == ("waiting", 0, COUNT, olivia)
    assert background() == 1
    work.refresh_from_db()
    assert (work.state, work.done, work.finished_when is not None) == ("finished", COUNT, True)
    assert len(made(phase)) == COUNT


def test_who_may_not_rerun_leaves_no_work_behind(phase: Phase, pat: User) -> None:
    with pytest.raises(Forbidden):
        reruns.rerun_phase(phase=phase, by=pat)
    assert not PhaseWork.objects.exists()


def test_what_is_submitted_after_the_asking_is_not_rerun(phase: Phase, olivia: User, pat: User, queue: Queue) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    late = submit(pat, phase)
    WorkerDouble(queue).work_off(accuracy=0.5)
    background()
    assert len(made(phase)) == COUNT
    assert late.pk not in made(phase)


def test_a_work_whose_site_worker_dies_goes_on_where_it_was_and_makes_nothing_twice(
    phase: Phase, olivia: User, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    with monkeypatch.context() as patch:
        die_in_piece(patch, 2)
        with pytest.raises(Killed):
            phase_work.run(work_id=PhaseWork.objects.get().pk)
    assert len(made(phase)) == 2, "the second piece was rolled back"
    assert PhaseWork.objects.get().done == 2
    WorkerDouble(queue).work_off(accuracy=0.5)  # so that those two could be rerun again
    assert phase_work.recover() == 0, "it has still time to show a sign of life"
    silence()
    assert phase_work.recover() == 1
    background()
    work = PhaseWork.objects.get()
    assert (work.state, work.done, work.attempt) == ("finished", COUNT, 2)
    assert len(made(phase)) == len(set(made(phase))) == COUNT


def test_a_work_that_kills_every_site_worker_fails_with_a_reason_and_can_be_asked_for_again(
    phase: Phase, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    with monkeypatch.context() as patch:
        die_in_piece(patch, 1)
        for _ in range(phase_work.MAX_ATTEMPTS):
            with pytest.raises(Killed):
                phase_work.run(work_id=PhaseWork.objects.get().pk)
            silence()
            assert phase_work.recover() == 1
            die_in_piece(patch, 1)
    work = PhaseWork.objects.get()
    assert work.state == "failed"
    assert "interrupted 3 times. 0 of 4 submissions" in work.details
    assert made(phase) == []
    assert reruns.rerun_phase(phase=phase, by=olivia) == COUNT


def test_of_two_site_workers_with_the_same_work_one_does_it(phase: Phase, olivia: User) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    work = PhaseWork.objects.get()
    slow = phase_work._claim(work.pk)
    assert slow is not None
    assert phase_work._claim(work.pk) is None, "it is claimed"
    silence()
    phase_work.run(work_id=work.pk)
    with pytest.raises(phase_work.Superseded):
        phase_work._piece(slow) or phase_work._change(slow, done=0)
    assert len(made(phase)) == COUNT


def test_a_work_whose_task_was_lost_before_it_was_claimed_is_queued_again(phase: Phase, olivia: User) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    PhaseWork.objects.update(created_when=timezone.now() - timedelta(hours=1))
    assert phase_work.recover() == 0, "its task waits"
    DBTaskResult.objects.update(status="RUNNING")
    assert phase_work.recover() == 1
    background()
    assert len(made(phase)) == COUNT


def test_a_migration_that_failed_is_told_and_not_tried_again_by_itself(
    make_competition: Callable[..., Competition], pat: User, olivia: User, queue: Queue
) -> None:
    competition = make_competition(phases=2)
    submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    second = Phase.objects.get(competition=competition, index=1)
    Phase.objects.filter(pk=second.pk).update(
        start=timezone.now() - timedelta(minutes=1), auto_migrate_to_this_phase=True
    )
    assert migration.migrate_due() == 1
    second.phase_tasks.all().delete()
    background()
    work = PhaseWork.objects.get()
    assert (work.state, "has no task yet" in work.details) == ("failed", True)
    assert migration.migrate_due() == 0
    assert not Submission.objects.filter(is_migrated=True).exists()


def test_organizers_see_how_far_it_is_on_the_page_and_by_the_api(
    phase: Phase, olivia: User, pat: User, client_of: ApiClient, client: Client
) -> None:
    reruns.rerun_phase(phase=phase, by=olivia)
    path = f"/api/phases/{phase.pk}/works/"
    (seen,) = client_of(olivia).get(path).json()
    assert (seen["kind"], seen["state"], seen["done"], seen["total"]) == ("rerun", "waiting", 0, COUNT)
    assert client_of(pat).get(path).status_code == 403
    client.force_login(olivia, backend="podium.site.accounts.backends.NameOrEmailBackend")
    page = f"/competitions/{phase.competition_id}/submissions/all/"
    assert "0 of 4" in client.get(page).content.decode()
    background()
    assert "4 done" in client.get(page).content.decode()
