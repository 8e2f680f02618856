"""What a scoring program is told of a submission's past, in competitions that ask for it (CodaLab 1.5's history)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC

from django.db.models import Q

from podium.protocol import MAX_HISTORY, EarlierScores, Provenance
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import SubmissionStatus


def provenance_of(submission: Submission) -> Provenance:
    """Who submitted, when, and the scores of their own earlier submissions that are finished; the newest count.

    Submissions are numbered within a phase and, where that has several tasks, within the task.
    """
    phase = submission.phase
    own = Submission.objects.filter(
        owner=submission.owner_id, phase__competition=phase.competition_id, has_children=False, pk__lte=submission.pk
    )
    own = own.filter(~Q(phase=phase) | Q(task=submission.task_id)).order_by("pk")
    numbers: Counter[int] = Counter()
    rows = own.values_list("pk", "phase_id", "phase__index", "status", "is_soft_deleted")
    wanted = {}
    for pk, phase_id, index, status, deleted in rows:
        numbers[phase_id] += 1
        if pk != submission.pk and status == SubmissionStatus.FINISHED and not deleted:
            wanted[pk] = (index, numbers[phase_id])
    newest = dict(list(wanted.items())[-MAX_HISTORY:])
    scores: dict[int, dict[str, str]] = {pk: {} for pk in newest}
    found = Submission.objects.filter(pk__in=newest, scores__column__computation="")
    for pk, key, text in found.values_list("pk", "scores__column__key", "scores__text"):
        scores[pk][key] = text
    history = [EarlierScores(phase=index, number=number, scores=scores[pk]) for pk, (index, number) in newest.items()]
    return Provenance(
        submitted_by=submission.owner.username,
        submitted_at=submission.created_when.astimezone(UTC).isoformat(timespec="seconds"),
        number=max(1, numbers[phase.pk]),
        phase=phase.index,
        automatic=submission.created_by_migration_id is not None,
        history=history,
    )
