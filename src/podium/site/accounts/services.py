"""Changes of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from podium.site.accounts.models import User


@dataclass(frozen=True)
class Administrator:
    """What `ensure_administrator` did; `password` is there only when one was generated just now."""

    username: str
    created: bool
    password: str | None


@transaction.atomic
def ensure_administrator(*, username: str, password: str | None, email: str) -> Administrator:
    """Make the first administrator unless there is one already.

    username, email: of the account to make.
    password: its password; a random one is generated when None.
    """
    existing = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if existing is not None:
        return Administrator(username=existing.username, created=False, password=None)
    generated = None if password else secrets.token_urlsafe(12)
    User.objects.create_superuser(username=username, email=email, password=password or generated)
    return Administrator(username=username, created=True, password=generated)


@transaction.atomic
def changed(*, user: User, fields: Iterable[str]) -> None:
    """Let boards follow an account whose `fields` were changed: its name, and whether it is banned."""
    from podium.site.leaderboards import services as leaderboards  # noqa: PLC0415 - boards stand on accounts

    if {"username", "display_name"} & set(fields):
        leaderboards.rename(user=user)
    if "is_banned" in fields:
        leaderboards.follow_person(owner_id=user.pk)
