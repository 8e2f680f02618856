"""Freeing space: a person's tasks, datasets and submissions that nothing needs, and the failed ones.

What counts as unused is what `resources.queries.with_use` and the phases say, so nothing that a phase, a task, a
solution or a submission needs is ever offered. What is on the public list serves others and stays, and so does an
upload whose file may still come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record_many
from podium.site.competitions.models import PhaseTask
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.evaluation.services import deletion
from podium.site.evaluation.states import SubmissionStatus
from podium.site.leaderboards.models import Entry
from podium.site.resources import grants, queries
from podium.site.resources.models import Dataset, DatasetType, StoredFile, Task
from podium.site.resources.services import delete_dataset, record_deleted

AT_ONCE = 200
"""Things that one call deletes; the answer says how many are left."""


def unused_tasks(user: User) -> QuerySet[Task]:
    """A person's tasks that no phase has and no submission ran on."""
    this = OuterRef("pk")
    given = Exists(PhaseTask.objects.filter(task=this))
    # Two, since each has an index: joined by OR they would be one scan of all submissions for each task.
    run, run_by_version = (Exists(Submission.objects.filter(**{of: this})) for of in ("task", "task_version__task"))
    return Task.objects.filter(~given, ~run, ~run_by_version, created_by=user).order_by("pk")


def _unused(user: User) -> QuerySet[Dataset]:
    over = timezone.now() - timedelta(seconds=grants.FIVE_DAYS)
    arrived = Q(data_file__isnull=False) | Q(upload_started_when__lt=over)
    rows = queries.with_use(Dataset.objects.filter(arrived, created_by=user, is_public=False))
    return rows.filter(is_in_use=False).order_by("pk")


def unused_datasets(user: User) -> QuerySet[Dataset]:
    """A person's datasets and programs that no task, solution or phase has and that are not public."""
    return _unused(user).exclude(type__in=[DatasetType.SUBMISSION, DatasetType.COMPETITION_BUNDLE])


def unused_submissions(user: User) -> QuerySet[Dataset]:
    """A person's files uploaded as submissions that were never submitted, or whose submissions are gone."""
    return _unused(user).filter(type=DatasetType.SUBMISSION)


def failed_submissions(user: User) -> QuerySet[Submission]:
    """A person's whole submissions that failed."""
    itself, part = (Exists(Entry.objects.filter(**{of: OuterRef("pk")})) for of in ("submission", "submission__parent"))
    rows = Submission.objects.filter(owner=user, parent__isnull=True, status=SubmissionStatus.FAILED)
    return rows.filter(~itself, ~part, is_soft_deleted=False).order_by("pk")


def _nothing(keys: list[int]) -> int:
    return 0


def _bytes_of_datasets(keys: list[int]) -> int:
    """What the files of datasets take that no other dataset shares."""
    others = Dataset.objects.filter(data_file=OuterRef("pk")).exclude(pk__in=keys)
    files = StoredFile.objects.filter(~Exists(others), pk__in=Dataset.objects.filter(pk__in=keys).values("data_file"))
    return int(files.aggregate(total=Sum("size"))["total"] or 0)


def _bytes_of_submissions(keys: list[int]) -> int:
    """What submissions have led to takes, and their files that no other submission or solution uses."""
    wholes = Submission.objects.filter(Q(pk__in=keys) | Q(parent__in=keys)).order_by().values("pk")
    runs = Run.objects.filter(submission__in=wholes).order_by()
    results = runs.aggregate(outputs=Sum("output__size"), reports=Sum("detailed_results__size"))
    logs = Attempt.objects.filter(run__submission__in=wholes).order_by().aggregate(total=Sum("log__size"))["total"]
    needed = Submission.objects.filter(data=OuterRef("pk")).exclude(pk__in=wholes)
    mine = Dataset.objects.filter(submissions__in=keys, type=DatasetType.SUBMISSION, solutions__isnull=True)
    data = mine.filter(~Exists(needed)).values_list("pk", flat=True).distinct()
    return _bytes_of_datasets(list(data)) + sum(int(size or 0) for size in (*results.values(), logs))


def _delete_tasks(found: list[Any], by: User) -> None:
    record_many(Action.TASK_DELETED, by=by, on=found)
    Task.objects.filter(pk__in=[one.pk for one in found]).delete()


def _delete_datasets(found: list[Any], by: User) -> None:
    record_deleted(found, by=by)
    for dataset in found:
        delete_dataset(dataset=dataset)


def _delete_submissions(found: list[Any], by: User) -> None:
    deletion.delete_many(found=found, by=by)


@dataclass(frozen=True)
class Cleanup:
    """A kind of things to free space of: which, how they go, Codabench's words for it, and how many bytes they take."""

    rows: Callable[[User], QuerySet[Any]]
    delete: Callable[[list[Any], User], None]
    done: str
    size: Callable[[list[int]], int]


CLEANUPS = {
    "unused_tasks": Cleanup(unused_tasks, _delete_tasks, "Unused tasks deleted successfully", _nothing),
    "unused_datasets_programs": Cleanup(
        unused_datasets, _delete_datasets, "Unused datasets and programs deleted successfully", _bytes_of_datasets
    ),
    "unused_submissions": Cleanup(
        unused_submissions, _delete_datasets, "Unused submissions deleted successfully", _bytes_of_datasets
    ),
    "failed_submissions": Cleanup(
        failed_submissions, _delete_submissions, "Failed submissions deleted successfully", _bytes_of_submissions
    ),
}


@dataclass(frozen=True)
class Freed:
    """What a clean-up would take: how many things, and how many bytes of the quota that frees."""

    count: int
    size: int


def would_free(user: User, kind: str) -> Freed:
    """What a clean-up of a kind would take now, in as many calls as it needs."""
    keys = list(CLEANUPS[kind].rows(user).values_list("pk", flat=True))
    return Freed(len(keys), CLEANUPS[kind].size(keys))


def counts(user: User) -> dict[str, int]:
    """How many things of each kind there are."""
    return {name: cleanup.rows(user).count() for name, cleanup in CLEANUPS.items()}


@transaction.atomic
def clean_up(*, user: User, kind: str) -> tuple[int, int]:
    """Delete a person's things of a kind, `AT_ONCE` at most; returns how many went and how many are left."""
    cleanup = CLEANUPS[kind]
    found = list(cleanup.rows(user)[:AT_ONCE])
    cleanup.delete(found, user)
    return len(found), cleanup.rows(user).count()
