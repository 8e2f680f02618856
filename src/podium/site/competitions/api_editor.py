"""Competitions made, changed and deleted through the REST API, as Codabench's editor does it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from podium.formats.sections import SWITCHES
from podium.site import conditional
from podium.site.api_fields import caller
from podium.site.competitions import policies, queries
from podium.site.competitions.api_serializers import CompetitionSerializer, detail_context
from podium.site.competitions.models import Competition, CompetitionType
from podium.site.competitions.services import deleting, editing
from podium.site.competitions.services.editor_payload import FieldsRefused, nested
from podium.site.idempotency import keeping
from podium.site.leaderboards.models import SubmissionRule

Result = TypeVar("Result")


def edited(change: Callable[..., Result], **given: Any) -> Result:
    """Call a service that takes what the editor sends; what it refuses is answered field by field."""
    try:
        return change(**given)
    except FieldsRefused as refused:
        raise ValidationError(nested(refused.messages)) from refused


def body(request: Request) -> dict[str, Any]:
    """The fields of a request, a JSON object or a form."""
    data = request.data
    if isinstance(data, QueryDict):
        return data.dict()
    if not isinstance(data, dict):
        raise ValidationError({"non_field_errors": ["Send a JSON object."]})
    return data


class EditorPageSerializer(serializers.Serializer[Any]):
    """A page; with `id` where it is there already."""

    id = serializers.IntegerField(required=False, allow_null=True)
    title = serializers.CharField(max_length=256)
    content = serializers.CharField(allow_blank=True, required=False)
    index = serializers.IntegerField(min_value=0, required=False)


class EditorTaskSerializer(serializers.Serializer[Any]):
    """A task of a phase by its key, and its place."""

    task = serializers.UUIDField()
    order_index = serializers.IntegerField(min_value=0, required=False)


class EditorFileSerializer(serializers.Serializer[Any]):
    """A dataset by its key."""

    value = serializers.UUIDField()


class EditorPhaseSerializer(serializers.Serializer[Any]):
    """A phase; with `id` where it is there already. Limits of tries: null and 0 are none."""

    id = serializers.IntegerField(required=False, allow_null=True)
    name = serializers.CharField(max_length=256)
    description = serializers.CharField(allow_blank=True, required=False)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True, required=False)
    index = serializers.IntegerField(min_value=0, required=False)
    tasks = EditorTaskSerializer(many=True)
    leaderboard = serializers.IntegerField(required=False, help_text="id of one of the leaderboards; else the first")
    public_data = EditorFileSerializer(allow_null=True, required=False)
    starting_kit = EditorFileSerializer(allow_null=True, required=False)
    parallel = serializers.BooleanField(required=False, help_text="may overlap the phase before it")
    execution_time_limit = serializers.IntegerField(min_value=1, required=False)
    has_max_submissions = serializers.BooleanField(required=False)
    max_submissions_per_day = serializers.IntegerField(min_value=0, allow_null=True, required=False)
    max_submissions_per_person = serializers.IntegerField(min_value=0, allow_null=True, required=False)
    auto_migrate_to_this_phase = serializers.BooleanField(required=False)
    accepts_only_result_submissions = serializers.BooleanField(required=False)
    failed_submissions_count = serializers.BooleanField(required=False)
    hide_output = serializers.BooleanField(required=False)
    hide_prediction_output = serializers.BooleanField(required=False)
    hide_score_output = serializers.BooleanField(required=False)
    memory_limit = serializers.IntegerField(allow_null=True, required=False)
    disk_limit = serializers.IntegerField(allow_null=True, required=False)
    shared_memory_limit = serializers.IntegerField(allow_null=True, required=False)
    output_limit = serializers.IntegerField(allow_null=True, required=False)
    cpu_limit = serializers.FloatField(allow_null=True, required=False)
    process_limit = serializers.IntegerField(allow_null=True, required=False)
    gpus = serializers.IntegerField(allow_null=True, required=False)
    network = serializers.BooleanField(required=False)


class EditorColumnSerializer(serializers.Serializer[Any]):
    """A column; with `id` where it is there already."""

    id = serializers.IntegerField(required=False, allow_null=True)
    title = serializers.CharField(max_length=64)
    key = serializers.CharField(max_length=64)
    index = serializers.IntegerField(min_value=0)
    sorting = serializers.ChoiceField(choices=["asc", "desc"], required=False)
    computation = serializers.ChoiceField(choices=["avg", "sum", "min", "max"], required=False, allow_null=True)
    computation_indexes = serializers.ListField(child=serializers.IntegerField(), required=False, allow_null=True)
    hidden = serializers.BooleanField(required=False)
    precision = serializers.IntegerField(min_value=0, max_value=17, required=False)
    group = serializers.CharField(max_length=256, allow_blank=True, required=False)


class EditorBoardSerializer(serializers.Serializer[Any]):
    """A leaderboard; with `id` where it is there already. `columns`, where given, are all of them."""

    id = serializers.IntegerField(required=False, allow_null=True)
    title = serializers.CharField(max_length=64)
    key = serializers.CharField(max_length=36)
    hidden = serializers.BooleanField(required=False)
    primary_index = serializers.IntegerField(min_value=0, required=False)
    submission_rule = serializers.ChoiceField(choices=SubmissionRule.choices, required=False)
    columns = EditorColumnSerializer(many=True)


_SWITCHES: dict[str, serializers.Field[Any, Any, Any, Any]] = {
    name: serializers.BooleanField(required=False) for name in SWITCHES
}


EDITED = inline_serializer(
    "EditorCompetition",
    {
        "title": serializers.CharField(max_length=256),
        "logo": serializers.CharField(
            allow_null=True,
            required=False,
            help_text='JSON with "file_name" and "data", a data URL or base64; PNG, JPEG, GIF or WebP',
        ),
        "description": serializers.CharField(allow_blank=True, required=False),
        "terms": serializers.CharField(allow_blank=True, required=False),
        "docker_image": serializers.CharField(max_length=255, allow_blank=True, required=False),
        "competition_type": serializers.ChoiceField(choices=CompetitionType.choices, required=False),
        "reward": serializers.CharField(max_length=256, allow_null=True, allow_blank=True, required=False),
        "contact_email": serializers.EmailField(allow_null=True, allow_blank=True, required=False),
        "report": serializers.CharField(max_length=256, allow_null=True, allow_blank=True, required=False),
        "fact_sheet": serializers.DictField(allow_null=True, required=False),
        "queue": serializers.IntegerField(allow_null=True, required=False),
        **_SWITCHES,
        "collaborators": serializers.ListField(child=serializers.IntegerField(), required=False),
        "whitelist_emails": serializers.ListField(child=serializers.EmailField(), required=False),
        "pages": EditorPageSerializer(many=True, required=False),
        "phases": EditorPhaseSerializer(many=True),
        "leaderboards": EditorBoardSerializer(many=True),
    },
)


class EditedCompetitionSerializer(CompetitionSerializer):
    """Codabench's answer to a change: people and queue by their ids, addresses in objects."""

    collaborators = serializers.SerializerMethodField()  # type: ignore[assignment]  # objects in the other
    queue = serializers.SerializerMethodField()
    whitelist_emails = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_collaborators(self, competition: Competition) -> list[int]:
        return [user.pk for user in competition.collaborators.all()]

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_queue(self, competition: Competition) -> int | None:  # type: ignore[override]
        return competition.queue_id

    @extend_schema_field({"type": "array", "items": {"type": "object", "properties": {"email": {"type": "string"}}}})
    def get_whitelist_emails(self, competition: Competition) -> list[dict[str, str]]:  # type: ignore[override]
        return [{"email": row.email} for row in competition.whitelist_emails.all()]


MOVES = frozenset(
    (
        "participants_count",
        "submissions_count",
        "used_submissions_per_day",
        "used_submissions_per_person",
        "status",
        "participant_status",
        "effective_limits",
        "downloads",
        "logo",
        "logo_icon",
    )
)
"""What of a competition or a phase moves without anybody's change of it."""


class EditorViews(viewsets.GenericViewSet[Competition]):
    """What the editor asks of competitions."""

    def _visible(self) -> Any:
        """The competitions that the caller sees."""
        return policies.visible_to(self.request.user, self.request.query_params.get("secret_key"))

    def _shown(self, pk: int, secret_key: Any = None) -> tuple[Any, Any]:
        """A competition as the caller sees it, and what of that a change can touch."""
        found = queries.competition_for_page(self.request.user, pk, secret_key)
        data = CompetitionSerializer(found, context=detail_context(self.request.user, found)).data
        return data, [found.logo_id, conditional.without(data, MOVES)]

    @extend_schema(parameters=[keeping.HEADER], request=EDITED, responses={201: CompetitionSerializer})
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Make a competition, unpublished unless it says otherwise; all of it or nothing."""
        made = edited(editing.create_competition, user=caller(request), given=body(request))
        shown = self._shown(made.pk)
        answer = Response(shown[0], status=status.HTTP_201_CREATED)
        return conditional.tagged(answer, conditional.strong_tag(request, *shown))

    def _unless_changed(self, competition: Competition) -> AbstractContextManager[None]:
        return conditional.unless_changed(
            self.request,
            lock=lambda: list(Competition.objects.select_for_update(of=("self",)).filter(pk=competition.pk)),
            state=lambda: self._shown(competition.pk, competition.secret_key)[1],
        )

    def _edit(self, request: Request, pk: str) -> Response:
        competition = get_object_or_404(self._visible(), pk=pk)
        with self._unless_changed(competition):
            edited(editing.update_competition, competition=competition, by=caller(request), given=body(request))
        found = queries.competition_for_page(request.user, competition.pk, competition.secret_key)
        context = detail_context(request.user, found)
        answer = Response(EditedCompetitionSerializer(found, context=context).data)
        shown = self._shown(competition.pk, competition.secret_key)
        return conditional.tagged(answer, conditional.strong_tag(request, *shown))

    @extend_schema(request=EDITED, responses=EditedCompetitionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given of a competition. Pages and phases that their lists leave out are deleted."""
        return self._edit(request, pk)

    @extend_schema(request=EDITED, responses=EditedCompetitionSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """The same as PATCH: what is not given stays."""
        return self._edit(request, pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a competition with all that was submitted to it; for whoever made it."""
        competition = get_object_or_404(self._visible(), pk=pk)
        with self._unless_changed(competition):
            deleting.delete_competition(competition=competition, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
