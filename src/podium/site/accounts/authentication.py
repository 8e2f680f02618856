"""Token authentication of the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.urls import Resolver404, resolve
from rest_framework import authentication, exceptions
from rest_framework.authtoken.models import Token

from podium.site.accounts import scopes
from podium.site.accounts.models import ApiToken, Scope, User
from podium.site.accounts.services.tokens import PREFIX, token_of
from podium.site.audit import origin
from podium.site.errors import Refused

BANNED = "You are banned from using Podium"


class NarrowToken(exceptions.PermissionDenied):
    """A token's scope does not reach as far as the request."""

    default_code = "token_scope"


class TokenAuthentication(authentication.TokenAuthentication):
    """`Authorization: Token <40 hex>` as Codabench's, or `Token` or `Bearer` with an API token of Podium's.

    Banned and deleted people's tokens are refused, and so are requests that a token's scope does not reach.
    """

    def authenticate(self, request: Any) -> tuple[User, Token | ApiToken] | None:
        """The caller by the header, None where there is none of ours."""
        keyword, _, rest = authentication.get_authorization_header(request).decode("latin-1").partition(" ")
        key = rest.strip()
        if keyword.lower() not in {"token", "bearer"} or (keyword.lower() == "bearer" and not key.startswith(PREFIX)):
            return None
        if not key.startswith(PREFIX):
            return super().authenticate(request)
        token = token_of(key)
        if token is None:
            raise exceptions.AuthenticationFailed("Invalid token.")
        self._refuse_gone(token.user)
        self._refuse_narrow(request, token)
        origin.by_token(token.name)
        token.user.token_scope = token.scope
        return token.user, token

    def authenticate_credentials(self, key: str) -> tuple[User, Token]:
        user, token = super().authenticate_credentials(key)
        self._refuse_gone(user)
        origin.by_token("")
        return user, token

    @staticmethod
    def _refuse_gone(user: User) -> None:
        if user.is_deleted or not user.is_active:
            raise exceptions.AuthenticationFailed("Invalid token.")
        if user.is_banned:
            raise exceptions.PermissionDenied(BANNED, code="banned")

    @staticmethod
    def _refuse_narrow(request: Any, token: ApiToken) -> None:
        match = getattr(request, "resolver_match", None)
        if match is None:
            try:
                match = resolve(request.path_info)
            except Resolver404:
                match = None
        route = match.view_name if match else ""
        if not scopes.allows(token.scope, route, request.method):
            raise _narrow(token, scopes.needed(route, request.method))


def _narrow(token: ApiToken, needed: Scope) -> NarrowToken:
    return NarrowToken(
        f'The token "{token.name}" has the scope "{token.scope}", and this needs "{needed.value}". '
        "Make another token on the page “API tokens” of your settings."
    )


def refuse_without_password(request: Any) -> None:
    """Raise Refused where a session has not shown the account's password, or second factor, in the last minutes.

    As the pages ask before they change what lets somebody in: a browser that was left open must not be enough. Tokens
    are not asked: what they reach is said by their scope.
    """
    plain = request._request
    if request.auth is None and is_reauthentication_required(plain, app="account"):
        raise Refused(
            "Show your password again before you change what lets you in.",
            code="reauthentication_required",
            status=403,
            hint="With a session confirm that it is you at /accounts/reauthenticate/; scripts use a token.",
        )


def refuse_narrower_for_others(request: Any, owners: Iterable[int]) -> None:
    """Raise NarrowToken where a token that is for submitting would change what others have submitted.

    Its owner may that as an organizer; whoever gave a script such a token did not mean it. owners: ids of people.
    """
    if set(owners) - {request.user.pk}:
        refuse_narrower(request, Scope.ORGANIZE)


def refuse_narrower(request: Any, needed: Scope) -> None:
    """For what depends on more than the route: raise NarrowToken where the request's API token is narrower."""
    token = request.auth
    if isinstance(token, ApiToken) and Scope(token.scope).rank < needed.rank:
        raise _narrow(token, needed)
