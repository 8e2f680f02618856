"""Who may see, use, operate and change a queue.

Everybody who is logged in sees and uses public queues; private ones are for their owner, their organizers and
administrators, and a deleted one is for nobody. Owner and organizers operate a queue: they see its workers and its
address on the broker and handle its tokens. The owner alone changes or deletes it (Codabench's rules); administrators
may all of that.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from podium.site.accounts.models import Scope
from podium.site.queues.models import Queue


def _living() -> QuerySet[Queue]:
    return Queue.objects.filter(deleted_when__isnull=True)


def _of(user: Any) -> Q:
    organized = Queue.organizers.through.objects.filter(user=user).values("queue")
    return Q(owner=user) | Q(pk__in=organized)


def visible_to(user: Any) -> QuerySet[Queue]:
    """The queues that `user` may see, which are those that competitions of `user` may use."""
    if not user.is_authenticated:
        return Queue.objects.none()
    if user.is_superuser:
        return _living()
    return _living().filter(Q(is_public=True) | _of(user))


def operated_by(user: Any) -> QuerySet[Queue]:
    """The queues whose tokens and workers are `user`'s business."""
    if not user.is_authenticated:
        return Queue.objects.none()
    return _living() if user.is_superuser else _living().filter(_of(user))


def owned_or_organized_by(user: Any) -> QuerySet[Queue]:
    """The queues that are `user`'s own or that `user` was let into; an administrator's are no more than these."""
    return _living().filter(_of(user)) if user.is_authenticated else Queue.objects.none()


def can_operate(user: Any, queue: Queue) -> bool:
    """Whether `user` may see the queue's workers and handle its tokens."""
    return operated_by(user).filter(pk=queue.pk).exists()


def addresses_told_to(user: Any) -> QuerySet[Queue]:
    """The queues whose address on the broker `user` is told, with its password: those that they operate.

    By no token that is narrower than what handles a queue's tokens: the password lets workers in as these do.
    """
    scope = getattr(user, "token_scope", "")
    return Queue.objects.none() if scope and Scope(scope).rank < Scope.ORGANIZE.rank else operated_by(user)


def can_change(user: Any, queue: Queue) -> bool:
    """Whether `user` may rename, share or delete the queue; nobody but administrators owns the default queue."""
    if not user.is_authenticated or queue.deleted_when is not None:
        return False
    return user.is_superuser or queue.owner_id == user.pk
