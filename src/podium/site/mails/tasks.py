"""Background work on mails."""

from __future__ import annotations

from django_tasks import task

from podium.site.mails import services


@task()
def deliver_message(message_id: int) -> None:
    """Send what is due of a message."""
    services.deliver(message_id)
