"""Competitions in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import exceptions, permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.accounts.models import User
from podium.site.api_fields import ID_REGEX, Cap, LargePagination, caller, image_url, search_text
from podium.site.competitions import policies, queries, services
from podium.site.competitions.models import Competition, CompetitionType, CreationStatus, Page, Phase, PhaseTask
from podium.site.competitions.services import queueing
from podium.site.evaluation import limits, tries
from podium.site.leaderboards.board_changes import BoardChangeSerializer, change_boards
from podium.site.leaderboards.models import Column, Leaderboard
from podium.site.queues.api import queue_of_competition
from podium.site.resources import queries as resources
from podium.site.resources.api import DatasetSerializer
from podium.site.resources.models import Solution


class SimpleCompetitionSerializer(serializers.ModelSerializer[Competition]):
    """A competition in a list."""

    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    owner_display_name = serializers.CharField(source="created_by.shown_name", default=None, allow_null=True)
    participants_count = serializers.IntegerField()
    submissions_count = serializers.IntegerField()
    logo = serializers.SerializerMethodField()
    logo_icon = serializers.SerializerMethodField()

    class Meta:
        model = Competition
        fields = [
            "id",
            "title",
            "created_by",
            "owner_display_name",
            "created_when",
            "published",
            "participants_count",
            "logo",
            "logo_icon",
            "description",
            "competition_type",
            "reward",
            "contact_email",
            "report",
            "is_featured",
            "submissions_count",
        ]

    @extend_schema_field(OpenApiTypes.URI)
    def get_logo(self, competition: Competition) -> str | None:
        return image_url(competition.logo)

    @extend_schema_field(OpenApiTypes.URI)
    def get_logo_icon(self, competition: Competition) -> str | None:
        return image_url(competition.logo)


class PageSerializer(serializers.ModelSerializer[Page]):
    """A page, as the organizer wrote it."""

    class Meta:
        model = Page
        fields = ["id", "title", "content", "index"]


class ColumnSerializer(serializers.ModelSerializer[Column]):
    """A column of a board."""

    computation = serializers.SerializerMethodField()
    computation_indexes = serializers.SerializerMethodField()

    class Meta:
        model = Column
        fields = [
            "id",
            "computation",
            "computation_indexes",
            "title",
            "key",
            "sorting",
            "index",
            "hidden",
            "precision",
            "group",
        ]

    def get_computation(self, column: Column) -> str | None:
        return column.computation or None

    @extend_schema_field({"type": "array", "items": {"type": "string"}, "nullable": True})
    def get_computation_indexes(self, column: Column) -> list[str] | None:
        return [str(index) for index in column.computation_indexes] or None


class LeaderboardSerializer(serializers.ModelSerializer[Leaderboard]):
    """A board with the columns that the caller may see."""

    columns = serializers.SerializerMethodField()

    class Meta:
        model = Leaderboard
        fields = ["id", "primary_index", "title", "key", "columns", "hidden", "submission_rule"]

    @extend_schema_field(ColumnSerializer(many=True))
    def get_columns(self, board: Leaderboard) -> Any:
        columns = [c for c in board.columns.all() if self.context.get("organizer") or not c.hidden]
        return ColumnSerializer(columns, many=True).data


class SolutionSerializer(serializers.ModelSerializer[Solution]):
    """A sample solution of a task."""

    tasks = serializers.SerializerMethodField()
    data = serializers.UUIDField(source="data.key")  # type: ignore[assignment]  # DRF names a property so
    md5 = serializers.CharField(source="data.data_file.md5", default="")
    size = serializers.IntegerField(source="data.data_file.size", default=0)

    class Meta:
        model = Solution
        fields = ["name", "description", "key", "tasks", "data", "md5", "size"]

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_tasks(self, solution: Solution) -> list[str]:
        return [str(self.context["task_key"])] if "task_key" in self.context else []


class PhaseTaskSerializer(serializers.ModelSerializer[PhaseTask]):
    """A task of a phase; programs and data only to those who may have them."""

    task = serializers.UUIDField(source="task.key")
    id = serializers.IntegerField(source="task.pk")
    value = serializers.UUIDField(source="task.key")
    key = serializers.UUIDField(source="task.key")
    created_when = serializers.DateTimeField(source="task.created_when")
    name = serializers.CharField(source="task.name")
    ingestion_only_during_scoring = serializers.SerializerMethodField()
    solutions = serializers.SerializerMethodField()
    public_datasets = serializers.SerializerMethodField()

    class Meta:
        model = PhaseTask
        fields = [
            "task",
            "order_index",
            "phase",
            "id",
            "value",
            "key",
            "created_when",
            "name",
            "ingestion_only_during_scoring",
            "solutions",
            "public_datasets",
        ]

    def get_ingestion_only_during_scoring(self, link: PhaseTask) -> bool:
        return resources.current_version(link.task).ingestion_only_during_scoring

    @extend_schema_field(SolutionSerializer(many=True))
    def get_solutions(self, link: PhaseTask) -> Any:
        if not self.context.get("takes_part"):
            return []
        return SolutionSerializer(link.task.solutions.all(), many=True, context={"task_key": link.task.key}).data

    @extend_schema_field(DatasetSerializer(many=True))
    def get_public_datasets(self, link: PhaseTask) -> Any:
        version, competition = resources.current_version(link.task), self.context["competition"]
        organizer, takes_part = self.context.get("organizer"), self.context.get("takes_part")
        parts = [
            (version.input_data, takes_part and competition.make_input_data_available),
            (version.reference_data, False),
            (version.ingestion_program, takes_part and competition.make_programs_available),
            (version.scoring_program, takes_part and competition.make_programs_available),
        ]
        return DatasetSerializer([d for d, allowed in parts if d and (organizer or allowed)], many=True).data


class PhaseSerializer(serializers.ModelSerializer[Phase]):
    """A phase with its tasks and the caller's own use of its limits."""

    status = serializers.CharField()
    tasks = serializers.SerializerMethodField()
    public_data = serializers.SerializerMethodField()
    starting_kit = serializers.SerializerMethodField()
    is_final_phase = serializers.BooleanField()
    used_submissions_per_day = serializers.SerializerMethodField()
    used_submissions_per_person = serializers.SerializerMethodField()
    effective_limits = serializers.SerializerMethodField(
        help_text="What each step of a submission gets: the limits asked for, below the ceilings of site and workers."
    )

    class Meta:
        model = Phase
        fields = [
            "id",
            "index",
            "start",
            "end",
            "name",
            "description",
            "status",
            "execution_time_limit",
            "memory_limit",
            "disk_limit",
            "shared_memory_limit",
            "output_limit",
            "cpu_limit",
            "process_limit",
            "gpus",
            "network",
            "effective_limits",
            "tasks",
            "has_max_submissions",
            "max_submissions_per_day",
            "max_submissions_per_person",
            "auto_migrate_to_this_phase",
            "hide_output",
            "hide_prediction_output",
            "hide_score_output",
            "accepts_only_result_submissions",
            "failed_submissions_count",
            "public_data",
            "starting_kit",
            "is_final_phase",
            "used_submissions_per_day",
            "used_submissions_per_person",
        ]

    @extend_schema_field(PhaseTaskSerializer(many=True))
    def get_tasks(self, phase: Phase) -> Any:
        return PhaseTaskSerializer(phase.phase_tasks.all(), many=True, context=self.context).data

    @extend_schema_field(DatasetSerializer(allow_null=True))
    def get_public_data(self, phase: Phase) -> Any:
        return self._file(phase.public_data)

    @extend_schema_field(DatasetSerializer(allow_null=True))
    def get_starting_kit(self, phase: Phase) -> Any:
        return self._file(phase.starting_kit)

    def _file(self, dataset: Any) -> Any:
        allowed = self.context.get("organizer") or self.context.get("takes_part")
        return DatasetSerializer(dataset).data if dataset and allowed else None

    @extend_schema_field(
        {
            "type": "object",
            "properties": {
                "settled": {"type": "boolean", "description": "whether the phase has begun to run with them"},
                "limits": {"type": "object", "additionalProperties": True},
                "lowered": {
                    "type": "object",
                    "description": "what is less than asked: by whose ceiling",
                    "additionalProperties": {"type": "string", "enum": ["site", "workers"]},
                },
                "waits_because": {"type": "string"},
            },
        }
    )
    def get_effective_limits(self, phase: Phase) -> dict[str, Any]:
        return limits.as_dict(limits.standing(phase, self.context["workers"]))

    def get_used_submissions_per_day(self, phase: Phase) -> int:
        return int(self.context["used"][phase.pk][0])

    def get_used_submissions_per_person(self, phase: Phase) -> int:
        return int(self.context["used"][phase.pk][1])


class CollaboratorSerializer(serializers.ModelSerializer[User]):
    """A collaborator."""

    name = serializers.CharField(source="shown_name")

    class Meta:
        model = User
        fields = ["id", "name", "username"]


class CompetitionSerializer(SimpleCompetitionSerializer):
    """A whole competition, as far as the caller may see it."""

    secret_key = serializers.SerializerMethodField()
    pages = PageSerializer(many=True)
    phases = PhaseSerializer(many=True)
    leaderboards = serializers.SerializerMethodField()
    collaborators = CollaboratorSerializer(many=True)
    participant_status = serializers.SerializerMethodField()
    queue = serializers.SerializerMethodField()
    whitelist_emails = serializers.SerializerMethodField()

    class Meta(SimpleCompetitionSerializer.Meta):
        fields = [
            *SimpleCompetitionSerializer.Meta.fields,
            "secret_key",
            "terms",
            "pages",
            "phases",
            "leaderboards",
            "collaborators",
            "participant_status",
            "registration_auto_approve",
            "queue",
            "enable_detailed_results",
            "show_detailed_results_in_submission_panel",
            "show_detailed_results_in_leaderboard",
            "auto_run_submissions",
            "can_participants_make_submissions_public",
            "make_programs_available",
            "make_input_data_available",
            "docker_image",
            "allow_robot_submissions",
            "fact_sheet",
            "whitelist_emails",
            "forum_enabled",
        ]

    for_organizers = ("secret_key", "whitelist_emails")
    for_people = ("participant_status",)
    """What strangers are not told; both are absent rather than null, as in Codabench."""

    def to_representation(self, instance: Competition) -> dict[str, Any]:
        data = super().to_representation(instance)
        absent: set[str] = set()
        if not self.context["organizer"]:
            absent.update(self.for_organizers)
        if not self.context["user"].is_authenticated:
            absent.update(self.for_people)
        return {name: value for name, value in data.items() if name not in absent}

    @extend_schema_field({"type": "string", "format": "uuid"})
    def get_secret_key(self, competition: Competition) -> str:
        return str(competition.secret_key)

    @extend_schema_field(LeaderboardSerializer(many=True))
    def get_leaderboards(self, competition: Competition) -> Any:
        organizer = self.context["organizer"]
        boards = [b for b in competition.leaderboards.all() if organizer or not b.hidden]
        return LeaderboardSerializer(boards, many=True, context=self.context).data

    def get_participant_status(self, competition: Competition) -> str | None:
        participant = policies.participant_of(self.context["user"], competition)
        return participant.status if participant else None

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
    def get_queue(self, competition: Competition) -> dict[str, Any] | None:
        return queue_of_competition(self.context["user"], competition.queue)

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_whitelist_emails(self, competition: Competition) -> list[str]:
        return [row.email for row in competition.whitelist_emails.all()] if self.context["organizer"] else []


class CreationStatusSerializer(serializers.ModelSerializer[CreationStatus]):
    """How the making of a competition goes; `steps` and `faults` are Podium's own."""

    details = serializers.SerializerMethodField()

    class Meta:
        model = CreationStatus
        fields = ["status", "details", "resulting_competition", "created_by", "steps", "faults"]

    def get_details(self, creation: CreationStatus) -> str | None:
        return creation.details or None


class CompetitionSchema(OpenApiSerializerExtension):
    """What is absent for some is not promised to all."""

    target_class = CompetitionSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        """The schema of a competition."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        absent = CompetitionSerializer.for_organizers + CompetitionSerializer.for_people
        return {**schema, "required": [name for name in schema["required"] if name not in absent]}


_SECRET = OpenApiParameter("secret_key", OpenApiTypes.UUID, description="Opens an unpublished competition.")


def detail_context(user: Any, competition: Competition) -> dict[str, Any]:
    """What the serializers of one competition need to know of the caller."""
    organizer = policies.can_administer(user, competition)
    return {
        "user": user,
        "competition": competition,
        "organizer": organizer,
        "takes_part": organizer or policies.is_approved(user, competition),
        "used": tries.used(user, competition.phases.all()),
        "workers": limits.live_ceilings_of(competition),
    }


class CompetitionViewSet(viewsets.GenericViewSet[Competition]):
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
        kind = wanted.get("type", CompetitionType.COMPETITION)
        if wanted.get("mine"):
            rows = rows.filter(policies.organized_by(request.user))
        elif kind != "any":
            rows = rows.filter(competition_type=kind)
        if wanted.get("participating_in"):
            rows = rows.filter(policies.taking_part(request.user))
        if search := search_text(request):
            rows = rows.filter(title__icontains=search) | rows.filter(description__icontains=search)
        rows = queries.with_counts(rows).select_related("created_by", "logo").order_by("created_when", "pk")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(SimpleCompetitionSerializer(page, many=True).data)

    @extend_schema(parameters=[_SECRET], responses=CompetitionSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One competition with its phases, boards and pages."""
        competition = queries.competition_for_page(request.user, int(pk), request.query_params.get("secret_key"))
        context = detail_context(request.user, competition)
        return Response(CompetitionSerializer(competition, context=context).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("search", str),
            OpenApiParameter("ordering", str, enum=["recent", "popular", "with_most_submissions"]),
            OpenApiParameter("participating_in", bool),
            OpenApiParameter("organizing", bool),
            OpenApiParameter("has_reward", bool),
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
        rows = queries.public_competitions(
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
        lists = {
            "popular_comps": queries.public_competitions(ordering="popular")[:4],
            "recent_comps": queries.public_competitions(ordering="recent")[:4],
        }
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
        request=inline_serializer(
            "CompetitionChange",
            {
                "queue": serializers.IntegerField(allow_null=True, required=False),
                "leaderboards": BoardChangeSerializer(many=True, required=False),
            },
        ),
        responses=CompetitionSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a competition: its `queue`, by id or null for the default, or `leaderboards` with their columns."""
        competition = get_object_or_404(self._visible().select_related("queue"), pk=pk)
        given = request.data if isinstance(request.data, dict) else {}
        if set(given) == {"queue"}:
            queue = queueing.queue_with_id(given["queue"])
            queueing.choose_queue(competition=competition, queue=queue, by=caller(request))
        elif set(given) == {"leaderboards"}:
            change_boards(competition, given["leaderboards"], caller(request))
        else:
            refusal = "Send `queue` or `leaderboards` alone: nothing else can be changed."
            raise exceptions.ValidationError({"non_field_errors": [refusal]})
        return self.retrieve(request, pk)

    @extend_schema(
        request=None, responses=inline_serializer("PublishAnswer", {"published": serializers.BooleanField()})
    )
    @action(detail=True, methods=["post"])
    def toggle_publish(self, request: Request, pk: str) -> Response:
        """Publish or hide a competition."""
        competition = get_object_or_404(self._visible(), pk=pk)
        services.set_published(competition=competition, by=caller(request), published=not competition.published)
        return Response({"published": competition.published})

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
