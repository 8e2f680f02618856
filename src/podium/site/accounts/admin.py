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


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """Accounts, with what Podium adds to Django's."""

    list_display = ("username", "email", "date_joined", "is_superuser", "is_banned", "is_bot", "is_deleted")
    list_filter = ("is_superuser", "is_banned", "is_bot", "is_deleted")
    fieldsets = (
        *(BaseUserAdmin.fieldsets or ()),
        ("Podium", {"fields": ("display_name", "quota", "queue_limit", "is_bot", "is_banned")}),
    )

    def save_model(self, request: Any, obj: User, form: Any, change: bool) -> None:
        """Save an account, and let what depends on it follow."""
        super().save_model(request, obj, form, change)
        changed(user=obj, fields=form.changed_data)
