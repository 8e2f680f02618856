"""Queues in the REST API (Codabench's paths and shapes; tokens and workers are Podium's own)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site import conditional
from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name
from podium.site.api_fields import ID_REGEX, BasicPagination, caller, search_text
from podium.site.errors import Forbidden
from podium.site.idempotency import keeping
from podium.site.queues import policies, queries, services
from podium.site.queues.broker import broker_url
from podium.site.queues.models import Queue, QueueToken, Worker
from podium.site.queues.services import lifecycle


class OrganizerSerializer(serializers.ModelSerializer[User]):
    """Somebody who operates a queue."""

    class Meta:
        model = User
        fields = ["id", "username"]


class QueueSerializer(serializers.ModelSerializer[Queue]):
    """A queue, as far as the caller may see it: the address on the broker is for those who operate it."""

    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    organizers = OrganizerSerializer(many=True, read_only=True)
    broker_url = serializers.SerializerMethodField()
    is_owner = serializers.SerializerMethodField()
    is_served = serializers.SerializerMethodField()
    competitions = serializers.SerializerMethodField()

    class Meta:
        model = Queue
        fields = [
            "id",
            "name",
            "vhost",
            "is_public",
            "is_default",
            "owner",
            "organizers",
            "broker_url",
            "created_when",
            "is_owner",
            "is_served",
            "competitions",
        ]

    def get_broker_url(self, queue: Queue) -> str | None:
        return broker_url(queue) if queue.pk in self.context["addresses"] else None

    def get_is_owner(self, queue: Queue) -> bool:
        return queue.owner_id == self.context["user"].pk

    def get_is_served(self, queue: Queue) -> bool:
        return queue.pk in self.context["served"]

    @extend_schema_field(
        inline_serializer(
            "CompetitionOfQueue", {"id": serializers.IntegerField(), "title": serializers.CharField()}, many=True
        )
    )
    def get_competitions(self, queue: Queue) -> list[dict[str, Any]]:
        return [{"id": one.pk, "title": one.title} for one in queue.shown_competitions]  # type: ignore[attr-defined]


def queue_of_competition(user: Any, queue: Queue | None) -> dict[str, Any] | None:
    """Codabench's shape of a competition's queue; its people and address are for those who see or operate it."""
    if queue is None:
        return None
    seen = policies.visible_to(user).filter(pk=queue.pk).exists()
    operated = policies.can_operate(user, queue)
    told = operated and policies.addresses_told_to(user).filter(pk=queue.pk).exists()
    people = queue.organizers.order_by("pk") if operated else []
    return {
        "id": queue.pk,
        "name": queue.name,
        "vhost": str(queue.vhost) if seen else None,
        "is_public": queue.is_public,
        "owner": queue.owner.username if queue.owner else None,
        "organizers": [{"username": one.username, "id": one.pk} for one in people],
        "broker_url": broker_url(queue) if told else None,
        "created_when": queue.created_when,
        "is_owner": user.is_authenticated and queue.owner_id == user.pk,
    }


class QueueInput(serializers.Serializer[Any]):
    """What an owner sets of a queue; organizers by their ids."""

    name = serializers.CharField(max_length=64)
    is_public = serializers.BooleanField(default=False)
    organizers = serializers.PrimaryKeyRelatedField(many=True, queryset=people_to_name(), default=list)


class TokenSerializer(serializers.ModelSerializer[QueueToken]):
    """A token without its secret."""

    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = QueueToken
        fields = ["id", "name", "ending", "created_by", "created_when", "last_used_when"]


class NewTokenSerializer(TokenSerializer):
    """A token just made, with its secret, which is told this once."""

    token = serializers.CharField(default="")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class WorkerSerializer(serializers.ModelSerializer[Any]):
    """A worker as it last introduced itself."""

    state = serializers.CharField(read_only=True)
    running = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    last_error = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = Worker
        fields = [
            "id",
            "name",
            "hostname",
            "version",
            "engine",
            "slots",
            "free_disk_bytes",
            "gpus",
            "first_seen",
            "last_seen",
            "drained_when",
            "state",
            "running",
            "last_error",
        ]

    def to_representation(self, row: Any) -> dict[str, Any]:
        worker = row.worker
        worker.state = row.state
        worker.running = [attempt.run.submission_id for attempt in row.running]
        worker.last_error = row.last_error.message if row.last_error else None
        return super().to_representation(worker)


_NEW_TOKEN = inline_serializer("TokenName", {"name": serializers.CharField(max_length=64)})


class QueueAsMadeSerializer(QueueSerializer):
    """Codabench's answer to a change: people by their ids."""

    owner = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]  # a name in the other
    organizers = serializers.ListField(child=serializers.IntegerField())  # type: ignore[assignment]


_MOVES = frozenset({"is_served", "competitions"})
"""What of a queue moves without anybody's change of it."""


class QueueViewSet(viewsets.GenericViewSet[Queue]):
    """Queues: one's own, those one organizes, and public ones."""

    queryset = Queue.objects.none()
    serializer_class = QueueSerializer
    pagination_class = BasicPagination
    lookup_value_regex = ID_REGEX
    filter_backends = ()

    def _shown(self, queues: list[Queue]) -> list[Any]:
        user = caller(self.request)
        keys = [queue.pk for queue in queues]
        addresses = set(policies.addresses_told_to(user).filter(pk__in=keys).values_list("pk", flat=True))
        context = {"user": user, "addresses": addresses, "served": queries.served(keys)}
        return list(QueueSerializer(queues, many=True, context=context).data)

    def _visible(self, pk: str) -> Queue:
        rows = queries.with_people(policies.visible_to(self.request.user), self.request.user)
        found: Queue = get_object_or_404(rows, pk=pk)
        return found

    def _operated(self, pk: str) -> Queue:
        """The queue, which the caller operates; a stranger to a public one is told so, others do not find it."""
        queue = self._visible(pk)
        if not policies.can_operate(self.request.user, queue):
            raise Forbidden("Only the queue's owner and organizers may do this.")
        return queue

    def _as_made(self, queue: Queue) -> dict[str, Any]:
        """Codabench's answer to a change: people by their ids."""
        shown = self._shown([self._visible(str(queue.pk))])[0]
        organizers = list(queue.organizers.order_by("pk").values_list("pk", flat=True))
        return {**shown, "owner": queue.owner_id, "organizers": organizers}

    @extend_schema(
        parameters=[
            OpenApiParameter("public", str, description="anything: with everybody's public queues"),
            OpenApiParameter("search", str),
            OpenApiParameter("owner", int),
            OpenApiParameter("is_public", bool),
            OpenApiParameter("name", str),
        ],
        responses=QueueSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """The queues that the caller owns or organizes, by name."""
        wanted = request.query_params
        rows = queries.listed(caller(request), public=bool(wanted.get("public")), search=search_text(request))
        if name := wanted.get("name", "").replace("\0", ""):
            rows = rows.filter(name=name)
        if (owner := wanted.get("owner", "")).isdecimal() and len(owner) < 19:
            rows = rows.filter(owner=int(owner))
        if (is_public := wanted.get("is_public", "").lower()) in {"true", "false"}:
            rows = rows.filter(is_public=is_public == "true")
        return self.get_paginated_response(self._shown(self.paginate_queryset(rows) or []))

    @extend_schema(responses=QueueSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One queue that the caller may see."""
        shown = self._shown([self._visible(pk)])[0]
        return conditional.answered(request, shown, conditional.without(shown, _MOVES))

    def _unless_changed(self, queue: Queue) -> AbstractContextManager[None]:
        return conditional.unless_changed(
            self.request,
            lock=lambda: list(Queue.objects.select_for_update(of=("self",)).filter(pk=queue.pk)),
            state=lambda: conditional.without(self._shown([self._visible(str(queue.pk))])[0], _MOVES),
        )

    @extend_schema(parameters=[keeping.HEADER], request=QueueInput, responses={201: QueueAsMadeSerializer})
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Make a queue of one's own."""
        given = QueueInput(data=request.data)
        given.is_valid(raise_exception=True)
        queue = lifecycle.create_queue(user=caller(request), **given.validated_data)
        return Response(self._as_made(queue), status=status.HTTP_201_CREATED)

    @extend_schema(request=QueueInput, responses=QueueAsMadeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a queue, share it, change who operates it."""
        queue = self._visible(pk)
        if not policies.can_change(request.user, queue):
            raise Forbidden("Cannot update a queue that is not yours")
        given = QueueInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        with self._unless_changed(queue):
            made = lifecycle.update_queue(queue=queue, by=caller(request), **given.validated_data)
        answer = Response(self._as_made(made))
        if not policies.visible_to(request.user).filter(pk=made.pk).exists():
            return answer  # an organizer has taken themselves away
        shown = self._shown([self._visible(pk)])[0]
        tag = conditional.strong_tag(request, shown, conditional.without(shown, _MOVES))
        return conditional.tagged(answer, tag)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a queue; its competitions and what waits there go to the default queue."""
        queue = self._visible(pk)
        with self._unless_changed(queue):
            lifecycle.delete_queue(queue=queue, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(methods=["get"], responses=TokenSerializer(many=True))
    @extend_schema(methods=["post"], request=_NEW_TOKEN, responses={201: NewTokenSerializer})
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def tokens(self, request: Request, pk: str) -> Response:
        """The tokens that open the queue; POST makes one, whose secret is told this once."""
        queue = self._operated(pk)
        if request.method == "GET":
            return Response(TokenSerializer(queries.tokens(queue), many=True).data)
        name = request.data.get("name", "") if isinstance(request.data, dict) else ""
        return self._made(*services.create_token(queue=queue, by=caller(request), name=str(name)))

    @extend_schema(request=None, responses={201: NewTokenSerializer})
    @action(detail=True, methods=["post"], url_path=f"tokens/(?P<token_id>{ID_REGEX})/rotate")
    def rotate_token(self, request: Request, pk: str, token_id: str) -> Response:
        """Put a new secret in a token's place; the old one is refused from the next claim on."""
        token = get_object_or_404(self._operated(pk).tokens, pk=token_id)
        return self._made(*services.rotate_token(token=token, by=caller(request)))

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"], url_path=f"tokens/(?P<token_id>{ID_REGEX})")
    def revoke_token(self, request: Request, pk: str, token_id: str) -> Response:
        """Revoke a token; jobs under way finish."""
        token = get_object_or_404(self._operated(pk).tokens, pk=token_id)
        services.revoke_token(token=token, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _made(token: QueueToken, secret: str) -> Response:
        return Response({**TokenSerializer(token).data, "token": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(responses=WorkerSerializer(many=True))
    @action(detail=True, methods=["get"])
    def workers(self, request: Request, pk: str) -> Response:
        """The workers of the queue that were seen in the last week."""
        queue = self._operated(pk)
        rows: Any = queries.listed_workers(request.user, queue)
        page: Any = self.paginate_queryset(rows) or []
        return self.get_paginated_response(WorkerSerializer(queries.with_jobs(page), many=True).data)

    @extend_schema(request=None, responses=WorkerSerializer)
    @action(detail=True, methods=["post"], url_path=f"workers/(?P<worker_id>{ID_REGEX})/(?P<wish>drain|undrain)")
    def drain_worker(self, request: Request, pk: str, worker_id: str, wish: str) -> Response:
        """Give a worker no new jobs, or jobs again."""
        worker = get_object_or_404(self._operated(pk).workers, pk=worker_id)
        (services.drain if wish == "drain" else services.undrain)(worker=worker, by=caller(request))
        worker.refresh_from_db()
        return Response(WorkerSerializer(queries.with_jobs([worker]), many=True).data[0])
