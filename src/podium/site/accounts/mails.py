"""Mails to people: written from templates, kept as a row in the transaction of what they tell, sent by the site-worker.

A mail server that does not answer delays a mail, and neither a page nor the change that it tells of.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import structlog
from django.core.cache import caches
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from podium.site.accounts.models import User
from podium.site.languages import written_in
from podium.site.resources.grants import absolute_url

log = structlog.get_logger(__name__)

PAUSES = (60, 300, 1800, 4 * 3600, 24 * 3600)
"""Seconds between the tries to send a mail; then it is given up."""


def may_mail(kind: str, who: str, *, most: int, seconds: int) -> bool:
    """Count one more mail that a person causes; whether it is none too many, so that nobody has others flooded.

    kind: of mail. who: whom it is counted for, a person or an address. most: in so many seconds.
    """
    digest = hashlib.sha256(who.encode()).hexdigest()[:32]
    key = f"mails:{kind}:{digest}:{int(time.time() // seconds)}"
    shared = caches["default"]
    shared.add(key, 0, timeout=2 * seconds)
    try:
        return shared.incr(key) <= most
    except ValueError:  # it was thrown out to make room
        return True


def address(route: str, *args: Any, query: Mapping[str, str] | None = None) -> str:
    """The full address of a page, as others reach it."""
    return absolute_url(reverse(route, args=args)) + (f"?{urlencode(query)}" if query else "")


def send(*, to: User, template: str, subject: Any, context: Mapping[str, Any]) -> None:
    """Write a mail in the caller's transaction, in the language of whom it goes to; it is sent once that has committed.

    Somebody without an address, or whose account is gone, gets none.
    template: the name below `templates/mails/`, without its ending. subject: one line, lazy; filled from `context`.
    """
    if to.email and not to.is_deleted:
        send_to_address(
            to.email,
            language=to.language,
            template=template,
            subject=subject,
            context={**context, "name": to.shown_name},
        )


def send_to_address(to: str, *, language: str, template: str, subject: Any, context: Mapping[str, Any]) -> None:
    """The same to an address whose account may be gone. language: which its owner had chosen, "" for none."""
    with translation.override(written_in(language)):
        write(to=to, subject=subject % context, body=render_to_string(f"mails/{template}.txt", dict(context)))


def write(*, to: str, subject: str, body: str) -> None:
    """Keep a finished mail in the caller's transaction, for the site-worker to send. subject: becomes one line."""
    from podium.site.accounts.tasks import send_mail_again  # noqa: PLC0415 - tasks lead into services

    send_mail_again.enqueue(to, " ".join(subject.split())[:200], body, 0)


def deliver(*, to: str, subject: str, body: str, tries: int) -> None:
    """Hand a mail to the mail server; when that fails, try again later, up to `len(PAUSES)` times."""
    from podium.site.accounts.tasks import send_mail_again  # noqa: PLC0415

    try:
        send_mail(subject, body, None, [to])
    except OSError as error:  # what smtplib raises is one as well
        if tries >= len(PAUSES):
            log.exception("a mail could not be sent and is given up", subject=subject)
            raise
        log.warning("a mail could not be sent and is tried again", subject=subject, error=str(error), tries=tries + 1)
        later = timezone.now() + timedelta(seconds=PAUSES[tries])
        send_mail_again.using(run_after=later).enqueue(to, subject, body, tries + 1)
