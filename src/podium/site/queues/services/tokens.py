"""Tokens of queues: made, replaced, revoked, and recognized when a worker shows one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Forbidden, Refused
from podium.site.queues import policies
from podium.site.queues.models import Queue, QueueToken, hash_token, new_token
from podium.site.queues.services.names import checked_name

PREFIX = "podium_q_"
"""What a queue's token begins with, so that one that was pasted somewhere by mistake is found."""
MAX_TOKENS = 50
"""How many valid tokens a queue may have."""
TOKEN_FILE = "worker-token"  # noqa: S105 - a file name
USE_NOTED = timedelta(minutes=1)


def new_queue_token() -> str:
    """A fresh token of a queue."""
    return PREFIX + new_token()


@transaction.atomic
def create_token(*, queue: Queue, by: User, name: str) -> tuple[QueueToken, str]:
    """Make a token that opens `queue` to workers; returns its row and the secret, which is told this once.

    name: for people, such as the machine that will use it. Raises Forbidden, and Refused for a bad name or too many.
    """
    locked = _locked(queue, by)
    if locked.tokens.filter(revoked_when__isnull=True).count() >= MAX_TOKENS:
        raise Refused(
            _("A queue may have %(most)s tokens. Revoke those that are not used.") % {"most": MAX_TOKENS},
            code="too_many_tokens",
        )
    row, secret = _made(locked, by, checked_name(name))
    record(Action.QUEUE_TOKEN_CREATED, by=by, on=row, after={"queue": locked.name})
    return row, secret


@transaction.atomic
def rotate_token(*, token: QueueToken, by: User) -> tuple[QueueToken, str]:
    """Put a new secret in a token's place and revoke the old one; returns the new row and the secret.

    Raises Forbidden, and Refused when the token is revoked already.
    """
    locked = _locked(token.queue, by)
    _revoke(token)
    record(Action.QUEUE_TOKEN_ROTATED, by=by, on=token, after={"queue": locked.name})
    return _made(locked, by, token.name)


@transaction.atomic
def revoke_token(*, token: QueueToken, by: User) -> None:
    """Refuse a token from the next claim on; jobs under way have tokens of their own and finish.

    Raises Forbidden, and Refused when the token is revoked already.
    """
    locked = _locked(token.queue, by)
    _revoke(token)
    record(Action.QUEUE_TOKEN_REVOKED, by=by, on=token, after={"queue": locked.name})


def _locked(queue: Queue, by: User) -> Queue:
    """The queue with its row locked, so that what was checked of it still holds when the change is made."""
    locked = policies.operated_by(by).select_for_update(of=("self",), no_key=True).filter(pk=queue.pk).first()
    if locked is None:
        raise Forbidden(_("Only the queue's owner and organizers handle its tokens."))
    return locked


def _made(queue: Queue, by: User | None, name: str) -> tuple[QueueToken, str]:
    secret = new_queue_token()
    row = QueueToken.objects.create(
        queue=queue, name=name, token_hash=hash_token(secret), ending=secret[-4:], created_by=by
    )
    return row, secret


def _revoke(token: QueueToken) -> None:
    if not QueueToken.objects.filter(pk=token.pk, revoked_when__isnull=True).update(revoked_when=timezone.now()):
        raise Refused(_('The token "%(token)s" is revoked already.') % {"token": token.name}, code="revoked")
    transaction.on_commit(lambda: _forget_kept(token.token_hash))


def kept_token_file() -> Path:
    """Where the token of the worker that starts beside this site is kept."""
    return settings.DATA_DIR / "secrets" / TOKEN_FILE


def _forget_kept(token_hash: str) -> None:
    """Remove the kept token when it is the revoked one, so that the next start of the site makes another."""
    file = kept_token_file()
    try:
        kept = file.read_text()
    except FileNotFoundError:
        return
    if hash_token(kept) == token_hash:
        file.unlink(missing_ok=True)


def token_of(secret: str) -> QueueToken | None:
    """The valid token with this secret; that it was used is noted, once in a minute at most."""
    found = _valid().select_related("queue").filter(token_hash=hash_token(secret)).first()
    if found is not None:
        now = timezone.now()
        if found.last_used_when is None or found.last_used_when < now - USE_NOTED:
            QueueToken.objects.filter(pk=found.pk).update(last_used_when=now)
    return found


def opens(token_id: int) -> bool:
    """Whether a token that was recognized before still opens its queue."""
    return _valid().filter(pk=token_id).exists()


def _valid() -> QuerySet[QueueToken]:
    """Tokens that open their queues; those of somebody who was banned or is gone serve nobody, nor do their queues'."""
    living = QueueToken.objects.filter(revoked_when__isnull=True, queue__deleted_when__isnull=True)
    gone = Q()
    for person in ("queue__owner", "created_by"):
        gone |= Q(**{f"{person}__is_banned": True}) | Q(**{f"{person}__is_deleted": True})
    return living.exclude(gone)
