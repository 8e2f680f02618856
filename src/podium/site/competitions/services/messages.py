"""What people are mailed about a competition: who asks to take part, what is decided, and what organizers write.

Subjects are Codabench's. Mails about a person's own taking part are always sent; what organizers write goes to those
who let organizers write to them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from podium.site.accounts.mails import may_mail
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import AS_ADMINISTRATOR, Competition, Participant, ParticipantStatus
from podium.site.errors import Forbidden, Refused
from podium.site.mails import services as mails
from podium.site.mails.models import Message

MAX_CHARACTERS = 50_000
STATUS_MAILED = 5
"""How often in a day changes of one participation are mailed."""
_ORGANIZER = gettext_lazy("You get this because you organize this competition.")
_PARTICIPANT = gettext_lazy("You get this because you asked to take part in this competition.")
_WRITTEN = gettext_lazy(
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


_OF_STATUS = {
    ParticipantStatus.PENDING: (
        gettext_lazy("%(person)s applied to your competition"),
        gettext_lazy(
            "%(person)s asks to take part in [%(competition)s](%(url)s). Approve or deny them on the page "
            "[Participants](%(url)sparticipants/)."
        ),
        gettext_lazy("Application sent to %(competition)s"),
        gettext_lazy(
            "The organizers of [%(competition)s](%(url)s) have been asked. You hear from us as soon as they have "
            "decided."
        ),
    ),
    ParticipantStatus.APPROVED: (
        gettext_lazy("%(person)s was accepted in to your competition"),
        gettext_lazy("%(person)s takes part in [%(competition)s](%(url)s)."),
        gettext_lazy("Participation status update for %(competition)s"),
        gettext_lazy("You take part in [%(competition)s](%(url)s): you can submit now."),
    ),
    ParticipantStatus.DENIED: (
        gettext_lazy("%(person)s was denied from your competition"),
        gettext_lazy("%(person)s does not take part in [%(competition)s](%(url)s)."),
        gettext_lazy("Participation status update for %(competition)s"),
        gettext_lazy("You do not take part in [%(competition)s](%(url)s). Questions answer its organizers."),
    ),
}
"""By the status that a participant has now: subject and text of the mail to the organizers, and of that to them."""


def tell_of_status(participant: Participant) -> None:
    """Mail a participant and the organizers what the participant's status is now; part of the change itself.

    Some times a day: nobody can switch these mails off, and whoever runs a competition can change it to and fro.
    """
    if not may_mail("participation", str(participant.pk), most=STATUS_MAILED, seconds=24 * 3600):
        return
    competition, user = participant.competition, participant.user
    status = ParticipantStatus(participant.status)
    if status not in _OF_STATUS:
        return
    names = {"person": user.username, "competition": competition.title}
    marked = {name: plain(text) for name, text in names.items()} | {"url": address_of(competition)}
    to_organizers, told, to_person, said = _OF_STATUS[status]
    others = [pk for pk in _organizers(competition) if pk != user.pk]
    for_organizers = partial(_filled, to_organizers, names, told, marked, _ORGANIZER)
    mails.post(words=for_organizers, to=others, competition=competition)
    for_person = partial(_filled, to_person, names, said, marked, _PARTICIPANT)
    mails.post(words=for_person, to=[user.pk], competition=competition)


def _filled(subject: Any, names: dict[str, str], text: Any, marked: dict[str, str], why: Any) -> mails.Words:
    """Words in the language that is active, with what is told in them. marked: the same names within Markdown."""
    return mails.Words(subject=subject % names, text=text % marked, why=str(why))


def _checked(message: object) -> str:
    text = message.strip() if isinstance(message, str) else ""
    if not text:
        raise Refused(gettext("A message is required to send an email"), field="detail", code="required")
    if len(text) > MAX_CHARACTERS or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        words = gettext("A message has at most %(most)s characters, all of them text.")
        raise Refused(words % {"most": f"{MAX_CHARACTERS:,}"}, field="message")
    return text


def subject_of(competition: Competition) -> str:
    """The subject of what organizers write, in the language that is active."""
    return gettext("A message from the admins of %(competition)s") % {"competition": competition.title}


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
        raise Forbidden(gettext("You do not have permission to email these participants."))
    text = _checked(message)
    return _write(competition, by, text, list(reached_by_all(competition).values_list("pk", flat=True)))


@transaction.atomic
def write_to_one(*, participant: Participant, by: User, message: object) -> Message:
    """Mail one participant. Raises Forbidden, and Refused where the message is none or the person takes none."""
    if not policies.can_administer(by, participant.competition):
        raise Forbidden(gettext("You do not have permission to email these participants."))
    text = _checked(message)
    sent = None
    if participant.user.organizer_direct_message_updates and participant.reason != AS_ADMINISTRATOR:
        sent = _write(participant.competition, by, text, [participant.user_id], participant.user)
    if sent is None:
        raise Refused(
            gettext("This person has no address or does not want mails of organizers."),
            field="detail",
            code="unreachable",
        )
    return sent


def _write(competition: Competition, by: User, text: str, to: list[int], alone: User | None = None) -> Message | None:
    def words() -> mails.Words:
        return mails.Words(subject=subject_of(competition), text=text, why=f"{_WRITTEN} {address_of(competition)}")

    sent = mails.post(words=words, to=to, competition=competition, sender=by)
    if sent is not None:
        record(Action.MESSAGE_SENT, by=by, on=sent, after={"recipients": sent.deliveries.count()}, about=alone)
    return sent
