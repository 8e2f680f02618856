"""What was counted of the site: how much it stored day by day, and which files nothing refers to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from podium.site.competitions.models import Competition


class UsageDay(models.Model):
    """How much the site stored on a day (UTC), counted once on that day; all sizes are bytes.

    A day is *asked for* when its row is made and *taken* once `taken_when` is set, in one transaction with the rows of
    competitions and users. Days on which no site-worker ran have none.
    """

    day = models.DateField(unique=True)
    asked_when = models.DateTimeField(default=timezone.now)
    taken_when = models.DateTimeField(null=True, blank=True)
    files = models.PositiveBigIntegerField(default=0, help_text="stored files")
    stored = models.PositiveBigIntegerField(default=0, help_text="what all of them take")
    users = models.PositiveBigIntegerField(default=0, help_text="files that count for somebody's quota, each once")
    competitions = models.PositiveBigIntegerField(default=0, help_text="files that belong to competitions, each once")
    orphans = models.PositiveBigIntegerField(default=0, help_text="content without a row")

    class Meta:
        ordering = ["day"]
        indexes = [models.Index(fields=["day"], condition=Q(taken_when__isnull=False), name="analytics_day_taken")]

    def __str__(self) -> str:
        return f"usage on {self.day}"

    @property
    def site(self) -> int:
        """What counts for nobody's quota: logos, photos, archives, what is written for organizers alone."""
        return max(0, self.stored - self.users)

    @property
    def total(self) -> int:
        """Everything: users', the site's own, and what nothing refers to."""
        return self.users + self.site + self.orphans


class _Usage(models.Model):
    """What somebody's or something's files took on a day; those with nothing have no row."""

    datasets = models.PositiveBigIntegerField(help_text="bytes of what was uploaded")
    results = models.PositiveBigIntegerField(help_text="bytes of results, reports and logs")
    total = models.PositiveBigIntegerField(help_text="both")

    class Meta:
        abstract = True


class CompetitionUsage(_Usage):
    """Of a competition: its bundle, programs, data and submissions, and what came of them."""

    day = models.ForeignKey(UsageDay, on_delete=models.CASCADE, related_name="of_competitions")
    competition = models.ForeignKey(Competition, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "competition"], name="analytics_competitionusage_once"),
        ]
        indexes = [models.Index(fields=["day", "-total", "id"], name="analytics_competition_most")]

    def __str__(self) -> str:
        return f"{self.competition} on {self.day.day}"


class UserUsage(_Usage):
    """Of a person, as the quota counts it."""

    day = models.ForeignKey(UsageDay, on_delete=models.CASCADE, related_name="of_users")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "user"], name="analytics_userusage_once")]
        indexes = [models.Index(fields=["day", "-total", "id"], name="analytics_user_most")]

    def __str__(self) -> str:
        return f"{self.user} on {self.day.day}"


class OrphanCheck(models.Model):
    """A comparison of the storage with its rows, made when it ended; the newest alone is kept."""

    started_when = models.DateTimeField()
    finished_when = models.DateTimeField(default=timezone.now)
    files = models.PositiveBigIntegerField(help_text="files that were looked at")
    orphans = models.PositiveBigIntegerField(help_text="of them without a row, all of them")
    orphan_bytes = models.PositiveBigIntegerField()
    missing = models.PositiveBigIntegerField(help_text="rows without their content")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"check of the storage at {self.finished_when}"


class Orphan(models.Model):
    """Content that had no row when it was looked for."""

    check_of = models.ForeignKey(OrphanCheck, on_delete=models.CASCADE, related_name="found")
    key = models.TextField()
    size = models.PositiveBigIntegerField(help_text="bytes")
    changed_when = models.DateTimeField(help_text="when it was written to or got its name")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key


class DeletionState(models.TextChoices):
    """Codabench's words; two of its six, for jobs that are tried again or called back, do not occur."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class OrphanDeletion(models.Model):
    """A clean-up of orphans that an administrator asked for, and how far it is.

    `attempt`, `alive_until` and `files` are those of every long job, see `competitions.services.claims`.
    """

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_when = models.DateTimeField(default=timezone.now)
    finished_when = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=8, choices=DeletionState.choices, default=DeletionState.PENDING)
    removed = models.PositiveBigIntegerField(default=0, help_text="files")
    freed = models.PositiveBigIntegerField(default=0, help_text="bytes")
    details = models.TextField(blank=True, default="", help_text="why it failed")
    attempt = models.PositiveSmallIntegerField(default=0)
    alive_until = models.DateTimeField(null=True, blank=True)
    files = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=DeletionState.values), name="analytics_deletion_status"),
        ]

    def __str__(self) -> str:
        return f"deletion of orphans: {self.status}"

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or runs."""
        return self.status in {DeletionState.PENDING, DeletionState.STARTED}
