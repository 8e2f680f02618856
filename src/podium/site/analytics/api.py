"""The numbers of the site in the REST API (Codabench's paths and shapes); for administrators."""

from __future__ import annotations

from typing import Any

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import permissions, renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.analytics import exports, policies, queries
from podium.site.analytics.models import CompetitionUsage, UsageDay, UserUsage
from podium.site.analytics.periods import LAST_DAY, Span, Unit, last_four_weeks
from podium.site.analytics.services import orphans
from podium.site.api_fields import Cap, caller
from podium.site.evaluation.api import CsvRenderer
from podium.site.pages.times import iso

MOST_PERIODS = 400
"""Days, weeks or months for which one answer tells what each took."""
_Fields = dict[str, serializers.Field[Any, Any, Any, Any]]
_BYTES = serializers.IntegerField
_PAGES = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]


class SpanSerializer(serializers.Serializer[dict[str, Any]]):
    """Two days, both of which count whole, and what to divide the time between them into."""

    start_date = serializers.DateField(help_text="a day (UTC), YYYY-MM-DD")
    end_date = serializers.DateField(help_text="a day (UTC), which is counted too")
    time_unit = serializers.ChoiceField(choices=Unit.choices)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raises ValidationError where no day lies between the two."""
        if attrs["end_date"] < attrs["start_date"]:
            raise serializers.ValidationError({"end_date": ["It lies before start_date."]})
        if attrs["end_date"] > LAST_DAY:
            raise serializers.ValidationError({"end_date": [f"Name a day up to {LAST_DAY}."]})
        return attrs


class UsageSpanSerializer(serializers.Serializer[dict[str, Any]]):
    """As `SpanSerializer` with the last four weeks for what is not said; Codabench calls the unit otherwise here."""

    start_date = serializers.DateField(required=False, help_text="a day (UTC); by default four weeks ago")
    end_date = serializers.DateField(required=False, help_text="a day (UTC), which is counted too; by default today")
    resolution = serializers.ChoiceField(choices=Unit.choices, default=Unit.DAY)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raises ValidationError where no day lies between the two, or too many do."""
        usual = last_four_weeks()
        first, last = attrs.get("start_date", usual.first), attrs.get("end_date", usual.last)
        span = SpanSerializer(data={"start_date": first, "end_date": last, "time_unit": attrs["resolution"]})
        span.is_valid(raise_exception=True)
        attrs["span"] = Span(first, last)
        if attrs["span"].count(attrs["resolution"]) > MOST_PERIODS:
            message = f"These are more than {MOST_PERIODS} periods; take longer ones or a shorter time."
            raise serializers.ValidationError({"resolution": [message]})
        return attrs


def _asked(request: Request, kind: type[serializers.Serializer[dict[str, Any]]]) -> dict[str, Any]:
    """The parameters of an address; empty ones count as not said. Raises ValidationError."""
    asked = kind(data={name: value for name, value in request.query_params.items() if value})
    asked.is_valid(raise_exception=True)
    return asked.validated_data


def _points(name: str) -> serializers.Serializer[Any]:
    point: _Fields = {"_datefield": serializers.DateTimeField(), "count": serializers.IntegerField()}
    return inline_serializer(name, point, many=True)


_MADE = inline_serializer(
    "Analytics",
    {
        "registered_user_count": serializers.IntegerField(),
        "competition_count": serializers.IntegerField(),
        "competitions_published_count": serializers.IntegerField(help_text="of them, those that are published now"),
        "submissions_made_count": serializers.IntegerField(),
        "users_data": _points("AnalyticsUsers"),
        "competitions_data": _points("AnalyticsCompetitions"),
        "submissions_data": _points("AnalyticsSubmissions"),
        "start_date": serializers.DateField(),
        "end_date": serializers.DateField(),
        "time_unit": serializers.ChoiceField(choices=Unit.choices),
    },
)


class AnalyticsView(APIView):
    """What came to be in a span of days: accounts, competitions, submissions."""

    permission_classes = (permissions.IsAuthenticated,)
    renderer_classes = (renderers.JSONRenderer, CsvRenderer)

    @extend_schema(parameters=[SpanSerializer], responses={200: _MADE, (200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        """In all, and by day, week or month; with `format=csv` the latter as a table. For administrators."""
        if not policies.may_read_all(request.user):
            raise Http404
        asked = _asked(request, SpanSerializer)
        made = queries.made(Span(asked["start_date"], asked["end_date"]), asked["time_unit"])
        if request.accepted_renderer.format == "csv":
            return exports.answer(exports.of_made(made), f"analytics-{made.span.first}-{made.span.last}.csv")
        series = {
            f"{name}_data": [{"count": number, "_datefield": begin} for begin, number in getattr(made, name)]
            for name in ("users", "competitions", "submissions")
        }
        return Response(
            {
                "registered_user_count": made.total("users"),
                "competition_count": made.total("competitions"),
                "competitions_published_count": made.published,
                "submissions_made_count": made.total("submissions"),
                **series,
                "start_date": made.span.first,
                "end_date": made.span.last,
                "time_unit": made.unit,
            }
        )


def _usage(name: str, entry: serializers.Field[Any, Any, Any, Any]) -> serializers.Serializer[Any]:
    fields: _Fields = {
        "last_storage_calculation_date": serializers.DateTimeField(allow_null=True),
        name: serializers.DictField(child=entry, help_text="by day; of a week or month the last day that was counted"),
    }
    return inline_serializer(name.title().replace("_", ""), fields)


_HISTORY: _Fields = {
    name: _BYTES(help_text="bytes")
    for name in ("total_usage", "competitions_usage", "users_usage", "admin_usage", "orphaned_file_usage")
}
_COMPETITION: _Fields = {
    "snapshot_id": serializers.IntegerField(),
    "title": serializers.CharField(),
    "organizer": serializers.CharField(help_text="a user name"),
    "created_when": serializers.DateTimeField(),
    "datasets": _BYTES(help_text="bytes of bundle, programs, data and submissions"),
    "results": _BYTES(help_text="bytes of what came of its submissions"),
}
_USER: _Fields = {
    "snapshot_id": serializers.IntegerField(),
    "name": serializers.CharField(help_text="a user name"),
    "date_joined": serializers.DateTimeField(),
    "datasets": _BYTES(help_text="bytes of what they uploaded"),
    "submissions": _BYTES(help_text="bytes of results and logs of their submissions"),
}


class _Most(Cap):
    """Those that took most on the last day, a hundred at a time."""

    limit = most = 100


class _UsageView(APIView):
    """What was stored, day by day."""

    permission_classes = (permissions.IsAuthenticated,)

    def days(self, request: Request) -> list[UsageDay]:
        """The days that are asked for. Raises Forbidden for all but administrators, and ValidationError."""
        policies.require_administrator(request.user)
        asked = _asked(request, UsageSpanSerializer)
        return queries.usage_days(asked["span"], asked["resolution"])

    def answered(self, name: str, found: Any, response: Response | None = None) -> Response:
        """Codabench's envelope, with the headers of a page."""
        last = queries.last_taken()
        body = {"last_storage_calculation_date": last.taken_when if last else None, name: found}
        return Response(body, headers=dict(response.items()) if response is not None else None)


class StorageHistoryView(_UsageView):
    """What the site stored."""

    @extend_schema(
        parameters=[UsageSpanSerializer],
        responses=_usage("storage_usage_history", inline_serializer("StorageUsage", _HISTORY)),
    )
    def get(self, request: Request) -> Response:
        """In all, of competitions, of users, of the site itself, and what nothing refers to. For administrators."""
        found = {
            day.day.isoformat(): {
                "total_usage": day.total,
                "competitions_usage": day.competitions,
                "users_usage": day.users,
                "admin_usage": day.site,
                "orphaned_file_usage": day.orphans,
            }
            for day in self.days(request)
        }
        return self.answered("storage_usage_history", found)


class CompetitionsUsageView(_UsageView):
    """What competitions took."""

    @extend_schema(
        parameters=[UsageSpanSerializer, *_PAGES],
        responses=_usage(
            "competitions_usage",
            serializers.DictField(child=inline_serializer("CompetitionUsage", _COMPETITION), help_text="by its id"),
        ),
    )
    def get(self, request: Request) -> Response:
        """By day and competition; the hundred that took most on the last day, `page` for others."""
        days, pages = self.days(request), _Most()
        most = queries.competitions_by_usage(days[-1]) if days else CompetitionUsage.objects.none()
        shown = [row.competition_id for row in pages.paginate_queryset(most, request)]
        found: dict[str, dict[int, Any]] = {day.day.isoformat(): {} for day in days}
        for row in queries.competition_usages(days, shown):
            organizer = row.competition.created_by
            found[row.day.day.isoformat()][row.competition_id] = {
                "snapshot_id": row.pk,
                "title": row.competition.title,
                "organizer": organizer.username if organizer else "",
                "created_when": iso(row.competition.created_when),
                "datasets": row.datasets,
                "results": row.results,
            }
        return self.answered("competitions_usage", found, pages.get_paginated_response(None))


class UsersUsageView(_UsageView):
    """What people took."""

    @extend_schema(
        parameters=[UsageSpanSerializer, *_PAGES],
        responses=_usage(
            "users_usage", serializers.DictField(child=inline_serializer("UserUsage", _USER), help_text="by their id")
        ),
    )
    def get(self, request: Request) -> Response:
        """By day and person; the hundred who took most on the last day, `page` for others."""
        days, pages = self.days(request), _Most()
        most = queries.users_by_usage(days[-1]) if days else UserUsage.objects.none()
        shown = [row.user_id for row in pages.paginate_queryset(most, request)]
        found: dict[str, dict[int, Any]] = {day.day.isoformat(): {} for day in days}
        for row in queries.user_usages(days, shown):
            found[row.day.day.isoformat()][row.user_id] = {
                "snapshot_id": row.pk,
                "name": row.user.username,
                "date_joined": iso(row.user.date_joined),
                "datasets": row.datasets,
                "submissions": row.results,
            }
        return self.answered("users_usage", found, pages.get_paginated_response(None))


class OrphanFilesView(APIView):
    """The files that nothing refers to."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(
        parameters=_PAGES,
        responses=inline_serializer("OrphanFiles", {"data": serializers.ListField(child=serializers.CharField())}),
    )
    def get(self, request: Request) -> Response:
        """Their paths in the storage, as the newest check found them; 404 before the first. For administrators."""
        policies.require_administrator(request.user)
        check = orphans.newest_check()
        if check is None:
            raise Http404(str(orphans.NO_CHECK))
        pages = Cap()
        rows = pages.paginate_queryset(check.found.order_by("pk"), request)
        return pages.get_paginated_response({"data": [row.key for row in rows]})


_STARTED: _Fields = {"success": serializers.BooleanField(), "message": serializers.CharField()}


class DeleteOrphanFilesView(APIView):
    """Removes the files that nothing refers to."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(request=None, responses=inline_serializer("OrphanDeletionStarted", _STARTED))
    def delete(self, request: Request) -> Response:
        """Start it in the background; one that is under way is left to go on. For administrators."""
        orphans.start_deletion(by=caller(request))
        return Response({"success": True, "message": "Orphan files deletion started"})


_DELETION: _Fields = {
    "status": serializers.CharField(allow_null=True, help_text="PENDING, STARTED, SUCCESS or FAILURE"),
    "removed": serializers.IntegerField(help_text="files so far"),
    "freed": _BYTES(help_text="bytes so far"),
}


class OrphanDeletionStatusView(APIView):
    """How the removal of orphans stands."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(responses=inline_serializer("OrphanDeletionStatus", _DELETION))
    def get(self, request: Request) -> Response:
        """Of the one that was asked for last; null where there was none. For administrators."""
        policies.require_administrator(request.user)
        last = orphans.newest_deletion()
        removed, freed = (last.removed, last.freed) if last else (0, 0)
        return Response({"status": last.status if last else None, "removed": removed, "freed": freed})
