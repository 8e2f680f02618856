"""Codabench's two tables: a year of the site by months, and every published competition."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from podium.site.accounts.models import User
from podium.site.analytics.periods import Span, truncated
from podium.site.competitions.counts import attach, not_organizing
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import SubmissionStatus

DELIMITER = ";"
"""Codabench's."""
HEADING = (
    *("month", "total competitions", "public competitions", "private competitions", "new users", "total users"),
    *("new participants", "total participants", "new submissions", "submissions per day", "finished submissions"),
    *("failed submissions", "total submissions"),
)
PUBLISHED_HEADING = (
    *("title", "description", "participants", "submissions", "year", "phases", "reward", "duration (days)", "url"),
)
PIECE = 200


def by_month(year: int) -> Iterator[list[Any]]:
    """A line for each month, then the year; totals are those at the end. A competition is public if it is published."""
    span = Span(date(year, 1, 1), date(year, 12, 31))
    competitions = _monthly(Competition.objects.all(), "created_when", span, public=Q(published=True))
    users = _monthly(User.objects.all(), "date_joined", span)
    approved = Participant.objects.filter(status=ParticipantStatus.APPROVED)
    participants = _monthly(not_organizing(approved), "created_when", span)
    ends = {"finished": Q(status=SubmissionStatus.FINISHED), "failed": Q(status=SubmissionStatus.FAILED)}
    submissions = _monthly(Submission.objects.filter(parent__isnull=True), "created_when", span, **ends)

    def line(name: str, months: range, days: int) -> list[Any]:
        last = months[-1]
        everything, public = competitions.total("all", last), competitions.total("public", last)
        made = submissions.new("all", months)
        return [
            *(name, everything, public, everything - public),
            *(users.new("all", months), users.total("all", last)),
            *(participants.new("all", months), participants.total("all", last)),
            *(made, round(made / days, 2), submissions.new("finished", months), submissions.new("failed", months)),
            submissions.total("all", last),
        ]

    for month in range(1, 13):
        yield line(f"{year}-{month:02}", range(month, month + 1), calendar.monthrange(year, month)[1])
    yield line("Total", range(1, 13), 366 if calendar.isleap(year) else 365)


class _Months:
    """How many there were before a year, and how many came in each month of it, of all and of some kinds."""

    def __init__(self, before: dict[str, int], months: dict[int, dict[str, int]]) -> None:
        self._before, self._months = before, months

    def new(self, kind: str, months: range) -> int:
        """How many came in some months."""
        return sum(self._months[month][kind] for month in months if month in self._months)

    def total(self, kind: str, month: int) -> int:
        """How many there were at the end of a month."""
        return self._before[kind] + self.new(kind, range(1, month + 1))


def _monthly(rows: QuerySet[Any], field: str, span: Span, **kinds: Q) -> _Months:
    counts = {"all": Count("pk"), **{name: Count("pk", filter=kind) for name, kind in kinds.items()}}
    before = rows.filter(**{f"{field}__lt": span.begin}).order_by().aggregate(**counts)
    within = rows.filter(**span.within(field)).order_by().annotate(period=truncated(field, "month"))
    months: dict[int, dict[str, int]] = {}
    for row in within.values("period").annotate(**counts):
        period: datetime = row.pop("period")
        months[period.astimezone(UTC).month] = row
    return _Months(before, months)


def published(address: str) -> Iterator[list[Any]]:
    """A line for each published competition, the oldest first. address: of the site, without a slash at its end."""
    rows = Competition.objects.filter(published=True).annotate(
        number=Count("phases"), begin=Min("phases__start"), last=Max("phases__end")
    )
    after = 0
    while piece := list(rows.filter(pk__gt=after).order_by("pk")[:PIECE]):
        after = piece[-1].pk
        attach(piece)
        for one in piece:
            facts: Any = one  # with what was annotated and attached
            days = (facts.last - facts.begin).days if facts.begin and facts.last else ""
            yield [
                *(one.title, one.description, facts.participants_count, facts.submissions_count),
                *(one.created_when.astimezone(UTC).year, facts.number, one.reward, days),
                f"{address}/competitions/{one.pk}/",
            ]
