"""What is mailed, and what became of it for each person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Message(models.Model):
    """A text for one person or for many; each gets a mail of their own, so nobody sees another's address.

    `queued_when` is when a site-worker was last told of it.
    """

    subject = models.CharField(max_length=300)
    text = models.TextField(help_text="Markdown")
    why = models.CharField(max_length=300, help_text="why it is sent, below the text")
    translations = models.JSONField(default=dict, help_text="by language what of these three differs in it")
    competition = models.ForeignKey(
        "competitions.Competition", null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    reply_to = models.EmailField(max_length=256, blank=True, default="")
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_when = models.DateTimeField(default=timezone.now)
    queued_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.subject

    def words(self, language: str) -> dict[str, str]:
        """Subject, text and why in a language, as far as it was written in it."""
        return {"subject": self.subject, "text": self.text, "why": self.why} | self.translations.get(language, {})


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Delivery(models.Model):
    """A message on its way to one person. `due_when`: not before; `alive_until`: by then whoever sends it is gone.

    `leave_url`: where this person says, without logging in, that they want no more mails of the kind; "" for none.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")
    leave_url = models.CharField(max_length=500, blank=True, default="")
    due_when = models.DateTimeField(default=timezone.now)
    alive_until = models.DateTimeField(null=True, blank=True)
    sent_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["message", "user"], name="mails_delivery_once"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="mails_delivery_state"),
        ]
        indexes = [
            models.Index(fields=["due_when"], condition=Q(state__in=["waiting", "sending"]), name="mails_delivery_due")
        ]

    def __str__(self) -> str:
        return f"{self.message} to {self.user}: {self.state}"
