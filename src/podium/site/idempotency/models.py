"""What was answered to a request that has a key of its own."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class KeptAnswer(models.Model):
    """The answer to a person's request with an Idempotency-Key; `status` is null until the request has been done.

    `turn` names the request that does the work, and `since` is when it began: see `keeping`.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=200, help_text="method and address")
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    turn = models.UUIDField(default=uuid.uuid4)
    since = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, default="", help_text="JSON")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "route", "key"], name="idempotency_keptanswer_once")]
        indexes = [models.Index(fields=["since"], name="idempotency_since")]

    def __str__(self) -> str:
        return f"{self.route}: {self.key}"
