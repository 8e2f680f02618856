"""News and announcements of the site."""

from __future__ import annotations

from django.core.validators import MaxLengthValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

MAX_TEXT = 20_000


class Announcement(models.Model):
    """A notice that stands on top of the home page, from one moment until another; the newest one is shown."""

    text = models.TextField(help_text="Markdown", validators=[MaxLengthValidator(MAX_TEXT)])
    created_when = models.DateTimeField(
        "shown from", default=timezone.now, help_text="In UTC; a moment to come holds it back until then"
    )
    until = models.DateTimeField(
        "shown until", null=True, blank=True, help_text="In UTC; empty shows it until a newer one begins"
    )

    class Meta:
        ordering = ["-created_when", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("created_when")),
                name="announcement_ends_after_its_start",
                violation_error_message="An announcement ends after it begins: give a later moment, or none.",
            )
        ]
        indexes = [models.Index(fields=["-created_when"], name="announcement_newest")]

    def __str__(self) -> str:
        return self.text[:60]


class NewsPost(models.Model):
    """A piece of news on the home page and on the page of all news."""

    title = models.CharField(max_length=80)
    link = models.URLField(
        blank=True, default="", validators=[URLValidator(["http", "https"])], help_text="Where the title leads"
    )
    text = models.TextField(blank=True, default="", help_text="Markdown", validators=[MaxLengthValidator(MAX_TEXT)])
    created_when = models.DateTimeField(
        "shown from", default=timezone.now, help_text="In UTC; a moment to come holds it back until then"
    )

    class Meta:
        ordering = ["-created_when", "-pk"]
        indexes = [models.Index(fields=["-created_when"], name="news_newest")]

    def __str__(self) -> str:
        return self.title
