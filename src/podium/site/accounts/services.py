"""Changes of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
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


def create_placeholder(*, username: str, display_name: str, is_bot: bool = False) -> User:
    """Make an account that nobody can log in to, for somebody who is known by name from elsewhere.

    It has no password and no e-mail address, so nobody gets in by those either, and a name of its own: where the name
    is taken, whatever its case, a number follows it.
    """
    name = username if _is_name(username) else "person"
    base, number = name, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{base[: 49 - len(str(number))]}-{number}"
    user = User(username=name, email=None, display_name=display_name[:50], is_active=False, is_bot=is_bot)
    user.set_unusable_password()
    user.save()
    return user


def _is_name(text: str) -> bool:
    try:
        User._meta.get_field("username").clean(text, None)
    except ValidationError:
        return False
    return True
