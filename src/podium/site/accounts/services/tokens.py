"""API tokens: made, used, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from podium.site.accounts.models import ApiToken, Scope, User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Refused

PREFIX = "podium_u_"
"""What a person's token begins with, so that one that was pasted somewhere by mistake is found."""
MAX_TOKENS = 50
"""How many a person may have."""
MAX_DAYS = 3650
USE_NOTED = timedelta(minutes=1)


def digest_of(token: str) -> str:
    """What is kept of a token; it is random and long, so a plain digest cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create_token(*, user: User, name: str, scope: str, days: int | None = None) -> tuple[ApiToken, str]:
    """Make a token; returns its row and the token itself, which is told this once.

    name: for people, such as the script that uses it. scope: of `Scope`. days: after how many it ends; None is never.
    Raises Refused for a bad name, scope or number of days, and for too many tokens.
    """
    label = " ".join(name.split())
    if not label or len(label) > 100 or not label.isprintable():
        raise Refused(_("Give the token a name of 1 to 100 characters."), field="name", code="bad_name")
    if scope not in Scope.values:
        raise Refused(_('"%(scope)s" is not a valid choice.') % {"scope": scope}, field="scope", code="invalid_choice")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise Refused(
            _("A token lasts 1 to %(most)s days.") % {"most": MAX_DAYS}, field="expires_in_days", code="bad_days"
        )
    # The user's row is the lock under which tokens are counted, so two requests cannot share the last one.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if user.api_tokens.count() >= MAX_TOKENS:
        raise Refused(
            _("You have %(most)s tokens. Revoke those that are not used.") % {"most": MAX_TOKENS},
            code="too_many_tokens",
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=label,
        scope=scope,
        digest=digest_of(secret),
        ending=secret[-4:],
        expires_when=timezone.now() + timedelta(days=days) if days is not None else None,
    )
    facts = {"scope": row.scope, "expires_when": row.expires_when}
    record(Action.TOKEN_CREATED, by=user, on=row, after=facts, about=user)
    return row, secret


@transaction.atomic
def revoke_token(*, user: User, pk: int) -> str:
    """Delete one of the user's tokens, which opens nothing from then on; returns its name. Raises Refused."""
    row = user.api_tokens.filter(pk=pk).first()
    if row is None:
        raise Refused(_("You have no such token."), code="no_token", status=404)
    record(Action.TOKEN_REVOKED, by=user, on=row, after={"scope": row.scope}, about=user)
    row.delete()
    _tell_open_streams(user)
    return row.name


@transaction.atomic
def revoke_plain_token(*, user: User) -> bool:
    """Delete the token that `api-token-auth` gave out; the next log-in there makes another."""
    deleted, _ = Token.objects.filter(user=user).delete()
    if deleted:
        record(Action.TOKEN_REVOKED, by=user, on=user, after={"kind": "the plain one"}, about=user)
    _tell_open_streams(user)
    return bool(deleted)


def revoke_all(*, user: User) -> None:
    """Delete every token of a person, in the caller's transaction."""
    user.api_tokens.all().delete()
    Token.objects.filter(user=user).delete()
    _tell_open_streams(user)


def _tell_open_streams(user: User) -> None:
    """Let what the person has open ask again whether they are let in."""
    from podium.site.evaluation import wakeups  # noqa: PLC0415 - evaluation stands on accounts

    wakeups.notify(wakeups.person_topic(user.pk))


def token_of(secret: str) -> ApiToken | None:
    """The valid token with this secret; that it was used is noted, once in a minute at most."""
    if not secret.startswith(PREFIX):
        return None
    now = timezone.now()
    valid = ApiToken.objects.filter(Q(expires_when__isnull=True) | Q(expires_when__gt=now))
    found = valid.select_related("user").filter(digest=digest_of(secret)).first()
    if found is not None and (found.last_used_when is None or found.last_used_when < now - USE_NOTED):
        ApiToken.objects.filter(pk=found.pk).update(last_used_when=now)
    return found
