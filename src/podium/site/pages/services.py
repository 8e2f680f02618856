"""What administrators put on the home page, and take away again."""

from __future__ import annotations

from django.db import transaction

from podium.site.pages.models import Announcement, NewsPost

Notice = Announcement | NewsPost


def publish(notice: Notice) -> None:
    """Store an announcement or a piece of news, new or changed; it is shown from its moment on.

    Raises django.core.exceptions.ValidationError, which names the field, for what the models refuse.
    """
    notice.full_clean()
    with transaction.atomic():
        notice.save()


def withdraw(notice: Notice) -> None:
    """Take an announcement or a piece of news away for good."""
    with transaction.atomic():
        notice.delete()
