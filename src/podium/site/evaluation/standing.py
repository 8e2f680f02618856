"""Where a submission stands on the board of its phase, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from podium.site.evaluation.models import Submission
from podium.site.leaderboards.positions import Positions, page_of
from podium.site.leaderboards.queries import visible_board


@dataclass(frozen=True)
class Standing:
    """A place, of how many, and the address of its row."""

    rank: int
    count: int
    url: str


def standing(user: Any, submission: Submission) -> Standing | None:
    """Where it stands as `user`, who sees the submission, may see the board; None where it stands on none."""
    phase = submission.phase
    if visible_board(user, phase) is None:
        return None
    positions = Positions(phase.pk)
    rank = positions.ranks([submission.pk]).get(submission.pk)
    if rank is None:
        return None
    results = reverse("competitions:results", args=[phase.competition_id])
    url = f"{results}?phase={phase.pk}&page={page_of(rank)}#entry-{submission.pk}"
    return Standing(rank, positions.count, url)
