"""From an archive to a submission in one call: Podium's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, parsers, permissions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.api_fields import MAX_ID, caller
from podium.site.evaluation import services
from podium.site.evaluation.api import visible_phase
from podium.site.evaluation.api_shapes import SubmissionCreatedSerializer
from podium.site.idempotency import keeping
from podium.site.resources.models import Task
from podium.site.resources.services import delete_dataset, store_upload


class ArchiveSubmissionSerializer(serializers.Serializer[Any]):
    """A submission with its archive."""

    file = serializers.FileField()
    phase = serializers.IntegerField(min_value=0, max_value=MAX_ID)
    tasks = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_ID), required=False, allow_empty=True, max_length=1000
    )
    fact_sheet_answers = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=100_000, help_text="a JSON object"
    )

    def validate_fact_sheet_answers(self, text: str) -> dict[str, Any] | None:
        """The answers by question key."""
        try:
            answers = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            answers = text
        if answers is not None and not isinstance(answers, dict):
            raise serializers.ValidationError('Send a JSON object, such as {"method": "trees"}.')
        return answers


class ArchiveSubmissionView(APIView):
    """An archive and a phase become a submission, or nothing."""

    permission_classes = (permissions.IsAuthenticated,)
    parser_classes = (parsers.MultiPartParser,)

    @extend_schema(
        operation_id="submissions_upload",
        request={
            "multipart/form-data": inline_serializer(
                "ArchiveSubmission",
                {
                    "file": serializers.FileField(),
                    "phase": serializers.IntegerField(),
                    "tasks": serializers.ListField(child=serializers.IntegerField(), required=False),
                    "fact_sheet_answers": serializers.CharField(required=False, help_text="a JSON object"),
                },
            )
        },
        parameters=[keeping.HEADER],
        responses={201: SubmissionCreatedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send an archive and submit it in one call; where the submission is refused, nothing of the file is kept."""
        return keeping.once(self, request, lambda: self._stored(request))

    @staticmethod
    def _stored(request: Request) -> Callable[[], Response]:
        """Store the archive; gives what submits it."""
        asked = ArchiveSubmissionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        facts, user = asked.validated_data, caller(request)
        phase = visible_phase(user, facts["phase"])
        tasks = list(Task.objects.filter(pk__in=facts.get("tasks") or []))
        if len(tasks) != len(set(facts.get("tasks") or [])):
            raise exceptions.ValidationError({"non_field_errors": ["All tasks must be part of the current phase."]})
        if (closed := services.reason_against(user=user, phase=phase)) is not None:
            raise exceptions.PermissionDenied(closed)
        file = facts["file"]
        data = store_upload(user=user, type="submission", file=file, file_name=file.name, size=file.size)

        def submit() -> Response:
            answers = facts["fact_sheet_answers"] or None
            try:
                submission = services.submit(user=user, phase=phase, data=data, tasks=tasks, fact_sheet_answers=answers)
            except BaseException:
                if not data.submissions.exists() and type(data).objects.filter(pk=data.pk).exists():
                    delete_dataset(dataset=data)
                raise
            return Response(SubmissionCreatedSerializer(submission).data, status=status.HTTP_201_CREATED)

        return submit
