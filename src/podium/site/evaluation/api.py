"""Submissions in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

import builtins
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import exceptions, permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.api_fields import ID_REGEX, MAX_ID, Cap, caller, decimal_text, search_text
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import policies, queries, services
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, reruns
from podium.site.leaderboards import queries as boards
from podium.site.leaderboards import services as leaderboards
from podium.site.leaderboards.models import Score
from podium.site.resources import policies as resource_policies
from podium.site.resources.models import Dataset, Task


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


class SubmissionTaskSerializer(serializers.ModelSerializer[Task]):
    """The task of a submission."""

    class Meta:
        model = Task
        fields = ["id", "name", "description", "key", "created_when", "is_public"]


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """A submission as those who may see it do; what failed and why is Podium's own."""

    phase_name = serializers.CharField(source="phase.name")
    filename = serializers.CharField(source="file_name")
    status_details = serializers.SerializerMethodField()
    failed_program = serializers.CharField(allow_null=True, help_text="null for who is not told")
    limit = serializers.CharField(allow_null=True, help_text="null for who is not told")
    measured = serializers.CharField(allow_null=True, help_text="null for who is not told")
    owner = serializers.CharField(source="owner.username")
    children = serializers.SerializerMethodField()
    pk = serializers.IntegerField()
    scores = serializers.SerializerMethodField()
    leaderboard = serializers.SerializerMethodField()
    on_leaderboard = serializers.SerializerMethodField()
    task = SubmissionTaskSerializer(allow_null=True)
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
            "auto_run",
            "can_make_submissions_public",
            "is_soft_deleted",
        ]

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        data = super().to_representation(instance)
        user = self.context["user"]
        if not policies.is_told_all(user, instance):
            # Others see that it stands on the board, not what the owner was told about it.
            for name in ("status_details", "limit", "measured", "failed_program"):
                data[name] = None
            data["notes"] = []
            data["fact_sheet_answers"] = boards.facts_for_all(instance.phase, instance.fact_sheet_answers)
        return data

    def get_status_details(self, submission: Submission) -> str | None:
        return submission.status_details or None

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_children(self, submission: Submission) -> list[int]:
        return [child.pk for child in _in_order_of_tasks(submission)]

    @extend_schema_field(ScoreSerializer(many=True))
    def get_scores(self, submission: Submission) -> Any:
        if not policies.sees_scores(self.context["user"], submission):
            return []
        organizer = competitions.can_administer(self.context["user"], submission.phase.competition)
        parts = [submission, *_in_order_of_tasks(submission)]
        scores = [score for part in parts for score in part.scores.all()]
        return ScoreSerializer([s for s in scores if organizer or not s.column.hidden], many=True).data

    def get_leaderboard(self, submission: Submission) -> int | None:
        entry = getattr(submission, "entry", None) or getattr(submission.parent, "entry", None)
        return entry.leaderboard_id if entry else None

    def get_on_leaderboard(self, submission: Submission) -> bool:
        return self.get_leaderboard(submission) is not None


def _in_order_of_tasks(parent: Submission) -> list[Submission]:
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
    def get_organization(self, submission: Submission) -> None:
        return None


_LOG = inline_serializer("SubmissionLog", {"name": serializers.CharField(), "data_file": serializers.URLField()})
_DETAILS = inline_serializer(
    "SubmissionDetails",
    {
        "logs": serializers.ListField(child=_LOG),
        "data_file": serializers.URLField(allow_null=True),
        "prediction_result": serializers.URLField(allow_null=True),
        "detailed_result": serializers.URLField(allow_null=True),
        "scoring_result": serializers.URLField(allow_null=True),
        "private_result": serializers.URLField(allow_null=True),
        "leaderboards": serializers.JSONField(allow_null=True),
        "fact_sheet_answers": serializers.JSONField(allow_null=True),
    },
)
_CAN = inline_serializer(
    "CanMakeSubmission", {"can": serializers.BooleanField(), "reason": serializers.CharField(allow_null=True)}
)


class TaskKeySerializer(serializers.Serializer[Any]):
    """Which task to rerun on."""

    task_key = serializers.UUIDField(required=False)


_KEYS_SCHEMA = {"application/json": {"type": "array", "items": {"type": "integer"}, "maxItems": 1000}}
_FOR_CHANGE = (
    "phase__competition__queue",
    "owner",
    "data",
    "task",
    "parent__phase__competition__queue",
    "parent__data",
)


class SubmissionViewSet(viewsets.GenericViewSet[Submission]):
    """Submissions: make, follow, cancel, read."""

    queryset = Submission.objects.none()
    permission_classes = (permissions.IsAuthenticatedOrReadOnly,)
    serializer_class = SubmissionSerializer
    pagination_class = Cap
    lookup_value_regex = ID_REGEX
    filterset_fields = ["phase__competition", "phase", "status", "is_soft_deleted"]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Submission.objects.none()
        return (
            policies.visible_to(self.request.user)
            .select_related(
                "phase__competition", "phase__leaderboard", "owner", "data", "task", "entry", "parent__entry"
            )
            .prefetch_related("phase__competition__collaborators", "scores__column", "children__scores__column")
            .order_by("-pk")
        )

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "user": self.request.user}

    @extend_schema(responses=SubmissionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The submissions that the caller sees, newest first."""
        rows = self.filter_queryset(self.get_queryset())
        if search := search_text(request):
            rows = rows.filter(
                Q(data__file_name__icontains=search)
                | Q(description__icontains=search)
                | Q(name__icontains=search)
                | Q(owner__username__icontains=search)
            )
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(rows), many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One submission."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=SubmissionCreateSerializer, responses={201: SubmissionCreatedSerializer})
    def create(self, request: Request) -> Response:
        """Submit an uploaded file to a phase."""
        asked = SubmissionCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user, facts = caller(request), asked.validated_data
        phase = visible_phase(user, facts["phase"])
        data = Dataset.objects.filter(key=facts["data"]).select_related("data_file").first()
        if data is None or not resource_policies.datasets_usable_by(user).filter(pk=data.pk).exists():
            raise serializers.ValidationError({"data": [f'You have no uploaded file with the key "{facts["data"]}".']})
        tasks = list(Task.objects.filter(pk__in=facts.get("tasks") or []))
        if len(tasks) != len(set(facts.get("tasks") or [])):
            raise serializers.ValidationError({"non_field_errors": ["All tasks must be part of the current phase."]})
        submission = services.submit(
            user=user,
            phase=phase,
            data=data,
            tasks=tasks,
            fact_sheet_answers=facts.get("fact_sheet_answers"),
        )
        return Response(SubmissionCreatedSerializer(submission).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=_DETAILS)
    @action(detail=True, methods=["get"])
    def get_details(self, request: Request, pk: str) -> Response:
        """Short-lived addresses of logs and outputs, as far as the caller may have them."""
        submission = self.get_object()
        found = queries.details(request.user, submission, absolute=True)
        if not found.rights.details:
            hidden = submission.phase.hide_output
            raise Forbidden(
                "Cannot access submission details while phase marked to hide output."
                if hidden
                else "Only its owner and the organizers see the details of this submission."
            )

        def url(file: queries.File | None) -> str | None:
            return file.url if file else None

        return Response(
            {
                "logs": [
                    {"name": log.name, "data_file": request.build_absolute_uri(f"../logs/{log.name}/")}
                    for log in found.logs
                ],
                "data_file": url(found.submission_file),
                "prediction_result": url(found.prediction_result),
                "detailed_result": url(found.detailed_result),
                "scoring_result": url(found.scoring_result),
                "private_result": url(found.private_result),
                "leaderboards": None,
                "fact_sheet_answers": self.get_serializer(submission).data["fact_sheet_answers"],
            }
        )

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    @action(detail=True, methods=["get"], url_path=r"logs/(?P<name>[a-z_]+)")
    def logs(self, request: Request, pk: str, name: str) -> HttpResponse:
        """One stored log as plain text; the names are Codabench's eight."""
        submission = self.get_object()
        rights = policies.output_rights(request.user, submission)
        wanted = next(((step, stream) for (step, stream), known in queries.LOG_NAMES.items() if known == name), None)
        if wanted is None:
            raise Http404
        if not rights.logs_of(wanted[0]):
            raise Forbidden("Logs are hidden in this phase, or belong to somebody else.")
        return plain_text(queries.log_text(submission, *wanted))

    @extend_schema(responses={200: OpenApiTypes.URI})
    @action(detail=True, methods=["get"])
    def get_detail_result(self, request: Request, pk: str) -> Response:
        """A short-lived address of the detailed results."""
        submission = self.get_object()
        if not submission.phase.competition.enable_detailed_results:
            return Response({"error_msg": "Detailed results are disabled for this competition!"}, status=404)
        found = queries.details(request.user, submission, absolute=True)
        if not found.rights.detailed_results:
            return Response({"error_msg": "You may not see the detailed results of this submission."}, status=403)
        return Response(found.detailed_result.url if found.detailed_result else None)

    @extend_schema(request=None, responses=inline_serializer("CancelAnswer", {"canceled": serializers.BooleanField()}))
    @action(detail=True, methods=["get", "post"])
    def cancel_submission(self, request: Request, pk: str) -> Response:
        """Cancel a submission.

        GET works with a token, for Codabench's scripts; from a browser's session it would let any picture or link that
        a person is shown cancel for them.
        """
        if request.method == "GET" and request.auth is None:
            raise exceptions.MethodNotAllowed("GET", "Use POST to cancel.")
        return Response({"canceled": services.cancel(submission=self.get_object(), by=caller(request))})

    @extend_schema(request=None, responses=inline_serializer("RunAnswer", {"id": serializers.IntegerField()}))
    @action(detail=True, methods=["post"])
    def run_submission(self, request: Request, pk: str) -> Response:
        """Start a submission that waits for the organizer."""
        submission = self.get_object()
        services.start_held(submission=submission, by=caller(request))
        return Response({"id": submission.pk})

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter("task_key", OpenApiTypes.UUID, description="Run on this task alone, off the board.")
        ],
        responses=inline_serializer("RerunAnswer", {"id": serializers.IntegerField()}),
    )
    @action(detail=True, methods=["post"])
    def re_run_submission(self, request: Request, pk: str) -> Response:
        """Evaluate a submission that has ended again, on its tasks as they are now, as a new submission."""
        submission, user = self.get_object(), caller(request)
        if not reruns.may_rerun(user, submission.phase.competition):
            raise Forbidden(reruns.NO_RIGHT)
        asked = TaskKeySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        key = asked.validated_data.get("task_key")
        try:
            made = reruns.rerun(submission=submission, by=user, task=reruns.chosen_task(user, key) if key else None)
        except Refused as refused:
            if refused.status != status.HTTP_404_NOT_FOUND:
                raise
            return Response({"error_msg": refused.message, "code": refused.code}, status=refused.status)
        return Response({"id": made.pk})

    @extend_schema(request=_KEYS_SCHEMA, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=())
    def re_run_many_submissions(self, request: Request) -> Response:
        """Evaluate a selection again, all or none by right; those that have not ended are left out."""
        reruns.rerun_many(found=self._chosen(request), by=caller(request))
        return Response({})

    def _chosen(self, request: Request) -> builtins.list[Submission]:
        """The submissions whose ids are in the body. Raises Http404 when one of them is not to be seen."""
        keys = serializers.ListField(child=serializers.IntegerField(min_value=1, max_value=MAX_ID), max_length=1000)
        wanted = set(keys.run_validation(request.data))
        found = list(policies.visible_to(request.user, deleted=True).filter(pk__in=wanted).select_related(*_FOR_CHANGE))
        missing = sorted(wanted - {one.pk for one in found})
        if missing or not wanted:
            raise Http404(
                f"There is no submission {missing[0]} that you may see." if missing else "No submission named."
            )
        return found

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a submission and its files for good."""
        found = get_object_or_404(policies.visible_to(request.user, deleted=True), pk=pk)
        deletion.delete(submission=found, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=_KEYS_SCHEMA, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["delete"], pagination_class=None, filter_backends=())
    def delete_many(self, request: Request) -> Response:
        """Delete a selection for good, all or none."""
        deletion.delete_many(found=self._chosen(request), by=caller(request))
        return Response({})

    @extend_schema(request=None, responses=inline_serializer("SoftDeleteAnswer", {"message": serializers.CharField()}))
    @action(detail=True, methods=["delete"])
    def soft_delete(self, request: Request, pk: str) -> Response:
        """Remove the files of one's own submission; its row and scores stay."""
        found = get_object_or_404(policies.visible_to(request.user, deleted=True), pk=pk)
        try:
            deletion.soft_delete(submission=found, by=caller(request))
        except Refused as refused:
            return Response({"error": refused.message, "code": refused.code}, status=refused.status)
        return Response({"message": "Submission deleted successfully"})

    @extend_schema(request=None, responses=inline_serializer("PublicAnswer", {"is_public": serializers.BooleanField()}))
    @action(detail=True, methods=["get", "post"])
    def toggle_public(self, request: Request, pk: str) -> Response:
        """Show a submission to whoever sees the competition, or to nobody else again; GET works with a token."""
        if request.method == "GET" and request.auth is None:
            raise exceptions.MethodNotAllowed("GET", "Use POST to change who sees a submission.")
        return Response({"is_public": deletion.toggle_public(submission=self.get_object(), by=caller(request))})

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post", "delete"])
    def submission_leaderboard_connection(self, request: Request, pk: str) -> Response:
        """Put a submission on the leaderboard, or take it away, where the rule allows."""
        found = self.get_object()
        submission = found.parent or found
        organizer = competitions.can_administer(request.user, submission.phase.competition)
        if submission.owner_id != request.user.pk and not organizer:
            raise Forbidden("You cannot perform this action, contact the competition organizer!")
        change = leaderboards.add_by_hand if request.method == "POST" else leaderboards.remove_by_hand
        change(submission=submission, privileged=request.user.is_superuser)
        return Response({})


def plain_text(text: str) -> HttpResponse:
    """A log as a response that no browser takes for anything else."""
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response


def visible_phase(user: Any, pk: int) -> Phase:
    """A phase of a competition that `user` may see. Raises Http404."""
    phases = Phase.objects.select_related("competition", "leaderboard").prefetch_related("competition__collaborators")
    return get_object_or_404(phases.filter(competition__in=competitions.visible_to(user)), pk=pk)


class CanMakeSubmissionView(APIView):
    """Whether the caller may submit to a phase now."""

    @extend_schema(responses=_CAN)
    def get(self, request: Request, phase: int) -> Response:
        """Codabench's reasons, and Podium's own for a phase that is not open."""
        found = visible_phase(request.user, phase)
        reason = services.reason_against(user=caller(request), phase=found)
        return Response({"can": reason is None, "reason": reason})
