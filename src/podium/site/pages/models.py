"""News and announcements of the site."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Announcement(models.Model):
    """A notice that stands on top of the home page; the newest one is shown."""

    text = models.TextField(help_text="Markdown")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_when"]

    def __str__(self) -> str:
        return self.text[:60]


class NewsPost(models.Model):
    """A piece of news on the home page."""

    title = models.CharField(max_length=80)
    link = models.URLField(blank=True, default="")
    text = models.TextField(blank=True, default="", help_text="Markdown")
    created_when = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_when"]

    def __str__(self) -> str:
        return self.title
