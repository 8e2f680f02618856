"""Writing the ledger of tries."""

from __future__ import annotations

from datetime import UTC

from podium.site.evaluation.models import Submission, TryEntry


def debit(submission: Submission) -> None:
    """Count a try for an accepted submission."""
    TryEntry.objects.create(
        phase=submission.phase,
        user=submission.owner,
        submission=submission,
        day=submission.created_when.astimezone(UTC).date(),
        amount=1,
        reason="Submission accepted",
    )


def give_back(submission: Submission, reason: str) -> None:
    """Give the try of a submission back; a second time, or where none was debited, changes nothing."""
    entries = TryEntry.objects.filter(submission=submission)
    if not entries.filter(amount=1).exists() or entries.filter(amount=-1).exists():
        return
    TryEntry.objects.create(
        phase=submission.phase,
        user=submission.owner,
        submission=submission,
        day=submission.created_when.astimezone(UTC).date(),
        amount=-1,
        reason=reason[:240],
    )
