"""Webhooks of a competition, and what was sent to them."""

from __future__ import annotations

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from podium.site.competitions.models import Competition, Phase


class WebhookEvent(models.TextChoices):
    """What a webhook can be told: a closed list."""

    SUBMISSION_FINISHED = "submission.finished", _("A submission finished")
    SUBMISSION_FAILED = "submission.failed", _("A submission failed")
    SUBMISSION_CANCELLED = "submission.cancelled", _("A submission was cancelled")
    LEADERBOARD_CHANGED = "leaderboard.changed", _("A leaderboard changed")
    PARTICIPANT_REQUESTED = "participant.requested", _("Somebody asks to take part")
    PARTICIPANT_APPROVED = "participant.approved", _("Somebody was approved")
    PARTICIPANT_DENIED = "participant.denied", _("Somebody was denied")
    PHASE_STARTED = "phase.started", _("A phase started")
    PHASE_ENDED = "phase.ended", _("A phase ended")
    COMPETITION_PUBLISHED = "competition.published", _("The competition was published")
    COMPETITION_UNPUBLISHED = "competition.unpublished", _("The competition was hidden")
    THREAD_STARTED = "thread.started", _("Somebody began a thread in the forum")
    THREAD_ANSWERED = "thread.answered", _("Somebody answered in the forum")


PING = "ping"
"""Sent on request, to whoever listens or not."""


def new_secret() -> str:
    """A secret as Standard Webhooks writes it: a prefix and base64 of 24 bytes."""
    return f"whsec_{secrets.token_urlsafe(24).replace('-', '+').replace('_', '/')}"


class Webhook(models.Model):
    """An address that is told what happens in a competition.

    `previous_secret` signs as well until `previous_until`, so that a receiver can change over. `failing_since` is when
    the first of the deliveries failed that have failed without a success in between.
    """

    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="webhooks")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_when = models.DateTimeField(default=timezone.now)
    url = models.CharField(max_length=1000)
    events = models.JSONField(default=list)
    secret = models.CharField(max_length=64, default=new_secret)
    previous_secret = models.CharField(max_length=64, blank=True, default="")
    previous_until = models.DateTimeField(null=True, blank=True)
    active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True, default="", help_text="why the site disabled it")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "Waiting"
    DELIVERED = "Delivered"
    FAILED = "Failed"


class WebhookDelivery(models.Model):
    """One message to one webhook, written in the transaction of what it tells.

    It *waits* until `due_when`; whoever sends it moves that ahead by a lease first, by compare-and-set on `attempts`,
    so two site-workers do not send it at once and one that dies delays it. It ends *delivered*, or *failed* after the
    last attempt. `body` is what is sent, byte by byte; `response` is the beginning of the answer.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=40)
    body = models.TextField()
    created_when = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    due_when = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_when = models.DateTimeField(null=True, blank=True, help_text="the last attempt")
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response = models.CharField(max_length=1000, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="webhooks_delivery_state")
        ]
        indexes = [
            models.Index(fields=["due_when"], condition=Q(state="Waiting"), name="webhooks_delivery_due"),
            models.Index(fields=["created_when"], name="webhooks_delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}: {self.state}"


class PhaseTurn(models.Model):
    """That the start or end of a phase at a moment has been told, so that it is told once."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=40)
    moment = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["phase", "event", "moment"], name="webhooks_phaseturn_once")]

    def __str__(self) -> str:
        return f"{self.phase_id}: {self.event}"
