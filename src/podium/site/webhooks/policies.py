"""Who may see and change webhooks: whoever runs the competition."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from podium.site.competitions import policies as competitions
from podium.site.webhooks.models import Webhook


def visible_to(user: Any) -> QuerySet[Webhook]:
    """The webhooks of the competitions that `user` runs."""
    return Webhook.objects.filter(competition__in=competitions.administered_by(user))
