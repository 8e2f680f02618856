"""Background work on accounts."""

from __future__ import annotations

from django_tasks import task

from podium.site.accounts import mails

BEFORE_OTHERS = 10
"""The priority of mails: who waits for a link to log in does not wait for the bundles that others have uploaded."""


@task(priority=BEFORE_OTHERS)
def send_mail_again(to: str, subject: str, body: str, tries: int) -> None:
    """Send a mail; `tries` have failed before."""
    mails.deliver(to=to, subject=subject, body=body, tries=tries)
