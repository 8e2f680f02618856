"""Stored files, and what they are used as: datasets, tasks and solutions."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StoredFile(models.Model):
    """A file in storage that never changes: its key, size and digest.

    Every file that a person could download has such a row, so quotas, clean-up and integrity checks are queries.
    """

    key = models.CharField(max_length=255, unique=True)
    size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32, blank=True, default="")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["sha256"], name="resources_file_sha256")]

    def __str__(self) -> str:
        return self.key


class ArrivedFile(models.Model):
    """An upload that lies in a bucket under a key of its own and is not sealed yet (`resources.bucket`).

    name: its incoming key. The row is gone, in the same transaction, as soon as a `StoredFile` has the key.
    """

    name = models.CharField(max_length=255, unique=True)
    key = models.CharField(max_length=255, unique=True)
    size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    changed_when = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class DatasetType(models.TextChoices):
    """Codabench's nine types."""

    INGESTION_PROGRAM = "ingestion_program", _("Ingestion program")
    INPUT_DATA = "input_data", _("Input data")
    PUBLIC_DATA = "public_data", _("Public data")
    REFERENCE_DATA = "reference_data", _("Reference data")
    SCORING_PROGRAM = "scoring_program", _("Scoring program")
    STARTING_KIT = "starting_kit", _("Starting kit")
    COMPETITION_BUNDLE = "competition_bundle", _("Competition bundle")
    SUBMISSION = "submission", _("Submission")
    SOLUTION = "solution", _("Solution")


class Dataset(models.Model):
    """A file of a type, owned by a person. `data_file` is set once, when the upload is complete."""

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="datasets")
    created_when = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=64, choices=DatasetType.choices)
    description = models.TextField(blank=True, default="")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    data_file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="datasets")
    file_name = models.CharField(max_length=255, blank=True, default="")
    announced_size = models.PositiveBigIntegerField(default=0, help_text="bytes, as said before the upload")
    upload_started_when = models.DateTimeField(default=timezone.now)
    upload_completed_when = models.DateTimeField(null=True, blank=True)
    is_public = models.BooleanField(default=False)
    is_verified = models.BooleanField(default=False)
    license = models.CharField(max_length=128, blank=True, default="")
    downloads = models.PositiveIntegerField(default=0)
    was_created_by_competition = models.BooleanField(default=False)
    competition = models.ForeignKey(
        "competitions.Competition", null=True, blank=True, on_delete=models.SET_NULL, related_name="datasets"
    )

    class Meta:
        ordering = ["-created_when", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(type__in=DatasetType.values), name="resources_dataset_type"),
            models.CheckConstraint(
                condition=Q(data_file__isnull=True, upload_completed_when__isnull=True)
                | Q(data_file__isnull=False, upload_completed_when__isnull=False),
                name="resources_dataset_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["created_by", "type", "-created_when"], name="resources_dataset_mine"),
            # Of the public ones alone: SQLite takes no index for a column that is nothing but yes or no.
            models.Index(
                fields=["type", "-created_when", "-id"], condition=Q(is_public=True), name="resources_dataset_shown"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def upload_completed_successfully(self) -> bool:
        """Whether the whole file has arrived."""
        return self.data_file_id is not None

    @property
    def incoming_key(self) -> str:
        """Where the upload is written before it is sealed."""
        return f"incoming/{self.key}"


class UploadSession(models.Model):
    """That the file of a dataset comes in parts; which have come, the storage knows (`resources.parts`).

    `joining_until` is the lease of whoever puts them together, null when nobody does.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="session")
    part_size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="of the whole file, where it was said")
    expires_when = models.DateTimeField()
    joining_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["expires_when"], name="resources_session_expires")]

    def __str__(self) -> str:
        return f"{self.dataset} in parts"


class Task(models.Model):
    """What is to be solved. What it consists of is kept in immutable versions; the newest one counts."""

    name = models.CharField(max_length=256)
    description = models.TextField(blank=True, default="")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="tasks")
    created_when = models.DateTimeField(default=timezone.now)
    is_public = models.BooleanField(default=False)
    shared_with = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="shared_tasks")

    class Meta:
        ordering = ["-created_when", "-pk"]
        indexes = [
            models.Index(fields=["-created_when", "-id"], condition=Q(is_public=True), name="resources_task_shown"),
            models.Index(fields=["created_by", "-id"], name="resources_task_mine"),
        ]

    def __str__(self) -> str:
        return self.name


_PERHAPS: dict[str, Any] = {
    **{"null": True, "blank": True, "on_delete": models.PROTECT, "related_name": "+", "db_index": False},
}
"""A part that a task may have. Its index is of the tasks alone that have one: of an index of nothing but NULL a planner
believes that it tells nothing."""


class TaskVersion(models.Model):
    """The programs and data of a task at one time; never changed once made, so a score can name what made it."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    created_when = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    scoring_program = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    ingestion_program = models.ForeignKey(Dataset, **_PERHAPS)
    input_data = models.ForeignKey(Dataset, **_PERHAPS)
    reference_data = models.ForeignKey(Dataset, **_PERHAPS)
    ingestion_only_during_scoring = models.BooleanField(default=False)

    class Meta:
        ordering = ["task", "-number"]
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="resources_taskversion_number")]
        indexes = [
            models.Index(
                fields=["ingestion_program"],
                condition=Q(ingestion_program__isnull=False),
                name="resources_version_ingestion",
            ),
            models.Index(fields=["input_data"], condition=Q(input_data__isnull=False), name="resources_version_input"),
            models.Index(
                fields=["reference_data"], condition=Q(reference_data__isnull=False), name="resources_version_truth"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} v{self.number}"

    PARTS = ("scoring_program", "ingestion_program", "input_data", "reference_data")

    def digests(self) -> dict[str, str]:
        """The sha256 of each part that there is."""
        parts = {name: getattr(self, name) for name in self.PARTS}
        return {name: part.data_file.sha256 for name, part in parts.items() if part and part.data_file}


class Solution(models.Model):
    """A sample submission that an organizer gives with a task."""

    name = models.CharField(max_length=256)
    description = models.TextField(blank=True, default="")
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    tasks = models.ManyToManyField(Task, blank=True, related_name="solutions")
    data = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="solutions")
    is_public = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
