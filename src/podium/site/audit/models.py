"""The history: one entry for each change that an organizer or administrator made."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from podium.site.audit.actions import Action, Kind, Via


class AuditEntry(models.Model):
    """Who changed what, when, by which way, and what it was before and after.

    Entries are made by `services.record` in the transaction of the change and are not changed after that; nothing
    deletes them but the term that the operator has set. What they are about is named by number and by the name it had,
    without a foreign key, so that they stay when it goes. `about` is the person whom a change concerns.
    """

    when = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=40, help_text="of `Action`, without a constraint: the list grows")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    actor_name = models.CharField(max_length=50, blank=True, default="", help_text="kept when the row is gone")
    via = models.CharField(max_length=10, choices=Via.choices, default=Via.PLATFORM)
    token_name = models.CharField(max_length=100, blank=True, default="")
    address = models.GenericIPAddressField(null=True, help_text="of the client; administrators see it")
    competition = models.PositiveBigIntegerField(null=True)
    competition_title = models.CharField(max_length=256, blank=True, default="")
    kind = models.CharField(max_length=16, help_text="of `Kind`")
    object_id = models.PositiveBigIntegerField(null=True)
    object_name = models.CharField(max_length=256, blank=True, default="")
    about = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(via__in=Via.values), name="audit_entry_via"),
        ]
        indexes = [
            models.Index(fields=["competition", "-id"], name="audit_entry_competition"),
            models.Index(fields=["competition", "action", "-id"], name="audit_entry_in_competition"),
            models.Index(fields=["actor", "-id"], name="audit_entry_actor"),
            models.Index(fields=["action", "-id"], name="audit_entry_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.who}"

    @property
    def what(self) -> str:
        """The action in words."""
        return str(Action(self.action).label) if self.action in Action.values else self.action

    @property
    def kind_name(self) -> str:
        """What it is about, in words."""
        return str(Kind(self.kind).label) if self.kind in Kind.values else self.kind

    @property
    def who(self) -> str:
        """The user name of whoever did it, as it is now; "" where it was nobody with an account."""
        return self.actor.username if self.actor is not None else self.actor_name
