"""Reads of a person's own submissions over all competitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet, Sum

from podium.site.evaluation import policies
from podium.site.evaluation.models import Attempt, Run, Submission
from podium.site.searching import matching

MOST_OFFERED = 200
"""Competitions that the filter offers."""


def _whole(user: Any) -> QuerySet[Submission]:
    return policies.visible_to(user).filter(owner=user, parent__isnull=True)


def submissions(
    user: Any, *, competition: int | None = None, status: str = "", search: str = ""
) -> QuerySet[Submission]:
    """A person's submissions without the parts, newest first.

    competition: id of one. status: one of SubmissionStatus. search: in the file's name and the competition's title.
    """
    rows = _whole(user)
    if competition is not None:
        rows = rows.filter(phase__competition=competition)
    if status:
        rows = rows.filter(status=status)
    rows = matching(rows, search, "data__file_name", "data__name", "phase__competition__title")
    return rows.select_related("phase__competition", "data__data_file").order_by("-pk")


def competitions(user: Any) -> list[tuple[int, str]]:
    """The competitions to which a person has submitted, by title."""
    rows = _whole(user).order_by("phase__competition__title", "phase__competition")
    return list(rows.values_list("phase__competition", "phase__competition__title").distinct()[:MOST_OFFERED])


def stored(found: Sequence[Submission]) -> dict[int, int]:
    """Bytes that each submission takes with all that it has led to, as the quota counts; in four queries."""
    sizes = {one.pk: one.data.data_file.size if one.data and one.data.data_file else 0 for one in found}
    for whole in ("submission", "submission__parent"):
        runs = Run.objects.filter(**{f"{whole}__in": list(sizes)}).order_by().values(whole)
        for row in runs.annotate(outputs=Sum("output__size"), reports=Sum("detailed_results__size")):
            sizes[row[whole]] += int(row["outputs"] or 0) + int(row["reports"] or 0)
        attempts = Attempt.objects.filter(**{f"run__{whole}__in": list(sizes)}).order_by().values(f"run__{whole}")
        for row in attempts.annotate(logs=Sum("log__size")):
            sizes[row[f"run__{whole}"]] += int(row["logs"] or 0)
    return sizes
