"""Scores that organizers set, in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import permissions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import ID_REGEX, Cap, caller
from podium.site.competitions import policies as competitions
from podium.site.errors import Forbidden
from podium.site.evaluation import policies as submissions
from podium.site.evaluation.api_shapes import ScoreSerializer
from podium.site.leaderboards import services
from podium.site.leaderboards.models import Score


class SubmissionScoreViewSet(viewsets.GenericViewSet[Score]):
    """Scores that organizers set."""

    queryset = Score.objects.none()
    permission_classes = (permissions.IsAuthenticated,)
    lookup_value_regex = ID_REGEX
    pagination_class = Cap
    filter_backends = ()

    @extend_schema(
        parameters=[OpenApiParameter("submission", int), OpenApiParameter("phase", int)],
        responses=ScoreSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The scores in the competitions that the caller organizes, newest first; of one submission or phase."""
        rows = Score.objects.filter(submission__phase__competition__in=competitions.administered_by(request.user))
        for name, field in (("submission", "submission"), ("phase", "submission__phase")):
            if text := request.query_params.get(name):
                known = text.isascii() and text.isdecimal() and len(text) < 19
                rows = rows.filter(**{field: int(text)}) if known else rows.none()
        page = self.paginate_queryset(rows.select_related("column").order_by("-pk"))
        return self.get_paginated_response(ScoreSerializer(page, many=True).data)

    @extend_schema(responses=ScoreSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One score of a competition that the caller organizes."""
        rows = Score.objects.filter(submission__phase__competition__in=competitions.administered_by(request.user))
        return Response(ScoreSerializer(get_object_or_404(rows.select_related("column"), pk=pk)).data)

    @extend_schema(
        request=inline_serializer("ScoreChange", {"score": serializers.CharField(max_length=100)}),
        responses=ScoreSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Set a score by hand; computed columns and the leaderboard follow, and the submission says who did it."""
        seen = Score.objects.filter(submission__in=submissions.visible_to(request.user))
        related = ("column", "submission__phase__competition", "submission__phase__leaderboard")
        score = get_object_or_404(seen.select_related(*related), pk=pk)
        if not competitions.can_administer(request.user, score.submission.phase.competition):
            if score.column.hidden or not submissions.sees_scores(request.user, score.submission):
                raise Http404  # how many scores there are that one does not see is told by no number
            raise Forbidden("You do not have permission to change this score.")
        given = request.data.get("score") if isinstance(request.data, dict) else None
        text = "" if given is None or isinstance(given, bool) else str(given).strip()
        value = services.typed_score(text)
        changed = services.set_score(score=score, value=value, text=text, by=caller(request))
        return Response(ScoreSerializer(changed).data)
