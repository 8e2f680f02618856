"""Tokens and the own profile in the REST API."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, permissions, serializers
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site import conditional
from podium.site.accounts.services import people
from podium.site.api_fields import caller
from podium.site.errors import Refused


class LogInSerializer(AuthTokenSerializer):
    """Name (or address) and password, with the limits on wrong tries that the log-in page has."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the password. Raises Throttled after too many wrong ones."""
        request = self.context["request"]
        try:
            user = get_adapter(request).authenticate(request._request, **attrs)
        except ValidationError as refusal:
            raise exceptions.Throttled(detail=" ".join(refusal.messages)) from refusal
        if user is None:
            raise serializers.ValidationError("Unable to log in with provided credentials.", code="authorization")
        return {**attrs, "user": user}


class TokenView(APIView):
    """`POST {username, password}` answers with the user's token; an e-mail address works in place of the name."""

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)

    @extend_schema(
        request=AuthTokenSerializer, responses=inline_serializer("TokenAnswer", {"token": serializers.CharField()})
    )
    def post(self, request: Request) -> Response:
        """Log in for scripts."""
        serializer = LogInSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        user = serializer.validated_data["user"]
        if user.is_banned:
            return Response({"detail": "You are banned from using Podium"}, status=403)
        if is_mfa_enabled(user):
            raise Refused(
                "This account has a second factor, which a password alone does not replace: make an API token on the "
                "page “API tokens” of your settings.",
                code="second_factor",
            )
        token, _ = Token.objects.get_or_create(user=user)
        return Response({"token": token.key})


class MyProfileView(APIView):
    """Who the caller is."""

    @extend_schema(
        responses=inline_serializer(
            "MyProfile",
            {
                "username": serializers.CharField(),
                "name": serializers.CharField(),
                "email": serializers.EmailField(allow_null=True),
                "github_info": serializers.JSONField(allow_null=True),
            },
        )
    )
    def get(self, request: Request) -> Response:
        """The caller's name and address."""
        user = caller(request)
        shown = {"username": user.username, "name": user.get_full_name(), "email": user.email, "github_info": None}
        return conditional.answered(request, shown, people.profile_of(user))
