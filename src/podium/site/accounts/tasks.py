"""Background work on accounts."""

from __future__ import annotations

from django_tasks import task

from podium.site.accounts import mails


@task()
def send_mail_again(to: str, subject: str, body: str, tries: int) -> None:
    """Send a mail; `tries` have failed before."""
    mails.deliver(to=to, subject=subject, body=body, tries=tries)
