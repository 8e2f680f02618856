"""Token authentication of the API."""

from __future__ import annotations

from rest_framework import authentication, exceptions
from rest_framework.authtoken.models import Token


class TokenAuthentication(authentication.TokenAuthentication):
    """`Authorization: Token <40 hex>`; banned and deleted people's tokens are refused."""

    def authenticate_credentials(self, key: str) -> tuple[object, Token]:
        user, token = super().authenticate_credentials(key)
        if user.is_deleted:
            raise exceptions.AuthenticationFailed("Invalid token.")
        if user.is_banned:
            raise exceptions.PermissionDenied("You are banned from using Podium")
        return user, token
