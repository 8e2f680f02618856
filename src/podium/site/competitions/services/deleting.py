"""Deleting a competition: gone at once for everybody, restorable for a week, then for good.

*Deleted* is a moment in the row, set and unset by compare-and-set; `Competition.objects` does not know such rows, so no
list, page or policy does. What is under way is cancelled in the background. When the week is over the sweeper deletes
the submissions in pieces, each in a transaction of its own with its files, and the competition last: a process that
dies between two pieces leaves less to do, and nothing half done. Datasets and tasks are their owners' and stay.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import wakeups
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, submissions
from podium.site.evaluation.states import TERMINAL
from podium.site.resources import storage
from podium.site.resources.models import StoredFile

log = structlog.get_logger(__name__)

KEPT = timedelta(days=7)
PIECE = 50


def may_delete(user: User, competition: Competition) -> bool:
    """Whoever made it (Codabench's rule); where that account is gone, administrators."""
    if competition.created_by_id is None:
        return user.is_superuser
    return competition.created_by_id == user.pk


@transaction.atomic
def delete_competition(*, competition: Competition, by: User) -> None:
    """Take a competition away from everybody, with its submissions. Raises Forbidden for others than its creator."""
    from podium.site.competitions.tasks import end_submissions  # noqa: PLC0415 - tasks call this module

    if not may_delete(by, competition):
        raise Forbidden(_("You cannot delete competitions that you didn't create"))
    if Competition.objects.filter(pk=competition.pk).update(deleted_when=timezone.now(), published=False):
        end_submissions.enqueue(competition.pk)
        wakeups.notify(wakeups.access_topic(competition.pk))
        record(Action.COMPETITION_DELETED, by=by, on=competition)
        log.info("competition deleted", competition=competition.pk, by=by.pk)


def restorable(user: User) -> QuerySet[Competition]:
    """The competitions that `user` has deleted and may still restore, newest first."""
    since = timezone.now() - KEPT
    return Competition.everything.filter(created_by=user, deleted_when__gt=since).order_by("-deleted_when")


@transaction.atomic
def restore_competition(*, pk: int, by: User) -> Competition:
    """Bring a deleted competition back, unpublished; what was cancelled stays so. Raises Refused if it is too late."""
    found = restorable(by).filter(pk=pk).first()
    if found is None or not Competition.everything.filter(pk=pk, deleted_when=found.deleted_when).update(
        deleted_when=None
    ):
        raise Refused(_("This competition is not there any more, or it was not deleted."), code="gone", status=404)
    record(Action.COMPETITION_RESTORED, by=by, on=found)
    return Competition.objects.get(pk=pk)


def end_submissions(competition_id: int) -> int:
    """Cancel what is under way in a deleted competition; returns how many there were."""
    under_way = Submission.objects.filter(
        phase__competition=competition_id, phase__competition__deleted_when__isnull=False, parent__isnull=True
    ).exclude(status__in=TERMINAL)
    keys = list(under_way.order_by("pk").values_list("pk", flat=True))
    ended = 0
    for pk in keys:
        submission = under_way.select_related("phase__competition").filter(pk=pk).first()
        if submission is not None:
            ended += submissions.cancel_by_platform(submission=submission)
    return ended


def purge_due() -> int:
    """Delete for good what was deleted a week ago; returns how many competitions are gone."""
    due = Competition.everything.filter(deleted_when__lte=timezone.now() - KEPT).order_by("pk")
    return sum(_purge(pk) for pk in due.values_list("pk", flat=True))


def _purge(pk: int) -> bool:
    end_submissions(pk)
    while True:
        # Reruns and copies before what they were made of, parts with their wholes.
        wholes = Submission.objects.filter(phase__competition=pk, parent__isnull=True).order_by("-pk")
        keys = list(wholes.values_list("pk", flat=True)[:PIECE])
        if not keys:
            break
        if not deletion.purge(keys):
            return False  # a worker has not let go yet: next time
    with transaction.atomic():
        competition = Competition.everything.select_for_update(of=("self",)).get(pk=pk)
        files = list(StoredFile.objects.filter(pk__in=competition.dumps.filter(file__isnull=False).values("file")))
        files += [picture.file for picture in competition.pictures.select_related("file")]
        files += [file for file in (competition.logo, competition.logo_icon) if file is not None]
        record(Action.COMPETITION_PURGED, by=None, on=competition)
        competition.phases.update(leaderboard=None)
        competition.delete()
        for file in files:
            _delete_unshared(file)
    log.info("competition deleted for good", competition=pk)
    return True


def _delete_unshared(file: StoredFile) -> None:
    try:
        with transaction.atomic():
            storage.delete(file)
    except ProtectedError:
        return  # something else has it too
