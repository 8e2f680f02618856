"""What the site stores, counted once a day by the site-worker.

The sweeper *asks for* a day as soon as it has begun (`take_due`), which makes its row and queues the background task;
the task *takes* it: it counts outside of any transaction, and writes the day with the rows of competitions and users
in one, if nobody else has meanwhile. A day that was asked for an hour ago and is not taken is asked for again, so
that of a site-worker that dies nothing stays behind.

Sizes are summed by the database. What belongs to a competition is found over several relations; their union, each
file once, is one query, for which Django has no words around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from podium.site.accounts.models import Group, Membership, User
from podium.site.analytics.models import CompetitionUsage, UsageDay, UserUsage
from podium.site.analytics.services import orphans
from podium.site.competitions.models import Competition, Dump, PagePicture, Phase, PhaseTask
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.resources.models import Dataset, StoredFile, TaskVersion

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)
"""How long after it was asked for a day that is not taken is asked for again."""
KEPT_DAYS = 400
"""For how long each day of competitions and users is kept; of older days the first of each month."""
PIECE = 5000
"""Rows that are written or removed in one statement."""


def take_due() -> bool:
    """Ask for today, unless it was taken or is being taken; returns whether it was asked for."""
    from podium.site.analytics.tasks import take_snapshot  # noqa: PLC0415 - tasks call this module

    now = timezone.now()
    with transaction.atomic():
        row, made = UsageDay.objects.get_or_create(day=now.astimezone(UTC).date(), defaults={"asked_when": now})
        silent = UsageDay.objects.filter(pk=row.pk, taken_when=None, asked_when__lte=now - AGAIN)
        if not made and not silent.update(asked_when=now):
            return False
        take_snapshot.enqueue(row.pk)
    return True


def take(*, day_id: int) -> bool:
    """Count what is stored and write it under a day; returns whether this call did. A day is taken once."""
    if not UsageDay.objects.filter(pk=day_id, taken_when=None).exists():
        return False
    looked = orphans.look()
    found: dict[str, Any] = StoredFile.objects.aggregate(files=Count("pk"), stored=Sum("size"))
    uploaded, results = _of_competitions()
    values = {
        "files": found["files"],
        "stored": found["stored"] or 0,
        "users": _of_all_users(),
        "competitions": _bytes_of(_union(*uploaded, *results)),
        "orphans": looked.orphan_bytes,
    }
    of_competitions = _both(_bytes_by(_union(*uploaded)), _bytes_by(_union(*results)))
    of_users = _both(_bytes_by(_uploaded_by_users()), _results_by_users())
    with transaction.atomic():
        now = timezone.now()
        if not UsageDay.objects.filter(pk=day_id, taken_when=None).update(taken_when=now, **values):
            return False
        _write(CompetitionUsage, "competition_id", day_id, of_competitions, Competition.everything.all())
        _write(UserUsage, "user_id", day_id, of_users, User.objects.all())
    log.info("usage counted", stored=values["stored"], competitions=len(of_competitions), users=len(of_users))
    return True


def _write(
    model: type[Any], name: str, day_id: int, sizes: Mapping[int, tuple[int, int]], there: QuerySet[Any]
) -> None:
    """A row for each of those who have something and are still there."""
    living = set(there.order_by().values_list("pk", flat=True))
    rows = (
        model(day_id=day_id, datasets=datasets, results=results, total=datasets + results, **{name: pk})
        for pk, (datasets, results) in sizes.items()
        if pk in living and datasets + results
    )
    model.objects.bulk_create(rows, batch_size=PIECE)


def _both(datasets: Mapping[int, int], results: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    return {pk: (datasets.get(pk, 0), results.get(pk, 0)) for pk in datasets.keys() | results.keys()}


def _pairs(rows: QuerySet[Any], whom: str, file: str) -> QuerySet[Any]:
    """Who has which file: two columns."""
    return rows.filter(**{f"{file}__isnull": False}).order_by().annotate(a=F(whom), b=F(file)).values_list("a", "b")


def _union(*pairs: QuerySet[Any]) -> QuerySet[Any]:
    return pairs[0].union(*pairs[1:])


def _of_competitions() -> tuple[list[QuerySet[Any]], list[QuerySet[Any]]]:
    """Pairs of competitions and the files that were uploaded for them, and those that came of their submissions."""
    everything, at = Competition.everything.all(), "phase__competition"
    datasets = Dataset.objects.filter(competition__isnull=False)
    uploaded = [
        _pairs(datasets, "competition", "data_file"),
        _pairs(Submission.objects.all(), at, "data__data_file"),
        *(_pairs(PhaseTask.objects.all(), at, f"task__versions__{part}__data_file") for part in TaskVersion.PARTS),
        _pairs(PhaseTask.objects.all(), at, "task__solutions__data__data_file"),
        *(_pairs(Phase.objects.all(), "competition", f"{name}__data_file") for name in ("public_data", "starting_kit")),
        *(_pairs(everything, "pk", name) for name in ("bundle__data_file", "logo", "logo_icon")),
        _pairs(PagePicture.objects.all(), "competition", "file"),
    ]
    outputs = ("output", "private_output", "detailed_results")
    results = [
        *(_pairs(Run.objects.all(), f"submission__{at}", name) for name in outputs),
        _pairs(Attempt.objects.all(), f"run__submission__{at}", "log"),
        _pairs(Dump.objects.all(), "competition", "file"),
    ]
    return uploaded, results


def _uploaded_by_users() -> QuerySet[Any]:
    pictures = PagePicture.objects.filter(competition__created_by__isnull=False)
    competitions = Competition.everything.filter(created_by__isnull=False)
    return _union(
        _pairs(Dataset.objects.all(), "created_by", "data_file"),
        _pairs(pictures, "competition__created_by", "file"),
        *(_pairs(competitions, "created_by", name) for name in ("logo", "logo_icon")),
        _pairs(Membership.objects.filter(group=Group.OWNER), "user", "organization__photo"),
    )


def _results_by_users() -> dict[int, int]:
    """As `resources.quota` counts results and logs."""
    runs = Run.objects.order_by().values_list("submission__owner")
    rows = runs.annotate(outputs=Sum("output__size"), reports=Sum("detailed_results__size"))
    sizes = {owner: (outputs or 0) + (reports or 0) for owner, outputs, reports in rows}
    attempts = Attempt.objects.filter(log__isnull=False).order_by().values_list("run__submission__owner")
    for owner, size in attempts.annotate(size=Sum("log__size")):
        sizes[owner] = sizes.get(owner, 0) + size
    return sizes


def _of_all_users() -> int:
    """Bytes of the files that count for anybody's quota, each once."""
    counts = (
        Exists(Dataset.objects.filter(data_file=OuterRef("pk")))
        | Exists(Run.objects.filter(Q(output=OuterRef("pk")) | Q(detailed_results=OuterRef("pk"))))
        | Exists(Attempt.objects.filter(log=OuterRef("pk")))
        | Exists(PagePicture.objects.filter(file=OuterRef("pk"), competition__created_by__isnull=False))
        | Exists(
            Competition.everything.filter(
                Q(logo=OuterRef("pk")) | Q(logo_icon=OuterRef("pk")), created_by__isnull=False
            )
        )
        | Exists(Membership.objects.filter(organization__photo=OuterRef("pk"), group=Group.OWNER))
    )
    return int(StoredFile.objects.filter(counts).aggregate(size=Sum("size"))["size"] or 0)


def _read(sql: str, pairs: QuerySet[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query around pairs, which take the place of the braces."""
    inner, parameters = pairs.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql.format(inner), parameters)
        return cursor.fetchall()


def _bytes_by(pairs: QuerySet[Any]) -> dict[int, int]:
    """How much each has, a file counted once for each."""
    table = connection.ops.quote_name(StoredFile._meta.db_table)
    sql = f"SELECT p.a, SUM(f.size) FROM ({{}}) p JOIN {table} f ON f.id = p.b GROUP BY p.a"  # noqa: S608 - our names
    return {int(pk): int(size) for pk, size in _read(sql, pairs)}


def _bytes_of(pairs: QuerySet[Any]) -> int:
    """How much all have together, a file counted once."""
    table = connection.ops.quote_name(StoredFile._meta.db_table)
    sql = f"SELECT SUM(f.size) FROM {table} f WHERE f.id IN (SELECT p.b FROM ({{}}) p)"  # noqa: S608 - our names
    return int(_read(sql, pairs)[0][0] or 0)


def thin_out() -> int:
    """Remove the rows of competitions and users of old days but the first of each month; returns how many."""
    limit = timezone.now().astimezone(UTC).date() - timedelta(days=KEPT_DAYS)
    gone = 0
    for model in (CompetitionUsage, UserUsage):
        old = model._default_manager.filter(day__day__lt=limit).exclude(day__day__day=1).order_by("pk")
        while keys := list(old.values_list("pk", flat=True)[:PIECE]):
            gone += model._default_manager.filter(pk__in=keys).delete()[0]
    return gone
