"""Submissions as the REST API writes and reads them (Codabench's fields)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from podium.site.accounts.api_organizations import OrganizationLinkSerializer
from podium.site.api_fields import MAX_ID, decimal_text
from podium.site.competitions import policies as competitions
from podium.site.competitions.api_serializers import LeaderboardSerializer
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import policies
from podium.site.evaluation.models import Submission
from podium.site.leaderboards import queries as boards
from podium.site.leaderboards.models import Score
from podium.site.resources import policies as resources
from podium.site.resources.models import TaskVersion


class ScoreSerializer(serializers.ModelSerializer[Score]):
    """A score: a text with ten decimals, as Codabench writes it; `text`, Podium's own, is as it was given."""

    index = serializers.IntegerField(source="column.index")
    column_key = serializers.CharField(source="column.key")
    score = serializers.SerializerMethodField()

    class Meta:
        model = Score
        fields = ["id", "index", "score", "text", "column_key"]

    def get_score(self, score: Score) -> str:
        return decimal_text(score.value)


class SubmissionTaskSerializer(serializers.Serializer[Any]):
    """The task of a submission in the version that it ran on; keys of datasets are for those who may have them."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    key = serializers.UUIDField()
    created_by = serializers.IntegerField(allow_null=True)
    created_when = serializers.DateTimeField()
    is_public = serializers.BooleanField()
    ingestion_only_during_scoring = serializers.BooleanField()
    validated = serializers.BooleanField()
    input_data = serializers.UUIDField(allow_null=True)
    ingestion_program = serializers.UUIDField(allow_null=True)
    reference_data = serializers.UUIDField(allow_null=True)
    scoring_program = serializers.UUIDField(allow_null=True)
    shared_with = serializers.ListField(child=serializers.IntegerField())


class Viewer:
    """Who looks at submissions, and what is asked of them for each, found out once."""

    def __init__(self, user: Any) -> None:
        self.user = user

    @cached_property
    def _takes_part_in(self) -> frozenset[int]:
        return frozenset(Competition.objects.filter(competitions.taking_part(self.user)).values_list("pk", flat=True))

    def parts_given(self, phase: Phase) -> frozenset[str]:
        """The parts of the tasks of a phase that this person may have."""
        competition = phase.competition
        if competitions.can_administer(self.user, competition):
            return competitions.parts_given(phase, organizer=True, takes_part=True)
        if not (competition.make_programs_available or competition.make_input_data_available):
            return frozenset()
        return competitions.parts_given(phase, organizer=False, takes_part=competition.pk in self._takes_part_in)


def task_of_submission(submission: Submission, viewer: Viewer) -> dict[str, Any] | None:
    """The task of a submission as its list shows it."""
    task, version = submission.task, submission.task_version
    if task is None or version is None:
        return None
    given = viewer.parts_given(submission.phase)
    parts = {name: getattr(version, name) for name in TaskVersion.PARTS if name in given}
    may_change = resources.may_change_task(viewer.user, task)
    return {
        "id": task.pk,
        "name": task.name,
        "description": task.description,
        "key": task.key,
        "created_by": task.created_by_id,
        "created_when": task.created_when,
        "is_public": task.is_public,
        "ingestion_only_during_scoring": version.ingestion_only_during_scoring,
        "validated": False,
        **{name: parts[name].key if parts.get(name) else None for name in TaskVersion.PARTS},
        "shared_with": [user.pk for user in task.shared_with.all()] if may_change else [],
    }


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """A submission as those who may see it do; what failed and why is Podium's own."""

    phase_name = serializers.CharField(source="phase.name")
    filename = serializers.CharField(
        source="file_name", allow_null=True, help_text="null for who may not have the file"
    )
    status_details = serializers.SerializerMethodField()
    failed_program = serializers.CharField(allow_null=True, help_text="null for who is not told")
    limit = serializers.CharField(allow_null=True, help_text="null for who is not told")
    measured = serializers.CharField(allow_null=True, help_text="null for who is not told")
    owner = serializers.CharField(source="owner.username")
    children = serializers.SerializerMethodField()
    organization = OrganizationLinkSerializer(allow_null=True)
    pk = serializers.IntegerField()
    scores = serializers.SerializerMethodField()
    leaderboard = serializers.SerializerMethodField()
    on_leaderboard = serializers.SerializerMethodField()
    task = serializers.SerializerMethodField()
    upload_started_when = serializers.DateTimeField(
        source="data.upload_started_when", allow_null=True, default=None, help_text="what counts against the deadline"
    )
    upload_completed_when = serializers.DateTimeField(
        source="data.upload_completed_when", allow_null=True, default=None
    )
    auto_run = serializers.BooleanField(source="phase.competition.auto_run_submissions")
    can_make_submissions_public = serializers.BooleanField(
        source="phase.competition.can_participants_make_submissions_public"
    )

    class Meta:
        model = Submission
        fields = [
            "phase_name",
            "name",
            "filename",
            "description",
            "created_when",
            "started_when",
            "finished_when",
            "is_public",
            "is_specific_task_re_run",
            "status",
            "status_details",
            "cause",
            "fault",
            "failed_step",
            "failed_program",
            "limit",
            "measured",
            "notes",
            "kind",
            "owner",
            "has_children",
            "organization",
            "parent",
            "children",
            "pk",
            "id",
            "phase",
            "scores",
            "fact_sheet_answers",
            "leaderboard",
            "on_leaderboard",
            "task",
            "upload_started_when",
            "upload_completed_when",
            "auto_run",
            "can_make_submissions_public",
            "is_soft_deleted",
        ]

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        data = super().to_representation(instance)
        user = self.context["user"]
        rights = policies.output_rights(user, instance)
        if policies.is_told_all(user, instance):
            data["status_details"], data["notes"] = rights.reason(instance) or None, rights.remarks(instance)
        else:
            # Others see that it stands on the board, not what the owner was told about it.
            for name in ("status_details", "limit", "measured", "failed_program"):
                data[name] = None
            data["notes"] = []
            if not rights.submission_file:
                data["filename"] = None
            data["fact_sheet_answers"] = boards.facts_for_all(instance.phase, instance.fact_sheet_answers)
        return data

    def get_status_details(self, submission: Submission) -> str | None:
        return submission.status_details or None

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_children(self, submission: Submission) -> list[int]:
        return [child.pk for child in in_order_of_tasks(submission)]

    @extend_schema_field(ScoreSerializer(many=True))
    def get_scores(self, submission: Submission) -> Any:
        if not policies.sees_scores(self.context["user"], submission):
            return []
        organizer = competitions.can_administer(self.context["user"], submission.phase.competition)
        parts = [submission, *in_order_of_tasks(submission)]
        scores = [score for part in parts for score in part.scores.all()]
        return ScoreSerializer([s for s in scores if organizer or not s.column.hidden], many=True).data

    @extend_schema_field(SubmissionTaskSerializer(allow_null=True))
    def get_task(self, submission: Submission) -> Any:
        shown = task_of_submission(submission, self.context["viewer"])
        return None if shown is None else SubmissionTaskSerializer(shown).data

    def get_leaderboard(self, submission: Submission) -> int | None:
        if not policies.sees_scores(self.context["user"], submission):
            return None  # that it stands on a hidden board is as hidden
        entry = getattr(submission, "entry", None) or getattr(submission.parent, "entry", None)
        return entry.leaderboard_id if entry else None

    def get_on_leaderboard(self, submission: Submission) -> bool:
        return self.get_leaderboard(submission) is not None


def in_order_of_tasks(parent: Submission) -> list[Submission]:
    """The parts of a submission as they were made: in the order of the phase's tasks."""
    return sorted(parent.children.all(), key=lambda child: child.pk)


class SubmissionCreateSerializer(serializers.Serializer[Any]):
    """What makes a submission."""

    phase = serializers.IntegerField()
    data = serializers.UUIDField(help_text="key of the dataset")  # type: ignore[assignment]  # DRF names a property so
    tasks = serializers.ListField(
        child=serializers.IntegerField(max_value=MAX_ID), required=False, allow_empty=True, max_length=1000
    )
    fact_sheet_answers = serializers.DictField(required=False, allow_null=True)
    organization = serializers.IntegerField(
        required=False, allow_null=True, max_value=MAX_ID, help_text="id of the organization to submit as"
    )


class SubmissionCreatedSerializer(serializers.ModelSerializer[Submission]):
    """The answer to a new submission."""

    data = serializers.UUIDField(source="data.key")  # type: ignore[assignment]  # DRF names a property so
    status_details = serializers.SerializerMethodField()
    filename = serializers.CharField(source="file_name")
    md5 = serializers.SerializerMethodField()
    created_when = serializers.DateTimeField(format="%Y-%m-%d %H:%M")
    scores = serializers.SerializerMethodField()
    organization = serializers.SerializerMethodField()

    class Meta:
        model = Submission
        fields = [
            "id",
            "data",
            "phase",
            "status",
            "status_details",
            "filename",
            "description",
            "md5",
            "fact_sheet_answers",
            "organization",
            "queue",
            "created_when",
            "scores",
        ]

    def get_status_details(self, submission: Submission) -> str | None:
        return submission.status_details or None

    def get_md5(self, submission: Submission) -> str | None:
        return submission.data.data_file.md5 if submission.data and submission.data.data_file else None

    @extend_schema_field({"type": "array", "items": {}})
    def get_scores(self, submission: Submission) -> list[Any]:
        return []

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_organization(self, submission: Submission) -> int | None:
        return submission.organization_id


LOG = inline_serializer("SubmissionLog", {"name": serializers.CharField(), "data_file": serializers.URLField()})
DETAILS = inline_serializer(
    "SubmissionDetails",
    {
        "logs": serializers.ListField(child=LOG),
        "data_file": serializers.URLField(allow_null=True),
        "prediction_result": serializers.URLField(allow_null=True),
        "detailed_result": serializers.URLField(allow_null=True),
        "scoring_result": serializers.URLField(allow_null=True),
        "private_result": serializers.URLField(allow_null=True),
        "leaderboards": LeaderboardSerializer(many=True, allow_null=True),
        "fact_sheet_answers": serializers.JSONField(allow_null=True),
    },
)
CAN = inline_serializer(
    "CanMakeSubmission", {"can": serializers.BooleanField(), "reason": serializers.CharField(allow_null=True)}
)


class TaskKeySerializer(serializers.Serializer[Any]):
    """Which task to rerun on."""

    task_key = serializers.UUIDField(required=False)
