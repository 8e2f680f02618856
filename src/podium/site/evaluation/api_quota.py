"""Space and its freeing in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site.api_fields import caller
from podium.site.evaluation.services import tidying
from podium.site.resources import quota
from podium.site.resources.services import usage

_BYTES = serializers.IntegerField
_KINDS = ("submissions", "datasets_programs", "competition_bundles", "results", "logs", "pictures")
_QUOTA = inline_serializer(
    "UserQuota",
    {
        "quota": serializers.IntegerField(help_text="gigabytes, rounded down"),
        "storage_used": _BYTES(help_text="bytes"),
        "quota_bytes": _BYTES(),
        "reserved": _BYTES(help_text="bytes that uploads under way have announced"),
        "available": _BYTES(help_text="bytes that an upload may bring now"),
        "by_kind": inline_serializer("UserQuotaByKind", {kind: _BYTES(help_text="bytes") for kind in _KINDS}),
    },
)
_CLEANUP = inline_serializer("UserQuotaCleanup", {name: serializers.IntegerField() for name in tidying.CLEANUPS})
_DONE = inline_serializer(
    "CleanupAnswer",
    {
        "success": serializers.BooleanField(),
        "message": serializers.CharField(),
        "deleted": serializers.IntegerField(),
        "left": serializers.IntegerField(help_text="call again for the rest"),
    },
)


class UserQuotaView(APIView):
    """What the caller's files take, and what they may take."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(responses=_QUOTA)
    def get(self, request: Request) -> Response:
        """What is enforced when an upload is announced, to the byte."""
        found = usage(caller(request))
        return Response(
            {
                "quota": found.quota // quota.GIGABYTE,
                "storage_used": found.used,
                "quota_bytes": found.quota,
                "reserved": found.reserved,
                "available": found.available,
                "by_kind": {kind: getattr(found, kind) for kind in _KINDS},
            }
        )


class UserQuotaCleanupView(APIView):
    """What the caller could delete to free space."""

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(responses=_CLEANUP)
    def get(self, request: Request) -> Response:
        """How many things of each kind."""
        return Response(tidying.counts(caller(request)))


class CleanupView(APIView):
    """Deletes the caller's things of a kind."""

    permission_classes = (permissions.IsAuthenticated,)
    kind = "unused_tasks"

    @extend_schema(request=None, responses=_DONE)
    def delete(self, request: Request) -> Response:
        """Delete 200 of them at most; `left` says whether to call again."""
        deleted, left = tidying.clean_up(user=caller(request), kind=self.kind)
        message = tidying.CLEANUPS[self.kind].done
        return Response({"success": True, "message": message, "deleted": deleted, "left": left})
