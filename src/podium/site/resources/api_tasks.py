"""Tasks in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch
from django_filters import FilterSet, ModelChoiceFilter
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site import conditional
from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name, people_visible_to
from podium.site.api_fields import ID_REGEX, BasicPagination, caller, numbers_in, search_text
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import PhaseTask
from podium.site.errors import Forbidden, Refused
from podium.site.idempotency import keeping
from podium.site.resources import policies, queries, services, uploads
from podium.site.resources.api import DatasetSerializer
from podium.site.resources.models import Dataset, Solution, Task, TaskVersion

_TITLE = {"type": "object", "properties": {"id": {"type": "integer"}, "title": {"type": "string"}}}


class TaskPartSerializer(serializers.ModelSerializer[Dataset]):
    """A program or data of a task."""

    class Meta:
        model = Dataset
        fields = ["id", "type", "name", "key"]


class TaskSolutionSerializer(serializers.ModelSerializer[Solution]):
    """A sample solution of a task."""

    data = DatasetSerializer()  # type: ignore[assignment]  # DRF names a property so

    class Meta:
        model = Solution
        fields = ["name", "data"]


class TaskItemSerializer(serializers.ModelSerializer[Task]):
    """A task in a list."""

    created_by = serializers.CharField(source="created_by.username", default=None)
    owner_display_name = serializers.CharField(source="created_by.shown_name", default=None)
    value = serializers.UUIDField(source="key")
    solutions = TaskSolutionSerializer(many=True)
    ingestion_only_during_scoring = serializers.SerializerMethodField()
    is_used_in_competitions = serializers.BooleanField()

    class Meta:
        model = Task
        fields = [
            "id",
            "created_when",
            "created_by",
            "owner_display_name",
            "key",
            "name",
            "description",
            "solutions",
            "ingestion_only_during_scoring",
            "value",
            "is_public",
            "is_used_in_competitions",
        ]

    def get_ingestion_only_during_scoring(self, task: Task) -> bool:
        return queries.current_version(task).ingestion_only_during_scoring


class TaskMadeSerializer(serializers.ModelSerializer[Task]):
    """The answer to a new or changed task: its parts by key (Codabench's), `version` is Podium's own."""

    validated = serializers.SerializerMethodField()
    shared_with: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    version = serializers.SerializerMethodField()
    ingestion_only_during_scoring = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = [
            "id",
            "name",
            "description",
            "key",
            "created_by",
            "created_when",
            "is_public",
            "ingestion_only_during_scoring",
            "validated",
            "version",
            "shared_with",
        ]

    def get_validated(self, task: Task) -> bool:
        return task.pk in queries.validated([task])

    def get_version(self, task: Task) -> int:
        return queries.current_version(task).number

    def get_ingestion_only_during_scoring(self, task: Task) -> bool:
        return queries.current_version(task).ingestion_only_during_scoring

    def to_representation(self, instance: Task) -> dict[str, Any]:
        version = queries.current_version(instance)
        parts = {name: getattr(version, name) for name in TaskVersion.PARTS}
        return {**super().to_representation(instance), **{name: p.key if p else None for name, p in parts.items()}}


class TaskSerializer(serializers.ModelSerializer[Task]):
    """A task with the programs and data of its newest version; `version` is Podium's own and counts them."""

    created_by = serializers.CharField(source="created_by.username", default=None)
    owner_display_name = serializers.CharField(source="created_by.shown_name", default=None)
    validated = serializers.SerializerMethodField()
    shared_with = serializers.SerializerMethodField()
    competitions = serializers.SerializerMethodField()
    solutions = TaskSolutionSerializer(many=True)
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
            "competitions",
            "solutions",
            "version",
            "ingestion_only_during_scoring",
            *TaskVersion.PARTS,
        ]

    def get_validated(self, task: Task) -> bool:
        return task.pk in queries.validated([task])

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_shared_with(self, task: Task) -> list[str]:
        if not policies.may_change_task(self.context["request"].user, task):
            return []  # whom its maker trusts is nobody else's business
        return [user.username for user in task.shared_with.all()]

    @extend_schema_field({"type": "array", "items": _TITLE})
    def get_competitions(self, task: Task) -> list[dict[str, Any]]:
        seen = competitions.visible_to(self.context["request"].user)
        used = seen.filter(phases__phase_tasks__task=task).distinct().order_by("pk")
        return [{"id": pk, "title": title} for pk, title in used.values_list("pk", "title")]

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
    shared_with = serializers.PrimaryKeyRelatedField(queryset=people_to_name(), many=True, required=False)
    ingestion_only_during_scoring = serializers.BooleanField(required=False)
    scoring_program = serializers.UUIDField(required=False)
    ingestion_program = serializers.UUIDField(required=False, allow_null=True)
    input_data = serializers.UUIDField(required=False, allow_null=True)
    reference_data = serializers.UUIDField(required=False, allow_null=True)


class TaskCreateSerializer(TaskChangeSerializer):
    """What makes a task: a name and a scoring program at least."""

    name = serializers.CharField(max_length=256)
    scoring_program = serializers.UUIDField()


_LIST_PARAMETERS = [
    OpenApiParameter("public", bool, description="whatever it says: others' public tasks too"),
    OpenApiParameter("search", str, description="each word in name or description"),
]
_KEYS_SCHEMA = {"application/json": {"type": "array", "items": {"type": "integer"}, "maxItems": 1000}}
_DELETED = inline_serializer("ManyTasksDeleted", {"detail": serializers.CharField()})


_MOVES = frozenset({"competitions"})
"""What of a task moves without anybody's change of it."""


class TaskFilter(FilterSet):
    """The list's filters; a person whom the caller does not see is refused like one who is not there."""

    created_by = ModelChoiceFilter(queryset=lambda request: people_visible_to(request.user))

    class Meta:
        model = Task
        fields = ["created_by", "is_public"]


class TaskViewSet(viewsets.GenericViewSet[Task]):
    """Tasks that the caller made, is shared or, where they are public, may see."""

    serializer_class = TaskSerializer
    pagination_class = BasicPagination
    filterset_class = TaskFilter
    lookup_value_regex = ID_REGEX
    queryset = Task.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Task.objects.none()
        user = caller(self.request)
        rows = policies.tasks_visible_to(user)
        if self.action == "list":
            public = "public" in self.request.query_params
            rows = queries.listed_tasks(user, public=public, search=search_text(self.request))
        solutions = Solution.objects.select_related("data__created_by", "data__competition", "data__data_file")
        rows = rows.annotate(is_used_in_competitions=Exists(PhaseTask.objects.filter(task=OuterRef("pk"))))
        rows = rows.select_related("created_by").prefetch_related("shared_with", Prefetch("solutions", solutions))
        return queries.with_versions(rows).order_by("-pk")

    @extend_schema(parameters=_LIST_PARAMETERS, responses=TaskItemSerializer(many=True))
    def list(self, request: Request) -> Response:
        """One's own tasks and those that are shared with the caller, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        context = self.get_serializer_context()
        return self.get_paginated_response(TaskItemSerializer(page, many=True, context=context).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One task."""
        shown = self._shown()
        return conditional.answered(request, shown, conditional.without(shown, _MOVES))

    def _shown(self) -> Any:
        return self.get_serializer(self.get_object()).data

    def _unless_changed(self, task: Task) -> AbstractContextManager[None]:
        return conditional.unless_changed(
            self.request,
            lock=lambda: list(Task.objects.select_for_update(of=("self",)).filter(pk=task.pk)),
            state=lambda: conditional.without(self._shown(), _MOVES),
        )

    @extend_schema(parameters=[keeping.HEADER], request=TaskCreateSerializer, responses={201: TaskMadeSerializer})
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Make a task of datasets of one's own."""
        user, asked = caller(request), TaskCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        parts = {name: facts.pop(name) for name in TaskVersion.PARTS if name in facts}
        found = {name: _dataset(user, name, key, None) for name, key in parts.items() if key is not None}
        made = services.create_checked_task(user=user, parts=found, **facts)
        return Response(self._made(made.pk), status=status.HTTP_201_CREATED)

    def _made(self, pk: int) -> Any:
        return TaskMadeSerializer(self.get_queryset().get(pk=pk)).data

    @extend_schema(request=TaskChangeSerializer, responses=TaskMadeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a task of one's own; other programs or data make a new version of it, and scores stay as they are."""
        return self._updated(TaskChangeSerializer(data=request.data))

    @extend_schema(request=TaskCreateSerializer, responses=TaskMadeSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """The same by PUT, in which name and scoring program must be there."""
        return self._updated(TaskCreateSerializer(data=request.data))

    def _updated(self, asked: TaskChangeSerializer) -> Response:
        task, user = self.get_object(), caller(self.request)
        if not policies.may_change_task(user, task):
            raise Forbidden("Cannot update a task that is not yours")
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        changes = {name: facts.pop(name) for name in _CHANGES if name in facts}
        now = queries.current_version(task)
        for name in TaskVersion.PARTS:
            if changes.get(name) is not None:
                changes[name] = _dataset(user, name, changes[name], getattr(now, name))
        with self._unless_changed(task):
            services.update_task(task=task, by=user, facts=facts, changes=changes)
        shown = self._shown()
        tag = conditional.strong_tag(self.request, shown, conditional.without(shown, _MOVES))
        return conditional.tagged(Response(self._made(task.pk)), tag)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a task of one's own that no phase has; its datasets stay."""
        task = self.get_object()
        with self._unless_changed(task):
            services.delete_tasks(found=[task], by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=_KEYS_SCHEMA, responses=_DELETED)
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=())
    def delete_many(self, request: Request) -> Response:
        """Delete tasks of one's own that no phase has, all or none; each that cannot be is named with the reason."""
        user, wanted = caller(request), numbers_in(request)
        found = list(policies.tasks_visible_to(user).filter(pk__in=wanted))
        unseen = sorted(wanted - {one.pk for one in found})
        if unseen:
            return Response({str(pk): services.NOT_YOUR_TASK for pk in unseen}, status=400)
        try:
            services.delete_tasks(found=found, by=user)
        except Refused as refused:
            return Response(refused.faults, status=400)
        return Response({"detail": "Tasks deleted successfully"})


_CHANGES = (*TaskVersion.PARTS, "ingestion_only_during_scoring")


def _dataset(user: User, name: str, key: Any, present: Dataset | None) -> Dataset:
    """A dataset of the caller's own, or the one that the task has already."""
    if present is not None and present.key == key:
        return present
    found = policies.datasets_usable_by(user).select_related("data_file").filter(key=key).first()
    if found is None:
        raise serializers.ValidationError({name: [f'You have no dataset with the key "{key}".']})
    # Scripts forget to say that an upload is complete; what has arrived is taken, as with a submission.
    return found if found.data_file_id is not None else uploads.complete(dataset=found)
