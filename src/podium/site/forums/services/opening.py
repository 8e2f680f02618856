"""The forum that every competition has."""

from __future__ import annotations

from podium.site.competitions.models import Competition
from podium.site.forums.models import Forum


def open_forum(competition: Competition) -> Forum:
    """The forum of a competition, made where there is none yet."""
    return Forum.objects.get_or_create(competition=competition)[0]
