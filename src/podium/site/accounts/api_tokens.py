"""API tokens in the REST API (Podium's own)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.accounts.authentication import refuse_without_password
from podium.site.accounts.models import ApiToken, Scope
from podium.site.accounts.services import tokens
from podium.site.api_fields import ID_REGEX, caller


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without the token itself, which nobody can read again."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scope", "ending", "created_when", "expires_when", "last_used_when"]


class NewApiTokenSerializer(ApiTokenSerializer):
    """A token just made, told this once."""

    token = serializers.CharField()

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]


class ApiTokenInput(serializers.Serializer[Any]):
    """What a token is to be."""

    name = serializers.CharField(max_length=100)
    scope = serializers.ChoiceField(choices=Scope.choices)
    expires_in_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=tokens.MAX_DAYS, help_text="never, when absent"
    )


class ApiTokenViewSet(viewsets.GenericViewSet[ApiToken]):
    """The caller's own tokens."""

    queryset = ApiToken.objects.none()
    serializer_class = ApiTokenSerializer
    lookup_value_regex = ID_REGEX
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses=ApiTokenSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The caller's tokens, the newest first; there are fifty at most."""
        return Response(ApiTokenSerializer(caller(request).api_tokens.all(), many=True).data)

    @extend_schema(request=ApiTokenInput, responses={201: NewApiTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token; the answer has it, and nothing shows it again."""
        asked = ApiTokenInput(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = asked.validated_data
        refuse_without_password(request)
        row, secret = tokens.create_token(
            user=caller(request), name=facts["name"], scope=facts["scope"], days=facts.get("expires_in_days")
        )
        return Response({**ApiTokenSerializer(row).data, "token": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke a token; it opens nothing from now on."""
        tokens.revoke_token(user=caller(request), pk=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
