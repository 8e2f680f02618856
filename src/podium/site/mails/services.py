"""Writing and sending mails.

A delivery is *waiting* until a site-worker claims it by compare-and-set (*sending*, with a promised end), then *sent*,
or waiting again for a later try, or *failed* after the last. A process that dies while it sends leaves a claim that
runs out, and the mail is tried again: rather twice than never. Addresses are read when a mail is sent, so that it goes
where a person is then, and to nobody who has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.languages import written_in
from podium.site.mails.models import Delivery, DeliveryState, Message
from podium.site.pages.markdown import render

log = structlog.get_logger(__name__)

BACKOFF = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""How long after each failed try the next one follows; after the last there is none."""
CLAIM = timedelta(minutes=5)
AGAIN = timedelta(minutes=1)
"""How long the sweeper leaves a message to the site-worker that was told of it."""


def reachable(people: QuerySet[User]) -> QuerySet[User]:
    """Those of some people who can be written to."""
    return people.filter(is_active=True, is_deleted=False, is_banned=False, email__isnull=False).exclude(email="")


@dataclass(frozen=True)
class Words:
    """What a message says. subject: becomes one line. text: Markdown, cleaned when sent. why: a sentence below it."""

    subject: str
    text: str
    why: str

    def fields(self) -> dict[str, str]:
        """As a message keeps them."""
        lines = {"subject": self.subject, "why": self.why}
        return {"text": self.text, **{name: " ".join(line.split())[:300] for name, line in lines.items()}}


def _in_language(words: Callable[[], Words], language: str) -> dict[str, str]:
    with translation.override(language):
        return words().fields()


@transaction.atomic
def post(
    *,
    words: Callable[[], Words],
    to: Iterable[int],
    competition: Competition | None = None,
    sender: User | None = None,
    leave: Callable[[int], str] | None = None,
) -> Message | None:
    """Write a message to people, to be sent once the transaction has committed; None where nobody can be reached.

    words: what it says, in the language that is active when it is called: everybody gets the mail in theirs. to: ids of
    users. leave: by the id of a user the address at which they stop getting such mails without logging in.
    """
    from podium.site.mails.tasks import deliver_message  # noqa: PLC0415 - tasks call this module

    people = dict(reachable(User.objects.filter(pk__in=set(to))).order_by("pk").values_list("pk", "language"))
    if not people:
        return None
    said = _in_language(words, settings.LANGUAGE_CODE)
    others = sorted({written_in(language) for language in people.values()} - {settings.LANGUAGE_CODE})
    message = Message.objects.create(
        **said,
        translations={language: dict(_in_language(words, language).items() - said.items()) for language in others},
        competition=competition,
        reply_to=competition.contact_email if competition else "",
        sender=sender,
    )
    rows = [Delivery(message=message, user_id=pk, leave_url=leave(pk) if leave else "") for pk in people]
    Delivery.objects.bulk_create(rows, batch_size=500)
    deliver_message.enqueue(message.pk)
    return message


def deliver(message_id: int) -> int:
    """Send what is due of a message; returns how many mails went out. Run by the site-worker."""
    message = Message.objects.filter(pk=message_id).first()
    if message is None:
        return 0
    sent = 0
    with get_connection() as connection:
        while (delivery := _claimed(message)) is not None:
            sent += _send(message, delivery, connection)
    return sent


def _claimed(message: Message) -> Delivery | None:
    now = timezone.now()
    due = Delivery.objects.filter(message=message, state=DeliveryState.WAITING, due_when__lte=now)
    for delivery in due.select_related("user")[:10]:
        mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts)
        attempts = delivery.attempts + 1
        if mine.update(state=DeliveryState.SENDING, attempts=attempts, alive_until=now + CLAIM):
            delivery.attempts = attempts
            return delivery
    return None


def _send(message: Message, delivery: Delivery, connection: object) -> bool:
    person = delivery.user
    if not reachable(User.objects.filter(pk=person.pk)).exists():
        return _end(delivery, state=DeliveryState.FAILED, error="The account is closed or has no address.")
    said, leave = message.words(written_in(person.language)), ""
    if delivery.leave_url:
        with translation.override(written_in(person.language)):
            leave = _("Get no more of these mails: <%(url)s>") % {"url": delivery.leave_url} + "\n"
    mail = EmailMultiAlternatives(
        said["subject"],
        f"{said['text']}\n\n-- \n{said['why']}\n{leave}",
        settings.DEFAULT_FROM_EMAIL,
        [str(person.email)],
        connection=connection,
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={"Auto-Submitted": "auto-generated", **_unsubscribing(delivery.leave_url)},
    )
    foot = f"{render(said['why'])}{render(leave)}"
    mail.attach_alternative(f"{render(said['text'])}<hr><p><small>{foot}</small></p>", "text/html")
    try:
        mail.send()
    except Exception as error:  # noqa: BLE001 - whatever a mail server says, the next person's mail is sent
        return _failed(delivery, error)
    _end(delivery, state=DeliveryState.SENT, sent_when=timezone.now(), error="")
    return True


def _unsubscribing(url: str) -> dict[str, str]:
    """What mail programs make a button of (RFC 8058): they send the form behind it themselves."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if url else {}


def _failed(delivery: Delivery, error: Exception) -> bool:
    reason = type(error).__name__  # the text may quote addresses, or a password
    log.warning("mail not sent", delivery=delivery.pk, attempt=delivery.attempts, reason=reason)
    if delivery.attempts > len(BACKOFF):
        return _end(delivery, state=DeliveryState.FAILED, error=reason)
    due = timezone.now() + BACKOFF[delivery.attempts - 1]
    return _end(delivery, state=DeliveryState.WAITING, error=reason, due_when=due)


def _end(delivery: Delivery, **values: object) -> bool:
    claimed = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, attempts=delivery.attempts)
    claimed.update(alive_until=None, **values)
    return False


def recover() -> int:
    """Take back what a dead process was sending, and have sent what is due and nobody sends; returns how many.

    What was being sent whenever a process died may be what ends them: it is given up like what no server takes.
    """
    from podium.site.mails.tasks import deliver_message  # noqa: PLC0415 - tasks call this module

    now = timezone.now()
    left = Delivery.objects.filter(state=DeliveryState.SENDING, alive_until__lt=now)
    left.filter(attempts__gt=len(BACKOFF)).update(
        state=DeliveryState.FAILED, alive_until=None, error="The process that sent it ended, each time."
    )
    left.update(state=DeliveryState.WAITING, alive_until=None)
    due = Delivery.objects.filter(message=OuterRef("pk"), state=DeliveryState.WAITING, due_when__lte=now)
    told = 0
    for message in Message.objects.filter(Exists(due), queued_when__lt=now - AGAIN).order_by("pk")[:100]:
        with transaction.atomic():
            if Message.objects.filter(pk=message.pk, queued_when=message.queued_when).update(queued_when=now):
                deliver_message.enqueue(message.pk)
                told += 1
    return told
