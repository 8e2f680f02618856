"""A typed client of Podium's REST API."""

from podium.client.api import Podium
from podium.client.errors import (
    ApiError,
    CreationFailedError,
    PodiumError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTimeoutError,
)
from podium.client.models import (
    CanSubmit,
    Competition,
    CompetitionItem,
    CreationStatus,
    Event,
    Leaderboard,
    Phase,
    Profile,
    Submission,
    SubmissionDetails,
)

__all__ = [
    "ApiError",
    "CanSubmit",
    "Competition",
    "CompetitionItem",
    "CreationFailedError",
    "CreationStatus",
    "Event",
    "Leaderboard",
    "Phase",
    "Podium",
    "PodiumError",
    "Profile",
    "Submission",
    "SubmissionDetails",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTimeoutError",
]
