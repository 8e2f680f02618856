"""Uploads in parts, in the REST API: Podium's own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import BasicPagination, caller
from podium.site.competitions.services import start_creation
from podium.site.resources import grants, policies, uploads
from podium.site.resources.api import refuse_narrow
from podium.site.resources.models import Dataset, DatasetType, UploadSession


class UploadBeginSerializer(serializers.Serializer[Any]):
    """What begins an upload in parts."""

    type = serializers.ChoiceField(choices=DatasetType.choices)
    file_name = serializers.CharField(max_length=255)
    file_size = serializers.IntegerField(min_value=1, max_value=2**53, help_text="bytes")
    sha256 = serializers.RegexField(
        r"\A[0-9a-f]{64}\Z", required=False, allow_blank=True, default="", help_text="of the whole file, in hex"
    )
    name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    is_public = serializers.BooleanField(required=False, default=False)
    license = serializers.CharField(max_length=128, required=False, allow_blank=True, default="")


class UploadSerializer(serializers.ModelSerializer[UploadSession]):
    """An upload in parts."""

    key = serializers.UUIDField(source="dataset.key")
    type = serializers.ChoiceField(source="dataset.type", choices=DatasetType.choices)
    file_name = serializers.CharField(source="dataset.file_name")
    file_size = serializers.IntegerField(source="dataset.announced_size", help_text="bytes")
    parts = serializers.SerializerMethodField(help_text="how many parts the file has")
    started_when = serializers.DateTimeField(source="dataset.upload_started_when")
    completed_when = serializers.DateTimeField(source="dataset.upload_completed_when", allow_null=True)

    class Meta:
        model = UploadSession
        fields = [
            "key",
            "type",
            "file_name",
            "file_size",
            "sha256",
            "part_size",
            "parts",
            "started_when",
            "completed_when",
            "expires_when",
        ]
        read_only_fields = fields

    def get_parts(self, session: UploadSession) -> int:
        return uploads.plan_of(session).count


class PartSerializer(serializers.Serializer[Any]):
    """A part that has arrived."""

    number = serializers.IntegerField(help_text="from 1")
    size = serializers.IntegerField(help_text="bytes")
    sha256 = serializers.CharField()


class UploadDetailSerializer(UploadSerializer):
    """An upload with its parts."""

    received = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField(help_text="numbers of the parts that are still to come")
    part_url = serializers.SerializerMethodField(
        help_text="replace {part} by a part's number and PUT its bytes there, with Content-Digest: sha-256=:<base64>:"
    )

    class Meta(UploadSerializer.Meta):
        fields = [*UploadSerializer.Meta.fields, "received", "missing", "part_url"]
        read_only_fields = fields

    def to_representation(self, instance: UploadSession) -> dict[str, Any]:
        self._progress = uploads.progress_of(instance)
        return super().to_representation(instance)

    def get_received(self, session: UploadSession) -> PartSerializer(many=True):  # type: ignore[valid-type]
        return PartSerializer(self._progress.received, many=True).data

    def get_missing(self, session: UploadSession) -> list[int]:
        return [] if session.dataset.upload_completed_successfully else self._progress.missing

    def get_part_url(self, session: UploadSession) -> str | None:
        left = (session.expires_when - timezone.now()).total_seconds()
        if session.dataset.upload_completed_successfully or left <= 0:
            return None
        plan = self._progress.plan
        return grants.parts_url(str(session.dataset.key), size=plan.size, part_size=plan.part_size, seconds=left)


def completed_answer(dataset: Dataset, request: Request) -> dict[str, Any]:
    """What is answered when a file is there; a bundle starts to become a competition."""
    if dataset.type == DatasetType.COMPETITION_BUNDLE:
        return {"key": str(dataset.key), "status_id": start_creation(dataset=dataset, user=caller(request)).pk}
    return {"key": str(dataset.key)}


_COMPLETED = inline_serializer(
    "UploadCompletedAnswer", {"key": serializers.UUIDField(), "status_id": serializers.IntegerField(required=False)}
)
_JOINING = inline_serializer(
    "UploadJoiningAnswer", {"detail": serializers.CharField(), "code": serializers.CharField()}
)


class UploadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[UploadSession]):
    """One's own uploads in parts."""

    serializer_class = UploadSerializer
    pagination_class = BasicPagination
    lookup_field = "dataset__key"
    lookup_url_kwarg = "key"
    lookup_value_regex = "[0-9a-fA-F-]{36}"
    queryset = UploadSession.objects.none()

    def get_queryset(self) -> QuerySet[UploadSession]:
        if getattr(self, "swagger_fake_view", False):
            return UploadSession.objects.none()
        mine = policies.datasets_usable_by(caller(self.request))
        rows = UploadSession.objects.filter(dataset__in=mine).select_related("dataset").order_by("-pk")
        if self.action == "list":
            rows = rows.filter(dataset__data_file__isnull=True, expires_when__gt=timezone.now())
            for name, column in (("sha256", "sha256"), ("type", "dataset__type")):
                if value := self.request.query_params.get(name, "").replace("\0", "")[:64]:
                    rows = rows.filter(**{column: value})
        return rows

    def get_serializer_class(self) -> type[UploadSerializer]:
        return UploadSerializer if self.action == "list" else UploadDetailSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("sha256", str, description="Only those of this file."),
            OpenApiParameter("type", str, description="Only those of this type."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Uploads that are still open, newest first, to go on with one after an interruption."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=UploadBeginSerializer, responses={201: UploadDetailSerializer})
    def create(self, request: Request) -> Response:
        """Begin an upload: the server says how large the parts are and where they go, or why it takes no such file."""
        given = UploadBeginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        facts = dict(given.validated_data)
        refuse_narrow(request, facts["type"])
        session = uploads.begin(user=caller(request), size=facts.pop("file_size"), **facts)
        return Response(UploadDetailSerializer(session).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, key: str) -> Response:
        """Give an upload up; what has arrived is forgotten."""
        uploads.give_up(dataset=self.get_object().dataset)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={200: _COMPLETED, 202: _JOINING})
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, key: str) -> Response:
        """Let the file count once all parts are there; 202 while a large one is put together: ask again then."""
        session = get_object_or_404(self.get_queryset(), dataset__key=key)
        refuse_narrow(request, session.dataset.type)
        dataset = uploads.complete_soon(dataset=session.dataset)
        if dataset is None:
            answer = {"detail": "The parts are being put together. Ask again in a while.", "code": "joining"}
            return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Retry-After": "2"})
        return Response(completed_answer(dataset, request))
