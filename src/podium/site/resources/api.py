"""Datasets in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, parsers, permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404  # which answers 404 to what is no key at all
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.api_fields import BasicPagination, caller
from podium.site.competitions.services import start_creation
from podium.site.errors import Refused
from podium.site.resources import grants, policies, services
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
            return Response(answer, status=507 if refused.code == "over_quota" else 400)
        return Response({"message": f"Task '{task.name}' created successfully!"}, status=status.HTTP_201_CREATED)


_FAMILIES: dict[str, list[DatasetType]] = {
    "submission": [DatasetType.SUBMISSION],
    "bundle": [DatasetType.COMPETITION_BUNDLE],
    "dataset": [t for t in DatasetType if t not in {DatasetType.SUBMISSION, DatasetType.COMPETITION_BUNDLE}],
}


class CompetitionTitleSerializer(serializers.Serializer[Any]):
    """The competition of a dataset."""

    id = serializers.IntegerField()
    title = serializers.CharField()


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset as its owner, or anybody where it is public, sees it."""

    created_by = serializers.CharField(source="created_by.username", read_only=True)
    owner_display_name = serializers.CharField(source="created_by.shown_name", read_only=True)
    value = serializers.UUIDField(source="key", read_only=True)
    competition = CompetitionTitleSerializer(read_only=True, allow_null=True)
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
        ]
        read_only_fields = fields

    def get_file_size(self, dataset: Dataset) -> float:
        return float(dataset.data_file.size) if dataset.data_file else 0.0


class DatasetUploadSerializer(serializers.Serializer[Any]):
    """What announces an upload."""

    type = serializers.ChoiceField(choices=DatasetType.choices)
    request_sassy_file_name = serializers.CharField(max_length=255)
    file_size = serializers.FloatField(min_value=1, help_text="bytes")
    name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    is_public = serializers.BooleanField(required=False, default=False)
    file_name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    license = serializers.CharField(max_length=128, required=False, allow_blank=True, default="")


_UPLOAD_ANSWER = inline_serializer(
    "DatasetUploadAnswer", {"key": serializers.UUIDField(), "sassy_url": serializers.URLField()}
)
_COMPLETED_ANSWER = inline_serializer(
    "DatasetCompletedAnswer",
    {"key": serializers.UUIDField(required=False), "status_id": serializers.IntegerField(required=False)},
)


class DatasetViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Dataset]
):
    """Datasets and programs, and the two-step upload."""

    serializer_class = DatasetSerializer
    pagination_class = BasicPagination
    filterset_fields = ["type", "name", "key", "was_created_by_competition", "is_public"]
    queryset = Dataset.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Dataset.objects.none()
        rows = policies.datasets_visible_to(self.request.user)
        family = self.request.query_params.get("_type", "")
        if family in _FAMILIES and "_public" not in self.request.query_params:
            rows = rows.filter(created_by=caller(self.request))
        if family in _FAMILIES:
            rows = rows.filter(type__in=_FAMILIES[family])
        return rows.select_related("created_by", "competition", "data_file")

    @extend_schema(request=DatasetUploadSerializer, responses={201: _UPLOAD_ANSWER})
    def create(self, request: Request) -> Response:
        """Announce an upload; PUT the file to `sassy_url`, then call `completed`."""
        if isinstance(request.data, dict) and not request.data.get("file_size"):
            # Codabench answers with a text here, not with a list.
            return Response({"file_size": "This field is required."}, status=status.HTTP_400_BAD_REQUEST)
        serializer = DatasetUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        facts = dict(serializer.validated_data)
        wanted_name = facts.pop("request_sassy_file_name")
        facts["file_name"] = facts["file_name"] or wanted_name
        size = int(facts.pop("file_size"))
        dataset = services.announce_upload(user=caller(request), size=size, **facts)
        url = grants.upload_url(dataset.incoming_key, max_bytes=size, absolute=True)
        return Response({"key": str(dataset.key), "sassy_url": url}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=_COMPLETED_ANSWER)
    @action(detail=False, methods=["put"], url_path=r"completed/(?P<key>[0-9a-fA-F-]{36})")
    def completed(self, request: Request, key: str) -> Response:
        """Say that the file has been uploaded; a bundle starts to become a competition."""
        dataset = get_object_or_404(policies.datasets_usable_by(request.user), key=key)
        dataset = services.complete_upload(dataset=dataset)
        if dataset.type == DatasetType.COMPETITION_BUNDLE:
            creation = start_creation(dataset=dataset, user=caller(request))
            return Response({"status_id": creation.pk})
        return Response({"key": str(dataset.key)})

    def perform_destroy(self, instance: Dataset) -> None:
        if instance.created_by_id != self.request.user.pk:
            raise Refused("Cannot delete a dataset that is not yours", field="error", code="not_yours")
        services.delete_own_dataset(dataset=instance)
