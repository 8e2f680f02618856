"""Who is behind something that stays open, asked anew while it does.

A stream outlives the request that opened it. What let its reader in can end meanwhile: the token is revoked or its time
is over, the session ends, the person is banned or deletes the account. So a stream asks `Caller.now` at every look.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import APIException

from podium.site.accounts.authentication import TokenAuthentication
from podium.site.accounts.models import User
from podium.site.accounts.services.tokens import PREFIX, token_of


class Caller(Protocol):
    """Somebody who has something open."""

    @property
    def key(self) -> int | None:
        """The number of the person; None for strangers."""
        ...

    def now(self) -> Any:
        """The person as they are now, None when they are not let in any more; reads the database."""
        ...


def _let_in(user: Any) -> bool:
    return not user.is_authenticated or (user.is_active and not user.is_banned and not user.is_deleted)


class Person:
    """Somebody whom the site itself knows to be there, such as who runs a command."""

    def __init__(self, user: User) -> None:
        self.key = user.pk

    def now(self) -> User | None:
        """The person as they are now, None when they are not let in any more."""
        user = User.objects.filter(pk=self.key).first()
        return user if user is not None and _let_in(user) else None


class Stranger:
    """Somebody who is not logged in."""

    key = None

    @staticmethod
    def now() -> AnonymousUser:
        """Nobody in particular, and always let in."""
        return AnonymousUser()


class TokenHolder:
    """Somebody who came with a token."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        self._request = request
        self.key = user.pk

    def now(self) -> User | None:
        """The token's owner, None when the token is not valid any more."""
        try:
            found = TokenAuthentication().authenticate(self._request)
        except APIException:
            return None
        return None if found is None else found[0]


class SessionHolder:
    """Somebody who is logged in by a session."""

    def __init__(self, session_key: str, user: User) -> None:
        self._session_key = session_key
        self.key = user.pk

    def now(self) -> Any:
        """The session's person, None when it has ended or their password was changed elsewhere."""
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self._session_key)
        user = auth.get_user(request)
        return user if user.is_authenticated and user.pk == self.key and _let_in(user) else None


class Shown:
    """An organizer who looks at their competition as somebody else: let in as long as they are, told what those are."""

    def __init__(self, organizer: SessionHolder, stand_in: Any) -> None:
        self._organizer, self._stand_in = organizer, stand_in
        self.key = organizer.key

    def now(self) -> Any:
        """The stand-in, None when the organizer is not let in any more."""
        return self._stand_in if self._organizer.now() is not None else None


def caller_of(request: HttpRequest) -> Caller:
    """Who sent a request: by token where one is sent, else by session. Raises APIException as tokens are refused."""
    if request.headers.get("Authorization"):
        found = TokenAuthentication().authenticate(request)
        if found is not None:
            return TokenHolder(request, found[0])
    viewing = getattr(request, "viewing", None)
    if viewing is not None and request.user != viewing.organizer:
        return Shown(SessionHolder(str(request.session.session_key), viewing.organizer), request.user)
    return holder_of(request.session.session_key, request.user)


def sender(session_key: str, authorization: str) -> User | None:
    """Whose session's cookie, or else whose header `Authorization` it is; None where that is nobody who is let in."""
    return _by_session(session_key) or _by_token(authorization)


def _by_session(session_key: str) -> User | None:
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = auth.get_user(request)
    return user if isinstance(user, User) and _let_in(user) else None


def _by_token(authorization: str) -> User | None:
    key = authorization.partition(" ")[2].strip()
    found: Any = token_of(key) if key.startswith(PREFIX) else Token.objects.filter(key=key).first() if key else None
    return found.user if found is not None and _let_in(found.user) else None


def holder_of(session_key: str | None, user: Any) -> Caller:
    """Who has a session, a stranger where nobody is logged in."""
    return SessionHolder(session_key, user) if session_key and user.is_authenticated else Stranger()
