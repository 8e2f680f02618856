"""Phase migration: what stands on the board of a phase is submitted to the next one, in its owner's name.

An entry is copied once: its mark is set by compare-and-set in the transaction that makes the copy, so a process that
dies between two entries, or two that migrate at once, make neither none nor two. A copy costs no try.
"""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils import timezone

from podium.formats.metadata import Kind
from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import submissions
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
    """Migrate to every phase that has started, takes over entries and has not done so; returns how many were copied.

    Waits while the previous phase has submissions under way (Codabench's rule): their results may change its board.
    """
    due = Phase.objects.filter(
        auto_migrate_to_this_phase=True, has_been_migrated=False, start__lte=timezone.now()
    ).select_related("competition__queue")
    copied = 0
    for phase in due.order_by("pk"):
        source = _previous(phase)
        if source is None:
            Phase.objects.filter(pk=phase.pk).update(has_been_migrated=True)  # nothing is before the first
            continue
        if not phase.phase_tasks.exists():
            log.warning("phase without a task is not migrated to", phase=phase.pk)
        elif not _under_way(source):
            copied += _migrate(source, phase)
            Phase.objects.filter(pk=phase.pk).update(has_been_migrated=True)
    return copied


def migrate_by_hand(*, phase: Phase, by: User) -> int:
    """Copy the entries of `phase` to the next one now; returns how many.

    Does not wait for submissions under way; asked again, it copies what has come to the board since. Raises Forbidden,
    and Refused for the last phase.
    """
    if not policies.can_administer(by, phase.competition):
        raise Forbidden("You do not have administrative permissions for this competition")
    target = next_phase(phase)
    if target is None:
        raise Refused("This is the last phase: there is none to migrate to.", code="last_phase")
    under_way = _under_way(phase)
    copied = _migrate(phase, target)
    if not under_way:
        Phase.objects.filter(pk=target.pk).update(has_been_migrated=True)
    return copied


def _under_way(phase: Phase) -> bool:
    return Submission.objects.filter(phase=phase).exclude(status__in=TERMINAL).exists()


def _migrate(source: Phase, target: Phase) -> int:
    tasks = [link.task for link in target.phase_tasks.select_related("task").order_by("order_index", "task")]
    if not tasks:
        raise Refused(f'The phase "{target.name}" has no task yet, so nothing can be run in it.', code="no_task")
    waiting = Submission.objects.filter(phase=source, entry__isnull=False, is_migrated=False).order_by("owner", "pk")
    return sum(_copy(pk, source, target, tasks) for pk in list(waiting.values_list("pk", flat=True)))


@transaction.atomic
def _copy(pk: int, source: Phase, target: Phase, tasks: list[Task]) -> bool:
    if not Submission.objects.filter(pk=pk, is_migrated=False).update(is_migrated=True):
        return False  # another process was quicker
    entry = Submission.objects.select_related("owner", "data").get(pk=pk)
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
        marks={"created_by_migration": source},
    )
    submissions.start(made)
    return True
