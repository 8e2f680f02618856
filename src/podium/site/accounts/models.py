"""People."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from podium.site.accounts.validators import USERNAME_VALIDATORS


def default_quota() -> int:
    """The storage a new user gets, in bytes."""
    return int(settings.CONFIG.default_quota)


class User(AbstractUser):
    """A person or a bot. Log-in is by user name or e-mail address."""

    username = models.CharField(max_length=50, unique=True, validators=USERNAME_VALIDATORS)
    email = models.EmailField(max_length=200, unique=True, null=True, blank=True)  # type: ignore[assignment]
    display_name = models.CharField(max_length=50, blank=True, default="")
    title = models.CharField(max_length=200, blank=True, default="")
    location = models.CharField(max_length=250, blank=True, default="")
    biography = models.CharField(max_length=4096, blank=True, default="")
    personal_url = models.URLField(blank=True, default="")
    linkedin_url = models.URLField(blank=True, default="")
    twitter_url = models.URLField(blank=True, default="")
    github_url = models.URLField(blank=True, default="")
    quota = models.PositiveBigIntegerField(default=default_quota, help_text="bytes")
    queue_limit = models.PositiveSmallIntegerField(default=5)
    organizer_direct_message_updates = models.BooleanField(default=True)
    allow_forum_notifications = models.BooleanField(default=True)
    allow_organization_invite_emails = models.BooleanField(default=True)
    is_bot = models.BooleanField(default=False)
    is_banned = models.BooleanField(default=False)
    is_deleted = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_ci"),
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_ci"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Django's forms write '' where no address was given; the unique column wants NULL for that.
        self.email = self.email or None
        super().save(*args, **kwargs)

    @property
    def shown_name(self) -> str:
        """The name that others see."""
        return self.display_name or self.username
