"""What the site's own pages show of announcements and news."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from podium.site.pages.models import Announcement, NewsPost


def announcement() -> Announcement | None:
    """The newest notice that has begun, unless it is over; an older one does not come back."""
    now = timezone.now()
    newest = Announcement.objects.filter(created_when__lte=now).first()
    return None if newest is None or (newest.until is not None and newest.until <= now) else newest


def news() -> QuerySet[NewsPost]:
    """The news that are out, the newest first."""
    return NewsPost.objects.filter(created_when__lte=timezone.now())
