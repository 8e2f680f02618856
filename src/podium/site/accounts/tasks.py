"""Background work on accounts."""

from __future__ import annotations

from django_tasks import task

from podium.site.accounts import mails
from podium.site.accounts.services import passwords
from podium.site.background import BEFORE_OTHERS


@task(priority=BEFORE_OTHERS)
def send_mail_again(to: str, subject: str, body: str, tries: int) -> None:
    """Send a mail; `tries` have failed before."""
    mails.deliver(to=to, subject=subject, body=body, tries=tries)


@task(priority=BEFORE_OTHERS)
def write_password_links(email: str, language: str) -> None:
    """Write to who has forgotten a password."""
    passwords.write_links(email=email, language=language)
