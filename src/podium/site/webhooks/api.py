"""Webhooks in the REST API: Podium's own, for organizers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import permissions, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.api_fields import ID_REGEX, BasicPagination, caller
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden
from podium.site.idempotency import keeping
from podium.site.webhooks import policies, services
from podium.site.webhooks.models import Webhook, WebhookDelivery, WebhookEvent


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook without its secret."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.choices))
    url = serializers.CharField(max_length=1000)

    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "active", "created_when", "failing_since", "disabled_reason"]
        read_only_fields = ["id", "created_when", "failing_since", "disabled_reason"]


class WebhookWithSecretSerializer(WebhookSerializer):
    """A webhook with its secret, which is in this answer alone."""

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = [*WebhookSerializer.Meta.read_only_fields, "secret"]


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """A message, and what became of it."""

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "key",
            "event",
            "body",
            "created_when",
            "state",
            "due_when",
            "attempts",
            "sent_when",
            "status_code",
            "response",
            "error",
        ]
        read_only_fields = fields


_ID = OpenApiParameter("id", int, OpenApiParameter.PATH)
_COMPETITION = OpenApiParameter("competition", int, OpenApiParameter.PATH)
_DELIVERY = OpenApiParameter("delivery", int, OpenApiParameter.PATH)


@extend_schema(parameters=[_COMPETITION])
class WebhookViewSet(viewsets.GenericViewSet[Webhook]):
    """The webhooks of a competition."""

    permission_classes = (permissions.IsAuthenticated,)
    serializer_class = WebhookSerializer
    pagination_class = BasicPagination
    filter_backends = ()
    lookup_value_regex = ID_REGEX
    queryset = Webhook.objects.none()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask for the right before an idempotency key is: a kept answer has the secret."""
        super().initial(request, *args, **kwargs)
        if self.action == "create":
            self._competition()

    def _competition(self) -> Competition:
        user = caller(self.request)
        found = get_object_or_404(competitions.visible_to(user), pk=self.kwargs["competition"])
        if not competitions.can_administer(user, found):
            raise Forbidden("Only the organizers see and change webhooks.")
        return found

    def get_queryset(self) -> QuerySet[Webhook]:
        if getattr(self, "swagger_fake_view", False):
            return Webhook.objects.none()
        mine = policies.visible_to(self.request.user).filter(competition=self._competition())
        return mine.select_related("competition").order_by("pk")

    def list(self, request: Request, competition: str) -> Response:
        """The webhooks of a competition."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(parameters=[_COMPETITION, keeping.HEADER], responses={201: WebhookWithSecretSerializer})
    @keeping.idempotent
    def create(self, request: Request, competition: str) -> Response:
        """Register a webhook; the secret with which messages are signed is in this answer alone."""
        where = self._competition()
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        facts = given.validated_data
        made = services.create_webhook(competition=where, by=caller(request), url=facts["url"], events=facts["events"])
        return Response(WebhookWithSecretSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[_COMPETITION, _ID])
    def retrieve(self, request: Request, competition: str, pk: str) -> Response:
        """One webhook."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(parameters=[_COMPETITION, _ID])
    def partial_update(self, request: Request, competition: str, pk: str) -> Response:
        """Change address, events, or whether it is active."""
        hook = self.get_object()
        given = self.get_serializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = services.update_webhook(webhook=hook, by=caller(request), changes=given.validated_data)
        return Response(self.get_serializer(changed).data)

    @extend_schema(parameters=[_COMPETITION, _ID])
    def destroy(self, request: Request, competition: str, pk: str) -> Response:
        """Delete a webhook and its log."""
        services.delete_webhook(webhook=self.get_object(), by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[_COMPETITION, _ID], request=None, responses=WebhookWithSecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request: Request, competition: str, pk: str) -> Response:
        """Make a new secret; for a day messages are signed with the old one as well."""
        changed = services.rotate_secret(webhook=self.get_object(), by=caller(request))
        return Response(WebhookWithSecretSerializer(changed).data)

    @extend_schema(parameters=[_COMPETITION, _ID], request=None, responses={201: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def ping(self, request: Request, competition: str, pk: str) -> Response:
        """Send a test message."""
        sent = services.ping(webhook=self.get_object(), by=caller(request))
        return Response(WebhookDeliverySerializer(sent).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[_COMPETITION, _ID], responses=WebhookDeliverySerializer(many=True))
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, competition: str, pk: str) -> Response:
        """What was sent in the last 30 days and what waits, newest first."""
        rows: Any = self.get_object().deliveries.order_by("-pk")
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(WebhookDeliverySerializer(page, many=True).data)

    @extend_schema(parameters=[_COMPETITION, _ID, _DELIVERY], request=None, responses=WebhookDeliverySerializer)
    @action(detail=True, methods=["post"], url_path=r"deliveries/(?P<delivery>[0-9]{1,18})/redeliver")
    def redeliver(self, request: Request, competition: str, pk: str, delivery: str) -> Response:
        """Send a message once more, with the same id."""
        rows = self.get_object().deliveries.select_related("webhook__competition")
        again = services.redeliver(delivery=get_object_or_404(rows, pk=delivery), by=caller(request))
        return Response(WebhookDeliverySerializer(again).data)
