"""Changes of queues."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction

from podium.site.queues.models import Queue, hash_token, new_token
from podium.site.secret_files import keep_secret

TOKEN_FILE = "worker-token"  # noqa: S105 - a file name


def ensure_default_queue() -> Queue:
    """Make the default queue at first start; its token is kept in a 0600 file for the worker that starts beside it."""
    token = keep_secret(settings.DATA_DIR / "secrets" / TOKEN_FILE, new_token)
    try:
        with transaction.atomic():
            queue, _ = Queue.objects.get_or_create(
                is_default=True, defaults={"name": "default", "is_public": True, "token_hash": hash_token(token)}
            )
    except IntegrityError:
        queue = Queue.objects.get(is_default=True)  # another process was quicker
    if queue.token_hash != hash_token(token):
        queue.token_hash = hash_token(token)
        queue.save(update_fields=["token_hash"])
    return queue


def default_queue() -> Queue:
    """The queue of competitions that name none."""
    return Queue.objects.get(is_default=True)


def queue_of_token(token: str) -> Queue | None:
    """The queue that a worker's token opens."""
    return Queue.objects.filter(token_hash=hash_token(token)).first()
