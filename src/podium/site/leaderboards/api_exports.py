"""The results of a competition as files, for its organizers (Codabench's paths and shapes)."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from podium.site.competitions import policies
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden
from podium.site.leaderboards import exports
from podium.site.threads import pieces


class ResultsView(APIView):
    """The boards of a competition, whole."""

    permission_classes = (permissions.IsAuthenticated,)
    form = "json"
    """What the address ends with: json, csv or zip; the address alone decides (Codabench's rule)."""

    @extend_schema(
        parameters=[OpenApiParameter("phase", int, description="only this phase")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """Every entry in the order of its rank, with all columns, unrounded; CSV needs `phase` where there are more."""
        competition = get_object_or_404(policies.visible_to(request.user).prefetch_related("collaborators"), pk=pk)
        if not policies.can_administer(request.user, competition):
            raise Forbidden("You are not a competition admin or superuser")
        return self._answer(competition, exports.sheets(competition, request.user, _phase(request)), request)

    def _answer(self, competition: Competition, sheets: list[exports.Sheet], request: Request) -> StreamingHttpResponse:
        if not sheets:
            if "phase" in request.query_params:
                raise Http404
            raise exceptions.ValidationError([f"No Phases found on competition id:{competition.pk}"])
        if self.form == "json":
            return _stream(exports.as_json(sheets), "application/json", "")
        if self.form == "zip":
            name = f"{exports.file_name(competition.title)}.zip"
            return _stream(exports.as_zip(sheets), "application/x-zip-compressed", name)
        if len(sheets) > 1:
            raise exceptions.ValidationError(["More than one matching leaderboard. Try selecting phase or get a .zip?"])
        name = f"{exports.file_name(sheets[0].board_title)}.csv"
        return _stream(exports.as_csv(sheets[0]), "text/csv; charset=utf-8", name)


def _phase(request: Request) -> int | None:
    text = request.query_params.get("phase")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise exceptions.ValidationError({"phase": ["Name a phase by its number."]})
    return int(text)


def _stream(content: Iterator[bytes], kind: str, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces(content), content_type=kind, headers={"Cache-Control": "no-store"})
    if name:
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return response
