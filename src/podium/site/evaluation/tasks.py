"""Background work on submissions."""

from __future__ import annotations

from django_tasks import task

from podium.site.competitions.services import migration
from podium.site.evaluation.services import additions, boards, phase_work, reruns

KNOWN = (additions, boards, migration, reruns)
"""What says, when it is imported, which kinds of work there are."""


@task()
def work_on_phase(work_id: int) -> None:
    """Do what was asked for all submissions of a phase."""
    phase_work.run(work_id=work_id)
