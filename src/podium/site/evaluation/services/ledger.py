"""Writing the ledger of tries."""

from __future__ import annotations

from datetime import UTC

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Participant, ParticipantStatus, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.models import MAX_CREDIT, Submission, TryEntry


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


@transaction.atomic
def credit(*, participant: Participant, phase: Phase, tries: int, note: str, by: User) -> TryEntry:
    """Give a person tries beyond the limits of a phase: for today (UTC), and for the phase in all.

    tries: how many, 1 to MAX_CREDIT. note: why; the person reads it.
    Raises Forbidden for non-organizers, and Refused where person and phase do not belong together, the number is out of
    range or the note is missing.
    """
    if not competitions.can_administer(by, participant.competition):
        raise Forbidden(_("Only the organizers give tries."))
    if phase.competition_id != participant.competition_id:
        raise Refused(_("This phase belongs to another competition."), field="phase", code="foreign_phase")
    if participant.status != ParticipantStatus.APPROVED:
        raise Refused(_("This person does not take part."), field="error", code="not_a_participant")
    if not 1 <= tries <= MAX_CREDIT:
        raise Refused(
            _("Give between 1 and %(most)s tries.") % {"most": MAX_CREDIT}, field="tries", code="out_of_range"
        )
    note = note.replace("\0", "").strip()
    if not note:
        raise Refused(_("Say why, for the person reads it."), field="note", code="no_note")
    if len(note) > 240:
        raise Refused(_("A note has 240 characters at most."), field="note", code="too_long")
    facts = {"phase": phase.name, "tries": tries, "note": note}
    record(Action.PARTICIPANT_TRIES, by=by, on=participant, after=facts, about=participant.user)
    return TryEntry.objects.create(
        phase=phase,
        user=participant.user,
        day=timezone.now().astimezone(UTC).date(),
        amount=-tries,
        is_credit=True,
        reason=note,
        created_by=by,
    )
