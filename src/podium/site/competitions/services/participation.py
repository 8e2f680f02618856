"""Who takes part, and whether a competition is open to all."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.competitions.services import messages
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import wakeups
from podium.site.leaderboards import services as leaderboards
from podium.site.webhooks import outbox


def register(*, competition: Competition, user: User) -> Participant:
    """Ask to take part in a competition that the user sees.

    Organizers, competitions with registration_auto_approve and whitelisted addresses are approved at once; others wait
    (Codabench's rule). Raises Refused the second time.
    """
    whitelisted = _is_whitelisted(user, competition)
    at_once = competition.registration_auto_approve or whitelisted or policies.can_administer(user, competition)
    status = ParticipantStatus.APPROVED if at_once else ParticipantStatus.PENDING
    try:
        with transaction.atomic():
            participant = Participant.objects.create(competition=competition, user=user, status=status)
            outbox.participant_changed(participant)
            if not policies.can_administer(user, competition):
                messages.tell_of_status(participant)
            return participant
    except IntegrityError:
        raise Refused(
            _("You already applied for participation in this competition!"), code="already_registered"
        ) from None


def _is_whitelisted(user: User, competition: Competition) -> bool:
    """Whether the person's address is on the list: a confirmed one, where the site sends mails to confirm addresses."""
    email = (user.email or "").lower()
    if not email or not competition.whitelist_emails.filter(email=email).exists():
        return False
    if not (settings.CONFIG.email_url or settings.CONFIG.email_verification != "none"):
        return True
    return EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists()


def admit_robot(*, competition: Competition, user: User) -> None:
    """Let a bot take part that is welcome; anybody else stays as they are (Codabench's rule)."""
    if not policies.is_welcome_robot(user, competition):
        return
    approved = {"status": ParticipantStatus.APPROVED}
    _, made = Participant.objects.get_or_create(competition=competition, user=user, defaults=approved)
    if not made:
        rows = Participant.objects.filter(competition=competition, user=user)
        rows.exclude(status=ParticipantStatus.DENIED).update(**approved)


@transaction.atomic
def set_participant_status(*, participant: Participant, by: User, status: str, reason: str = "") -> Participant:
    """Approve or deny a participant (revoking is denying).

    What stands on boards of somebody who is denied leaves them, and comes back when they are approved again.

    status: approved, denied, pending or unknown. reason: a note for the organizers.
    Raises Forbidden for non-organizers, and Refused where nothing would change or an organizer would be shut out.
    """
    if not policies.can_administer(by, participant.competition):
        raise Forbidden(_("Only the organizers decide who takes part."))
    if status not in ParticipantStatus.values:
        raise Refused(
            _('"%(status)s" is not a valid choice.') % {"status": status}, field="status", code="invalid_choice"
        )
    locked = (
        Participant.objects.select_for_update(of=("self",)).select_related("competition", "user").get(pk=participant.pk)
    )
    if locked.status == status:
        raise Refused(_("Status is already set to `%(status)s`") % {"status": status}, field="error", code="unchanged")
    if status != ParticipantStatus.APPROVED and policies.can_administer(locked.user, locked.competition):
        raise Refused(_("An organizer always takes part."), field="status", code="organizer")
    before = {"status": locked.status, "reason": locked.reason}
    locked.status = status
    locked.reason = reason[:100]
    locked.save(update_fields=["status", "reason"])
    after = {"status": locked.status, "reason": locked.reason}
    record(Action.PARTICIPANT_DECIDED, by=by, on=locked, before=before, after=after, about=locked.user)
    leaderboards.follow_person(owner_id=locked.user_id, competition=locked.competition)
    outbox.participant_changed(locked)
    if status in {ParticipantStatus.APPROVED, ParticipantStatus.DENIED}:
        messages.tell_of_status(locked)
    return locked


@transaction.atomic
def set_status_of_many(*, found: Sequence[Participant], by: User, status: str) -> int:
    """Approve or deny participants, all or none; returns how many were not so before. Organizers stay approved.

    Raises as `set_participant_status` does.
    """
    changing = [one for one in sorted(found, key=lambda one: one.pk) if one.status != status]
    if status != ParticipantStatus.APPROVED:
        changing = [one for one in changing if not policies.can_administer(one.user, one.competition)]
    for one in changing:
        set_participant_status(participant=one, by=by, status=status)
    return len(changing)


@transaction.atomic
def rotate_secret(*, competition: Competition, by: User) -> Competition:
    """Give a competition another secret link; the one before opens nothing any more. Raises Forbidden."""
    if not policies.can_administer(by, competition):
        raise Forbidden(_("Only the organizers handle the secret link."))
    competition.secret_key = uuid4()
    competition.save(update_fields=["secret_key"])
    record(Action.COMPETITION_SECRET, by=by, on=competition, after={"secret_key": competition.secret_key})
    wakeups.notify(wakeups.access_topic(competition.pk))
    return competition


@transaction.atomic
def set_published(*, competition: Competition, by: User, published: bool) -> Competition:
    """Show a competition to everybody, or only to those who take part. Raises Forbidden for non-organizers."""
    if not policies.can_administer(by, competition):
        raise Forbidden(_("You don't have access to publish this competition"))
    before, competition.published = competition.published, published
    competition.save(update_fields=["published"])
    action = Action.COMPETITION_PUBLISHED if published else Action.COMPETITION_UNPUBLISHED
    record(action, by=by, on=competition, before={"published": before}, after={"published": published})
    outbox.published_changed(competition)
    return competition
