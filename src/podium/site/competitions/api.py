"""Competitions in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site import conditional
from podium.site.api_fields import ID_REGEX, Cap, LargePagination, caller, search_text
from podium.site.competitions import policies, queries, services
from podium.site.competitions.api_editor import EditorViews
from podium.site.competitions.api_serializers import (
    CompetitionSerializer,
    CreationStatusSerializer,
    SimpleCompetitionSerializer,
)
from podium.site.competitions.counts import Counted
from podium.site.competitions.models import Competition, CompetitionType, CreationStatus
from podium.site.competitions.services import messages
from podium.site.evaluation import limits
from podium.site.searching import search_words

_SECRET = OpenApiParameter("secret_key", OpenApiTypes.UUID, description="Opens an unpublished competition.")


def _choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """A parameter that is one of these, or absent. Raises ValidationError, which names it, for anything else."""
    given = request.query_params.get(name, "")
    if given and given not in choices:
        raise serializers.ValidationError({name: [f"This is none of {', '.join(choices)}."]})
    return given


class CompetitionViewSet(EditorViews):
    """Competitions and benchmarks."""

    queryset = Competition.objects.none()
    permission_classes = (permissions.IsAuthenticatedOrReadOnly,)
    serializer_class = SimpleCompetitionSerializer
    pagination_class = Cap
    lookup_value_regex = ID_REGEX
    filter_backends = ()

    def _visible(self) -> Any:
        secret = self.request.query_params.get("secret_key")
        if not secret and self.action == "register" and isinstance(self.request.data, dict):
            secret = self.request.data.get("secret_key")
        return policies.visible_to(self.request.user, secret)

    @extend_schema(
        parameters=[
            OpenApiParameter("type", str, description="competition (default), benchmark or any"),
            OpenApiParameter("mine", str),
            OpenApiParameter("participating_in", str),
            OpenApiParameter("search", str),
            _SECRET,
        ],
        responses=SimpleCompetitionSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The competitions that the caller sees, oldest first."""
        wanted = request.query_params
        rows = self._visible()
        if (secret := wanted.get("secret_key")) is not None and request.user.is_authenticated:
            rows = policies.with_secret(secret)  # that one alone (Codabench's rule)
        kind = wanted.get("type", CompetitionType.COMPETITION)
        if wanted.get("mine"):
            rows = rows.filter(policies.organized_by(request.user))
        elif kind != "any":
            rows = rows.filter(competition_type=kind)
        if wanted.get("participating_in"):
            rows = rows.filter(policies.taking_part(request.user))
        if search := search_text(request):
            rows = rows.filter(title__icontains=search) | rows.filter(description__icontains=search)
        rows = rows.select_related("created_by", "logo", "logo_icon").order_by("created_when", "pk")
        page = self.paginate_queryset(Counted(rows))
        return self.get_paginated_response(SimpleCompetitionSerializer(page, many=True).data)

    @extend_schema(parameters=[_SECRET], responses=CompetitionSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One competition with its phases, boards and pages."""
        return conditional.answered(request, *self._shown(int(pk), request.query_params.get("secret_key")))

    @extend_schema(
        parameters=[
            OpenApiParameter("search", str),
            OpenApiParameter("ordering", str, enum=["recent", "popular", "with_most_submissions"]),
            OpenApiParameter("participating_in", bool),
            OpenApiParameter("organizing", bool),
            OpenApiParameter("has_reward", bool),
            OpenApiParameter(
                "type", str, enum=["any", *CompetitionType.values], description="Podium's own; default any"
            ),
            OpenApiParameter("organizer", str, description="Podium's own: words in the name of one of the organizers"),
            OpenApiParameter("state", str, enum=queries.Openness.values, description="Podium's own"),
        ],
        # Said in full: the list of one's own competitions is a bare array, and both would share one name.
        responses=inline_serializer(
            "PublicCompetitions",
            {
                "count": serializers.IntegerField(),
                "next": serializers.URLField(allow_null=True),
                "previous": serializers.URLField(allow_null=True),
                "page_size": serializers.IntegerField(),
                "results": SimpleCompetitionSerializer(many=True),
            },
        ),
    )
    @action(detail=False, methods=["get"], pagination_class=LargePagination)
    def public(self, request: Request) -> Response:
        """Published competitions and benchmarks."""
        wanted = {name: request.query_params.get(name) == "true" for name in ("participating_in", "organizing")}
        if any(wanted.values()) and not request.user.is_authenticated:
            detail = "Authentication required for filtering by participating in or organizing."
            return Response({"detail": detail}, status=status.HTTP_401_UNAUTHORIZED)
        kind = _choice(request, "type", ["any", *CompetitionType.values])
        rows = queries.public_competitions(
            type="" if kind == "any" else kind,
            organizer=search_words(request.query_params.get("organizer", "")),
            openness=_choice(request, "state", queries.Openness.values),
            search=search_text(request),
            ordering=request.query_params.get("ordering", "recent"),
            user=request.user,
            has_reward=request.query_params.get("has_reward") == "true",
            **wanted,
        )
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(SimpleCompetitionSerializer(page, many=True).data)

    @extend_schema(
        responses=inline_serializer(
            "FrontPage",
            {
                "popular_comps": SimpleCompetitionSerializer(many=True),
                "recent_comps": SimpleCompetitionSerializer(many=True),
            },
        )
    )
    @action(detail=False, methods=["get"])
    def front_page(self, request: Request) -> Response:
        """The competitions of the home page."""
        lists = dict(zip(("popular_comps", "recent_comps"), queries.front_page(), strict=True))
        return Response({name: SimpleCompetitionSerializer(rows, many=True).data for name, rows in lists.items()})

    @extend_schema(
        request=inline_serializer("Registration", {"secret_key": serializers.UUIDField(required=False)}),
        responses={201: inline_serializer("RegistrationAnswer", {"participant_status": serializers.CharField()})},
    )
    @action(detail=True, methods=["post"])
    def register(self, request: Request, pk: str) -> Response:
        """Ask to take part."""
        competition = get_object_or_404(self._visible(), pk=pk)
        participant = services.register(competition=competition, user=caller(request))
        return Response({"participant_status": participant.status}, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=None, responses=inline_serializer("PublishAnswer", {"published": serializers.BooleanField()})
    )
    @action(detail=True, methods=["post"])
    def toggle_publish(self, request: Request, pk: str) -> Response:
        """Publish or hide a competition."""
        competition = get_object_or_404(self._visible(), pk=pk)
        services.set_published(competition=competition, by=caller(request), published=not competition.published)
        return Response({"published": competition.published})

    @extend_schema(request=None, responses=inline_serializer("SecretAnswer", {"secret_key": serializers.UUIDField()}))
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Make another secret link; the one before opens nothing any more. For organizers."""
        competition = get_object_or_404(self._visible(), pk=pk)
        services.rotate_secret(competition=competition, by=caller(request))
        return Response({"secret_key": competition.secret_key})

    @extend_schema(
        request=inline_serializer("MessageToAll", {"message": serializers.CharField()}),
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=True, methods=["post"])
    def email_all_participants(self, request: Request, pk: str) -> Response:
        """Mail every participant who was not denied, each by themselves, a message in Markdown."""
        competition = get_object_or_404(self._visible(), pk=pk)
        message = request.data.get("message") if isinstance(request.data, dict) else None
        messages.write_to_all(competition=competition, by=caller(request), message=message)
        return Response({})

    @extend_schema(responses=CreationStatusSerializer)
    @action(detail=True, methods=["get"])
    def creation_status(self, request: Request, pk: str) -> Response:
        """How the making of a competition from a bundle goes; the id is that of the creation."""
        creation = CreationStatus.objects.filter(pk=pk, created_by=caller(request)).first()
        if creation is None:
            raise Http404
        return Response(CreationStatusSerializer(creation).data)


class LimitsView(APIView):
    """What this site gives a step of a submission at most."""

    permission_classes = (permissions.AllowAny,)

    @extend_schema(
        responses={200: {"type": "object", "additionalProperties": {"type": "number"}}}, operation_id="limits"
    )
    def get(self, request: Request) -> Response:
        """The site's ceilings by the keys of a phase in a bundle; `network` is 1 where phases may ask for it."""
        return Response(limits.ceilings_by_key())
