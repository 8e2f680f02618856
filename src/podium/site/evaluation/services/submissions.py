"""What participants and organizers do with submissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.formats.archives import ArchiveError, Listing, inspect
from podium.formats.factsheet import check_answers
from podium.formats.metadata import Kind, MetadataError, kind_of, metadata_in_archive
from podium.protocol import Step
from podium.site.accounts import policies as accounts
from podium.site.accounts.models import Organization, User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Participant, ParticipantStatus, Phase, PhaseStatus
from podium.site.competitions.services.participation import admit_robot
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import tries, wakeups
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.services import ledger, verdicts
from podium.site.evaluation.states import TERMINAL, AttemptState, RunState, SubmissionStatus
from podium.site.leaderboards import history
from podium.site.queues.services import default_queue
from podium.site.resources import queries as resources
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, Task, TaskVersion, UploadSession
from podium.site.resources.services import delete_dataset
from podium.site.resources.uploads import complete

NO_ACCESS: Final = gettext_noop("You do not have access to this competition to make a submission")


def submit(
    *,
    user: User,
    phase: Phase,
    data: Dataset,
    tasks: Sequence[Task] | None = None,
    fact_sheet_answers: Mapping[str, Any] | None = None,
    organization: Organization | None = None,
) -> Submission:
    """Accept a submission: check it, count the try and queue its first step, all or nothing.

    data: the uploaded archive, the user's own.
    tasks: a choice of the phase's tasks; all of them when None or empty.
    fact_sheet_answers: by question key.
    organization: in whose name; the user must be its owner, a manager or a participant of it.
    Raises Refused with the reason; an archive that cannot be used is deleted then, so nothing is left behind.

    What was begun before the phase's end with its digest may come a little later, see `_in_time`.
    """
    admit_robot(competition=phase.competition, user=user)
    _refuse_closed(user, phase, data)
    if data.created_by_id != user.pk:
        raise Refused(_("This file belongs to somebody else."), field="data", code="not_yours")
    if data.type not in {DatasetType.SUBMISSION, DatasetType.SOLUTION}:
        raise Refused(_("This file was not uploaded as a submission."), field="data", code="wrong_type")
    _refuse_foreign(user, organization)
    chosen = _chosen_tasks(phase, tasks)
    answers = _checked_answers(phase, fact_sheet_answers)
    data = complete(dataset=data)
    kind, notes = _inspected(data, phase)
    with transaction.atomic():
        # The participation's row is the lock under which tries are counted, so two requests cannot share the last try.
        rows = Participant.objects.select_for_update().filter(competition=phase.competition, user=user)
        if rows.filter(status=ParticipantStatus.APPROVED).first() is None:
            # Denied while the file was put together and looked at.
            raise Forbidden(_(NO_ACCESS), code="not_a_participant")
        left = tries.tries(user, phase)
        if left.reason:
            raise Refused(left.reason, code="limit_reached", status=403)
        submission = create(
            user=user,
            phase=phase,
            data=data,
            kind=kind,
            notes=notes,
            answers=answers,
            tasks=chosen,
            marks={"organization": organization},
        )
        ledger.debit(submission)
        if phase.competition.auto_run_submissions:
            start(submission)
    return submission


def _refuse_foreign(user: User, organization: Organization | None) -> None:
    """Raise Refused unless the user may submit in the organization's name; the sentences are Codabench's."""
    if organization is None or accounts.submitting_for(user).filter(pk=organization.pk).exists():
        return
    if accounts.organizations_of(user).filter(pk=organization.pk).exists():
        raise Refused(
            _("You do not have participant permissions for this group"), field="organization", code="no_right"
        )
    raise Refused(
        _("You must be apart of a organization to submit for them"), field="organization", code="not_a_member"
    )


def _closed(phase: Phase) -> str | None:
    if phase.status is PhaseStatus.NEXT:
        return _('The phase "%(phase)s" starts on %(start)s UTC.') % {
            "phase": phase.name,
            "start": f"{phase.start:%Y-%m-%d %H:%M}",
        }
    if phase.status is PhaseStatus.PREVIOUS:
        return _('The phase "%(phase)s" ended on %(end)s UTC.') % {
            "phase": phase.name,
            "end": f"{phase.end:%Y-%m-%d %H:%M}",
        }
    return None


def reason_against(*, user: User, phase: Phase) -> str | None:
    """Why `user` cannot submit to `phase` now, None when they can: access, dates, tries."""
    competition = phase.competition
    if not (competitions.is_approved(user, competition) or competitions.is_welcome_robot(user, competition)):
        return _("User not approved to participate in this competition")
    return _closed(phase) or tries.tries(user, phase).reason


def _in_time(data: Dataset, phase: Phase) -> bool:
    """Whether the upload was begun before the phase's end, with its digest, and the grace after that is not over.

    The digest binds the sender to what the file was before the end; when it came is kept beside it in the dataset.
    """
    session = UploadSession.objects.filter(dataset=data).first()
    if session is None or not session.sha256 or phase.end is None:
        return False
    grace = timedelta(seconds=settings.CONFIG.upload_grace_seconds)
    return phase.start <= data.upload_started_when < phase.end and timezone.now() < phase.end + grace


def _refuse_closed(user: User, phase: Phase, data: Dataset) -> None:
    if not competitions.is_approved(user, phase.competition):
        raise Forbidden(_(NO_ACCESS), code="not_a_participant")
    closed = _closed(phase)
    if closed and not _in_time(data, phase):
        raise Refused(closed, code="phase_not_open", status=403)


def _chosen_tasks(phase: Phase, tasks: Sequence[Task] | None) -> list[Task]:
    of_phase = [link.task for link in phase.phase_tasks.select_related("task").order_by("order_index", "task")]
    if not of_phase:
        raise Refused(_("This phase has no task yet."), code="no_task")
    if not tasks:
        return of_phase
    wanted = {task.pk for task in tasks}
    if not wanted <= {task.pk for task in of_phase}:
        raise Refused(_("All tasks must be part of the current phase."), code="foreign_task")
    return [task for task in of_phase if task.pk in wanted]


def _checked_answers(phase: Phase, answers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    definition = phase.competition.fact_sheet
    if not definition:
        if answers:
            raise Refused(_("This competition has no fact sheet."), field="fact_sheet_answers", code="no_fact_sheet")
        return None
    faults = check_answers(definition, dict(answers or {}))
    if any(isinstance(answer, str) and "\0" in answer for answer in (answers or {}).values()):
        faults.append(_("An answer must be text without NUL characters."))
    if faults:
        raise Refused(" ".join(faults), code="fact_sheet")
    return dict(answers or {})


@transaction.atomic
def update_fact_sheet(*, submission: Submission, by: User, answers: Mapping[str, Any]) -> None:
    """Replace the answers to the fact sheet, of a submission to several tasks for all its parts.

    The owner may, and the organizers. Raises Forbidden, and Refused as `submit` does.
    """
    whole = submission.parent or submission
    if whole.owner_id != by.pk and not competitions.can_administer(by, whole.phase.competition):
        raise Forbidden(_("You do not have permission to change the answers of this submission."))
    checked = _checked_answers(whole.phase, answers)
    history.mark_changed(whole.phase_id)
    Submission.objects.filter(Q(pk=whole.pk) | Q(parent=whole)).update(fact_sheet_answers=checked)
    if whole.owner_id != by.pk:
        before = whole.fact_sheet_answers or {}
        record(Action.SUBMISSION_ANSWERS, by=by, on=whole, before=before, after=checked or {}, about=whole.owner)


def _inspected(data: Dataset, phase: Phase) -> tuple[Kind, list[str]]:
    """Look into the archive before it costs a try or a worker anything; a bad one is deleted and refused."""
    assert data.data_file is not None  # noqa: S101 - completing it has set it
    try:
        with storage.open_file(data.data_file) as stream:
            listing: Listing = inspect(stream)
            stream.seek(0)
            kind = kind_of(metadata_in_archive(stream))
    except (ArchiveError, MetadataError) as error:
        _discard(data)
        raise Refused(str(error), field="data", code=getattr(error, "code", "bad_metadata")) from error
    if phase.accepts_only_result_submissions and kind is not Kind.RESULT:
        _discard(data)
        raise Refused(
            _("This phase takes result submissions only: zip your predictions, without a metadata file."),
            field="data",
            code="results_only",
        )
    return kind, list(listing.notes)


def _discard(data: Dataset) -> None:
    """Delete a refused upload, unless it is in use elsewhere."""
    if not data.submissions.exists() and not data.solutions.exists():
        delete_dataset(dataset=data)


def create(
    *,
    user: User,
    phase: Phase,
    data: Dataset,
    kind: Kind,
    answers: dict[str, Any] | None,
    tasks: list[Task],
    notes: Sequence[str] = (),
    marks: Mapping[str, Any] | None = None,
) -> Submission:
    """Make the rows of a submission on the newest versions of its tasks, in the caller's transaction; starts nothing.

    marks: further columns, such as what it is a rerun of.
    """
    versions = resources.current_versions(task.pk for task in tasks)
    common: dict[str, Any] = {
        "owner": user,
        "phase": phase,
        "data": data,
        "kind": kind.value,
        "queue": phase.competition.queue or default_queue(),
        "fact_sheet_answers": answers,
        "created_when": timezone.now(),
        **(marks or {}),
    }
    wakeups.notify(wakeups.competition_topic(phase.competition_id))
    if len(tasks) == 1:
        return Submission.objects.create(**common, notes=list(notes), task=tasks[0], task_version=versions[tasks[0].pk])
    parent = Submission.objects.create(**common, notes=list(notes), has_children=True)
    common.pop("original", None)  # what is rerun is the whole
    for task in tasks:
        Submission.objects.create(**common, parent=parent, task=task, task_version=versions[task.pk])
    return parent


def add_part(whole: Submission, version: TaskVersion) -> Submission:
    """Make the part of a submission with several tasks for one more; starts nothing."""
    return Submission.objects.create(
        parent=whole,
        owner_id=whole.owner_id,
        phase=whole.phase,
        data=whole.data,
        kind=whole.kind,
        queue=whole.phase.competition.queue or default_queue(),
        fact_sheet_answers=whole.fact_sheet_answers,
        created_when=timezone.now(),
        is_public=whole.is_public,
        is_bulk_rerun=True,
        task_id=version.task_id,
        task_version=version,
    )


def _leaves(submission: Submission) -> Iterable[Submission]:
    """What really runs: the submission itself, or its children in order."""
    if not submission.has_children:
        return [submission]
    return submission.children.select_related("phase__competition", "task_version", "queue").order_by("pk")


def start(submission: Submission) -> None:
    """Queue the first step of a submission, or of each of its children, in the caller's transaction."""
    for leaf in _leaves(submission):
        assert leaf.task_version is not None  # noqa: S101 - what runs has a task
        verdicts.advance(leaf, SubmissionStatus.SUBMITTED)
        verdicts.enqueue(leaf, first_step(leaf, leaf.task_version), begun=False)
    if submission.has_children:
        submission.refresh_from_db()


def first_step(submission: Submission, version: TaskVersion) -> Step:
    """Which step comes first: results without an ingestion program before scoring have nothing to predict."""
    needs_ingestion = version.ingestion_program_id is not None and not version.ingestion_only_during_scoring
    if submission.kind == Kind.RESULT and not needs_ingestion:
        return Step.SCORING
    return Step.PREDICTION


@transaction.atomic
def start_held(*, submission: Submission, by: User) -> None:
    """Start a submission that waits for the organizer. Raises Forbidden when it does not wait, or not for this user."""
    if not competitions.can_administer(by, submission.phase.competition):
        raise Forbidden(_("Only the organizers can start this submission."))
    if submission.status != SubmissionStatus.SUBMITTING:
        raise Forbidden(_("Cannot run a submission which is not in submitting status"))
    start(submission)
    record(Action.SUBMISSION_STARTED, by=by, on=submission, about=submission.owner)


def start_many(*, found: Sequence[Submission], by: User) -> int:
    """Start those of a selection that wait for the organizer, each by itself; returns how many. Raises Forbidden."""
    held = [one for one in found if one.status == SubmissionStatus.SUBMITTING and one.parent_id is None]
    for submission in held:
        start_held(submission=submission, by=by)
    return len(held)


def may_cancel(user: Any, submission: Submission) -> bool:
    """Owners and organizers may cancel what has not ended."""
    return submission.owner_id == user.pk or competitions.can_administer(user, submission.phase.competition)


_BEATING = Q(state=RunState.CLAIMED) & ~Q(
    attempts__in=Attempt.objects.filter(
        state=AttemptState.ACTIVE, delivery__isnull=False, delivery__taken_when__isnull=True
    )
)
"""Runs whose worker will ask again. One that took its job from a broker does not; its word counts no more then."""


@transaction.atomic
def cancel(*, submission: Submission, by: User) -> bool:
    """Cancel a submission: at once where nothing runs, else by telling the worker with its next beat.

    Returns whether there was anything to cancel. Raises Forbidden.
    """
    if not may_cancel(by, submission):
        raise Forbidden(_("You do not have permission to cancel this submission."))
    cancelled = cancel_by_platform(submission=submission)
    if cancelled and submission.owner_id != by.pk:
        record(Action.SUBMISSION_CANCELLED, by=by, on=submission, about=submission.owner)
    return cancelled


@transaction.atomic
def cancel_by_platform(*, submission: Submission) -> bool:
    """Cancel a submission, as `cancel`, without asking who may."""
    cancelled = False
    leaves = list(_leaves(submission))
    # Runs before submissions, as a claim takes them; the other way round the two could wait for each other for ever.
    list(Run.objects.select_for_update().filter(submission__in=leaves).order_by("pk"))
    for leaf in leaves:
        locked = Submission.objects.select_for_update(of=("self",)).select_related("phase").get(pk=leaf.pk)
        if locked.status in TERMINAL:
            continue
        cancelled = True
        if locked.runs.filter(_BEATING).exists():
            Submission.objects.filter(pk=locked.pk, cancel_requested_when__isnull=True).update(
                cancel_requested_when=timezone.now()
            )
        else:
            verdicts.cancel_now(locked)
    return cancelled


def cancel_many(*, found: Sequence[Submission], by: User) -> int:
    """Cancel those of a selection that have not ended, each by itself; returns how many. Raises Forbidden."""
    return sum(cancel(submission=submission, by=by) for submission in found)
