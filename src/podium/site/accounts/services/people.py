"""Changes of accounts."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from podium.site.accounts import mails
from podium.site.accounts.models import User
from podium.site.accounts.services import tokens
from podium.site.accounts.validators import check_shown_name
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Forbidden, Refused
from podium.site.languages import is_language
from podium.site.pictures import Picture
from podium.site.resources import storage
from podium.site.resources.models import StoredFile

PROFILE = (
    "username",
    "display_name",
    "first_name",
    "last_name",
    "title",
    "location",
    "biography",
    "personal_url",
    "linkedin_url",
    "twitter_url",
    "github_url",
)
"""What people tell of themselves."""
SHOWN_NAMES = ("display_name", "first_name", "last_name", "title", "location")
"""Of these what is one line, as names are."""
NOTIFICATIONS = (
    "organizer_direct_message_updates",
    "allow_forum_notifications",
    "allow_organization_invite_emails",
)
"""Which mails people want."""
PREFERENCES = ("language",)
"""What else people set; nobody else sees it, nor is it part of the API."""


def profile_of(user: User) -> dict[str, Any]:
    """All that a person tells of themselves, as it is."""
    return {name: getattr(user, name) for name in (*PROFILE, *NOTIFICATIONS, "email", "photo_id")}


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
    made = User.objects.create_superuser(username=username, email=email, password=password or generated)
    record(Action.USER_CREATED, by=None, on=made, after={"is_superuser": True}, about=made)
    return Administrator(username=username, created=True, password=generated)


@transaction.atomic
def changed(*, user: User, fields: Iterable[str]) -> None:
    """Let boards follow an account whose `fields` were changed: its name, and whether it is banned.

    Whatever the person has open asks again whether they are let in.
    """
    from podium.site.evaluation import wakeups  # noqa: PLC0415 - evaluation stands on accounts
    from podium.site.leaderboards import services as leaderboards  # noqa: PLC0415 - boards stand on accounts

    wakeups.notify(wakeups.person_topic(user.pk))
    if {"username", "display_name"} & set(fields):
        leaderboards.rename(user=user)
    if "is_banned" in fields:
        from podium.site.queues.services import lifecycle  # noqa: PLC0415 - queues stand on accounts

        lifecycle.renew_broker_access(user=user)
        leaderboards.follow_person(owner_id=user.pk)


def create_placeholder(*, username: str, display_name: str, is_bot: bool = False) -> User:
    """Make an account that nobody can log in to, for somebody who is known by name from elsewhere.

    It has no password and no e-mail address, so nobody gets in by those either, and a name of its own: where the name
    is taken, whatever its case, a number follows it.
    """
    name = free_name(username if _is_name(username) else "person")
    user = User(username=name, email=None, display_name=display_name[:50], is_active=False, is_bot=is_bot)
    user.set_unusable_password()
    user.save()
    return user


def free_name(base: str) -> str:
    """A user name that nobody has, whatever the case: `base`, or with a number behind it."""
    name, number = base, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{base[: 49 - len(str(number))]}-{number}"
    return name


def _is_name(text: str) -> bool:
    try:
        User._meta.get_field("username").clean(text, None)
    except ValidationError:
        return False
    return True


def stored_picture(picture: Picture, folder: str) -> StoredFile:
    """Keep a picture that was read, in the caller's transaction."""
    return storage.store(io.BytesIO(picture.content), folder=folder, name=picture.name)


def _refuse_taken(user: User) -> None:
    others = User.objects.exclude(pk=user.pk)
    if others.filter(username__iexact=user.username).exists():
        raise Refused(_("A user with that username already exists."), field="username", code="unique")
    if user.display_name and others.filter(username__iexact=user.display_name).exists():
        raise Refused(_("This is somebody else's user name."), field="display_name", code="unique")
    if user.email and others.filter(email__iexact=user.email).exists():
        raise Refused(_("A user with that email already exists."), field="email", code="unique")


@transaction.atomic
def update_profile(*, user: User, by: User, facts: Mapping[str, Any], photo: Picture | None = None) -> User:
    """Change what a person tells of themselves, and which mails they want; boards follow the name.

    facts: of `PROFILE`, `NOTIFICATIONS` and `PREFERENCES`, and `email`: an administrator's change of an address counts
    at once, one's own as `change_email` says. photo: a new picture; the former one stays when None.
    Raises Forbidden for others than the person and administrators, and Refused for a name or an address that is taken
    or is none.
    """
    if user.pk != by.pk and not by.is_superuser:
        raise Forbidden(_("You can change your own profile only."))
    locked = User.objects.select_for_update(of=("self",)).select_related("photo").get(pk=user.pk)
    named = [name for name in (*PROFILE, *NOTIFICATIONS, *PREFERENCES) if name in facts]
    before = {name: getattr(locked, name) for name in named}
    for name in named:
        setattr(locked, name, facts[name])
    _refuse_bad(locked, named)
    _refuse_taken(locked)
    former = locked.photo
    if photo is not None:
        locked.photo = stored_picture(photo, "profile_photos")
    try:
        with transaction.atomic():
            locked.save(update_fields=[*named, "photo"])
    except IntegrityError:
        _refuse_taken(locked)  # another request was quicker
        raise
    if former is not None and former != locked.photo:
        storage.delete(former)
    former_email = locked.email
    if "email" in facts and (facts["email"] or "").lower() != (locked.email or "").lower():
        change_email(user=locked, by=by, email=facts["email"] or "")
    if user.pk != by.pk:  # one's own profile is nobody else's business
        after = {name: getattr(locked, name) for name in named} | ({"photo": "changed"} if photo is not None else {})
        sides = before | {"email": former_email}, after | {"email": locked.email}
        record(Action.USER_EDITED, by=by, on=locked, before=sides[0], after=sides[1], about=locked)
    changed(user=locked, fields=[name for name in named if before[name] != getattr(locked, name)])
    return locked


def _refuse_bad(user: User, names: Iterable[str]) -> None:
    """Raise Refused for the first value that its column does not take."""
    for name in names:
        try:
            cast("models.Field[Any, Any]", User._meta.get_field(name)).clean(getattr(user, name), user)
            if name in SHOWN_NAMES:
                check_shown_name(getattr(user, name))
        except ValidationError as error:
            raise Refused(" ".join(error.messages), field=name, code="invalid") from None


def choose_language(*, user: User, language: str) -> None:
    """Answer a person in another language from now on, and write to them in it. Raises Refused for an unknown one."""
    if not is_language(language):
        raise Refused(_("This site does not speak that language."), field="language", code="invalid")
    User.objects.filter(pk=user.pk).update(language=language)


def remove_photo(*, user: User, by: User) -> None:
    """Take a person's photo away. Whoever calls has asked whether `by` may."""
    with transaction.atomic():
        locked = User.objects.select_for_update(of=("self",)).select_related("photo").get(pk=user.pk)
        former, locked.photo = locked.photo, None
        locked.save(update_fields=["photo"])
        if former is not None:
            storage.delete(former)
            if user.pk != by.pk:
                record(Action.USER_EDITED, by=by, on=locked, after={"photo": "deleted"}, about=locked)


CHANGES_MAILED, MAILED_IN = 5, 3600
"""Links that confirm an address: how many one person, or one address, is sent in how many seconds."""


def _refuse_flood(user: User, email: str) -> None:
    """Raise Refused where too many mails would go out: the address need not be the person's own."""
    for who in (f"user {user.pk}", f"address {email}"):
        if not mails.may_mail("address", who, most=CHANGES_MAILED, seconds=MAILED_IN):
            raise Refused(
                _("Too many mails were sent to confirm an address. Try again in an hour."),
                field="email",
                code="throttled",
                status=429,
            )


@transaction.atomic
def change_email(*, user: User, by: User, email: str) -> bool:
    """Give a person another address; returns whether it counts already.

    Where the site sends mail, one's own new address counts once the link that is mailed to it was used; until then the
    present one stays. Raises Refused for one that is taken or is none, for a person without any, for too many mails.
    """
    email = email.strip().lower()
    if not email:
        raise Refused(_("An account needs an e-mail address."), field="email", code="required")
    user.email, former = email, user.email
    _refuse_bad(user, ["email"])
    _refuse_taken(user)
    user.email = former
    wants_proof = settings.CONFIG.email_url or settings.CONFIG.email_verification != "none"
    if by.pk == user.pk and wants_proof:
        _refuse_flood(user, email)
        EmailAddress.objects.filter(user=user, verified=False, primary=False).delete()
        address = EmailAddress.objects.create(user=user, email=email, verified=False, primary=False)
        transaction.on_commit(address.send_confirmation)
        return False
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=by.pk != user.pk)
    return True


@transaction.atomic
def shut_out_others(*, user: User) -> None:
    """Take away what lets anybody into an account beside its password: tokens, second factors, other servers."""
    from allauth.mfa.models import Authenticator  # noqa: PLC0415 - its models are not ready when adapters are loaded
    from allauth.socialaccount.models import SocialAccount  # noqa: PLC0415

    tokens.revoke_all(user=user)
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()


@transaction.atomic
def set_banned(*, user: User, by: User, banned: bool) -> None:
    """Shut a person out, or let them in again; boards follow. Raises Forbidden for others than administrators."""
    if not by.is_superuser:
        raise Forbidden(_("Only administrators ban people."))
    if User.objects.filter(pk=user.pk).exclude(is_banned=banned).update(is_banned=banned):
        user.is_banned = banned
        record(Action.USER_BANNED if banned else Action.USER_UNBANNED, by=by, on=user, about=user)
        changed(user=user, fields=["is_banned"])
