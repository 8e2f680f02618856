"""Log-in by user name or e-mail address."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from podium.site.accounts.models import User


class NameOrEmailBackend(ModelBackend):
    """Takes an e-mail address in place of the user name (Codabench's rule); letter case does not matter."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        user = User.objects.filter(Q(username__iexact=username) | Q(email__iexact=username)).order_by("pk").first()
        if user is None:
            User().set_password(password)  # as slow as a wrong password, so that names cannot be told apart
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Deleted people cannot log in; banned ones can, and are told so on every page."""
        return super().user_can_authenticate(user) and not user.is_deleted
