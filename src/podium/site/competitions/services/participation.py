"""Who takes part, and whether a competition is open to all."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.errors import Forbidden, Refused
from podium.site.leaderboards import services as leaderboards


def register(*, competition: Competition, user: User) -> Participant:
    """Ask to take part in a competition that the user sees.

    Organizers, competitions with registration_auto_approve and whitelisted addresses are approved at once; others wait
    (Codabench's rule). Raises Refused the second time.
    """
    email = (user.email or "").lower()
    whitelisted = bool(email) and competition.whitelist_emails.filter(email=email).exists()
    at_once = competition.registration_auto_approve or whitelisted or policies.can_administer(user, competition)
    status = ParticipantStatus.APPROVED if at_once else ParticipantStatus.PENDING
    try:
        with transaction.atomic():
            return Participant.objects.create(competition=competition, user=user, status=status)
    except IntegrityError:
        raise Refused("You already applied for participation in this competition!", code="already_registered") from None


@transaction.atomic
def set_participant_status(*, participant: Participant, by: User, status: str, reason: str = "") -> Participant:
    """Approve or deny a participant (revoking is denying).

    What stands on boards of somebody who is denied leaves them, and comes back when they are approved again.

    status: approved, denied, pending or unknown. reason: a note for the organizers.
    Raises Forbidden for non-organizers, and Refused where nothing would change or an organizer would be shut out.
    """
    if not policies.can_administer(by, participant.competition):
        raise Forbidden("Only the organizers decide who takes part.")
    if status not in ParticipantStatus.values:
        raise Refused(f'"{status}" is not a valid choice.', field="status", code="invalid_choice")
    locked = (
        Participant.objects.select_for_update(of=("self",)).select_related("competition", "user").get(pk=participant.pk)
    )
    if locked.status == status:
        raise Refused(f"Status is already set to `{status}`", field="error", code="unchanged")
    if status != ParticipantStatus.APPROVED and policies.can_administer(locked.user, locked.competition):
        raise Refused("An organizer always takes part.", field="status", code="organizer")
    locked.status = status
    locked.reason = reason[:100]
    locked.save(update_fields=["status", "reason"])
    leaderboards.follow_person(owner_id=locked.user_id, competition=locked.competition)
    return locked


def set_published(*, competition: Competition, by: User, published: bool) -> Competition:
    """Show a competition to everybody, or only to those who take part. Raises Forbidden for non-organizers."""
    if not policies.can_administer(by, competition):
        raise Forbidden("You don't have access to publish this competition")
    competition.published = published
    competition.save(update_fields=["published"])
    return competition
