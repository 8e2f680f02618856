"""Log-in by user name or e-mail address."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import Q
from django.http import HttpRequest

from podium.site.accounts.models import User


class NameOrEmailBackend(AuthenticationBackend):
    """Takes an e-mail address in place of the user name (Codabench's rule); letter case does not matter.

    The only backend, so that nobody whom it refuses gets in by another; allauth takes it for its own.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        username = credentials.get("username") or credentials.get("email")
        password = credentials.get("password")
        if not username or not password:
            return None
        user = User.objects.filter(Q(username__iexact=username) | Q(email__iexact=username)).order_by("pk").first()
        if user is None:
            User().set_password(password)  # as slow as a wrong password, so that names cannot be told apart
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Deleted people cannot log in; banned ones can, and are told so on every page."""
        return super().user_can_authenticate(user) and not user.is_deleted
