"""Accounts in the administration."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount import admin as _theirs  # noqa: F401 - it registers what is taken out below
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin

from podium.site.accounts.models import User
from podium.site.accounts.services import changed

for _unused in (SocialApp, SocialToken):  # servers come from the settings, their tokens are not kept
    admin.site.unregister(_unused)

RIGHTS = ("is_staff", "is_superuser", "is_bot", "groups", "user_permissions")


def _is_below(user: Any, account: User | None) -> bool:
    return account is None or user.is_superuser or not account.is_superuser


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """Accounts, with what Podium adds to Django's."""

    list_display = ("username", "email", "date_joined", "is_superuser", "is_banned", "is_bot", "is_deleted")
    list_filter = ("is_superuser", "is_banned", "is_bot", "is_deleted")
    fieldsets = (
        *(BaseUserAdmin.fieldsets or ()),
        ("Podium", {"fields": ("display_name", "quota", "queue_limit", "is_bot", "is_banned")}),
    )

    def get_readonly_fields(self, request: Any, obj: User | None = None) -> Any:
        """Only administrators of the site give rights; who may change accounts would give them to themselves."""
        shown = super().get_readonly_fields(request, obj)
        return shown if request.user.is_superuser else (*shown, *RIGHTS)

    def has_change_permission(self, request: Any, obj: User | None = None) -> bool:
        """Whether an account may be changed, its password included; an administrator's by administrators alone."""
        return _is_below(request.user, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: Any, obj: User | None = None) -> bool:
        """As for changing."""
        return _is_below(request.user, obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: Any, obj: User, form: Any, change: bool) -> None:
        """Save an account, and let what depends on it follow."""
        super().save_model(request, obj, form, change)
        changed(user=obj, fields=form.changed_data)
