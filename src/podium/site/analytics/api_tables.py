"""Podium's own: the numbers of a competition for its organizers, and Codabench's two tables for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.analytics import exports, policies, yearly
from podium.site.analytics.competition import Statistics, statistics
from podium.site.analytics.periods import today
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden

_TABLE = {(200, "text/csv"): OpenApiTypes.STR}
_COUNTS = serializers.DictField(child=serializers.IntegerField(), help_text="by day (UTC), word or state")
_Fields = dict[str, serializers.Field[Any, Any, Any, Any]]
_FAILURE: _Fields = {
    "cause": serializers.CharField(),
    "fault": serializers.CharField(),
    "count": serializers.IntegerField(),
}
_TIMES: _Fields = {
    "step": serializers.CharField(),
    "runs": serializers.IntegerField(),
    "mean": serializers.FloatField(help_text="seconds"),
    "longest": serializers.FloatField(help_text="seconds"),
    "spread": _COUNTS,
}
_STATISTICS: _Fields = {
    "submissions": serializers.IntegerField(),
    "submitters": serializers.IntegerField(help_text="people with a submission"),
    "submissions_per_day": _COUNTS,
    "participants": _COUNTS,
    "joined_per_day": _COUNTS,
    "statuses": _COUNTS,
    "failures": inline_serializer("CompetitionFailures", _FAILURE, many=True),
    "mean_wait": serializers.FloatField(allow_null=True, help_text="seconds from a submission to its start"),
    "longest_wait": serializers.FloatField(allow_null=True, help_text="seconds"),
    "run_times": inline_serializer("CompetitionRunTimes", _TIMES, many=True),
}
_PHASE = [OpenApiParameter("phase", OpenApiTypes.INT, description="a phase; without, all of them together")]


class PhaseQuery(serializers.Serializer[dict[str, Any]]):
    """Which phase is asked for."""

    phase = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class CompetitionStatisticsView(APIView):
    """The numbers of a competition."""

    permission_classes = (permissions.IsAuthenticated,)

    def counted(self, request: Request, pk: int) -> Statistics:
        """What was counted. Raises Http404, Forbidden for all but the organizers, and ValidationError."""
        rows = competitions.visible_to(request.user).prefetch_related("collaborators")
        competition = get_object_or_404(rows, pk=pk)
        if not competitions.can_administer(request.user, competition):
            raise Forbidden("Only the organizers read the statistics of a competition.")
        asked = PhaseQuery(data={name: value for name, value in request.query_params.items() if value})
        asked.is_valid(raise_exception=True)
        number = asked.validated_data.get("phase")
        phase = Phase.objects.filter(competition=competition, pk=number).first() if number else None
        if number and phase is None:
            raise exceptions.ValidationError({"phase": ["The competition has no phase of this id."]})
        return statistics(competition, phase)

    @extend_schema(parameters=_PHASE, responses=inline_serializer("CompetitionStatistics", _STATISTICS))
    def get(self, request: Request, pk: int) -> Any:
        """Submissions by day and state, participants, failures and run times; for its organizers."""
        found = self.counted(request, pk)
        return Response(
            {
                "submissions": found.submissions,
                "submitters": found.submitters,
                "submissions_per_day": {day.isoformat(): number for day, number in found.per_day.items()},
                "participants": found.participants,
                "joined_per_day": {day.isoformat(): number for day, number in found.joined.items()},
                "statuses": dict(found.statuses),
                "failures": [
                    {"cause": str(cause), "fault": str(fault), "count": number}
                    for cause, fault, number in found.failures
                ],
                "mean_wait": found.waited[0] if found.waited else None,
                "longest_wait": found.waited[1] if found.waited else None,
                "run_times": [
                    {
                        "step": str(times.step),
                        "runs": times.runs,
                        "mean": times.mean,
                        "longest": times.longest,
                        "spread": {str(label): number for label, number in times.spread},
                    }
                    for times in found.times
                ],
            }
        )


class CompetitionStatisticsTableView(CompetitionStatisticsView):
    """The numbers of a competition as a table."""

    @extend_schema(parameters=_PHASE, responses=_TABLE)
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """A number a row: what was counted, of which day, state or cause, and how many."""
        rows = list(_rows(self.counted(request, pk)))  # now, in the language of the API
        return exports.answer(exports.table(["figure", "of", "number"], rows), f"statistics-{pk}.csv")


def _rows(found: Statistics) -> Iterator[list[Any]]:
    for figure, series in (("submissions", found.per_day), ("participants joined", found.joined)):
        yield from ([figure, day.isoformat(), number] for day, number in series.items())
    yield from (["submissions by status", status, number] for status, number in found.statuses)
    yield from (["participants by status", status, number] for status, number in sorted(found.participants.items()))
    yield ["people with a submission", "", found.submitters]
    yield from ([f"failures, {fault} fault", str(cause), number] for cause, fault, number in found.failures)
    if found.waited:
        yield ["seconds until the start", "mean", round(found.waited[0], 1)]
        yield ["seconds until the start", "longest", round(found.waited[1], 1)]
    for times in found.times:
        yield [f"seconds of {times.step.lower()}", "mean", round(times.mean, 1)]
        yield [f"seconds of {times.step.lower()}", "longest", round(times.longest, 1)]
        yield from ([f"runs of {times.step.lower()}", str(label), number] for label, number in times.spread)


class YearQuery(serializers.Serializer[dict[str, Any]]):
    """Which year is asked for."""

    year = serializers.IntegerField(required=False, min_value=1970, max_value=9990, help_text="by default this one")


class YearTableView(APIView):
    """A year of the site by months."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(parameters=[YearQuery], responses=_TABLE)
    def get(self, request: Request) -> StreamingHttpResponse:
        """As Codabench's `create_codabench_statistics`; for administrators."""
        policies.require_administrator(request.user)
        asked = YearQuery(data={name: value for name, value in request.query_params.items() if value})
        asked.is_valid(raise_exception=True)
        year = asked.validated_data.get("year", today().year)
        content = exports.table(yearly.HEADING, list(yearly.by_month(year)), delimiter=yearly.DELIMITER)
        return exports.answer(content, f"statistics_{year}.csv")


class PublishedTableView(APIView):
    """Every published competition with its numbers."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(responses=_TABLE)
    def get(self, request: Request) -> StreamingHttpResponse:
        """As Codabench's `create_codabench_statistics_published_comps`; for administrators."""
        policies.require_administrator(request.user)
        rows = yearly.published(settings.CONFIG.public_url.rstrip("/"))
        content = exports.table(yearly.PUBLISHED_HEADING, rows, delimiter=yearly.DELIMITER)
        return exports.answer(content, "statistics_published_comps.csv")
