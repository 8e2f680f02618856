"""What each address that changes something leaves in the history: the table that `test_audit_table.py` carries out.

Every route of the access table with another method than GET, and every one whose GET changes something, is either in
`RECORDED`, with the action that it leaves and a request that an organizer or administrator really makes, or in
`NOT_RECORDED`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from podium.site.accounts.models import Membership
from podium.site.audit.actions import Action
from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.competitions.services import deleting
from podium.site.evaluation.managing import settable
from podium.site.evaluation.models import Submission
from podium.site.forums.models import Post, Thread
from podium.site.leaderboards.models import Entry
from podium.site.queues.models import QueueToken
from podium.site.resources.parts import parts
from podium.site.resources.uploads import begin
from tests.factories import SCORER, dataset, task, zip_of
from tests.site.acting import submit, uploaded
from tests.site.test_editor import payload

if TYPE_CHECKING:
    from tests.site.access_worlds import World

Prepare = Callable[["World"], Any]


@dataclass(frozen=True)
class Row:
    """A request that changes something, and what it leaves.

    body: what is sent, made in the world. prepare: what has to be so before; where it answers with an address, that is
    asked. role: who does it.
    """

    action: Action
    body: Callable[[World], Any] = lambda world: {}
    prepare: Prepare = lambda world: None
    role: str = "olivia"
    token: bool = False


def _zip(name: str = "program.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zip_of(SCORER), content_type="application/zip")


def _task_zip() -> SimpleUploadedFile:
    source = "name: T\ndescription: D\nscoring_program:\n  zip: scorer.zip\n"
    return SimpleUploadedFile("task.zip", zip_of({"task.yaml": source, "scorer.zip": zip_of(SCORER)}))


def _new_competition(world: World) -> dict[str, Any]:
    made = task(world.competition.created_by)
    column = {"column_title": "Score", "column_key": "score", "sorting": "desc"}
    first = {"phase": "First", "start": "2030-01-01T00:00", "task": str(made.key)}
    return {"title": "By forms", "competition_type": "competition", **first, **column}


def _phase(world: World) -> dict[str, Any]:
    phase = world.competition.phases.get()
    rows = {"tasks-TOTAL_FORMS": 1, "tasks-INITIAL_FORMS": 1, "tasks-0-key": str(phase.phase_tasks.get().task.key)}
    return {"name": "Another name", "start": "2020-01-01T00:00", "leaderboard": phase.leaderboard_id, **rows}


def _board(world: World) -> dict[str, Any]:
    board = world.competition.leaderboards.get()
    column = board.columns.order_by("index")[0]
    facts = {"title": "Another title", "key": board.key, "submission_rule": board.submission_rule}
    rows = {"columns-TOTAL_FORMS": 1, "columns-INITIAL_FORMS": 0}
    own = {"id": column.pk, "key": column.key, "title": column.title, "sorting": column.sorting}
    return {**facts, **rows, **{f"columns-0-{name}": value for name, value in own.items()}}


def _no_thread(world: World) -> None:
    Thread.objects.update(deleted_date=timezone.now())


def _no_post(world: World) -> None:
    Post.objects.update(deleted_date=timezone.now())


def _running(world: World) -> None:
    Submission.objects.filter(pk=world.submission.pk).update(status="Running")


def _cancelled_in_its_place(world: World) -> str:
    return f"/submissions/{submit(_pat(world), world.competition).pk}/cancel/"


def _pat(world: World) -> Any:
    return world.people["pat"]


def _olivia(world: World) -> Any:
    return world.people["olivia"]


def _new(world: World) -> Submission:
    return submit(_pat(world), world.competition)


def _held(world: World) -> Submission:
    Competition.objects.filter(pk=world.competition.pk).update(auto_run_submissions=False)
    return submit(
        _pat(world), Phase.objects.select_related("competition", "leaderboard").get(competition=world.competition)
    )


def _two_phases(world: World) -> Phase:
    first = world.competition.phases.get()
    second = Phase.objects.create(
        competition=world.competition,
        index=1,
        name="Second",
        start=first.end or timezone.now() + timedelta(days=9999),
        leaderboard=first.leaderboard,
    )
    second.phase_tasks.create(task=first.phase_tasks.get().task)
    return second


def _unpublished(world: World) -> None:
    Competition.objects.filter(pk=world.competition.pk).update(published=False)


def _pat_is_approved(world: World, path: str) -> str:
    return path.format(Participant.objects.get(competition=world.competition, user=_pat(world)).pk)


def _member(world: World) -> Membership:
    return world.organization.memberships.get(user__username="pat")


def _own_task(world: World) -> int:
    return task(_olivia(world), "Spare").pk


def _no_key(world: World) -> str:
    token: QueueToken = world.lab.tokens.get()
    return f"/api/queues/{world.lab.pk}/tokens/{token.pk}/"


def _deleted(world: World) -> None:
    deleting.delete_competition(competition=world.competition, by=_olivia(world))


def _off_board(world: World) -> None:
    world.competition.leaderboards.update(submission_rule="Add_And_Delete")
    Entry.objects.filter(submission=world.submission).delete()


def _on_board(world: World) -> None:
    world.competition.leaderboards.update(submission_rule="Add_And_Delete")


def _hidden_limits(world: World) -> None:
    Phase.objects.filter(competition=world.competition).update(agreed_limits={"seconds": 1})


def _arrived(world: World) -> str:
    return f"/api/datasets/completed/{uploaded(_olivia(world), zip_of(SCORER), type='scoring_program').key}/"


def _all_parts(world: World) -> str:
    content = zip_of(SCORER)
    session = begin(user=_olivia(world), type="scoring_program", file_name="a.zip", size=len(content))
    part = parts().receive(str(session.dataset.key), 1)
    part.write(content)
    part.commit(size=len(content), sha256=sha256(content).hexdigest())
    return f"/api/uploads/{session.dataset.key}/complete/"


_VALUES = {"note": "The scorer was wrong", "tries": 2}

RECORDED: dict[tuple[str, str], Row] = {
    # competitions
    ("POST", "api/competitions/"): Row(Action.COMPETITION_CREATED, lambda w: payload(_olivia(w))),
    ("PATCH", "api/competitions/<pk>/"): Row(Action.COMPETITION_EDITED, lambda w: {"title": "Other"}),
    ("PUT", "api/competitions/<pk>/"): Row(Action.COMPETITION_EDITED, lambda w: {"reward": "A cup"}, role="ada"),
    ("DELETE", "api/competitions/<pk>/"): Row(Action.COMPETITION_DELETED),
    ("POST", "competitions/<pk>/delete/"): Row(Action.COMPETITION_DELETED, lambda w: {"title": w.competition.title}),
    ("POST", "competitions/<pk>/restore/"): Row(Action.COMPETITION_RESTORED, prepare=_deleted),
    ("POST", "competitions/<pk>/publish/"): Row(
        Action.COMPETITION_PUBLISHED, lambda w: {"published": "yes"}, _unpublished
    ),
    ("POST", "api/competitions/<pk>/toggle_publish/"): Row(Action.COMPETITION_UNPUBLISHED, role="colin"),
    ("POST", "api/competitions/<pk>/rotate_secret/"): Row(Action.COMPETITION_SECRET),
    ("POST", "competitions/<pk>/access/"): Row(Action.COMPETITION_SECRET, role="colin"),
    ("POST", "competitions/<pk>/queue/"): Row(Action.COMPETITION_QUEUE, lambda w: {"queue": ""}),
    ("POST", "api/competitions/<pk>/create_dump/"): Row(Action.COMPETITION_DUMPED),
    ("POST", "competitions/<pk>/dumps/"): Row(Action.COMPETITION_DUMPED),
    ("POST", "competitions/<pk>/copy/"): Row(Action.COMPETITION_COPIED),
    ("POST", "api/competitions/<pk>/create_archive/"): Row(Action.COMPETITION_ARCHIVED),
    ("POST", "competitions/<pk>/archives/"): Row(Action.COMPETITION_ARCHIVED, role="ada"),
    ("POST", "api/competitions/<pk>/email_all_participants/"): Row(Action.MESSAGE_SENT, lambda w: {"message": "Hello"}),
    ("POST", "api/participants/<pk>/send_email/"): Row(Action.MESSAGE_SENT, lambda w: {"message": "Hello"}),
    ("POST", "competitions/<pk>/message/"): Row(Action.MESSAGE_SENT, lambda w: {"message": "Hello", "send": "yes"}),
    # participants
    ("PATCH", "api/participants/<pk>/"): Row(Action.PARTICIPANT_DECIDED, lambda w: {"status": "approved"}),
    ("POST", "competitions/<pk>/participants/selected/"): Row(
        Action.PARTICIPANT_DECIDED,
        lambda w: {"status": "denied", "participant": w.competition.participants.get(user=_pat(w)).pk},
    ),
    ("POST", "competitions/<pk>/participants/<participant_id>/"): Row(
        Action.PARTICIPANT_DECIDED, lambda w: {"status": "denied"}
    ),
    ("POST", "api/participants/<pk>/credit_tries/"): Row(
        Action.PARTICIPANT_TRIES,
        lambda w: {**_VALUES, "phase": w.competition.phases.get().pk},
        lambda w: _pat_is_approved(w, "/api/participants/{}/credit_tries/"),
    ),
    ("POST", "competitions/<pk>/participants/<participant_id>/tries/"): Row(
        Action.PARTICIPANT_TRIES,
        lambda w: {**_VALUES, "phase": w.competition.phases.get().pk},
        lambda w: _pat_is_approved(w, f"/competitions/{w.competition.pk}/participants/{{}}/tries/"),
    ),
    # phases
    ("POST", "api/phases/"): Row(
        Action.COMPETITION_EDITED,
        lambda w: {
            "name": "More",
            "start": "2097-01-01T00:00:00Z",
            "leaderboard": w.competition.leaderboards.get().pk,
            "tasks": [str(w.competition.phases.get().phase_tasks.get().task.key)],
        },
        lambda w: w.competition.phases.update(end="2096-01-01T00:00:00Z") and None,
    ),
    ("PATCH", "api/phases/<pk>/"): Row(Action.COMPETITION_EDITED, lambda w: {"max_submissions_per_day": 77}),
    ("PUT", "api/phases/<pk>/"): Row(Action.COMPETITION_EDITED, lambda w: {"description": "Other"}),
    ("DELETE", "api/phases/<pk>/"): Row(
        Action.COMPETITION_EDITED, prepare=lambda w: f"/api/phases/{_two_phases(w).pk}/"
    ),
    ("POST", "api/phases/<pk>/rerun_submissions/"): Row(Action.PHASE_RERUN),
    ("GET", "api/phases/<pk>/rerun_submissions/"): Row(Action.PHASE_RERUN, token=True),
    ("POST", "competitions/<pk>/phases/<phase_id>/rerun/"): Row(Action.PHASE_RERUN),
    ("POST", "api/phases/<pk>/manually_migrate/"): Row(
        Action.PHASE_MIGRATED, prepare=lambda w: _two_phases(w) and None
    ),
    ("POST", "competitions/<pk>/phases/<phase_id>/migrate/"): Row(
        Action.PHASE_MIGRATED, prepare=lambda w: _two_phases(w) and None
    ),
    ("POST", "api/phases/<pk>/settle_limits/"): Row(Action.PHASE_LIMITS, prepare=_hidden_limits),
    ("POST", "competitions/<pk>/phases/<phase>/settle_limits/"): Row(Action.PHASE_LIMITS, prepare=_hidden_limits),
    # submissions
    ("POST", "competitions/<pk>/submissions/selected/"): Row(
        Action.SUBMISSION_RERUN, lambda w: {"do": "rerun", "submission": [w.submission.pk], "sure": "yes"}
    ),
    ("POST", "api/submissions/<pk>/re_run_submission/"): Row(Action.SUBMISSION_RERUN),
    ("POST", "api/submissions/re_run_many_submissions/"): Row(Action.SUBMISSION_RERUN, lambda w: [w.submission.pk]),
    ("POST", "submissions/<pk>/cancel/"): Row(Action.SUBMISSION_CANCELLED, prepare=_cancelled_in_its_place),
    ("POST", "api/submissions/<pk>/cancel_submission/"): Row(
        Action.SUBMISSION_CANCELLED, prepare=lambda w: f"/api/submissions/{_new(w).pk}/cancel_submission/"
    ),
    ("GET", "api/submissions/<pk>/cancel_submission/"): Row(
        Action.SUBMISSION_CANCELLED, prepare=lambda w: f"/api/submissions/{_new(w).pk}/cancel_submission/", token=True
    ),
    ("POST", "submissions/<pk>/start/"): Row(
        Action.SUBMISSION_STARTED, prepare=lambda w: f"/submissions/{_held(w).pk}/start/"
    ),
    ("POST", "api/submissions/<pk>/run_submission/"): Row(
        Action.SUBMISSION_STARTED, prepare=lambda w: f"/api/submissions/{_held(w).pk}/run_submission/"
    ),
    ("DELETE", "api/submissions/<pk>/"): Row(Action.SUBMISSION_DELETED),
    ("DELETE", "api/submissions/delete_many/"): Row(Action.SUBMISSION_DELETED, lambda w: [w.submission.pk]),
    ("POST", "submissions/<pk>/manage/"): Row(Action.SUBMISSION_RERUN, lambda w: {"do": "rerun"}),
    ("POST", "submissions/<pk>/delete/"): Row(Action.SUBMISSION_DELETED),
    ("POST", "submissions/<pk>/scores/"): Row(
        Action.SUBMISSION_SCORE, lambda w: {f"score-{one.pk}": "0.25" for one in settable(w.submission)}
    ),
    ("POST", "api/submissions/<pk>/toggle_public/"): Row(Action.SUBMISSION_SHOWN),
    ("GET", "api/submissions/<pk>/toggle_public/"): Row(Action.SUBMISSION_SHOWN, token=True),
    ("PATCH", "api/submissions/<pk>/update_fact_sheet/"): Row(
        Action.SUBMISSION_ANSWERS,
        lambda w: {"method": "trees"},
        lambda w: (
            Competition.objects.filter(pk=w.competition.pk).update(
                fact_sheet={
                    "method": {
                        "key": "method",
                        "title": "Method",
                        "type": "text",
                        "is_required": "false",
                        "is_on_leaderboard": "false",
                        "selection": "",
                    }
                }
            )
            and None
        ),
    ),
    ("PATCH", "api/submission_scores/<pk>/"): Row(Action.SUBMISSION_SCORE, lambda w: {"score": "0.25"}),
    ("POST", "api/submissions/<pk>/submission_leaderboard_connection/"): Row(
        Action.SUBMISSION_ON_BOARD, prepare=_off_board
    ),
    ("DELETE", "api/submissions/<pk>/submission_leaderboard_connection/"): Row(
        Action.SUBMISSION_OFF_BOARD, prepare=_on_board
    ),
    # tasks and datasets
    ("POST", "competitions/new/"): Row(Action.COMPETITION_CREATED, _new_competition),
    ("POST", "competitions/<pk>/edit/"): Row(
        Action.COMPETITION_EDITED, lambda w: {"title": "Another title", "competition_type": "benchmark"}
    ),
    ("POST", "competitions/<pk>/edit/participation/"): Row(Action.COMPETITION_EDITED, lambda w: {"terms": "Be kind."}),
    ("POST", "competitions/<pk>/edit/pages/new/"): Row(Action.COMPETITION_EDITED, lambda w: {"title": "Another page"}),
    ("POST", "competitions/<pk>/edit/pages/<page_id>/"): Row(
        Action.COMPETITION_EDITED, lambda w: {"title": "Another title", "content": "Text"}
    ),
    ("POST", "competitions/<pk>/edit/phases/new/"): Row(
        Action.COMPETITION_EDITED, lambda w: {**_phase(w), "start": "2097-01-01T00:00", "parallel": "on"}
    ),
    ("POST", "competitions/<pk>/edit/phases/<phase_id>/"): Row(Action.COMPETITION_EDITED, _phase),
    ("POST", "competitions/<pk>/edit/leaderboards/new/"): Row(
        Action.COMPETITION_EDITED, lambda w: {**_board(w), "key": "other", "columns-0-id": ""}
    ),
    ("POST", "competitions/<pk>/edit/leaderboards/<board_id>/"): Row(Action.LEADERBOARD_EDITED, _board),
    ("POST", "competitions/<pk>/edit/fact_sheet/"): Row(
        Action.COMPETITION_EDITED,
        lambda w: {
            "form-TOTAL_FORMS": 1,
            "form-INITIAL_FORMS": 0,
            "form-0-key": "other",
            "form-0-title": "Other",
            "form-0-type": "text",
        },
    ),
    ("POST", "competitions/<pk>/edit/administrators/"): Row(Action.COLLABORATOR_ADDED, lambda w: {"username": "sam"}),
    ("POST", "competitions/<pk>/forum/<thread_id>/announce/"): Row(Action.THREAD_MODERATED),
    ("POST", "competitions/<pk>/forum/<thread_id>/delete/"): Row(Action.THREAD_DELETED),
    ("POST", "competitions/<pk>/forum/<thread_id>/moderate/"): Row(
        Action.THREAD_RESTORED, lambda w: {"wish": "restore"}, prepare=_no_thread
    ),
    ("POST", "competitions/<pk>/forum/posts/<post_id>/delete/"): Row(Action.POST_DELETED),
    ("POST", "competitions/<pk>/forum/posts/<post_id>/moderate/"): Row(
        Action.POST_RESTORED, lambda w: {"wish": "restore"}, prepare=_no_post
    ),
    ("POST", "competitions/<pk>/tasks/<task_id>/"): Row(Action.TASK_EDITED, lambda w: {"scoring_program": _zip()}),
    ("POST", "api/tasks/"): Row(
        Action.TASK_CREATED,
        lambda w: {
            "name": "New",
            "scoring_program": str(dataset(_olivia(w), zip_of(SCORER), type="scoring_program").key),
        },
    ),
    ("PATCH", "api/tasks/<pk>/"): Row(Action.TASK_EDITED, lambda w: {"name": "Other"}),
    ("PUT", "api/tasks/<pk>/"): Row(
        Action.TASK_EDITED,
        lambda w: {
            "name": "Other",
            "scoring_program": str(dataset(_olivia(w), zip_of(SCORER), type="scoring_program").key),
        },
    ),
    ("DELETE", "api/tasks/<pk>/"): Row(Action.TASK_DELETED, prepare=lambda w: f"/api/tasks/{_own_task(w)}/"),
    ("POST", "api/tasks/delete_many/"): Row(Action.TASK_DELETED, lambda w: [_own_task(w)]),
    ("POST", "api/tasks/upload_task/"): Row(
        Action.TASK_CREATED,
        lambda w: {"file": _task_zip()},
    ),
    ("DELETE", "api/delete_unused_tasks/"): Row(Action.TASK_DELETED, prepare=lambda w: _own_task(w) and None),
    ("DELETE", "api/delete_unused_datasets/"): Row(
        Action.DATASET_DELETED, prepare=lambda w: dataset(_olivia(w), type="input_data") and None
    ),
    ("PUT", "api/datasets/completed/<key>/"): Row(Action.DATASET_ADDED, prepare=_arrived),
    ("POST", "api/uploads/<key>/complete/"): Row(Action.DATASET_ADDED, prepare=_all_parts),
    ("PATCH", "api/datasets/<pk>/"): Row(Action.DATASET_EDITED, lambda w: {"description": "Other"}),
    ("PUT", "api/datasets/<pk>/"): Row(
        Action.DATASET_EDITED,
        lambda w: {"type": "reference_data", "request_sassy_file_name": "a.zip", "name": "Other"},
        role="ada",
    ),
    ("DELETE", "api/datasets/<pk>/"): Row(Action.DATASET_DELETED),
    ("POST", "api/datasets/delete_many/"): Row(Action.DATASET_DELETED, lambda w: [w.dataset.pk]),
    ("POST", "resources/datasets/new/"): Row(
        Action.DATASET_ADDED, lambda w: {"name": "New", "type": "scoring_program", "file": _zip()}
    ),
    ("POST", "resources/datasets/<pk>/edit/"): Row(
        Action.DATASET_EDITED, lambda w: {"name": "Other", "type": "reference_data"}
    ),
    ("POST", "resources/datasets/<pk>/publish/"): Row(Action.DATASET_EDITED, lambda w: {"public": "no"}, role="ada"),
    ("POST", "resources/datasets/delete/"): Row(Action.DATASET_DELETED, lambda w: {"dataset": [w.dataset.pk]}),
    ("POST", "resources/tasks/new/"): Row(
        Action.TASK_CREATED,
        lambda w: {
            "name": "New",
            "scoring_program": str(dataset(_olivia(w), zip_of(SCORER), type="scoring_program").key),
        },
    ),
    ("POST", "resources/tasks/<pk>/edit/"): Row(
        Action.TASK_EDITED,
        lambda w: {
            "name": "Other",
            "scoring_program": str(dataset(_olivia(w), zip_of(SCORER), type="scoring_program").key),
        },
    ),
    ("POST", "resources/tasks/<pk>/share/"): Row(Action.TASK_SHARED, lambda w: {"people": "sam"}),
    ("POST", "resources/tasks/delete/"): Row(Action.TASK_DELETED, lambda w: {"task": [_own_task(w)]}),
    ("POST", "resources/tasks/upload/"): Row(Action.TASK_CREATED, lambda w: {"file": _task_zip()}),
    ("POST", "resources/space/<kind>/"): Row(Action.TASK_DELETED, prepare=lambda w: _own_task(w) and None),
    # queues
    ("POST", "queues/new/"): Row(Action.QUEUE_CREATED, lambda w: {"name": "mine"}),
    ("POST", "api/queues/"): Row(Action.QUEUE_CREATED, lambda w: {"name": "mine"}),
    ("POST", "queues/<pk>/edit/"): Row(
        Action.QUEUE_EDITED, lambda w: {"name": "other", "is_public": "on", "organizers": "colin"}
    ),
    ("PATCH", "api/queues/<pk>/"): Row(Action.QUEUE_EDITED, lambda w: {"name": "other"}, role="ada"),
    ("POST", "queues/<pk>/delete/"): Row(Action.QUEUE_DELETED),
    ("DELETE", "api/queues/<pk>/"): Row(Action.QUEUE_DELETED),
    ("POST", "queues/<pk>/"): Row(Action.QUEUE_TOKEN_CREATED, lambda w: {"name": "machine"}, role="colin"),
    ("POST", "api/queues/<pk>/tokens/"): Row(Action.QUEUE_TOKEN_CREATED, lambda w: {"name": "machine"}),
    ("POST", "api/queues/<pk>/tokens/<token_id>/rotate/"): Row(Action.QUEUE_TOKEN_ROTATED),
    ("DELETE", "api/queues/<pk>/tokens/<token_id>/"): Row(Action.QUEUE_TOKEN_REVOKED),
    ("POST", "queues/<pk>/tokens/<token_id>/<wish>/"): Row(Action.QUEUE_TOKEN_REVOKED),
    ("POST", "queues/<pk>/workers/<worker_id>/<wish>/"): Row(Action.WORKER_DRAINED),
    ("POST", "api/queues/<pk>/workers/<worker_id>/<wish>/"): Row(Action.WORKER_DRAINED),
    # webhooks
    ("POST", "competitions/<pk>/webhooks/"): Row(
        Action.WEBHOOK_CREATED, lambda w: {"url": "https://example.org/new", "events": ["phase.ended"]}
    ),
    ("POST", "api/competitions/<competition>/webhooks/"): Row(
        Action.WEBHOOK_CREATED, lambda w: {"url": "https://example.org/new", "events": ["phase.ended"]}
    ),
    ("POST", "competitions/<pk>/webhooks/<webhook_id>/"): Row(Action.WEBHOOK_EDITED, lambda w: {"wish": "disable"}),
    ("PATCH", "api/competitions/<competition>/webhooks/<pk>/"): Row(
        Action.WEBHOOK_EDITED, lambda w: {"url": "https://example.org/other"}
    ),
    ("DELETE", "api/competitions/<competition>/webhooks/<pk>/"): Row(Action.WEBHOOK_DELETED),
    ("POST", "api/competitions/<competition>/webhooks/<pk>/rotate_secret/"): Row(Action.WEBHOOK_SECRET),
    ("POST", "api/competitions/<competition>/webhooks/<pk>/ping/"): Row(Action.WEBHOOK_PINGED),
    ("POST", "api/competitions/<competition>/webhooks/<pk>/deliveries/<delivery>/redeliver/"): Row(
        Action.WEBHOOK_REDELIVERED
    ),
    # people
    ("PATCH", "api/users/<pk>/"): Row(Action.USER_EDITED, lambda w: {"title": "Dr."}, role="ada"),
    ("PUT", "api/users/<pk>/"): Row(Action.USER_EDITED, lambda w: {"email": "new@example.org"}, role="ada"),
    ("POST", "profiles/user/<username>/edit/"): Row(
        Action.USER_EDITED, lambda w: {"username": "olivia", "title": "Dr."}, role="ada"
    ),
    ("POST", "profiles/user/<username>/notifications/"): Row(Action.USER_EDITED, lambda w: {}, role="ada"),
    ("POST", "api/tokens/"): Row(Action.TOKEN_CREATED, lambda w: {"name": "script", "scope": "read"}),
    ("POST", "profiles/tokens/"): Row(
        Action.TOKEN_CREATED, lambda w: {"name": "script", "scope": "read", "days": "30"}
    ),
    ("DELETE", "api/tokens/<pk>/"): Row(Action.TOKEN_REVOKED),
    ("POST", "profiles/tokens/<pk>/revoke/"): Row(Action.TOKEN_REVOKED),
    # the storage
    ("DELETE", "api/analytics/delete_orphan_files/"): Row(Action.ORPHANS_DELETED, role="ada"),
    ("POST", "analytics/storage/orphans/"): Row(Action.ORPHANS_DELETED, role="ada"),
    # organizations
    ("POST", "api/organizations/"): Row(
        Action.ORGANIZATION_CREATED, lambda w: {"name": "New", "email": "new@example.org"}
    ),
    ("POST", "profiles/organization/create/"): Row(
        Action.ORGANIZATION_CREATED, lambda w: {"name": "New", "email": "new@example.org"}
    ),
    ("PATCH", "api/organizations/<pk>/"): Row(
        Action.ORGANIZATION_EDITED, lambda w: {"location": "Paris"}, role="colin"
    ),
    ("PUT", "api/organizations/<pk>/"): Row(
        Action.ORGANIZATION_EDITED, lambda w: {"name": "Labs", "email": "lab@example.org"}
    ),
    ("POST", "profiles/organization/<pk>/edit/"): Row(
        Action.ORGANIZATION_EDITED, lambda w: {"name": "Labs", "email": "lab@example.org"}
    ),
    ("POST", "api/organizations/<pk>/invite_users/"): Row(
        Action.MEMBER_INVITED, lambda w: {"users": [w.people["sam"].pk]}
    ),  # type: ignore[union-attr]
    ("POST", "profiles/organization/<pk>/invite/"): Row(Action.MEMBER_INVITED, lambda w: {"users": "sam"}),
    ("POST", "api/organizations/<pk>/update_member_group/"): Row(
        Action.MEMBER_CHANGED, lambda w: {"membership": _member(w).pk, "group": "PARTICIPANT"}
    ),
    ("POST", "profiles/organization/<pk>/members/<membership_id>/"): Row(
        Action.MEMBER_CHANGED, lambda w: {"group": "MANAGER"}
    ),
    ("DELETE", "api/organizations/<pk>/delete_member/"): Row(
        Action.MEMBER_REMOVED, lambda w: {"membership": _member(w).pk}
    ),
    ("DELETE", "api/organizations/<pk>/delete_organization/"): Row(Action.ORGANIZATION_DELETED),
    ("POST", "profiles/organization/<pk>/delete/"): Row(
        Action.ORGANIZATION_DELETED, lambda w: {"name": w.organization.name}
    ),
}

_OWN = "one's own deed as a participant"
_WRITTEN = "stands in the forum, with its author and whether it was changed"
_MADE_LATER = "nothing is there yet; it is recorded when the upload is complete"
NOT_RECORDED: dict[tuple[str, str], str] = {
    ("POST", "theme/"): "a cookie, nothing on the site",
    ("POST", "language/"): "how one reads the site oneself",
    ("POST", "analytics/storage/"): "has the site-worker look, changes nothing",
    ("POST", "competitions/<pk>/view_as/"): "changes nothing but what one is shown oneself",
    ("POST", "competitions/upload/"): "the competition is recorded when the site-worker has made it of the bundle",
    ("POST", "competitions/<pk>/register/"): _OWN,
    ("POST", "api/competitions/<pk>/register/"): _OWN,
    ("POST", "competitions/<pk>/submissions/"): _OWN,
    ("POST", "api/submissions/"): _OWN,
    ("POST", "api/submissions/upload/"): _OWN,
    ("DELETE", "api/submissions/<pk>/soft_delete/"): _OWN,
    ("DELETE", "api/delete_failed_submissions/"): _OWN,
    ("DELETE", "api/delete_unused_submissions/"): _OWN,
    ("POST", "competitions/<pk>/forum/new/"): _WRITTEN,
    ("POST", "competitions/<pk>/forum/<thread_id>/"): _WRITTEN,
    ("POST", "competitions/<pk>/forum/<thread_id>/follow/"): _OWN,
    ("POST", "competitions/<pk>/forum/posts/<post_id>/edit/"): _WRITTEN,
    ("POST", "competitions/<pk>/forum/posts/<post_id>/report/"): _OWN,
    ("POST", "competitions/<pk>/forum/preview/"): "reads",
    ("POST", "resources/submissions/"): _OWN,
    ("POST", "api/submissions/download_many/"): "reads",
    ("POST", "api/submissions/download_zip/"): "reads",
    ("DELETE", "api/delete_account/"): "mails a link; the deletion behind it is recorded",
    ("POST", "profiles/delete/"): "mails a link; the deletion behind it is recorded",
    ("POST", "profiles/organization/<pk>/leave/"): _OWN,
    ("POST", "profiles/organization/accept_invite/"): _OWN,
    ("POST", "api/organizations/invite_response/"): _OWN,
    ("DELETE", "api/organizations/invite_response/"): _OWN,
    ("POST", "api/organizations/validate_invite/"): "reads",
    ("POST", "api/api-token-auth/"): "a log-in",
    ("POST", "api/datasets/"): _MADE_LATER,
    ("POST", "api/uploads/"): _MADE_LATER,
    ("DELETE", "api/uploads/<key>/"): "what was given up was never there",
}
