"""Changes of competitions: taking part, publishing, and creation from bundles."""

from podium.site.competitions.services.creation import create_from_bundle, start_creation
from podium.site.competitions.services.participation import (
    register,
    rotate_secret,
    set_participant_status,
    set_published,
    set_status_of_many,
)

__all__ = [
    "create_from_bundle",
    "register",
    "rotate_secret",
    "set_participant_status",
    "set_published",
    "set_status_of_many",
    "start_creation",
]
