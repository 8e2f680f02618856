"""The default queue, which every installation has, and the token of the worker that starts beside it."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from podium.site.queues.models import Queue, QueueToken, hash_token
from podium.site.queues.services.tokens import kept_token_file, new_queue_token
from podium.site.secret_files import keep_secret

TOKEN_NAME = "podium up"  # noqa: S105 - what the token's row is called


def ensure_default_queue() -> Queue:
    """Make the default queue at first start; a token is kept in a 0600 file for the worker that starts beside it.

    A token that was revoked since stays so: the file then gets a new one.
    """
    try:
        with transaction.atomic():
            queue, _ = Queue.objects.get_or_create(is_default=True, defaults={"name": "default", "is_public": True})
    except IntegrityError:
        queue = Queue.objects.get(is_default=True)  # another process was quicker
    _ensure_token(queue)
    return queue


@transaction.atomic
def _ensure_token(queue: Queue) -> None:
    # Under the queue's lock, so that two processes that start at once do not both replace a revoked token.
    Queue.objects.select_for_update(no_key=True).get(pk=queue.pk)
    file = kept_token_file()
    secret = keep_secret(file, new_queue_token)
    known = QueueToken.objects.filter(token_hash=hash_token(secret)).first()
    if known is not None and known.revoked_when is not None:
        file.unlink(missing_ok=True)
        secret, known = keep_secret(file, new_queue_token), None
    if known is None:
        QueueToken.objects.create(queue=queue, name=TOKEN_NAME, token_hash=hash_token(secret), ending=secret[-4:])


def default_queue() -> Queue:
    """The queue of competitions that name none."""
    return Queue.objects.get(is_default=True)
