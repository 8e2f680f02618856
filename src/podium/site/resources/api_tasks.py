"""Tasks in the REST API (Codabench's paths and shapes): read, and give other programs or data."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.accounts.models import User
from podium.site.api_fields import ID_REGEX, BasicPagination, caller, search_text
from podium.site.resources import policies, queries, services
from podium.site.resources.models import Dataset, Task, TaskVersion


class TaskPartSerializer(serializers.ModelSerializer[Dataset]):
    """A program or data of a task."""

    class Meta:
        model = Dataset
        fields = ["id", "type", "name", "key"]


class TaskSerializer(serializers.ModelSerializer[Task]):
    """A task with the programs and data of its newest version; `version` is Podium's own and counts them."""

    created_by = serializers.CharField(source="created_by.username", default=None)
    owner_display_name = serializers.CharField(source="created_by.shown_name", default=None)
    validated = serializers.SerializerMethodField()
    shared_with = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    ingestion_only_during_scoring = serializers.SerializerMethodField()
    scoring_program = serializers.SerializerMethodField()
    ingestion_program = serializers.SerializerMethodField()
    input_data = serializers.SerializerMethodField()
    reference_data = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = [
            "id",
            "key",
            "name",
            "description",
            "created_by",
            "owner_display_name",
            "created_when",
            "is_public",
            "validated",
            "shared_with",
            "version",
            "ingestion_only_during_scoring",
            *TaskVersion.PARTS,
        ]

    def get_validated(self, _task: Task) -> bool:
        return False

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_shared_with(self, task: Task) -> list[str]:
        if not policies.may_change_task(self.context["request"].user, task):
            return []  # whom its maker trusts is nobody else's business
        return [user.username for user in task.shared_with.all()]

    def get_version(self, task: Task) -> int:
        return queries.current_version(task).number

    def get_ingestion_only_during_scoring(self, task: Task) -> bool:
        return queries.current_version(task).ingestion_only_during_scoring

    def _of(self, task: Task, part: str) -> Any:
        dataset = getattr(queries.current_version(task), part)
        return TaskPartSerializer(dataset).data if dataset else None

    @extend_schema_field(TaskPartSerializer(allow_null=True))
    def get_scoring_program(self, task: Task) -> Any:
        return self._of(task, "scoring_program")

    @extend_schema_field(TaskPartSerializer(allow_null=True))
    def get_ingestion_program(self, task: Task) -> Any:
        return self._of(task, "ingestion_program")

    @extend_schema_field(TaskPartSerializer(allow_null=True))
    def get_input_data(self, task: Task) -> Any:
        return self._of(task, "input_data")

    @extend_schema_field(TaskPartSerializer(allow_null=True))
    def get_reference_data(self, task: Task) -> Any:
        return self._of(task, "reference_data")


class TaskChangeSerializer(serializers.Serializer[Any]):
    """What may be changed; parts are named by the key of a dataset, null takes one away, what is absent stays."""

    name = serializers.CharField(max_length=256, required=False)
    description = serializers.CharField(max_length=100_000, required=False, allow_blank=True)
    is_public = serializers.BooleanField(required=False)
    shared_with = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), many=True, required=False
    )
    ingestion_only_during_scoring = serializers.BooleanField(required=False)
    scoring_program = serializers.UUIDField(required=False)
    ingestion_program = serializers.UUIDField(required=False, allow_null=True)
    input_data = serializers.UUIDField(required=False, allow_null=True)
    reference_data = serializers.UUIDField(required=False, allow_null=True)


class TaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Task]):
    """Tasks that the caller made, is shared or, where they are public, may see."""

    serializer_class = TaskSerializer
    pagination_class = BasicPagination
    filterset_fields = ["created_by", "is_public"]
    lookup_value_regex = ID_REGEX
    queryset = Task.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Task.objects.none()
        user = caller(self.request)
        rows = policies.tasks_visible_to(user)
        if self.action == "list" and "public" not in self.request.query_params:
            rows = rows.filter(Q(created_by=user) | Q(shared_with=user)).distinct()
        if self.action == "list" and (search := search_text(self.request)):
            rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
        return queries.with_versions(rows.select_related("created_by").prefetch_related("shared_with")).order_by("-pk")

    @extend_schema(request=TaskChangeSerializer, responses=TaskSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a task of one's own; other programs or data make a new version of it, and scores stay as they are."""
        task, user = self.get_object(), caller(request)
        asked = TaskChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        changes = {name: facts.pop(name) for name in _CHANGES if name in facts}
        now = queries.current_version(task)
        for name in TaskVersion.PARTS:
            if changes.get(name) is not None:
                changes[name] = _dataset(user, name, changes[name], getattr(now, name))
        services.update_task(task=task, by=user, facts=facts, changes=changes)
        return Response(self.get_serializer(self.get_object()).data)


_CHANGES = (*TaskVersion.PARTS, "ingestion_only_during_scoring")


def _dataset(user: User, name: str, key: Any, present: Dataset | None) -> Dataset:
    """A dataset of the caller's own, or the one that the task has already."""
    if present is not None and present.key == key:
        return present
    found = policies.datasets_usable_by(user).select_related("data_file").filter(key=key).first()
    if found is None:
        raise serializers.ValidationError({name: [f'You have no dataset with the key "{key}".']})
    return found
