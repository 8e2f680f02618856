"""Deleting an account.

Asked for with the password, confirmed by a link that is mailed, done by a button on the page behind it. What took part
stays, or boards and their history would lie: submissions, scores and competitions are a "Deleted user"'s then. What is
the person's own goes: name, address, photo, texts, sessions, tokens, second factors, memberships, and what opens their
queues. It cannot be undone.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.utils import timezone
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts import mails
from podium.site.accounts.models import User
from podium.site.accounts.services import organizations, tokens
from podium.site.accounts.services.people import changed, free_name
from podium.site.audit import services as audit
from podium.site.audit.actions import Action
from podium.site.errors import Refused
from podium.site.resources import storage

SHOWN = "Deleted user"


class _Links(PasswordResetTokenGenerator):
    """Links that confirm: for three days, until the next log-in, change of the password, or deletion."""

    key_salt = "podium.accounts.deletion"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.is_deleted}"


_links = _Links()


def link_of(user: User) -> tuple[str, str]:
    """The two parts of a link by which a person confirms."""
    return urlsafe_base64_encode(str(user.pk).encode()), _links.make_token(user)


def person_of_link(uid: str, token: str) -> User | None:
    """Whose deletion a link confirms, None when it is wrong, used or too old."""
    try:
        user = User.objects.filter(pk=int(force_str(urlsafe_base64_decode(uid)))).first()
    except (ValueError, OverflowError):
        return None
    return user if user and not user.is_deleted and user.is_active and _links.check_token(user, token) else None


def refuse_deletion(user: User) -> None:
    """Raise Refused for the last administrator, without whom nobody could run the site."""
    others = User.objects.filter(is_superuser=True, is_active=True, is_deleted=False).exclude(pk=user.pk)
    if user.is_superuser and not others.exists():
        raise Refused(
            _("You are the only administrator of this site. Make somebody else one first."), code="last_admin"
        )


def request_deletion(*, user: User) -> None:
    """Mail the link that confirms. Raises Refused for the last administrator and for a person without an address."""
    refuse_deletion(user)
    if not user.email:
        raise Refused(_("Your account has no e-mail address to send the link to."), code="no_address")
    mails.send(
        to=user,
        template="deletion_requested",
        subject=gettext_lazy("Confirm Your Account Deletion Request"),
        context={"address": mails.address("accounts:delete", *link_of(user)), "username": user.username},
    )


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Delete a person's account for good. Raises Refused for the last administrator, and when it is gone already."""
    locked = User.objects.select_for_update(of=("self",)).select_related("photo").get(pk=user.pk)
    if locked.is_deleted:
        raise Refused(_("This account is deleted already."), code="deleted")
    refuse_deletion(locked)
    username, email, language, photo = locked.username, locked.email, locked.language, locked.photo
    owned = {
        "competitions": locked.competitions.count(),
        "submissions": locked.submissions.filter(parent__isnull=True).count(),
    }
    organizations.forget_person(user=locked)
    _give_up_queues(locked)
    _forget_threads(locked)
    forget_access(user=locked)
    locked.collaborating_competitions.clear()
    _blank(locked)
    audit.record(Action.USER_DELETED, by=locked, on=locked, about=locked)
    audit.forget_person(user=locked)
    if photo is not None:
        storage.delete(photo)
    changed(user=locked, fields=["username", "display_name"])
    _tell(locked, username, email, language, owned)


def _blank(user: User) -> None:
    user.username = free_name(f"deleted_user_{user.pk}")
    user.display_name = SHOWN
    for name in ("first_name", "last_name", "title", "location", "biography", "language"):
        setattr(user, name, "")
    for name in ("personal_url", "linkedin_url", "twitter_url", "github_url"):
        setattr(user, name, "")
    user.email = user.photo = None
    user.set_unusable_password()
    user.is_active = user.is_staff = user.is_superuser = False
    user.is_deleted, user.deleted_at = True, timezone.now()
    user.save()


def forget_access(*, user: User) -> None:
    """End a person's sessions and drop what lets them in, in the caller's transaction."""
    tokens.revoke_all(user=user)
    for session in UserSession.objects.filter(user=user):
        session.end()
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()


def _give_up_queues(user: User) -> None:
    """A queue goes to the first of its organizers, with its tokens revoked; one without any is deleted."""
    from podium.site.queues.services import lifecycle  # noqa: PLC0415 - queues stand on accounts

    lifecycle.forget_person(user=user)


def _forget_threads(user: User) -> None:
    """What they follow and have read in forums goes; what they wrote stays."""
    from podium.site.forums.services import following  # noqa: PLC0415 - forums stand on accounts

    following.forget_person(user=user)


def _tell(user: User, username: str, email: str | None, language: str, owned: dict[str, int]) -> None:
    facts = {"username": username, "id": user.pk, **owned}
    if email:
        mails.send_to_address(
            email,
            language=language,
            template="account_deleted",
            subject=gettext_lazy("Your account has been successfully removed"),
            context=facts,
        )
    for administrator in User.objects.filter(is_superuser=True, is_active=True, is_deleted=False):
        mails.send(
            to=administrator,
            template="account_deleted_notice",
            subject=gettext_lazy("Notice: user %(username)s removed their account"),
            context=facts,
        )
