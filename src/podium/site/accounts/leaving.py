"""Waking what a person has open when something that lets them in has ended, so that it is cut at once.

Sessions end in many ways: at the log-out, on the page of sessions, with the account, after a change of password.
Signals are the one place that sees them all. Nothing is decided here: who is woken asks `callers` again.
"""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete
from django.dispatch import receiver

from podium.site.accounts.models import User
from podium.site.evaluation import wakeups


@receiver(post_delete, sender=Session)
def _session_ended(instance: Session, **_: Any) -> None:
    person = str(instance.get_decoded().get("_auth_user_id", ""))
    if person.isdecimal():
        wakeups.notify(wakeups.person_topic(int(person)))


@receiver([password_changed, password_reset, password_set])
def _password_changed(user: User, **_: Any) -> None:
    wakeups.notify(wakeups.person_topic(user.pk))
