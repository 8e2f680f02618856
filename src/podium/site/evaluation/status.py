"""The server's status: what waits in each queue, and the recent submissions with where they run, by right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse

from podium.protocol import Step
from podium.site.competitions import policies as competitions
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.states import RunState, SubmissionStatus
from podium.site.queues import policies as queues
from podium.site.queues.models import Queue
from podium.site.queues.queries import not_working, served

PER_PAGE = 50
MOST_QUEUES = 100


@dataclass(frozen=True)
class Load:
    """What a queue has to do: waiting and running runs, since when the oldest waits, and whether a worker serves it.

    workers: where none does, whether its own are "away" or "drained"; "" where it had none lately.
    """

    waiting: int = 0
    running: int = 0
    oldest: datetime | None = None
    is_served: bool = False
    workers: str = ""

    @property
    def is_stuck(self) -> bool:
        """Whether something waits that nobody serves."""
        return self.waiting > 0 and not self.is_served


def loads(keys: Iterable[int]) -> dict[int, Load]:
    """The load of each of these queues, read from the indexes of waiting and of claimed runs."""
    wanted = list(keys)
    here = served(wanted)
    idle = not_working(wanted) if len(here) < len(wanted) else {}
    waiting = Run.objects.filter(queue__in=wanted, state=RunState.QUEUED).order_by().values("queue")
    claimed = Run.objects.filter(queue__in=wanted, state=RunState.CLAIMED).order_by().values("queue")
    queued = {row["queue"]: row for row in waiting.annotate(n=Count("pk"), oldest=Min("created_when"))}
    running = {row["queue"]: row["n"] for row in claimed.annotate(n=Count("pk"))}
    return {
        key: Load(
            waiting=queued[key]["n"] if key in queued else 0,
            running=running.get(key, 0),
            oldest=queued[key]["oldest"] if key in queued else None,
            is_served=key in here,
            workers="" if key in here else idle.get(key, ""),
        )
        for key in wanted
    }


def queues_shown_to(user: Any) -> list[tuple[Queue, Load]]:
    """The queues of the status page: those that the viewer may use; of many those by name first."""
    rows = list(queues.visible_to(user).select_related("owner").order_by("-is_default", "name", "pk")[:MOST_QUEUES])
    found = loads(queue.pk for queue in rows)
    return [(queue, found[queue.pk]) for queue in rows]


@dataclass
class Row:
    """A submission of the status page with where its steps ran."""

    submission: Submission
    hosts: dict[str, str] = field(default_factory=dict)
    is_held: bool = False
    is_unserved: bool = False

    @property
    def prediction_host(self) -> str:
        """The machine of the prediction step, "" where there was none."""
        return self.hosts.get(Step.PREDICTION, "")

    @property
    def scoring_host(self) -> str:
        """The machine of the scoring step, "" where there was none."""
        return self.hosts.get(Step.SCORING, "")

    @property
    def url(self) -> str:
        """The submission's page."""
        return reverse("evaluation:submission", args=[self.submission.pk])


def recent(user: Any, *, before: int | None = None, children: bool = False) -> tuple[list[Row], bool]:
    """The newest submissions that `user` may see here, and whether there are older ones.

    Administrators see all; others their own, those to competitions that they run, and those in queues that they own or
    organize (Codabench's rule). before: only those older than the submission with this id. children: also the parts of
    submissions to several tasks.
    """
    rows = Submission.objects.filter(is_soft_deleted=False, phase__competition__deleted_when__isnull=True)
    if not children:
        rows = rows.filter(parent__isnull=True)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    keys = _newest(user, rows, PER_PAGE + 1)
    joined = Submission.objects.select_related("phase__competition", "owner", "queue", "data__data_file")
    found = list(joined.filter(pk__in=keys[:PER_PAGE]).order_by("-pk"))
    return _described(found), len(keys) > PER_PAGE


def _newest(user: Any, rows: QuerySet[Submission], number: int) -> list[int]:
    """Ids of the newest of what the viewer may see; each right is asked for by itself, so that each uses an index."""
    if user.is_superuser:
        rights = [Q()]
    else:
        rights = [
            Q(owner=user),
            Q(phase__competition__in=competitions.administered_by(user)),
            Q(queue__in=queues.owned_or_organized_by(user)),
        ]
    found: set[int] = set()
    for right in rights:
        found.update(rows.filter(right).order_by("-pk").values_list("pk", flat=True)[:number])
    return nlargest(number, found)


def _described(found: list[Submission]) -> list[Row]:
    keys = [one.pk for one in found]
    own = Q(run__submission__in=keys) | Q(run__submission__parent__in=keys)
    attempts = Attempt.objects.filter(own).order_by("pk")
    rows = {one.pk: Row(one) for one in found}
    for submission, parent, step, host in attempts.values_list(
        "run__submission", "run__submission__parent", "run__step", "worker_name"
    ):
        row = rows.get(submission) or (rows.get(parent) if parent else None)
        if row is not None:
            row.hosts[step] = host
    here = served({one.queue_id for one in found if one.queue_id is not None})
    for row in rows.values():
        waits = row.submission.status == SubmissionStatus.SUBMITTED
        row.is_unserved = waits and row.submission.queue_id not in here
        row.is_held = is_held(row.submission)
    return list(rows.values())


def is_held(submission: Submission) -> bool:
    """Whether it waits for an organizer to start it."""
    return submission.status == SubmissionStatus.SUBMITTING and not submission.phase.competition.auto_run_submissions
