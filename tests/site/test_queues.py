"""Queues as organizers use them: who may what, and what becomes of the runs that wait when a queue changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from podium.protocol import Beat, Claim, Phase
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services.queueing import choose_queue
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import services
from podium.site.evaluation.models import Attempt, CompetitionLane, ParticipantLane, Run
from podium.site.evaluation.services import moving, reruns
from podium.site.evaluation.services.attempts import Drained, TokenRevoked
from podium.site.queues import policies
from podium.site.queues.models import Queue, QueueToken, Worker
from podium.site.queues.services import create_token, drain, ensure_default_queue, revoke_token, token_of, undrain
from podium.site.queues.services.lifecycle import create_queue, delete_queue, update_queue
from podium.site.queues.services.tokens import PREFIX, kept_token_file, rotate_token
from tests.factories import CODE, UserFactory
from tests.site.acting import WorkerDouble, fresh, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Competition]


@pytest.fixture
def lab(queue: Queue, olivia: User) -> Queue:
    """A private queue of olivia's."""
    return create_queue(user=olivia, name="lab")


def where(competition: Competition) -> set[str]:
    """Names of the queues in which runs of the competition wait."""
    return set(Run.objects.filter(lane__competition=competition, state="queued").values_list("queue__name", flat=True))


def again(competition: Competition) -> Competition:
    return Competition.objects.select_related("queue").get(pk=competition.pk)


# Who may what


def test_a_queue_belongs_to_its_maker_and_is_private(lab: Queue, olivia: User, sam: User, ada: User) -> None:
    assert (lab.owner, lab.is_public, lab.is_default) == (olivia, False, False)
    assert policies.visible_to(olivia).filter(pk=lab.pk).exists()
    assert policies.visible_to(ada).filter(pk=lab.pk).exists()
    assert not policies.visible_to(sam).filter(pk=lab.pk).exists()


def test_an_organizer_operates_a_queue_and_does_not_change_it(lab: Queue, olivia: User, sam: User) -> None:
    update_queue(queue=lab, by=olivia, organizers=[sam])
    assert policies.visible_to(sam).filter(pk=lab.pk).exists()
    create_token(queue=lab, by=sam, name="gpu machine")
    with pytest.raises(Forbidden, match="not yours"):
        update_queue(queue=lab, by=sam, name="mine now")
    with pytest.raises(Forbidden, match="not yours"):
        delete_queue(queue=lab, by=sam)


def test_a_stranger_does_not_operate_a_public_queue(lab: Queue, olivia: User, sam: User) -> None:
    update_queue(queue=lab, by=olivia, is_public=True)
    assert policies.visible_to(sam).filter(pk=lab.pk).exists()
    with pytest.raises(Forbidden):
        create_token(queue=lab, by=sam, name="t")
    token, _ = create_token(queue=lab, by=olivia, name="t")
    for change in (revoke_token, rotate_token):
        with pytest.raises(Forbidden):
            change(token=token, by=sam)


def test_nobody_owns_more_queues_than_allowed_and_a_deleted_one_is_not_counted(olivia: User, ada: User) -> None:
    made = [create_queue(user=olivia, name=f"q{n}") for n in range(5)]
    with pytest.raises(Forbidden, match="User has reached queue limit!"):
        create_queue(user=olivia, name="one too many")
    delete_queue_of = made[0]
    ensure_default_queue()
    delete_queue(queue=delete_queue_of, by=olivia)
    create_queue(user=olivia, name="in its place")
    for n in range(6):
        create_queue(user=ada, name=f"a{n}")


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "two\nlines", "nul\0"])
def test_a_name_that_cannot_be_shown_is_refused(name: str, lab: Queue, olivia: User) -> None:
    with pytest.raises(Refused):
        create_queue(user=olivia, name=name)
    with pytest.raises(Refused):
        update_queue(queue=lab, by=olivia, name=name)
    with pytest.raises(Refused):
        create_token(queue=lab, by=olivia, name=name)


def test_the_default_queue_stays_and_stays_public(queue: Queue, ada: User) -> None:
    with pytest.raises(Refused):
        delete_queue(queue=queue, by=ada)
    with pytest.raises(Refused):
        update_queue(queue=queue, by=ada, is_public=False)


def test_a_closed_account_does_not_become_an_organizer(lab: Queue, olivia: User) -> None:
    gone = UserFactory(is_active=False)
    with pytest.raises(Refused, match="closed"):
        update_queue(queue=lab, by=olivia, organizers=[gone])


# Competitions and the runs that wait


def test_what_waits_follows_its_competition_to_another_queue_in_its_order(
    make_competition: Make, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    competition = make_competition()
    running = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    waiting = [submit(pat, competition) for _ in range(3)]
    assert choose_queue(competition=competition, queue=lab, by=olivia) == 3
    assert where(competition) == {"lab"}
    assert {fresh(one).queue_id for one in waiting} == {lab.pk}
    assert worker.claim() is None
    worker.finish(job, scores(accuracy=0.5))
    assert fresh(running).status == "Finished", "what was claimed is finished where it runs"
    there = WorkerDouble(lab)
    order = []
    while (job := there.claim()) is not None:
        order.append(Run.objects.get(pk=job.run).submission_id)
        there.finish(job, scores(accuracy=0.5))
    assert order == [one.pk for one in waiting]
    assert not CompetitionLane.objects.filter(queue=queue, waiting=True).exists(), "no mark is left behind"
    assert not ParticipantLane.objects.filter(queue=queue, waiting=True).exists()


def test_the_scoring_of_what_was_begun_waits_in_the_new_queue(
    make_competition: Make, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    competition = make_competition()
    submission = submit(pat, competition, CODE)
    worker = WorkerDouble(queue)
    job = worker.job()
    choose_queue(competition=competition, queue=lab, by=olivia)
    worker.finish(job)
    assert where(competition) == {"lab"}
    assert fresh(submission).queue_id == lab.pk
    assert WorkerDouble(lab).work_off(accuracy=0.5) == 1
    assert fresh(submission).status == "Finished"


def test_a_lost_attempt_is_tried_again_where_its_competition_waits_now(
    competition: Competition, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    choose_queue(competition=competition, queue=lab, by=olivia)
    submission = submit(pat, competition)
    WorkerDouble(lab).job()
    delete_queue(queue=lab, by=olivia)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.sweep() == 1
    assert where(competition) == {"default"}
    assert WorkerDouble(queue).work_off(accuracy=0.5) == 1
    assert fresh(submission).status == "Finished"


def test_a_held_submission_is_queued_where_its_competition_waits_when_it_is_started(
    make_competition: Make, lab: Queue, olivia: User, pat: User
) -> None:
    competition = make_competition(auto_run_submissions=False)
    submission = submit(pat, competition)
    choose_queue(competition=competition, queue=lab, by=olivia)
    services.start_held(submission=fresh(submission), by=olivia)
    assert where(competition) == {"lab"}


def test_deleting_a_queue_sends_its_competitions_and_what_waits_to_the_default_queue(
    make_competition: Make, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    competitions = [make_competition() for _ in range(2)]
    for competition in competitions:
        choose_queue(competition=competition, queue=lab, by=olivia)
    submissions = [submit(pat, competition) for competition in competitions for _ in range(2)]
    _, secret = create_token(queue=lab, by=olivia, name="t")
    running = WorkerDouble(lab).job()
    delete_queue(queue=lab, by=olivia)
    assert [again(one).queue for one in competitions] == [None, None]
    assert {name for one in competitions for name in where(one)} == {"default"}
    assert token_of(secret) is None
    assert not policies.visible_to(olivia).filter(pk=lab.pk).exists()
    WorkerDouble(lab).finish(running, scores(accuracy=0.5))
    assert WorkerDouble(queue).work_off(accuracy=0.5) == 3
    assert {fresh(one).status for one in submissions} == {"Finished"}
    with pytest.raises(Forbidden):
        delete_queue(queue=lab, by=olivia)


def test_a_queue_made_private_keeps_its_peoples_competitions_and_sends_the_others_away(
    make_competition: Make, lab: Queue, olivia: User, sam: User, pat: User
) -> None:
    cleo = UserFactory(username="cleo")
    update_queue(queue=lab, by=olivia, is_public=True, organizers=[sam])
    own, organized, foreign, shared = (make_competition() for _ in range(4))
    Competition.objects.filter(pk=organized.pk).update(created_by=sam)
    Competition.objects.filter(pk__in=[foreign.pk, shared.pk]).update(created_by=cleo)
    shared.collaborators.add(sam)
    for competition in (own, organized, foreign, shared):
        Competition.objects.filter(pk=competition.pk).update(queue=lab)
    submission = submit(pat, again(foreign))
    stays = submit(pat, again(own))
    update_queue(queue=lab, by=olivia, is_public=False)
    assert [again(one).queue for one in (own, organized, foreign, shared)] == [lab, lab, None, lab]
    assert (where(foreign), where(own)) == ({"default"}, {"lab"})
    assert (fresh(submission).status, fresh(stays).status) == ("Submitted", "Submitted")
    update_queue(queue=lab, by=olivia, organizers=[])
    assert [again(one).queue for one in (own, organized, shared)] == [lab, None, None]


def test_taking_an_organizer_out_of_a_public_queue_sends_nobody_away(
    competition: Competition, lab: Queue, olivia: User, sam: User
) -> None:
    update_queue(queue=lab, by=olivia, is_public=True, organizers=[sam])
    Competition.objects.filter(pk=competition.pk).update(created_by=sam, queue=lab)
    update_queue(queue=lab, by=olivia, organizers=[])
    assert again(competition).queue == lab


def test_a_competition_cannot_choose_a_queue_that_its_organizer_may_not_use(
    competition: Competition, olivia: User, sam: User, pat: User, ada: User
) -> None:
    closed = create_queue(user=sam, name="sam's")
    with pytest.raises(Refused, match="You do not have access"):
        choose_queue(competition=competition, queue=closed, by=olivia)
    with pytest.raises(Forbidden):
        choose_queue(competition=competition, queue=None, by=pat)
    assert again(competition).queue is None
    choose_queue(competition=competition, queue=closed, by=ada)
    choose_queue(competition=again(competition), queue=closed, by=olivia)
    assert again(competition).queue == closed, "the present queue is never refused"
    delete_queue(queue=closed, by=sam)
    with pytest.raises(Refused, match="You do not have access"):
        choose_queue(competition=again(competition), queue=closed, by=ada)


def test_the_default_queue_chosen_by_name_is_no_queue_of_its_own(
    competition: Competition, lab: Queue, queue: Queue, olivia: User
) -> None:
    choose_queue(competition=competition, queue=lab, by=olivia)
    choose_queue(competition=again(competition), queue=queue, by=olivia)
    assert again(competition).queue is None


def test_a_run_that_was_queued_by_a_transaction_that_saw_the_old_queue_is_found_by_the_sweeper(
    competition: Competition, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    submission = submit(pat, competition)
    Competition.objects.filter(pk=competition.pk).update(queue=lab)  # as if the run had been queued after the move
    assert where(competition) == {"default"}
    assert moving.follow_all() == 1
    assert where(competition) == {"lab"}
    assert fresh(submission).queue_id == lab.pk
    assert moving.follow_all() == 0
    assert not CompetitionLane.objects.filter(queue=queue, waiting=True).exists(), "nor is it looked at again"


def test_a_bulk_rerun_stays_behind_everything_else_when_it_moves(
    competition: Competition, lab: Queue, queue: Queue, olivia: User, pat: User
) -> None:
    done = submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    (late,) = reruns.rerun_many(found=[fresh(done)], by=olivia)
    first = submit(pat, competition)
    choose_queue(competition=competition, queue=lab, by=olivia)
    served = [Run.objects.get(pk=WorkerDouble(lab).job().run).submission_id for _ in range(2)]
    assert served == [first.pk, late.pk]


# Tokens


def test_a_token_is_kept_as_a_hash_and_told_once(lab: Queue, olivia: User) -> None:
    token, secret = create_token(queue=lab, by=olivia, name=" gpu machine ")
    assert secret.startswith(PREFIX)
    assert (token.name, token.created_by, token.last_used_when) == ("gpu machine", olivia, None)
    assert not [value for value in QueueToken.objects.values().get(pk=token.pk).values() if value == secret]
    found = token_of(secret)
    assert found is not None
    assert found.queue == lab
    assert QueueToken.objects.get(pk=token.pk).last_used_when is not None


def test_a_revoked_token_is_refused_also_to_a_claim_that_waits_already_and_what_runs_goes_on(
    competition: Competition, queue: Queue, ada: User, pat: User
) -> None:
    token, _ = create_token(queue=queue, by=ada, name="t")
    submission = submit(pat, competition)
    claim = Claim(worker="w", wait=0)
    claimed = services.claim_run(queue=queue, claim=claim, token_id=token.pk)
    assert claimed is not None
    submit(pat, competition)
    revoke_token(token=token, by=ada)
    with pytest.raises(TokenRevoked):
        services.claim_run(queue=queue, claim=claim, token_id=token.pk)
    attempt, secret, _ = claimed
    assert services.beat(attempt_id=attempt.pk, token=secret, message=Beat(phase=Phase.RUNNING)).cancel is False
    assert fresh(submission).status == "Scoring"
    with pytest.raises(Refused, match="already"):
        revoke_token(token=token, by=ada)
    with pytest.raises(Refused, match="already"):
        rotate_token(token=token, by=ada)


def test_rotating_puts_a_new_secret_in_the_old_ones_place(lab: Queue, olivia: User) -> None:
    token, old = create_token(queue=lab, by=olivia, name="gpu machine")
    made, new = rotate_token(token=token, by=olivia)
    assert token_of(old) is None
    found = token_of(new)
    assert found is not None
    assert (found.pk, found.name) == (made.pk, "gpu machine")


def test_the_kept_token_of_the_default_queue_works_and_is_made_anew_when_it_was_revoked(
    queue: Queue, ada: User
) -> None:
    first = kept_token_file().read_text()
    token = token_of(first)
    assert token is not None
    assert token.queue == queue
    revoke_token(token=token, by=ada)
    assert not kept_token_file().exists(), "so that the next start makes another"
    ensure_default_queue()
    second = kept_token_file().read_text()
    assert second != first
    assert token_of(second) is not None
    assert token_of(first) is None
    kept_token_file().write_text(first)  # a copy of the folder that was made before
    ensure_default_queue()
    assert token_of(kept_token_file().read_text()) is not None
    assert token_of(first) is None, "what was revoked stays revoked"


# Workers


def test_a_drained_worker_gets_nothing_and_the_others_do(
    competition: Competition, queue: Queue, ada: User, pat: User
) -> None:
    submit(pat, competition)
    submission = submit(pat, competition)
    busy, other = WorkerDouble(queue, "busy"), WorkerDouble(queue, "other")
    job = busy.job()
    drain(worker=Worker.objects.get(name="busy"), by=ada)
    with pytest.raises(Drained):
        busy.claim()
    busy.finish(job, scores(accuracy=0.5))
    other.job()
    assert fresh(submission).status == "Preparing"
    submit(pat, competition)
    undrain(worker=Worker.objects.get(name="busy"), by=ada)
    busy.job()


def test_only_who_operates_the_queue_drains_its_workers(queue: Queue, sam: User) -> None:
    worker = Worker.objects.create(queue=queue, name="w")
    with pytest.raises(Forbidden):
        drain(worker=worker, by=sam)
    worker.refresh_from_db()
    assert worker.drained_when is None
