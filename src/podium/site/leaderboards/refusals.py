"""Why a wish about a board is not granted, as `podium.ranking.rules` says it and as a reader's language has it."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from podium.ranking.rules import Refusal

REASONS = frozenset(
    {
        _(
            "On this leaderboard each participant's latest scored submission stands automatically; "
            "entries cannot be chosen by hand."
        ),
        _(
            "On this leaderboard each participant's latest scored submission stands automatically; "
            "entries cannot be removed by hand."
        ),
        _("On this leaderboard every scored submission stands automatically; entries cannot be chosen by hand."),
        _("On this leaderboard every scored submission stands automatically; entries cannot be removed by hand."),
        _(
            "On this leaderboard each participant's best submission stands automatically; "
            "entries cannot be chosen by hand."
        ),
        _(
            "On this leaderboard each participant's best submission stands automatically; "
            "entries cannot be removed by hand."
        ),
        _("This submission has no score, so it has no place on a leaderboard."),
        _("On this leaderboard an entry can be replaced by another submission, but not removed."),
        _("This submission is not on the leaderboard."),
    }
)
"""Every sentence of the rules, marked here, since what ranks knows nothing of the site."""


def why(refusal: Refusal) -> str:
    """The reason in the reader's language."""
    return gettext(refusal.reason)
