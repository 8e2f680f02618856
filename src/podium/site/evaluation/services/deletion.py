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

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Attempt, LogChunk, Run, Submission
from podium.site.evaluation.services import ledger
from podium.site.evaluation.states import TERMINAL, SubmissionStatus
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Entry
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, StoredFile
from podium.site.resources.services import delete_dataset


def _governs(user: User, submission: Submission) -> bool:
    """Organizers, administrators, and bots where the competition lets robots in."""
    competition = submission.phase.competition
    return competitions.can_administer(user, competition) or (user.is_bot and competition.allow_robot_submissions)


def _on_board(submission: Submission) -> bool:
    return Entry.objects.filter(Q(submission=submission) | Q(submission__children=submission)).exists()


def refuse_delete(*, submission: Submission, by: User) -> None:
    """Raise Forbidden or Refused where `by` may not delete the submission for good."""
    governs = _governs(by, submission)
    if not governs and submission.owner_id != by.pk:
        raise Forbidden("You do not have permission to delete this submission!")
    if not governs and _on_board(submission):
        raise Forbidden("You cannot delete a leaderboard submission!")
    if submission.parent_id is not None:
        raise Refused("This is one task of a submission; delete the whole submission.", code="child")
    if submission.status not in TERMINAL:
        raise Refused(
            f"Submission {submission.pk} is being evaluated. Cancel it, then delete it.", code="not_ended", status=409
        )


@transaction.atomic
def delete(*, submission: Submission, by: User) -> None:
    """Delete a submission for good; organizers any, its owner one that stands on no board (Codabench's rule).

    Deleted by an organizer it costs its owner no try any more; deleted by its owner it does, or tries would be endless.
    Raises Forbidden, and Refused for one that is still being evaluated.
    """
    locked = Submission.objects.select_for_update(of=("self",)).select_related("phase__competition", "owner", "data")
    found = locked.filter(pk=submission.pk).first()
    if found is None:
        return  # another request was quicker
    refuse_delete(submission=found, by=by)
    if found.owner_id != by.pk:
        ledger.give_back(found, "Deleted by an organizer")
    phase, owner, data = found.phase, found.owner, found.data
    files = _result_files(found)
    found.delete()
    _remove(files)
    _remove_unshared(data)
    leaderboards.recompute(phase=Phase.objects.select_related("leaderboard").get(pk=phase.pk), owner_id=owner.pk)


@transaction.atomic
def delete_many(*, found: Sequence[Submission], by: User) -> None:
    """Delete a selection for good, all or none. Raises Forbidden and Refused as `delete` does."""
    chosen = sorted(found, key=lambda one: (one.phase_id, one.pk))  # boards are locked in the order of the phases
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
        raise Forbidden("You are not allowed to delete this submission")
    if found.status == SubmissionStatus.FINISHED and _on_board(found):
        raise Forbidden("You are not allowed to delete a leaderboard submission")
    if found.status not in TERMINAL:
        raise Forbidden("You are not allowed to delete a running submission")
    if found.is_soft_deleted:
        raise Refused("Submission already deleted", code="already_deleted")
    if found.parent_id is not None:
        raise Refused("This is one task of a submission; delete the whole submission.", code="child")
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
    whole = submission.parent or submission
    competition = whole.phase.competition
    if whole.owner_id != by.pk and not competitions.can_administer(by, competition):
        raise Forbidden("You do not have permission to change who sees this submission.")
    found = Submission.objects.select_for_update(of=("self",)).select_related("data").get(pk=whole.pk)
    public = not found.is_public
    if public and not competition.can_participants_make_submissions_public:
        raise Forbidden("You do not have permission to make this submissions public/private")
    if public and found.status != SubmissionStatus.FINISHED:
        raise Refused("Only a finished submission can be made public.", code="not_finished")
    Submission.objects.filter(Q(pk=found.pk) | Q(parent=found)).update(is_public=public)
    data = found.data
    if data is not None and data.type == DatasetType.SUBMISSION:
        shown = data.submissions.filter(is_public=True).exists()
        Dataset.objects.filter(pk=data.pk).update(is_public=shown)
    return public
