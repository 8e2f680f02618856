"""Reruns: the same files evaluated again, on the tasks as they are now.

A rerun is a new submission that names its original. It costs no try and no limit holds it up. The original keeps its
scores and its place until the board's rule replaces it. A rerun on a task of the organizer's choice never stands on a
board (Codabench's rules). On boards a rerun is as old as its original (not so in Codabench): nobody gains or loses a
tie by it, and a rerun of something older does not become a participant's latest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from podium.formats.metadata import Kind
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record, record_many
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import Submission, WorkKind
from podium.site.evaluation.services import phase_work, submissions
from podium.site.evaluation.states import TERMINAL
from podium.site.queues import policies as queues
from podium.site.resources import policies as resources
from podium.site.resources.models import Task

NO_RIGHT = gettext_noop("You do not have permission to re-run submissions")
NOT_ENDED = gettext_noop("Cannot request a re-run on a submission that has not finished processing.")


def may_rerun(user: User, competition: Competition) -> bool:
    """Organizers, administrators, and bots that the competition lets in."""
    return competitions.can_administer(user, competition) or competitions.is_welcome_robot(user, competition)


def refuse_too_many(*, by: User, competition: Competition, count: int) -> None:
    """Raise Refused where `by` may not rerun so many at once: on their own queue they may, administrators always.

    Codabench's rule and number. Others wait for the workers of a queue that they share.
    """
    limit, queue = settings.CONFIG.rerun_limit, competition.queue
    if count <= limit or by.is_superuser or (queue is not None and queues.can_operate(by, queue)):
        return
    words = _("These are %(count)s submissions, and %(limit)s may be re-run at once on the site's shared queue.")
    if queue is not None and not queue.is_default:
        words = _(
            "These are %(count)s submissions, and %(limit)s may be re-run at once on the queue “%(queue)s”, not yours."
        )
    raise Refused(
        words % {"count": count, "limit": limit, "queue": queue.name if queue is not None else ""},
        code="too_many_reruns",
        status=403,
        hint=_("Choose fewer, let the competition run on a queue of your own, or ask the administrators of this site."),
    )


def chosen_task(user: User, key: UUID) -> Task:
    """A task to rerun on: any that `user` may see. Raises Refused."""
    task = resources.tasks_visible_to(user).filter(key=key).first()
    if task is None:
        raise Refused(
            f'There is no task with the key "{key}", or you may not see it.', field="task_key", code="no_task"
        )
    return task


@transaction.atomic
def rerun(*, submission: Submission, by: User, task: Task | None = None) -> Submission:
    """Evaluate a submission again, in its owner's name.

    submission: one that has ended; of a part of one with several tasks, the whole is rerun.
    task: evaluate on this task alone, whether it is of the phase or not; the result stands on no board.
    Raises Forbidden, and Refused when the file or a task is gone.
    """
    whole = submission.parent or submission
    if not may_rerun(by, whole.phase.competition):
        raise Forbidden(_(NO_RIGHT))
    if whole.status not in TERMINAL:
        raise Forbidden(_(NOT_ENDED))
    made = _again(whole, task=task)
    facts = {"new submission": made.pk, "task": task.name if task is not None else None}
    record(Action.SUBMISSION_RERUN, by=by, on=whole, after=facts, about=whole.owner)
    return made


@transaction.atomic
def rerun_many(*, found: Sequence[Submission], by: User) -> list[Submission]:
    """Evaluate a selection again, all or none by right; those that have not ended are left out (Codabench's rule).

    Reruns of many wait behind everything else. Raises Forbidden, and Refused when a file or a task is gone, or when
    these are too many.
    """
    wholes = {whole.pk: whole for whole in (one.parent or one for one in found)}
    if not all(may_rerun(by, whole.phase.competition) for whole in wholes.values()):
        raise Forbidden(_(NO_RIGHT))
    ended = [whole for whole in _in_order_of_lanes(wholes.values()) if whole.status in TERMINAL]
    for competition, count in Counter(whole.phase.competition for whole in ended).items():
        refuse_too_many(by=by, competition=competition, count=count)
    record_many(Action.SUBMISSION_RERUN, by=by, on=ended)
    return [_again(whole, bulk=True) for whole in ended]


@transaction.atomic
def rerun_phase(*, phase: Phase, by: User) -> int:
    """Evaluate all submissions of a phase again, behind everything else that waits; returns how many.

    Reruns are not rerun in turn, and what has a rerun of this kind under way has no second one, so that asking twice
    changes nothing. What has lost its file or a task is left out. Made in the background.
    Raises Forbidden, and Refused when these are too many.
    """
    if not may_rerun(by, phase.competition):
        raise Forbidden(_(NO_RIGHT))
    refuse_too_many(by=by, competition=phase.competition, count=repeatable(phase).count())
    begun = phase_work.begin(kind=WorkKind.RERUN, phase=phase, by=by)
    record(Action.PHASE_RERUN, by=by, on=phase, after={"submissions": begun})
    return begun


def repeatable(phase: Phase) -> QuerySet[Submission]:
    """What a rerun of the phase would evaluate again now."""
    under_way = Submission.objects.filter(original=OuterRef("pk"), is_bulk_rerun=True).exclude(status__in=TERMINAL)
    lost_part = Submission.objects.filter(parent=OuterRef("pk"), task__isnull=True)
    return Submission.objects.filter(
        ~Exists(under_way),
        ~Exists(lost_part),
        phase=phase,
        parent__isnull=True,
        original__isnull=True,
        is_soft_deleted=False,
        data__isnull=False,
        status__in=TERMINAL,
    ).exclude(task__isnull=True, has_children=False)


def _rerun_piece(phase: Phase, keys: Sequence[int]) -> int:
    # The phase's row is the lock under which reruns of it are made, so that two who ask at once make one each.
    Phase.objects.select_for_update(no_key=True).get(pk=phase.pk)
    found = repeatable(phase).filter(pk__in=keys).select_related("owner", "phase__competition__queue", "data", "task")
    return len([_again(whole, bulk=True) for whole in _in_order_of_lanes(found)])


def _in_order_of_lanes(found: Iterable[Submission]) -> list[Submission]:
    """So that two who rerun many at once lock the lanes in the same order."""
    return sorted(found, key=lambda one: (one.phase.competition_id, one.owner_id, one.pk))


def _again(whole: Submission, *, task: Task | None = None, bulk: bool = False) -> Submission:
    if whole.data is None or whole.data.data_file_id is None:
        raise Refused(
            _("The file of submission %(number)s was deleted, so it cannot be run again.") % {"number": whole.pk},
            code="file_gone",
        )
    made = submissions.create(
        user=whole.owner,
        phase=whole.phase,
        data=whole.data,
        kind=Kind(whole.kind),
        answers=whole.fact_sheet_answers,
        tasks=[task] if task is not None else _tasks_of(whole),
        marks={
            "original": whole,
            "original_when": whole.submitted_when,
            "organization": whole.organization,
            "is_specific_task_re_run": task is not None or whole.is_specific_task_re_run,
            "is_bulk_rerun": bulk,
        },
    )
    submissions.start(made)
    return made


def _tasks_of(whole: Submission) -> list[Task]:
    """The tasks that the original was made for. Raises Refused when one is gone (Codabench's 404)."""
    parts = whole.children.select_related("task").order_by("pk") if whole.has_children else [whole]
    tasks = [part.task for part in parts]
    if any(task is None for task in tasks):
        raise Refused(
            _("Cannot re-run: a task of this submission has been deleted. Choose a task with `task_key`."),
            code="task_gone",
            status=404,
        )
    return [task for task in tasks if task is not None]


phase_work.register(WorkKind.RERUN, phase_work.Plan(rows=repeatable, do=_rerun_piece))
