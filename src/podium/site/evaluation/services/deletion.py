"""Deleting submissions, and showing them to everybody.

A hard delete removes the rows and the files, a soft delete (the owner's) the files alone; scores and the row stay then.
A file that something else uses stays. Boards are brought up to date, so under a rule that chooses the best the next
best takes the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Attempt, LogChunk, Run, Submission
from podium.site.evaluation.services import ledger
from podium.site.evaluation.states import TERMINAL, SubmissionStatus
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Entry
from podium.site.leaderboards.services import places
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, StoredFile
from podium.site.resources.services import delete_dataset


def _governs(user: User, submission: Submission) -> bool:
    """Organizers, administrators, and bots that the competition lets in."""
    competition = submission.phase.competition
    return competitions.can_administer(user, competition) or competitions.is_welcome_robot(user, competition)


def _on_board(submission: Submission) -> bool:
    return Entry.objects.filter(Q(submission=submission) | Q(submission__children=submission)).exists()


def refuse_delete(*, submission: Submission, by: User) -> None:
    """Raise Forbidden or Refused where `by` may not delete the submission for good."""
    refusal = _refusal(submission, by, on_board=_on_board(submission))
    if refusal is not None:
        raise refusal


def _refusal(submission: Submission, by: User, *, on_board: bool) -> Refused | None:
    governs = _governs(by, submission)
    if not governs and submission.owner_id != by.pk:
        return Forbidden(_("You do not have permission to delete this submission!"))
    if not governs and on_board:
        return Forbidden(_("You cannot delete a leaderboard submission!"))
    if submission.parent_id is not None:
        return Refused(_("This is one task of a submission; delete the whole submission."), code="child")
    if submission.status not in TERMINAL:
        return Refused(
            _("Submission %(number)s is being evaluated. Cancel it, then delete it.") % {"number": submission.pk},
            code="not_ended",
            status=409,
        )
    return None


def faults_of_deletion(found: Sequence[Submission], by: User) -> dict[int, str]:
    """Why `by` may not delete submissions for good, by their numbers; those that may be deleted are not in it."""
    keys = [one.pk for one in found]
    entries = Entry.objects.filter(Q(submission__in=keys) | Q(submission__parent__in=keys))
    shown = {pk for pair in entries.values_list("submission", "submission__parent") for pk in pair}
    refusals = {one.pk: _refusal(one, by, on_board=one.pk in shown) for one in found}
    return {pk: refusal.message for pk, refusal in refusals.items() if refusal is not None}


def lock(submission: Submission) -> Submission | None:
    """Lock a submission for its deletion, in the caller's transaction; None when another request was quicker."""
    if submission.phase.leaderboard_id is not None:
        places.take_turn(submission.phase_id)  # before its row: who puts it on the board takes them in this order
    locked = Submission.objects.select_for_update(of=("self",)).select_related("phase__competition", "owner", "data")
    return locked.filter(pk=submission.pk).first()


@transaction.atomic
def delete(*, submission: Submission, by: User) -> None:
    """Delete a submission for good; organizers any, its owner one that stands on no board (Codabench's rule).

    Deleted by an organizer it costs its owner no try any more; deleted by its owner it does, or tries would be endless.
    Raises Forbidden, and Refused for one that is still being evaluated.
    """
    found = lock(submission)
    if found is None:
        return
    refuse_delete(submission=found, by=by)
    if found.owner_id != by.pk:
        ledger.give_back(found, "Deleted by an organizer")
        file = found.data.file_name if found.data is not None else None
        facts = {"status": found.status, "file": file, "phase": found.phase.name}
        record(Action.SUBMISSION_DELETED, by=by, on=found, before=facts, about=found.owner)
    phase, owner, data = found.phase, found.owner, found.data
    files = _result_files(found)
    found.delete()
    _remove(files)
    _remove_unshared(data)
    leaderboards.recompute(phase=Phase.objects.select_related("leaderboard").get(pk=phase.pk), owner_id=owner.pk)


@transaction.atomic
def purge(keys: Sequence[int]) -> bool:
    """Delete submissions of a deleted competition with their files, boards and tries aside; False if one still runs."""
    found = list(Submission.objects.select_for_update(of=("self",)).filter(pk__in=keys).select_related("data"))
    if any(submission.status not in TERMINAL for submission in found):
        return False
    files = [file for submission in found for file in _result_files(submission)]
    Submission.objects.filter(pk__in=keys).delete()
    _remove(files)
    for data in {submission.data.pk: submission.data for submission in found if submission.data}.values():
        _remove_unshared(data)
    return True


@transaction.atomic
def delete_many(*, found: Sequence[Submission], by: User) -> None:
    """Delete a selection for good, all or none. Raises Forbidden and Refused as `delete` does."""
    chosen = sorted(found, key=lambda one: (one.phase_id, one.pk))
    phases = Phase.objects.filter(pk__in={one.phase_id for one in chosen}, leaderboard__isnull=False)
    for phase_id in phases.order_by("pk").values_list("pk", flat=True):
        places.take_turn(phase_id)  # in the order of the phases, as everybody does, and before rows of submissions
    list(Submission.objects.select_for_update().filter(pk__in=[one.pk for one in chosen]).order_by("pk").values("pk"))
    for submission in chosen:
        delete(submission=submission, by=by)


@transaction.atomic
def soft_delete(*, submission: Submission, by: User) -> None:
    """Remove the files of one's own submission; its row and its scores stay.

    The checks and their order are Codabench's. Raises Forbidden, and Refused where it was done before.
    """
    found = Submission.objects.select_for_update(of=("self",)).select_related("data").get(pk=submission.pk)
    if found.owner_id != by.pk:
        raise Forbidden(_("You are not allowed to delete this submission"))
    if found.status == SubmissionStatus.FINISHED and _on_board(found):
        raise Forbidden(_("You are not allowed to delete a leaderboard submission"))
    if found.status not in TERMINAL:
        raise Forbidden(_("You are not allowed to delete a running submission"))
    if found.is_soft_deleted:
        raise Refused(_("Submission already deleted"), code="already_deleted")
    if found.parent_id is not None:
        raise Refused(_("This is one task of a submission; delete the whole submission."), code="child")
    data, files = found.data, _result_files(found)
    parts = _part_of(found, "submission")
    LogChunk.objects.filter(_part_of(found, "attempt__run__submission")).delete()
    Attempt.objects.filter(_part_of(found, "run__submission")).update(log=None, log_ends={}, has_chunks=False)
    Run.objects.filter(parts).update(output=None, private_output=None, detailed_results=None)
    Submission.objects.filter(Q(pk=found.pk) | Q(parent=found)).update(
        data=None, is_soft_deleted=True, soft_deleted_when=timezone.now(), is_public=False
    )
    _remove(files)
    _remove_unshared(data)


def _part_of(submission: Submission, path: str) -> Q:
    return Q(**{path: submission}) | Q(**{f"{path}__parent": submission})


def _result_files(submission: Submission) -> list[StoredFile]:
    kept = ("output", "private_output", "detailed_results")
    runs = Run.objects.filter(_part_of(submission, "submission")).select_related(*kept)
    attempts = Attempt.objects.filter(_part_of(submission, "run__submission"), log__isnull=False).select_related("log")
    results = [file for run in runs for file in (run.output, run.private_output, run.detailed_results)]
    return [file for file in [*results, *(attempt.log for attempt in attempts)] if file is not None]


def _remove(files: Iterable[StoredFile]) -> None:
    """Delete stored files that nothing else uses; their content goes once the transaction has committed."""
    for file in files:
        try:
            with transaction.atomic():
                storage.delete(file)
        except ProtectedError:
            continue  # shared


def _remove_unshared(data: Dataset | None) -> None:
    """Delete the submitted file, unless another submission or a solution uses it or it was not made as a submission."""
    if data is None or data.type != DatasetType.SUBMISSION:
        return
    if not data.submissions.exists() and not data.solutions.exists():
        delete_dataset(dataset=data)


@transaction.atomic
def toggle_public(*, submission: Submission, by: User) -> bool:
    """Show a submission and its file to whoever sees the competition, or to nobody else again; returns which.

    Its owner and the organizers may; where the competition forbids it, only the way back is open. Raises Forbidden, and
    Refused where there is no file or no result to show.
    """
    found = _locked(submission.parent_id or submission.pk)
    public = not found.is_public
    _show(found, by=by, public=public)
    return public


@transaction.atomic
def show_many(*, found: Sequence[Submission], by: User, public: bool) -> int:
    """Show whole submissions and their files, or hide them again, all or none; returns for how many that is new.

    Raises Forbidden and Refused as `toggle_public` does.
    """
    rows = [_locked(pk) for pk in sorted(one.pk for one in found)]
    changed = [one for one in rows if one.is_public is not public]
    for one in changed:
        _show(one, by=by, public=public)
    return len(changed)


def _locked(pk: int) -> Submission:
    rows = Submission.objects.select_for_update(of=("self",)).select_related("phase__competition", "owner", "data")
    return rows.get(pk=pk)


def _show(found: Submission, *, by: User, public: bool) -> None:
    refuse_public(submission=found, by=by, public=public)
    Submission.objects.filter(Q(pk=found.pk) | Q(parent=found)).update(is_public=public)
    if found.owner_id != by.pk:
        sides = ({"public": not public}, {"public": public})
        record(Action.SUBMISSION_SHOWN, by=by, on=found, before=sides[0], after=sides[1], about=found.owner)
    data = found.data
    if data is not None and data.type == DatasetType.SUBMISSION:
        shown = data.submissions.filter(is_public=True).exists()
        Dataset.objects.filter(pk=data.pk).update(is_public=shown)


def refuse_public(*, submission: Submission, by: User, public: bool) -> None:
    """Raise Forbidden or Refused where `by` may not show a whole submission, or hide it again."""
    competition = submission.phase.competition
    if submission.owner_id != by.pk and not competitions.can_administer(by, competition):
        raise Forbidden(_("You do not have permission to change who sees this submission."))
    if public and not competition.can_participants_make_submissions_public:
        raise Forbidden(_("You do not have permission to make this submissions public/private"))
    if public and submission.status != SubmissionStatus.FINISHED:
        raise Refused(_("Only a finished submission can be made public."), code="not_finished")
