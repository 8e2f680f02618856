"""People."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
    photo = models.ForeignKey(
        "resources.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="people"
    )
    quota = models.PositiveBigIntegerField(default=default_quota, help_text="bytes")
    queue_limit = models.PositiveSmallIntegerField(default=5)
    organizer_direct_message_updates = models.BooleanField(default=True)
    allow_forum_notifications = models.BooleanField(default=True)
    allow_organization_invite_emails = models.BooleanField(default=True)
    language = models.CharField(
        max_length=12, blank=True, default="", help_text="of pages and mails; empty is as the browser says"
    )
    is_bot = models.BooleanField(default=False)
    is_banned = models.BooleanField(default=False)
    is_deleted = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    stands_in: int | None = None
    """The competition in which somebody who is nobody takes part, see `competitions.viewing`; None for real people."""
    token_scope: str = ""
    """The scope of the API token by which somebody came; "" for sessions, and for the token of `api-token-auth`."""

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_ci"),
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_ci"),
        ]
        indexes = [models.Index(fields=["date_joined"], name="accounts_user_joined")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Django's forms write '' where no address was given; the unique column wants NULL for that.
        self.email = self.email or None
        super().save(*args, **kwargs)

    @property
    def shown_name(self) -> str:
        """The name that others see."""
        return self.display_name or self.username

    def get_absolute_url(self) -> str:
        """The page that others see."""
        return reverse("accounts:profile", args=[self.username])


class Organization(models.Model):
    """People who take part together; a submission made for it is shown under its name."""

    name = models.CharField(max_length=100, unique=True)
    email = models.EmailField(max_length=200, unique=True)
    photo = models.ForeignKey(
        "resources.StoredFile", null=True, blank=True, on_delete=models.PROTECT, related_name="organizations"
    )
    location = models.CharField(max_length=250, blank=True, default="")
    description = models.CharField(max_length=4096, blank=True, default="")
    website_url = models.URLField(blank=True, default="")
    linkedin_url = models.URLField(blank=True, default="")
    twitter_url = models.URLField(blank=True, default="")
    github_url = models.URLField(blank=True, default="")
    date_created = models.DateTimeField(default=timezone.now)
    users = models.ManyToManyField(User, through="Membership", related_name="organizations")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="accounts_organization_name_ci"),
            models.UniqueConstraint(Lower("email"), name="accounts_organization_email_ci"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("accounts:organization", args=[self.pk])


class Group(models.TextChoices):
    """What a person is in an organization; Codabench's five words, from most rights to fewest."""

    OWNER = "OWNER", _("Owner")
    MANAGER = "MANAGER", _("Manager")
    PARTICIPANT = "PARTICIPANT", _("Participant")
    MEMBER = "MEMBER", _("Member")
    INVITED = "INVITED", _("Invited")


EDITORS = (Group.OWNER, Group.MANAGER)
"""Who changes an organization and its people."""
SUBMITTERS = (*EDITORS, Group.PARTICIPANT)
"""Who may submit in its name."""
MEMBERS = (*SUBMITTERS, Group.MEMBER)
"""Who belongs to it: everybody but those who were only asked."""
SETTABLE = (Group.MANAGER, Group.PARTICIPANT, Group.MEMBER)
"""What editors can make of a member."""


class Membership(models.Model):
    """A person in an organization, or one who was invited; the token is what the invitation carries."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    group = models.CharField(max_length=12, choices=Group.choices, default=Group.INVITED)
    date_joined = models.DateTimeField(default=timezone.now)
    token = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        ordering = ["date_joined", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="accounts_membership_once"),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(group="OWNER"), name="accounts_membership_one_owner"
            ),
            models.CheckConstraint(condition=Q(group__in=Group.values), name="accounts_membership_group"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.group}"


class Scope(models.TextChoices):
    """What an API token may be used for, each with all before it; `scopes` says which requests need which."""

    READ = "read", _("Read what I may see")
    SUBMIT = "submit", _("Submit, and take part in competitions")
    ORGANIZE = "organize", _("Run competitions, tasks, datasets and queues")
    ADMIN = "admin", _("Everything that I may do")

    @property
    def rank(self) -> int:
        """Its place, from the least."""
        return list(Scope).index(self)


class ApiToken(models.Model):
    """A named key to the API, of which only a digest is kept; it may end by itself, and is deleted when revoked."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token")
    ending = models.CharField(max_length=4, help_text="its last characters, to tell it from others")
    created_when = models.DateTimeField(default=timezone.now)
    expires_when = models.DateTimeField(null=True, blank=True)
    last_used_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_when", "-pk"]
        constraints = [models.CheckConstraint(condition=Q(scope__in=Scope.values), name="accounts_apitoken_scope")]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @property
    def is_expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_when is not None and self.expires_when <= timezone.now()


class CacheEntry(models.Model):
    """What all web processes share: counts of wrong passwords and the like.

    Django's database cache writes these rows; the model is here so that the table comes with the others.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "podium_cache"

    def __str__(self) -> str:
        return self.cache_key
