"""Phases in the REST API: what organizers do with a whole phase (Codabench's paths)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, permissions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import ID_REGEX, caller
from podium.site.competitions import policies
from podium.site.competitions.api import PhaseSerializer
from podium.site.competitions.models import Phase
from podium.site.competitions.services import migration
from podium.site.errors import Forbidden
from podium.site.evaluation import comparison, comparison_api
from podium.site.evaluation.models import PhaseWork
from podium.site.evaluation.services import limits as settling
from podium.site.evaluation.services import reruns


class PhaseWorkSerializer(serializers.ModelSerializer[PhaseWork]):
    """Work on all submissions of a phase, as it stands."""

    class Meta:
        model = PhaseWork
        fields = ["id", "kind", "state", "total", "done", "details", "created_when", "finished_when"]


class PhaseViewSet(viewsets.GenericViewSet[Phase]):
    """What organizers do with a phase."""

    queryset = Phase.objects.none()
    permission_classes = (permissions.IsAuthenticated,)
    serializer_class = PhaseSerializer
    pagination_class = None
    filter_backends = ()
    lookup_value_regex = ID_REGEX

    def get_queryset(self) -> Any:
        phases = Phase.objects.select_related("competition__queue").prefetch_related("competition__collaborators")
        return phases.filter(competition__in=policies.visible_to(self.request.user))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def settle_limits(self, request: Request, pk: str) -> Response:
        """Settle the limits of the phase anew, at what site and workers give now; for organizers."""
        settling.settle_anew(phase=self.get_object(), by=request.user)
        return Response(status=204)

    @extend_schema(request=None, responses=inline_serializer("RerunCount", {"count": serializers.IntegerField()}))
    @action(detail=True, methods=["get", "post"])
    def rerun_submissions(self, request: Request, pk: str) -> Response:
        """Evaluate all submissions of the phase again, behind everything else that waits; GET works with a token."""
        if request.method == "GET" and request.auth is None:
            raise exceptions.MethodNotAllowed("GET", "Use POST to re-run the submissions.")
        return Response({"count": reruns.rerun_phase(phase=self.get_object(), by=caller(request))})

    @extend_schema(responses=comparison_api.ANSWER)
    @action(detail=True, methods=["get"])
    def rerun_comparison(self, request: Request, pk: str) -> Response:
        """Old and new scores and ranks of what was run again, by participant; for organizers."""
        phase = self.get_object()
        if not policies.can_administer(request.user, phase.competition):
            raise Forbidden("Only the organizers compare what was run again.")
        return Response(comparison_api.represent(comparison.compare(phase)))

    @extend_schema(responses=PhaseWorkSerializer(many=True))
    @action(detail=True, methods=["get"])
    def works(self, request: Request, pk: str) -> Response:
        """How far reruns and migrations of the phase have come, newest first; for its organizers."""
        phase = self.get_object()
        if not policies.can_administer(request.user, phase.competition):
            raise Forbidden("Only the organizers see this.")
        return Response(PhaseWorkSerializer(phase.works.all()[:20], many=True).data)

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def manually_migrate(self, request: Request, pk: str) -> Response:
        """Submit what stands on the phase's board to the next phase, each entry once."""
        migration.migrate_by_hand(phase=self.get_object(), by=caller(request))
        return Response({})
