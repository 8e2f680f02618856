"""Participants in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import Cap, caller, search_text
from podium.site.competitions import policies, queries, services
from podium.site.competitions.models import Participant, ParticipantStatus
from podium.site.competitions.services import messages
from podium.site.evaluation import tries
from podium.site.evaluation.models import MAX_CREDIT
from podium.site.evaluation.services import ledger
from podium.site.searching import search_words


class ParticipantSerializer(serializers.ModelSerializer[Participant]):
    """A participant as the organizers see them."""

    username = serializers.CharField(source="user.username", read_only=True)
    is_bot = serializers.BooleanField(source="user.is_bot", read_only=True)
    email = serializers.EmailField(source="told_address", read_only=True, allow_null=True)
    is_deleted = serializers.BooleanField(source="user.is_deleted", read_only=True)

    class Meta:
        model = Participant
        fields = ["id", "username", "is_bot", "email", "status", "is_deleted"]


class CreditSerializer(serializers.Serializer[Any]):
    """Tries that an organizer gives beyond the limits."""

    phase = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    tries = serializers.IntegerField(min_value=1, max_value=MAX_CREDIT, default=1)
    note = serializers.CharField(max_length=240)


class ParticipantViewSet(viewsets.GenericViewSet[Participant]):
    """Who takes part, for organizers."""

    queryset = Participant.objects.none()
    serializer_class = ParticipantSerializer
    pagination_class = Cap
    lookup_value_regex = r"\d+"
    filter_backends = ()

    def _visible(self) -> Any:
        competitions = policies.administered_by(self.request.user)
        return Participant.objects.filter(competition__in=competitions).select_related("user", "competition")

    @extend_schema(
        parameters=[
            OpenApiParameter("competition", int, required=True),
            OpenApiParameter("status", str, enum=ParticipantStatus.values),
            OpenApiParameter("search", str),
            OpenApiParameter("user__username", str),
            OpenApiParameter("user__email", str),
            OpenApiParameter("user__is_deleted", bool),
        ],
        responses=ParticipantSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The participants of one competition that the caller runs, by name."""
        wanted = request.query_params
        chosen = wanted.get("competition", "")
        competition = None
        if chosen.isdecimal() and len(chosen) < 19:
            competition = policies.administered_by(request.user).filter(pk=int(chosen)).first()
        if competition is None:
            return Response([])
        rows = queries.participants(competition, search_text(request), wanted.get("status", "").replace("\0", ""))
        if username := search_words(wanted.get("user__username", "")):
            rows = rows.filter(user__username=username)
        if address := search_words(wanted.get("user__email", "")):
            rows = rows.filter(policies.with_address(exact=address))
        if (deleted := wanted.get("user__is_deleted", "").lower()) in {"true", "false"}:
            rows = rows.filter(user__is_deleted=deleted == "true")
        return self.get_paginated_response(ParticipantSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(
        request=inline_serializer("ParticipantDecision", {"status": serializers.CharField()}),
        responses=ParticipantSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Approve, deny or revoke."""
        participant = get_object_or_404(self._visible(), pk=pk)
        status_ = request.data.get("status") if isinstance(request.data, dict) else None
        changed = services.set_participant_status(participant=participant, by=caller(request), status=str(status_))
        return Response(ParticipantSerializer(changed).data)

    @extend_schema(
        request=inline_serializer("MessageToParticipant", {"message": serializers.CharField()}),
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=True, methods=["post"])
    def send_email(self, request: Request, pk: str) -> Response:
        """Mail a participant a message in Markdown."""
        participant = get_object_or_404(self._visible(), pk=pk)
        message = request.data.get("message") if isinstance(request.data, dict) else None
        messages.write_to_one(participant=participant, by=caller(request), message=message)
        return Response({})

    @extend_schema(
        request=CreditSerializer,
        responses=inline_serializer(
            "CreditGiven",
            {
                "used_today": serializers.IntegerField(),
                "used_total": serializers.IntegerField(),
                "left_today": serializers.IntegerField(allow_null=True),
                "left_total": serializers.IntegerField(allow_null=True),
            },
        ),
    )
    @action(detail=True, methods=["post"])
    def credit_tries(self, request: Request, pk: str) -> Response:
        """Give a person tries beyond the limits of a phase, with a note that they read."""
        participant = get_object_or_404(self._visible(), pk=pk)
        given = CreditSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        phase = get_object_or_404(participant.competition.phases, pk=given.validated_data["phase"])
        ledger.credit(
            participant=participant,
            phase=phase,
            tries=given.validated_data["tries"],
            note=given.validated_data["note"],
            by=caller(request),
        )
        now = tries.tries(participant.user, phase)
        names = ("used_today", "used_total", "left_today", "left_total")
        return Response({name: getattr(now, name) for name in names})
