"""Tasks that came to a phase: submissions with several tasks get a part for each that they lack.

As in Codabench those with one task alone are left as they are; a part costs no try and waits behind everything else.
A submission that had ended is under way again until its new parts have ended; its scores and its place stay meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, QuerySet

from podium.site.accounts.models import User
from podium.site.competitions.models import Phase, PhaseTask
from podium.site.evaluation.models import Submission, WorkKind
from podium.site.evaluation.services import phase_work, submissions, verdicts
from podium.site.evaluation.states import SubmissionStatus
from podium.site.resources import queries as resources


def begin(*, phase: Phase, by: User | None) -> int:
    """Begin to run the phase's submissions on the tasks they lack, in the background; returns how many there are."""
    phase_work.stop(kind=WorkKind.EXTEND, phase=phase, reason="The tasks of the phase were changed again.")
    return phase_work.begin(kind=WorkKind.EXTEND, phase=phase, by=by)


def incomplete(phase: Phase) -> QuerySet[Submission]:
    """Submissions with several tasks that lack one which the phase has now."""
    part = Submission.objects.filter(parent=OuterRef(OuterRef("pk")), task=OuterRef("task"))
    lacking = PhaseTask.objects.filter(~Exists(part), phase=phase)
    # Cancelled ones were not wanted, and those rerun on a task of somebody's choice stand beside the phase.
    return Submission.objects.filter(
        Exists(lacking),
        phase=phase,
        parent__isnull=True,
        has_children=True,
        is_specific_task_re_run=False,
        is_soft_deleted=False,
        data__data_file__isnull=False,
    ).exclude(status=SubmissionStatus.CANCELLED)


def _extend_piece(phase: Phase, keys: Sequence[int]) -> int:
    tasks = [link.task for link in phase.phase_tasks.select_related("task").order_by("order_index", "task")]
    versions = resources.current_versions(task.pk for task in tasks)
    # The phase's row is the lock under which parts are made, as for reruns of all.
    Phase.objects.select_for_update(no_key=True).get(pk=phase.pk)
    found = incomplete(phase).filter(pk__in=keys).select_related("phase__competition__queue", "data")
    for whole in sorted(found, key=lambda one: (one.owner_id, one.pk)):
        held = whole.status == SubmissionStatus.SUBMITTING  # it waits for the organizer, as its other parts do
        known = set(whole.children.values_list("task_id", flat=True))
        made = [submissions.add_part(whole, versions[task.pk]) for task in tasks if task.pk not in known]
        if not held:
            verdicts.reopen(whole)
            for part in made:
                submissions.start(part)
    return len(found)


phase_work.register(WorkKind.EXTEND, phase_work.Plan(rows=incomplete, do=_extend_piece))
