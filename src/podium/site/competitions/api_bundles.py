"""Bundles in the REST API: dumps and files of a competition (Codabench's paths and shapes), and the schema."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import permissions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.formats.schema import competition_schema
from podium.site.api_fields import caller
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, Dump, DumpKind
from podium.site.competitions.queries import archives_with_addresses
from podium.site.competitions.services import dumping
from podium.site.errors import Forbidden
from podium.site.resources.grants import download_url


class DumpRequestSerializer(serializers.Serializer[Any]):
    """How a dump is to be written."""

    keys_instead_of_files = serializers.BooleanField(required=False, default=False)


class CreateDumpView(APIView):
    """Starts a dump."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(
        operation_id="competitions_create_dump", request=DumpRequestSerializer, responses={201: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Write the competition out as a bundle, in the background; `dump` is its number in `dumps`."""
        competition = get_object_or_404(policies.visible_to(request.user), pk=pk)
        wanted = DumpRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        dump = dumping.start_dump(competition=competition, by=caller(request), **wanted.validated_data)
        answer = {
            "status": "Success. Competition dump is being created.",
            "details": None,
            "resulting_competition": None,
            "created_by": None,
            "dump": dump.pk,
        }
        return Response(answer, status=status.HTTP_201_CREATED)


class CreateArchiveView(APIView):
    """Starts an archive."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(operation_id="competitions_create_archive", request=None, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Write the competition with everything that happened in it, in the background.

        Answers with the archive as `get_files` lists it among `archives`; one that is under way is answered with.
        """
        competition = get_object_or_404(policies.visible_to(request.user), pk=pk)
        dump = dumping.start_dump(competition=competition, by=caller(request), kind=DumpKind.ARCHIVE)
        return Response(_archive({"row": dump, "file": None, "name": "", "url": ""}), status=status.HTTP_201_CREATED)


class CompetitionFilesView(APIView):
    """The bundle of a competition, its dumps and its archives, for organizers."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(
        operation_id="competitions_get_files",
        responses=inline_serializer(
            "CompetitionFiles",
            {
                "dumps": serializers.ListField(child=serializers.DictField()),
                "archives": serializers.ListField(child=serializers.DictField()),
                "bundle": serializers.DictField(required=False),
            },
        ),
    )
    def get(self, request: Request, pk: int) -> Response:
        """Names and addresses; of a dump also its `status` and, where it failed, `details`."""
        competition = get_object_or_404(policies.visible_to(request.user).select_related("bundle__data_file"), pk=pk)
        if not policies.can_administer(request.user, competition):
            raise Forbidden("You don't have access to the competition files")
        dumps = competition.dumps.filter(kind=DumpKind.BUNDLE).select_related("dataset__data_file")
        answer: dict[str, Any] = {
            "dumps": [_dump(dump) for dump in dumps],
            "archives": [_archive(row) for row in archives_with_addresses(competition, absolute=True)],
        }
        bundle = _bundle(competition)
        return Response({**answer, **({"bundle": bundle} if bundle else {})})


def _bundle(competition: Competition) -> dict[str, str] | None:
    bundle = competition.bundle
    if bundle is None or bundle.data_file is None:
        return None
    return {"name": bundle.name, "url": download_url(bundle.data_file, name=bundle.file_name, absolute=True)}


def _dump(dump: Dump) -> dict[str, Any]:
    file = dump.dataset.data_file if dump.dataset else None
    return {
        "id": dump.pk,
        "name": dump.dataset.name if dump.dataset else "",
        "url": download_url(file, name=dump.dataset.file_name, absolute=True) if dump.dataset and file else None,
        "status": dump.status,
        "details": dump.details,
        "keys_instead_of_files": dump.keys_instead_of_files,
        "created_when": dump.created_when,
    }


def _archive(row: dict[str, Any]) -> dict[str, Any]:
    dump, file = row["row"], row["file"]
    return {
        "id": dump.pk,
        "status": dump.status,
        "details": dump.details,
        "created_when": dump.created_when,
        "finished_when": dump.finished_when,
        "done": dump.done,
        "total": dump.total,
        "name": row["name"],
        "url": row["url"] or None,
        "size": file.size if file else None,
        "sha256": file.sha256 if file else None,
    }


class BundleSchemaView(APIView):
    """The JSON Schema of `competition.yaml`."""

    permission_classes = (permissions.AllowAny,)

    @extend_schema(responses={200: OpenApiTypes.OBJECT}, operation_id="competition_bundle_schema")
    def get(self, request: Request) -> Response:
        """For editors that complete and check YAML."""
        return Response(competition_schema())
