"""Queues, the tokens that open them, and the workers that serve them."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

WORKER_SEEN = timedelta(minutes=2)
"""A worker that was silent for longer is not reckoned with; one that waits asks again within a minute."""


def hash_token(token: str) -> str:
    """What is stored of a token: enough to recognize it, not to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A fresh token of 256 bits."""
    return secrets.token_urlsafe(32)


class Queue(models.Model):
    """Where runs wait. A deleted queue stays as a row, because past runs name the queue that they were in."""

    name = models.CharField(max_length=64)
    vhost = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    is_public = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_queues"
    )
    organizers = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="organized_queues")
    created_when = models.DateTimeField(default=timezone.now)
    deleted_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="queues_queue_one_default"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(is_public=True, deleted_when__isnull=True),
                name="queues_queue_default_stays",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class QueueToken(models.Model):
    """A secret by which workers claim from a queue; it is shown once, and only its hash is kept."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=64)
    token_hash = models.CharField(max_length=64, unique=True)
    ending = models.CharField(max_length=4, blank=True, default="", help_text="the token's last characters")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_when = models.DateTimeField(default=timezone.now)
    last_used_when = models.DateTimeField(null=True, blank=True)
    revoked_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} of {self.queue}"


class Worker(models.Model):
    """A worker process as it last introduced itself."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="workers")
    name = models.CharField(max_length=255)
    hostname = models.CharField(max_length=255, blank=True, default="")
    version = models.CharField(max_length=40, blank=True, default="")
    engine = models.CharField(max_length=40, blank=True, default="")
    slots = models.PositiveSmallIntegerField(default=1)
    free_disk_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    gpus = models.JSONField(default=list, blank=True, help_text="names of its GPUs")
    ceilings = models.JSONField(default=dict, blank=True, help_text="the most that it gives one step")
    not_ready = models.CharField(max_length=300, blank=True, default="", help_text="why it takes no job now")
    first_seen = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)
    drained_when = models.DateTimeField(null=True, blank=True, help_text="since when it gets no new job")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["queue", "name"], name="queues_worker_name")]
        indexes = [models.Index(fields=["queue", "last_seen"], name="queues_worker_seen")]

    def __str__(self) -> str:
        return self.name


def new_user_name() -> str:
    """A name for a user of the broker."""
    return str(uuid.uuid4())


class BrokerState(models.TextChoices):
    """A vhost is wanted until it is ready, and leaving once its queue is gone."""

    WANTED = "wanted"
    READY = "ready"
    LEAVING = "leaving"


class BrokerAccess(models.Model):
    """A queue's vhost and user on RabbitMQ; see `queues.broker`."""

    queue = models.OneToOneField(Queue, null=True, blank=True, on_delete=models.SET_NULL, related_name="broker_access")
    vhost = models.CharField(max_length=64, unique=True)
    username = models.CharField(max_length=64, unique=True, default=new_user_name)
    generation = models.PositiveIntegerField(default=1, help_text="counts passwords; each has its own")
    state = models.CharField(max_length=16, choices=BrokerState.choices, default=BrokerState.WANTED)
    tries = models.PositiveIntegerField(default=0, help_text="in vain, since it last worked")
    trouble = models.TextField(blank=True, default="", help_text="what was last in the way")
    next_try = models.DateTimeField(default=timezone.now)
    consumers = models.PositiveIntegerField(default=0, help_text="jobs at once that those who listened last can take")
    counted_when = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "broker accesses"
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=BrokerState.values), name="queues_brokeraccess_state")
        ]

    def __str__(self) -> str:
        return f"vhost {self.vhost}"
