"""What people are mailed about a competition: who asks to take part, what is decided, and what organizers write.

Subjects are Codabench's. Mails about a person's own taking part are always sent; what organizers write goes to those
who let organizers write to them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import AS_ADMINISTRATOR, Competition, Participant, ParticipantStatus
from podium.site.errors import Forbidden, Refused
from podium.site.mails import services as mails
from podium.site.mails.models import Message

MAX_CHARACTERS = 50_000
_ORGANIZER = "You get this because you organize this competition."
_PARTICIPANT = "You get this because you asked to take part in this competition."
_WRITTEN = (
    "The organizers of this competition wrote this to its participants through this site. Whether organizers may write "
    "to you is among the settings of your account."
)


def address_of(competition: Competition) -> str:
    """The address of a competition's page."""
    path = reverse("competitions:detail", args=[competition.pk])
    return f"{settings.CONFIG.public_url.rstrip('/')}{path}"


def plain(text: str) -> str:
    """A name or a title within Markdown: nothing of it is markup."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]()<>#+-.!|&~" else each for each in " ".join(text.split()))


def _organizers(competition: Competition) -> list[int]:
    people = list(competition.collaborators.values_list("pk", flat=True))
    return [*([competition.created_by_id] if competition.created_by_id else []), *people]


def tell_of_status(participant: Participant) -> None:
    """Mail a participant and the organizers what the participant's status is now; part of the change itself."""
    competition, user = participant.competition, participant.user
    title, name, url = plain(competition.title), plain(user.username), address_of(competition)
    status = ParticipantStatus(participant.status)
    subjects = {
        ParticipantStatus.PENDING: (
            f"{user.username} applied to your competition",
            f"{name} asks to take part in [{title}]({url}). Approve or deny them on the page "
            f"[Participants]({url}participants/).",
            f"Application sent to {competition.title}",
            f"The organizers of [{title}]({url}) have been asked. You hear from us as soon as they have decided.",
        ),
        ParticipantStatus.APPROVED: (
            f"{user.username} was accepted in to your competition",
            f"{name} takes part in [{title}]({url}).",
            f"Participation status update for {competition.title}",
            f"You take part in [{title}]({url}): you can submit now.",
        ),
        ParticipantStatus.DENIED: (
            f"{user.username} was denied from your competition",
            f"{name} does not take part in [{title}]({url}).",
            f"Participation status update for {competition.title}",
            f"You do not take part in [{title}]({url}). Questions answer its organizers.",
        ),
    }
    if status not in subjects:
        return
    to_organizers, told, to_person, said = subjects[status]
    others = [pk for pk in _organizers(competition) if pk != user.pk]
    mails.post(subject=to_organizers, text=told, why=_ORGANIZER, to=others, competition=competition)
    mails.post(subject=to_person, text=said, why=_PARTICIPANT, to=[user.pk], competition=competition)


def _checked(message: object) -> str:
    text = message.strip() if isinstance(message, str) else ""
    if not text:
        raise Refused("A message is required to send an email", field="detail", code="required")
    if len(text) > MAX_CHARACTERS or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise Refused(f"A message has at most {MAX_CHARACTERS:,} characters, all of them text.", field="message")
    return text


def subject_of(competition: Competition) -> str:
    """The subject of what organizers write."""
    return f"A message from the admins of {competition.title}"


def reached_by_all(competition: Competition) -> QuerySet[User]:
    """Whom a message to all participants goes to, by name: who takes part or waits, has an address and lets organizers
    write. Administrators who never asked to take part are none of them."""
    unasked = Participant.objects.filter(competition=competition, reason=AS_ADMINISTRATOR)
    people = User.objects.exclude(pk__in=unasked.values("user")).filter(
        participations__competition=competition,
        participations__status__in=(ParticipantStatus.APPROVED, ParticipantStatus.PENDING),
        organizer_direct_message_updates=True,
    )
    return mails.reachable(people).order_by("username")


@transaction.atomic
def write_to_all(*, competition: Competition, by: User, message: object) -> Message | None:
    """Mail all participants who were not denied, each by themselves; returns None where nobody can be reached.

    message: Markdown. Raises Forbidden for non-organizers, and Refused for an empty or endless one.
    """
    if not policies.can_administer(by, competition):
        raise Forbidden("You do not have permission to email these participants.")
    text = _checked(message)
    return _write(competition, by, text, list(reached_by_all(competition).values_list("pk", flat=True)))


@transaction.atomic
def write_to_one(*, participant: Participant, by: User, message: object) -> Message:
    """Mail one participant. Raises Forbidden, and Refused where the message is none or the person takes none."""
    if not policies.can_administer(by, participant.competition):
        raise Forbidden("You do not have permission to email these participants.")
    text = _checked(message)
    sent = None
    if participant.user.organizer_direct_message_updates and participant.reason != AS_ADMINISTRATOR:
        sent = _write(participant.competition, by, text, [participant.user_id], participant.user)
    if sent is None:
        raise Refused(
            "This person has no address or does not want mails of organizers.", field="detail", code="unreachable"
        )
    return sent


def _write(competition: Competition, by: User, text: str, to: list[int], alone: User | None = None) -> Message | None:
    subject = subject_of(competition)
    why = f"{_WRITTEN} {address_of(competition)}"
    sent = mails.post(subject=subject, text=text, why=why, to=to, competition=competition, sender=by)
    if sent is not None:
        record(Action.MESSAGE_SENT, by=by, on=sent, after={"recipients": sent.deliveries.count()}, about=alone)
    return sent
