"""Changes of competitions: taking part, publishing, and creation from bundles."""

from podium.site.competitions.services.creation import create_from_bundle, start_creation
from podium.site.competitions.services.participation import (
    register,
    rotate_secret,
    set_participant_status,
    set_published,
)

__all__ = [
    "create_from_bundle",
    "register",
    "rotate_secret",
    "set_participant_status",
    "set_published",
    "start_creation",
]
