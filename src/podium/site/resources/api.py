"""Datasets in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponseRedirect
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import parsers, permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404  # which answers 404 to what is no key at all
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site import conditional
from podium.site.accounts.authentication import refuse_narrower
from podium.site.accounts.models import Scope
from podium.site.api_fields import (
    ID_REGEX,
    MAX_ID,
    BasicPagination,
    LargePagination,
    caller,
    numbers_in,
    search_text,
    wants,
)
from podium.site.competitions import policies as competitions
from podium.site.competitions.queries import gives_file
from podium.site.competitions.services import start_creation
from podium.site.errors import Forbidden, Refused
from podium.site.idempotency import keeping
from podium.site.resources import grants, policies, queries, services, uploads
from podium.site.resources.models import Dataset, DatasetType
from podium.site.resources.task_archives import create_task_from_archive


class TaskArchiveView(APIView):
    """A task from a zip with `task.yaml`."""

    permission_classes = (permissions.IsAuthenticated,)
    parser_classes = (parsers.MultiPartParser,)

    @extend_schema(
        operation_id="tasks_upload_task",
        request={"multipart/form-data": inline_serializer("TaskArchive", {"file": serializers.FileField()})},
        responses={201: inline_serializer("TaskArchiveAnswer", {"message": serializers.CharField()})},
    )
    def post(self, request: Request) -> Response:
        """Make a task, and datasets of the zips in it; errors are told all at once, a line each."""
        file = request.FILES.get("file")
        if file is None:
            return Response({"error": "No attached file found, please try again!"}, status=400)
        try:
            task = create_task_from_archive(user=caller(request), archive=file.file)
        except Refused as refused:
            # Codabench's shape: a text, and 507 for want of space.
            answer = {"error": refused.message, "code": refused.code}
            if refused.hint:
                answer["hint"] = refused.hint
            return Response(answer, status=507 if refused.code == "over_quota" else 400)
        return Response({"message": f"Task '{task.name}' created successfully!"}, status=status.HTTP_201_CREATED)


def refuse_narrow(request: Request, type: str) -> None:
    """Raise NarrowToken where a bundle is uploaded with a token that may make no competition."""
    if type == DatasetType.COMPETITION_BUNDLE:
        refuse_narrower(request, Scope.ORGANIZE)


class CompetitionTitleSerializer(serializers.Serializer[Any]):
    """The competition of a dataset."""

    id = serializers.IntegerField()
    title = serializers.CharField()


_IN_USE = {
    "type": "array",
    "items": {"type": "object", "properties": {"pk": {"type": "integer"}, "title": {"type": "string"}}},
}
RESULT_KINDS = ("prediction_result", "scoring_result", "detailed_result")


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset as its owner, or anybody where it is public, sees it."""

    created_by = serializers.CharField(source="created_by.username", read_only=True)
    owner_display_name = serializers.CharField(source="created_by.shown_name", read_only=True)
    value = serializers.UUIDField(source="key", read_only=True)
    competition = serializers.SerializerMethodField()
    file_size = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = [
            "id",
            "created_by",
            "owner_display_name",
            "created_when",
            "name",
            "type",
            "description",
            "is_public",
            "key",
            "value",
            "was_created_by_competition",
            "competition",
            "file_name",
            "file_size",
            "license",
            "downloads",
            "is_verified",
        ]
        read_only_fields = fields

    @extend_schema_field(CompetitionTitleSerializer(allow_null=True))
    def get_competition(self, dataset: Dataset) -> Any:
        """Its competition where that is public or the one that is shown; of an own dataset where its owner sees it."""
        found, shown = dataset.competition, self.context.get("competition")
        if found is None or found.deleted_when is not None:
            return None
        user = self.context["request"].user if "request" in self.context else self.context.get("user")
        own = user is not None and (dataset.created_by_id == user.pk or user.is_superuser)
        told = found.published or found == shown or (own and competitions.visible_to(user).filter(pk=found.pk).exists())
        return {"id": found.pk, "title": found.title} if told else None

    def get_file_size(self, dataset: Dataset) -> float:
        return float(dataset.data_file.size) if dataset.data_file else 0.0


class DatasetItemSerializer(DatasetSerializer):
    """A dataset in the lists of datasets: with the competitions that use it, and a submission's sizes by kind.

    Competitions are those that the caller sees. `context["uses"]` is a `queries.Uses` of all rows.
    """

    in_use = serializers.SerializerMethodField()
    upload_completed_successfully = serializers.BooleanField(read_only=True)

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "in_use", "upload_completed_successfully"]
        read_only_fields = fields

    @extend_schema_field(CompetitionTitleSerializer(allow_null=True))
    def get_competition(self, dataset: Dataset) -> Any:
        title = self.context["uses"].titles.get(dataset.competition_id)
        return None if title is None else {"id": dataset.competition_id, "title": title}

    @extend_schema_field(_IN_USE)
    def get_in_use(self, dataset: Dataset) -> Any:
        uses = self.context["uses"]
        return [{"pk": pk, "title": uses.titles[pk]} for pk in uses.competitions_of(dataset)]

    def to_representation(self, instance: Dataset) -> dict[str, Any]:
        data = super().to_representation(instance)
        if instance.type == DatasetType.SUBMISSION:
            # Codabench's rule: a submission's size is that of all that it has led to.
            own = data["file_size"]
            results = self.context["uses"].result_sizes.get(instance.pk, {})
            sizes = {f"{kind}_file_size": float(results.get(kind, 0)) for kind in RESULT_KINDS}
            data |= {"submission_file_size": own, **sizes, "file_size": own + sum(sizes.values())}
        return data


class PublicDatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset on the public list."""

    created_by = serializers.CharField(source="created_by.username")
    file_size = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = [
            "id",
            "type",
            "name",
            "description",
            "file_size",
            "license",
            "downloads",
            "is_verified",
            "created_when",
            "created_by",
            "key",
        ]
        read_only_fields = fields

    def get_file_size(self, dataset: Dataset) -> str:
        return f"{dataset.data_file.size if dataset.data_file else 0:.2f}"


class DatasetChangeSerializer(serializers.Serializer[Any]):
    """What may be changed of a dataset; what is absent stays."""

    name = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    type = serializers.ChoiceField(choices=DatasetType.choices, required=False)
    file_name = serializers.CharField(max_length=255, required=False)
    license = serializers.CharField(max_length=128, required=False, allow_blank=True, allow_null=True)
    is_public = serializers.BooleanField(required=False)
    competition = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MAX_ID)

    def validate_license(self, value: str | None) -> str:
        return value or ""


class DatasetReplaceSerializer(DatasetChangeSerializer):
    """PUT names what Codabench's must; the rest stays where it is absent."""

    type = serializers.ChoiceField(choices=DatasetType.choices)
    request_sassy_file_name = serializers.CharField(max_length=255)


class DatasetUploadSerializer(serializers.Serializer[Any]):
    """What announces an upload."""

    type = serializers.ChoiceField(choices=DatasetType.choices)
    request_sassy_file_name = serializers.CharField(max_length=255)
    file_size = serializers.FloatField(min_value=1, help_text="bytes")
    name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    is_public = serializers.BooleanField(required=False, default=False)
    file_name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    license = serializers.CharField(max_length=128, required=False, allow_blank=True, allow_null=True, default="")
    competition = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MAX_ID)

    def validate_license(self, value: str | None) -> str:
        return value or ""


_UPLOAD_ANSWER = inline_serializer(
    "DatasetUploadAnswer", {"key": serializers.UUIDField(), "sassy_url": serializers.URLField()}
)
_COMPLETED_ANSWER = inline_serializer(
    "DatasetCompletedAnswer",
    {"key": serializers.UUIDField(required=False), "status_id": serializers.IntegerField(required=False)},
)


_LIST_PARAMETERS = [
    OpenApiParameter("_type", str, enum=list(queries.FAMILIES), description="a family of types, of the caller's own"),
    OpenApiParameter("_public", bool, description="with `_type`: others' public ones too"),
    OpenApiParameter("search", str, description="each word in file name, name, description, key or competition"),
]
_PUBLIC_PARAMETERS = [
    OpenApiParameter("search", str, description="each word in name or description"),
    OpenApiParameter("ordering", str, enum=["recently_added", "most_downloaded"]),
    OpenApiParameter("has_license", bool),
    OpenApiParameter("is_verified", bool),
]
_KEYS_SCHEMA = {"application/json": {"type": "array", "items": {"type": "integer"}, "maxItems": 1000}}
_DELETED = inline_serializer("ManyDeleted", {"detail": serializers.CharField()})


_MOVES = frozenset(
    ("downloads", "in_use", "file_size", "submission_file_size", *(f"{kind}_file_size" for kind in RESULT_KINDS))
)
"""What of a dataset moves without anybody's change of it."""


class DatasetViewSet(viewsets.GenericViewSet[Dataset]):
    """Datasets and programs, and the two-step upload."""

    serializer_class = DatasetItemSerializer
    pagination_class = BasicPagination
    filterset_fields = ["type", "name", "key", "was_created_by_competition", "is_public"]
    lookup_value_regex = ID_REGEX
    queryset = Dataset.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Dataset.objects.none()
        rows = self._listed() if self.action == "list" else policies.datasets_visible_to(self.request.user)
        return rows.select_related("created_by", "competition", "data_file")

    def _listed(self) -> QuerySet[Dataset]:
        """What `_type`, `_public` and `search` leave of the list."""
        user, asked = caller(self.request), self.request.query_params
        types = queries.FAMILIES.get(asked.get("_type", ""), [])
        return queries.listed_datasets(
            user,
            competitions.visible_to(user),
            types=types,
            public=not types or "_public" in asked,
            search=search_text(self.request),
        )

    def _shown(self, rows: Sequence[Dataset]) -> Any:
        uses = queries.uses(rows, competitions.visible_to(self.request.user))
        context = {**self.get_serializer_context(), "uses": uses}
        return DatasetItemSerializer(rows, many=True, context=context).data

    @extend_schema(parameters=_LIST_PARAMETERS, responses=DatasetItemSerializer(many=True))
    def list(self, request: Request) -> Response:
        """One's own datasets and the public ones, newest first."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self._shown(rows))

    def retrieve(self, request: Request, pk: str) -> Response:
        """One dataset."""
        shown = self._shown([self.get_object()])[0]
        return conditional.answered(request, shown, conditional.without(shown, _MOVES))

    def _unless_changed(self, dataset: Dataset) -> AbstractContextManager[None]:
        return conditional.unless_changed(
            self.request,
            lock=lambda: list(Dataset.objects.select_for_update(of=("self",)).filter(pk=dataset.pk)),
            state=lambda: conditional.without(self._shown([self.get_object()])[0], _MOVES),
        )

    @extend_schema(parameters=[keeping.HEADER], request=DatasetUploadSerializer, responses={201: _UPLOAD_ANSWER})
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Announce an upload; PUT the file to `sassy_url`, then call `completed`."""
        if isinstance(request.data, dict) and not request.data.get("file_size"):
            # Codabench answers with a text here, not with a list.
            return Response({"file_size": "This field is required."}, status=status.HTTP_400_BAD_REQUEST)
        serializer = DatasetUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        facts = dict(serializer.validated_data)
        self._check_competition(facts)
        wanted_name = facts.pop("request_sassy_file_name")
        facts["file_name"] = facts["file_name"] or wanted_name
        refuse_narrow(request, facts["type"])
        size = int(facts.pop("file_size"))
        dataset = services.announce_upload(user=caller(request), size=size, **facts)
        url = grants.upload_url(dataset.incoming_key, max_bytes=size, absolute=True)
        return Response({"key": str(dataset.key), "sassy_url": url}, status=status.HTTP_201_CREATED)

    def _check_competition(self, facts: dict[str, Any]) -> None:
        """A dataset may be said to belong to a competition that the caller sees."""
        number = facts.get("competition")
        if number is not None and not competitions.visible_to(self.request.user).filter(pk=number).exists():
            raise serializers.ValidationError({"competition": [f'Invalid pk "{number}" - object does not exist.']})

    @extend_schema(request=DatasetChangeSerializer, responses=DatasetItemSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is said of a dataset of one's own; its file never changes."""
        return self._updated(DatasetChangeSerializer(data=request.data))

    @extend_schema(request=DatasetReplaceSerializer, responses=DatasetItemSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """The same by PUT, in which Codabench wants `type` and `request_sassy_file_name`."""
        return self._updated(DatasetReplaceSerializer(data=request.data))

    def _updated(self, asked: DatasetChangeSerializer) -> Response:
        dataset = self.get_object()
        if not policies.may_change_dataset(self.request.user, dataset):
            raise Forbidden(services.NOT_YOURS_TO_CHANGE)
        asked.is_valid(raise_exception=True)
        facts = {name: value for name, value in asked.validated_data.items() if name != "request_sassy_file_name"}
        self._check_competition(facts)
        if "competition" in facts:
            facts["competition_id"] = facts.pop("competition")
        with self._unless_changed(dataset):
            services.update_dataset(dataset=dataset, by=caller(self.request), facts=facts)
        shown = self._shown([self.get_object()])[0]
        tag = conditional.strong_tag(self.request, shown, conditional.without(shown, _MOVES))
        return conditional.tagged(Response(shown), tag)

    @extend_schema(request=None, responses=_COMPLETED_ANSWER)
    @action(detail=False, methods=["put"], url_path=r"completed/(?P<key>[0-9a-fA-F-]{36})")
    def completed(self, request: Request, key: str) -> Response:
        """Say that the file has been uploaded; a bundle starts to become a competition."""
        dataset = get_object_or_404(policies.datasets_usable_by(request.user), key=key)
        refuse_narrow(request, dataset.type)
        dataset = uploads.complete(dataset=dataset)
        if dataset.type == DatasetType.COMPETITION_BUNDLE:
            creation = start_creation(dataset=dataset, user=caller(request))
            return Response({"status_id": creation.pk})
        return Response({"key": str(dataset.key)})

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a dataset of one's own that nothing uses."""
        dataset = self.get_object()
        with self._unless_changed(dataset):
            services.delete_own_datasets(found=[dataset], by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=_KEYS_SCHEMA, responses=_DELETED)
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=())
    def delete_many(self, request: Request) -> Response:
        """Delete datasets of one's own that nothing uses, all or none; each that cannot be is named with the reason."""
        user, wanted = caller(request), numbers_in(request)
        found = list(policies.datasets_visible_to(user).filter(pk__in=wanted))
        unseen = sorted(wanted - {one.pk for one in found})
        if unseen:
            return Response({str(pk): "Cannot delete a dataset that is not yours" for pk in unseen}, status=400)
        try:
            services.delete_own_datasets(found=found, by=user)
        except Refused as refused:
            return Response(refused.faults, status=400)
        return Response({"detail": "Datasets deleted successfully"})

    @extend_schema(parameters=_PUBLIC_PARAMETERS, responses=PublicDatasetSerializer(many=True))
    @action(
        detail=False,
        methods=["get"],
        permission_classes=[permissions.AllowAny],
        pagination_class=LargePagination,
        filter_backends=(),
    )
    def public(self, request: Request) -> Response:
        """Public data for everybody."""
        rows = queries.public_datasets(
            search=search_text(request),
            ordering=request.query_params.get("ordering", ""),
            has_license=wants(request, "has_license"),
            is_verified=wants(request, "is_verified"),
        )
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(PublicDatasetSerializer(page, many=True).data)


class DatasetDownloadView(APIView):
    """A dataset's file, by its key or its number: a redirect to a short-lived address for whoever may have it."""

    permission_classes = (permissions.AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request, key: UUID | None = None, pk: int | None = None) -> HttpResponseRedirect:
        """Count the download and lead to the file; 404 for whoever may not have it, as if there were none."""
        rows = Dataset.objects.select_related("data_file", "created_by").filter(data_file__isnull=False)
        dataset = get_object_or_404(rows, **({"key": key} if key else {"pk": pk}))
        if not gives_file(request.user, dataset):
            raise Http404("No Dataset matches the given query.")
        assert dataset.data_file is not None  # noqa: S101 - filtered above
        services.count_download(dataset=dataset)
        name = dataset.file_name or f"{dataset.name}.zip"
        answer = HttpResponseRedirect(grants.download_url(dataset.data_file, name=name))
        answer["Cache-Control"] = "no-store"
        return answer
