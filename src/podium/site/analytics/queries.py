"""The numbers of the whole site; counted by the database, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Count, DateField, Max, Q, QuerySet
from django.db.models.functions import Trunc

from podium.site.accounts.models import User
from podium.site.analytics.models import CompetitionUsage, UsageDay, UserUsage
from podium.site.analytics.periods import Span, truncated
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission

Series = list[tuple[datetime, int]]
"""The beginning of each period in which there was something, and how much."""


@dataclass(frozen=True)
class Made:
    """What came to be in a span: accounts, competitions, submissions without their parts for several tasks."""

    span: Span
    unit: str
    users: Series
    competitions: Series
    submissions: Series
    published: int
    """How many of those competitions are published now."""

    def total(self, name: str) -> int:
        """How many of `users`, `competitions` or `submissions` in all of the span."""
        return sum(number for _, number in getattr(self, name))

    def by_period(self, name: str) -> dict[date, int]:
        """How many of something in each period that had some, by its first day."""
        return {begin.astimezone(UTC).date(): number for begin, number in getattr(self, name)}


def made(span: Span, unit: str) -> Made:
    """What came to be in a span, by day, week or month; as far as it is still there."""
    competitions = Competition.objects.filter(**span.within("created_when")).order_by()
    counted = (
        competitions.annotate(period=truncated("created_when", unit))
        .values_list("period")
        .annotate(number=Count("pk"), published=Count("pk", filter=Q(published=True)))
        .order_by("period")
    )
    rows = list(counted)
    return Made(
        span=span,
        unit=unit,
        users=_series(User.objects.all(), "date_joined", span, unit),
        competitions=[(period, number) for period, number, _ in rows],
        submissions=_series(Submission.objects.filter(parent__isnull=True), "created_when", span, unit),
        published=sum(published for _, _, published in rows),
    )


def _series(rows: QuerySet[Any], field: str, span: Span, unit: str) -> Series:
    within = rows.filter(**span.within(field)).order_by().annotate(period=truncated(field, unit))
    return list(within.values_list("period").annotate(number=Count("pk")).order_by("period"))


def last_taken() -> UsageDay | None:
    """The newest day of which the storage was counted, None before the first."""
    return UsageDay.objects.filter(taken_when__isnull=False).order_by("-day").first()


def usage_days(span: Span, unit: str) -> list[UsageDay]:
    """Of each day, week or month of a span the last day that was counted, in their order."""
    taken = UsageDay.objects.filter(taken_when__isnull=False, day__range=(span.first, span.last))
    if unit == "day":
        return list(taken.order_by("day"))
    periods = taken.order_by().annotate(period=Trunc("day", unit, output_field=DateField())).values_list("period")
    last = periods.annotate(last=Max("day")).values_list("last", flat=True)
    return list(UsageDay.objects.filter(day__in=list(last)).order_by("day"))


def competitions_by_usage(day: UsageDay) -> QuerySet[CompetitionUsage]:
    """What each competition took on a day, most first."""
    return day.of_competitions.select_related("competition__created_by").order_by("-total", "pk")


def users_by_usage(day: UsageDay) -> QuerySet[UserUsage]:
    """What each person took on a day, most first."""
    return day.of_users.select_related("user").order_by("-total", "pk")


def competition_usages(days: Iterable[UsageDay], competitions: Iterable[int]) -> QuerySet[CompetitionUsage]:
    """What some competitions took on some days."""
    rows = CompetitionUsage.objects.filter(day__in=list(days), competition__in=list(competitions))
    return rows.select_related("day", "competition__created_by").order_by("day__day", "-total", "pk")


def user_usages(days: Iterable[UsageDay], users: Iterable[int]) -> QuerySet[UserUsage]:
    """What some people took on some days."""
    rows = UserUsage.objects.filter(day__in=list(days), user__in=list(users))
    return rows.select_related("day", "user").order_by("day__day", "-total", "pk")
