"""Queues, and the workers that serve them."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


def hash_token(token: str) -> str:
    """What is stored of a token: enough to recognize it, not to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A fresh token of 256 bits."""
    return secrets.token_urlsafe(32)


class Queue(models.Model):
    """Where runs wait; each queue has a token by which its workers claim."""

    name = models.CharField(max_length=64)
    vhost = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    is_public = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    organizers = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="organized_queues")
    token_hash = models.CharField(max_length=64, unique=True)
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="queues_queue_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A worker as it last introduced itself."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="workers")
    name = models.CharField(max_length=255)
    hostname = models.CharField(max_length=255, blank=True, default="")
    version = models.CharField(max_length=40, blank=True, default="")
    engine = models.CharField(max_length=40, blank=True, default="")
    slots = models.PositiveSmallIntegerField(default=1)
    first_seen = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["queue", "name"], name="queues_worker_name")]
        indexes = [models.Index(fields=["queue", "last_seen"], name="queues_worker_seen")]

    def __str__(self) -> str:
        return self.name
