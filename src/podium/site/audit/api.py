"""The history in the REST API: Podium's own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import BasicPagination
from podium.site.audit import exports, policies, queries
from podium.site.audit.actions import Action
from podium.site.audit.models import AuditEntry
from podium.site.competitions import policies as competitions
from podium.site.errors import Forbidden
from podium.site.threads import pieces


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """An entry as organizers see it."""

    what = serializers.CharField(read_only=True, help_text="the action in words")
    who = serializers.CharField(read_only=True, help_text='a user name; "" where it was nobody with an account')

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "when",
            "action",
            "what",
            "who",
            "via",
            "token_name",
            "competition",
            "competition_title",
            "kind",
            "object_id",
            "object_name",
            "before",
            "after",
        ]
        read_only_fields = fields


class SiteAuditEntrySerializer(AuditEntrySerializer):
    """An entry as administrators see it."""

    class Meta(AuditEntrySerializer.Meta):
        fields = [*AuditEntrySerializer.Meta.fields, "address"]
        read_only_fields = fields


class FilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Which entries are asked for."""

    user = serializers.CharField(required=False, max_length=150, help_text="the user name of who did it")
    action = serializers.ChoiceField(required=False, choices=Action.choices)
    since = serializers.DateTimeField(required=False, help_text="this moment or later")
    until = serializers.DateTimeField(required=False, help_text="before this moment")


class _Entries(generics.GenericAPIView[AuditEntry]):
    permission_classes = (permissions.IsAuthenticated,)
    pagination_class = BasicPagination
    filter_backends = ()
    queryset = AuditEntry.objects.none()
    as_table = False
    name = "history.csv"

    def _answer(self, rows: QuerySet[AuditEntry]) -> Response | StreamingHttpResponse:
        asked = FilterSerializer(data={name: value for name, value in self.request.query_params.items() if value})
        asked.is_valid(raise_exception=True)
        found = queries.chosen(rows, **asked.validated_data)
        if not self.as_table:
            page = self.paginate_queryset(found)
            return self.get_paginated_response(self.get_serializer(page, many=True).data)
        content = exports.as_csv(found, addresses=policies.may_read_all(self.request.user))
        response = StreamingHttpResponse(
            pieces(content), content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"}
        )
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=self.name) or ""
        return response


_TABLE = {(200, "text/csv"): OpenApiTypes.STR}


class CompetitionAuditView(_Entries):
    """The history of a competition."""

    serializer_class = AuditEntrySerializer

    @extend_schema(parameters=[FilterSerializer], responses=AuditEntrySerializer(many=True))
    def get(self, request: Request, pk: int) -> Response | StreamingHttpResponse:
        """What organizers and administrators changed in a competition, newest first; for its organizers."""
        competition = get_object_or_404(competitions.visible_to(request.user).prefetch_related("collaborators"), pk=pk)
        if not competitions.can_administer(request.user, competition):
            raise Forbidden("Only the organizers read the history of a competition.")
        return self._answer(policies.of_competition(request.user, pk))


class CompetitionAuditTableView(CompetitionAuditView):
    """The history of a competition as a table."""

    as_table, pagination_class = True, None  # type: ignore[assignment]

    @extend_schema(parameters=[FilterSerializer], responses=_TABLE)
    def get(self, request: Request, pk: int) -> Response | StreamingHttpResponse:
        """All entries as CSV, with the same filters."""
        return super().get(request, pk)


class AuditView(_Entries):
    """The history of the whole site."""

    serializer_class = SiteAuditEntrySerializer

    @extend_schema(parameters=[FilterSerializer], responses=SiteAuditEntrySerializer(many=True))
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        """What organizers and administrators changed anywhere, newest first; for administrators."""
        if not policies.may_read_all(request.user):
            raise Forbidden("Only administrators read the history of the whole site.")
        return self._answer(policies.visible_to(request.user))


class AuditTableView(AuditView):
    """The history of the whole site as a table."""

    as_table, pagination_class = True, None  # type: ignore[assignment]

    @extend_schema(parameters=[FilterSerializer], responses=_TABLE)
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        """All entries as CSV, with the same filters."""
        return super().get(request)
