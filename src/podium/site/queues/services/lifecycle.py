"""Queues made, shared, renamed and deleted, with what becomes of the competitions that use them.

A competition keeps a queue as long as one of its own people may use it. When that ends (the queue is deleted or made
private, an organizer of the queue or of the competition is removed) the competition goes back to the default queue, and
what waits goes with it; what runs is finished where it runs. So no change of a queue loses a run or leaves one where
nobody serves it.

Whoever chooses a queue for a competition holds the queue's row (see `competitions.services.queueing`), as every change
here does: a competition cannot come to a queue that is being closed to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record, record_many
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation.services import moving
from podium.site.queues import broker, policies
from podium.site.queues.models import BrokerAccess, BrokerState, Queue, QueueToken
from podium.site.queues.services.names import checked_name

log = structlog.get_logger(__name__)

MAX_ORGANIZERS = 100


@transaction.atomic
def create_queue(*, user: User, name: str, is_public: bool = False, organizers: Iterable[User] = ()) -> Queue:
    """Make a queue of `user`'s own.

    is_public: whether everybody's competitions may use it. organizers: who else may use and operate it.
    Raises Forbidden when the user owns as many queues as `User.queue_limit` allows (administrators may own any number),
    and Refused for a bad name.
    """
    # The user's row is the lock under which queues are counted, so two requests cannot share the last one.
    owner = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    owned = Queue.objects.filter(owner=owner, deleted_when__isnull=True).count()
    if not owner.is_superuser and owned >= owner.queue_limit:
        raise Forbidden(
            _(
                "User has reached queue limit! You own %(owned)s queues and may own %(queue_limit)s: delete one "
                "that is not used, or ask an administrator for more."
            )
            % {"owned": owned, "queue_limit": owner.queue_limit},
            code="queue_limit",
        )
    queue = Queue.objects.create(name=checked_name(name), is_public=is_public, owner=owner)
    chosen = _checked(organizers, owner)
    queue.organizers.set(chosen)
    record(Action.QUEUE_CREATED, by=user, on=queue, after={"name": queue.name, "is_public": queue.is_public})
    _record_people(Action.QUEUE_ORGANIZER_ADDED, queue, user, chosen)
    return queue


def _record_people(action: Action, queue: Queue, by: User, people: Iterable[User]) -> None:
    for person in people:
        record(action, by=by, on=person, after={"queue": queue.name}, about=person)


@transaction.atomic
def update_queue(
    *,
    queue: Queue,
    by: User,
    name: str | None = None,
    is_public: bool | None = None,
    organizers: Iterable[User] | None = None,
) -> Queue:
    """Change what is not None of a queue.

    Making it private sends away the competitions none of whose people may use it any more; removing an organizer does
    so with the competitions of that person, revokes the tokens that they made and renews the broker's password.
    Raises Forbidden for others than the owner, and Refused for a bad name and for hiding the default queue.
    """
    locked = _locked(queue, by, _("Cannot update a queue that is not yours"))
    there = {"name": locked.name, "is_public": locked.is_public}
    if name is not None:
        locked.name = checked_name(name)
    if is_public is False and locked.is_default:
        raise Refused(_("The default queue is everybody's."), field="is_public", code="default_queue")
    hidden = is_public is False and locked.is_public
    if is_public is not None:
        locked.is_public = is_public
    locked.save(update_fields=["name", "is_public"])
    now = {"name": locked.name, "is_public": locked.is_public}
    record(Action.QUEUE_EDITED, by=by, on=locked, before=there, after=now)
    removed: set[int] = set()
    if organizers is not None:
        before = {person.pk: person for person in locked.organizers.all()}
        after = {person.pk: person for person in _checked(organizers, locked.owner)}
        locked.organizers.set(after.values())
        removed = set(before) - set(after)
        _record_people(Action.QUEUE_ORGANIZER_REMOVED, locked, by, [before[pk] for pk in sorted(removed)])
        if removed:
            _shut_out(locked, removed)
        added = [person for pk, person in after.items() if pk not in before]
        _record_people(Action.QUEUE_ORGANIZER_ADDED, locked, by, added)
    if hidden:
        _send_away(locked, by, _without_right(locked))
    elif removed and not locked.is_public:
        _send_away(locked, by, _without_right(locked).filter(Q(created_by__in=removed) | Q(collaborators__in=removed)))
    return locked


@transaction.atomic
def delete_queue(*, queue: Queue, by: User) -> None:
    """Delete a queue: its tokens open nothing any more, its competitions and what waits go to the default queue.

    Jobs under way finish; one that is lost is tried again in the queue that its competition uses then.
    Raises Forbidden for others than the owner, and Refused for the default queue.
    """
    locked = _locked(queue, by, _("Cannot delete a queue that is not yours"))
    if locked.is_default:
        raise Refused(_("The default queue cannot be deleted."), code="default_queue")
    now = timezone.now()
    locked.tokens.filter(revoked_when__isnull=True).update(revoked_when=now)
    Queue.objects.filter(pk=locked.pk).update(deleted_when=now)
    queue.deleted_when = now
    record(Action.QUEUE_DELETED, by=by, on=locked, before={"name": locked.name, "is_public": locked.is_public})
    _send_away(locked, by, Competition.objects.filter(queue=locked))


def leave_where_nobody_may(*, competition: Competition, by: User) -> None:
    """Take a competition from a private queue that none of its people may use any more, in the caller's transaction."""
    queue = competition.queue
    if queue is not None and not queue.is_public:
        _send_away(queue, by, _without_right(queue).filter(pk=competition.pk))


def _shut_out(queue: Queue, people: Collection[int]) -> None:
    """Let what people know who operate a queue no more open it no more: tokens that they made, its broker password."""
    theirs = queue.tokens.filter(created_by__in=people, revoked_when__isnull=True)
    theirs.update(revoked_when=timezone.now())
    if BrokerAccess.objects.filter(queue=queue).exclude(state=BrokerState.LEAVING).exists():
        broker.renew(queue)


def renew_broker_access(*, user: User) -> None:
    """Give the queues that somebody operated who was shut out other passwords at the broker, in the transaction."""
    operated = Queue.objects.filter(Q(owner=user) | Q(organizers=user)).values("pk")
    for access in BrokerAccess.objects.filter(queue__in=operated).exclude(state=BrokerState.LEAVING):
        if access.queue is not None:
            broker.renew(access.queue)


def forget_person(*, user: User) -> None:
    """What becomes of the queues of somebody whose account is deleted, in the caller's transaction.

    A queue goes to the first of its organizers; one without any is deleted. Every token and every broker password that
    the person may know opens nothing any more.
    """
    now = timezone.now()
    for queue in Queue.objects.select_for_update(no_key=True, of=("self",)).filter(owner=user, deleted_when=None):
        queue.tokens.filter(revoked_when__isnull=True).update(revoked_when=now)
        heir = queue.organizers.exclude(pk=user.pk).filter(is_active=True, is_banned=False).order_by("pk").first()
        if heir is not None or queue.is_default:
            if BrokerAccess.objects.filter(queue=queue).exists():
                broker.renew(queue)
            Queue.objects.filter(pk=queue.pk).update(owner=heir)
            if heir is not None:
                queue.organizers.remove(heir)
                record(Action.QUEUE_HANDED_ON, by=user, on=heir, after={"queue": queue.name}, about=heir)
        else:
            delete_queue(queue=queue, by=user)
    QueueToken.objects.filter(created_by=user, revoked_when__isnull=True).update(revoked_when=now)
    user.organized_queues.clear()


def _locked(queue: Queue, by: User, refusal: str) -> Queue:
    locked = Queue.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=queue.pk)
    if not policies.can_change(by, locked):
        raise Forbidden(refusal)
    return locked


def _checked(people: Iterable[User], owner: User | None) -> list[User]:
    """The organizers to set. Raises Refused for too many, or for an account that is gone."""
    found = {person.pk: person for person in people if owner is None or person.pk != owner.pk}
    if len(found) > MAX_ORGANIZERS:
        raise Refused(
            _("A queue may have %(most)s organizers.") % {"most": MAX_ORGANIZERS}, field="organizers", code="too_many"
        )
    for person in found.values():
        if person.is_deleted or not person.is_active:
            raise Refused(
                _('The account "%(person)s" is closed.') % {"person": person.username},
                field="organizers",
                code="closed_account",
            )
    return list(found.values())


def _without_right(queue: Queue) -> QuerySet[Competition]:
    """The competitions that use a private queue though none of their people may."""
    may = User.objects.filter(Q(is_superuser=True) | Q(pk=queue.owner_id) | Q(organized_queues=queue)).values("pk")
    return Competition.objects.filter(queue=queue).exclude(Q(created_by__in=may) | Q(collaborators__in=may))


def _send_away(queue: Queue, by: User, competitions: QuerySet[Competition]) -> None:
    """Take competitions that used a queue back to the default queue, with all that waits."""
    keys = sorted(set(competitions.values_list("pk", flat=True)))
    sides = {"queue": queue.name}, {"queue": "the default queue"}
    found = Competition.objects.filter(pk__in=keys).order_by("pk")
    record_many(Action.COMPETITION_QUEUE, by=by, on=found, before=sides[0], after=sides[1])
    Competition.objects.filter(pk__in=keys).update(queue=None)
    for key in keys:
        log.info("competition sent to the default queue", competition=key, moved=moving.follow(key))
