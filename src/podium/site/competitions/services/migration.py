"""Phase migration: what stands on the board of a phase is submitted to the next one, in its owner's name.

An entry is copied once: its mark is set by compare-and-set in the transaction that makes the copy, so a process that
dies between two entries, or two that migrate at once, make neither none nor two. A copy costs no try.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.formats.metadata import Kind
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission, WorkKind, WorkState
from podium.site.evaluation.services import phase_work, submissions
from podium.site.evaluation.states import TERMINAL
from podium.site.resources.models import Task

log = structlog.get_logger(__name__)


def next_phase(phase: Phase) -> Phase | None:
    """The phase after this one."""
    later = Phase.objects.filter(competition=phase.competition_id, index__gt=phase.index)
    return later.select_related("competition__queue").order_by("index").first()


def _previous(phase: Phase) -> Phase | None:
    return Phase.objects.filter(competition=phase.competition_id, index__lt=phase.index).order_by("-index").first()


def migrate_due() -> int:
    """Begin to migrate to every phase that has started and takes over entries; returns how many entries that are.

    Once for each phase, also where it fails; an organizer may ask again by hand. Waits while the previous phase has
    submissions under way (Codabench's rule): their results may change its board.
    """
    due = Phase.objects.filter(
        auto_migrate_to_this_phase=True,
        has_been_migrated=False,
        start__lte=timezone.now(),
        competition__deleted_when__isnull=True,
    ).select_related("competition__queue")
    begun = 0
    for phase in due.order_by("pk"):
        source = _previous(phase)
        if source is None:
            Phase.objects.filter(pk=phase.pk).update(has_been_migrated=True)  # nothing is before the first
            continue
        if not phase.phase_tasks.exists():
            log.warning("phase without a task is not migrated to", phase=phase.pk)
        elif not _under_way(source) and not _failed(source):
            begun += phase_work.begin(kind=WorkKind.MIGRATE, phase=source, by=None)
    return begun


def _failed(source: Phase) -> bool:
    return source.works.filter(kind=WorkKind.MIGRATE, state=WorkState.FAILED).exists()


@transaction.atomic
def migrate_by_hand(*, phase: Phase, by: User) -> int:
    """Begin to copy the entries of `phase` to the next one, in the background; returns how many.

    Does not wait for submissions under way; asked again, it copies what has come to the board since. Raises Forbidden,
    and Refused for the last phase.
    """
    if not policies.can_administer(by, phase.competition):
        raise Forbidden(_("You do not have administrative permissions for this competition"))
    target = next_phase(phase)
    if target is None:
        raise Refused(_("This is the last phase: there is none to migrate to."), code="last_phase")
    _tasks_of(target)
    begun = phase_work.begin(kind=WorkKind.MIGRATE, phase=phase, by=by)
    record(Action.PHASE_MIGRATED, by=by, on=phase, after={"to": target.name, "entries": begun})
    return begun


def _under_way(phase: Phase) -> bool:
    return Submission.objects.filter(phase=phase).exclude(status__in=TERMINAL).exists()


def _tasks_of(target: Phase) -> list[Task]:
    """The tasks on which copies run. Raises Refused where there is none."""
    tasks = [link.task for link in target.phase_tasks.select_related("task").order_by("order_index", "task")]
    if not tasks:
        raise Refused(
            _('The phase "%(target)s" has no task yet, so nothing can be run in it.') % {"target": target.name},
            code="no_task",
        )
    return tasks


def to_copy(source: Phase) -> QuerySet[Submission]:
    """What stands on the board of a phase and was not copied yet."""
    return Submission.objects.filter(phase=source, entry__isnull=False, is_migrated=False)


def _copy_piece(source: Phase, keys: Sequence[int]) -> int:
    target = next_phase(source)
    if target is None:
        raise Refused(_("There is no next phase any more."), code="last_phase")
    tasks = _tasks_of(target)
    return sum(_copy(pk, source, target, tasks) for pk in keys)


def _settle(source: Phase) -> None:
    """Mark the next phase as migrated to, unless results that are under way may still change the board."""
    target = next_phase(source)
    if target is not None and not _under_way(source):
        Phase.objects.filter(pk=target.pk).update(has_been_migrated=True)


def _copy(pk: int, source: Phase, target: Phase, tasks: list[Task]) -> bool:
    if not Submission.objects.filter(pk=pk, is_migrated=False).update(is_migrated=True):
        return False  # another process was quicker
    entry = Submission.objects.select_related("owner", "organization", "data").get(pk=pk)
    if entry.data is None or entry.data.data_file_id is None:
        log.warning("entry without a file is not migrated", submission=pk, phase=target.pk)
        return False
    made = submissions.create(
        user=entry.owner,
        phase=target,
        data=entry.data,
        kind=Kind(entry.kind),
        answers=entry.fact_sheet_answers,
        tasks=tasks,
        marks={"created_by_migration": source, "organization": entry.organization},
    )
    submissions.start(made)
    return True


phase_work.register(WorkKind.MIGRATE, phase_work.Plan(rows=to_copy, do=_copy_piece, end=_settle))
