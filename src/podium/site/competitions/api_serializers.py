"""Competitions as the REST API shows them (Codabench's shapes)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from podium.site.accounts.models import User
from podium.site.api_fields import image_url
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, CreationStatus, Page, Phase, PhaseTask
from podium.site.evaluation import limits, tries
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

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_logo(self, competition: Competition) -> str | None:
        return image_url(competition.logo)

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_logo_icon(self, competition: Competition) -> str | None:
        return image_url(competition.logo_icon or competition.logo)


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
        if not (self.context.get("organizer") or (self.context.get("takes_part") and policies.has_begun(link.phase))):
            return []
        return SolutionSerializer(link.task.solutions.all(), many=True, context={"task_key": link.task.key}).data

    @extend_schema_field(DatasetSerializer(many=True))
    def get_public_datasets(self, link: PhaseTask) -> Any:
        version = resources.current_version(link.task)
        organizer, takes_part = bool(self.context.get("organizer")), bool(self.context.get("takes_part"))
        given = policies.parts_given(link.phase, organizer=organizer, takes_part=takes_part)
        order = ("input_data", "reference_data", "ingestion_program", "scoring_program")
        parts = [getattr(version, name) for name in order if name in given]
        return DatasetSerializer([data for data in parts if data], many=True, context=self.context).data


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
        return DatasetSerializer(dataset, context=self.context).data if dataset and allowed else None

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
    forum = serializers.SerializerMethodField()

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
            "forum",
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

    def get_forum(self, competition: Competition) -> int | None:
        forum = getattr(competition, "forum", None)
        return forum.pk if forum else None

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
