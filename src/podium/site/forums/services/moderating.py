"""Keeping order: pinning, closing, announcing, deleting and restoring; for organizers, by compare-and-set."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Forbidden, Refused
from podium.site.forums import policies, queries
from podium.site.forums.models import Post, Report, Thread
from podium.site.forums.services import posting, telling

log = structlog.get_logger(__name__)

KEPT = timedelta(days=30)
"""How long what is deleted can be restored."""
_PIECE = 100


def _may(user: User, thread: Thread) -> None:
    if not policies.moderates(user, thread.forum.competition):
        raise Forbidden(_("Only the organizers keep order in the forum."))


def _turn(thread: Thread, by: User, name: str, on: bool) -> bool:
    """Set or unset one of the moments of a thread, and record it; returns whether that changed anything."""
    field = f"{name}_date"
    rows = Thread.objects.filter(pk=thread.pk, **{f"{field}__isnull": on})
    if not rows.update(**{field: timezone.now() if on else None}):
        return False
    record(Action.THREAD_MODERATED, by=by, on=thread, before={name: not on}, after={name: on})
    return True


@transaction.atomic
def set_pinned(*, thread: Thread, by: User, pinned: bool) -> None:
    """Let a thread stand above the others, or among them. Raises Forbidden for non-organizers."""
    _may(by, thread)
    _turn(thread, by, "pinned", pinned)


@transaction.atomic
def set_closed(*, thread: Thread, by: User, closed: bool) -> None:
    """Let nobody but organizers answer in a thread, or everybody again. Raises Forbidden for non-organizers."""
    _may(by, thread)
    _turn(thread, by, "closed", closed)


@transaction.atomic
def announce(*, thread: Thread, by: User) -> None:
    """Mark a thread as an announcement and mail its first post to the participants who want mails of organizers.

    Raises Forbidden for non-organizers, Refused where it is one already or its first post is deleted.
    """
    _may(by, thread)
    found = posting.locked(thread)
    first = queries.first_post(found)
    first.thread = found
    if found.deleted_date is not None or first.deleted_date is not None:
        raise Refused(_("What is deleted cannot be announced."), code="gone")
    if not _turn(found, by, "announced", on=True):
        raise Refused(_("This thread is an announcement already."), code="announced")
    telling.tell_announcement(first, by)


@transaction.atomic
def unmark_announcement(*, thread: Thread, by: User) -> None:
    """Take the mark of an announcement away; what was mailed is mailed. Raises Forbidden for non-organizers."""
    _may(by, thread)
    _turn(thread, by, "announced", on=False)


@transaction.atomic
def delete_thread(*, thread: Thread, by: User) -> None:
    """Delete a thread with all posts; organizers can restore it for 30 days. Raises Forbidden for non-organizers."""
    _may(by, thread)
    posting.locked(thread)
    rows = Thread.objects.filter(pk=thread.pk, deleted_date__isnull=True)
    if rows.update(deleted_date=timezone.now(), deleted_by=by):
        record(Action.THREAD_DELETED, by=by, on=thread, about=thread.started_by)


@transaction.atomic
def restore_thread(*, thread: Thread, by: User) -> None:
    """Bring a deleted thread back. Raises Forbidden for non-organizers, Refused for one that no post is left of."""
    _may(by, thread)
    found = posting.locked(thread)
    if found.posts_count == 0:
        # It went with its last post: that one comes back with it.
        last = Post.objects.filter(thread=found).exclude(content="").order_by("-deleted_date", "-pk").first()
        if last is None:
            raise Refused(_("Nothing is left of this thread."), code="gone")
        _bring_back(last, found)
    rows = Thread.objects.filter(pk=found.pk, deleted_date__isnull=False)
    if rows.update(deleted_date=None, deleted_by=None):
        record(Action.THREAD_RESTORED, by=by, on=found, about=found.started_by)


@transaction.atomic
def restore_post(*, post: Post, by: User) -> None:
    """Bring a deleted post back. Raises Forbidden for non-organizers, Refused for one whose text is gone for good."""
    _may(by, post.thread)
    found = posting.locked(post.thread)
    if Post.objects.filter(pk=post.pk, content="").exists():
        raise Refused(_("The text of this post is gone for good."), code="gone")
    _bring_back(post, found)
    record(Action.POST_RESTORED, by=by, on=found, after={"post": post.pk}, about=post.posted_by)


def _bring_back(post: Post, thread: Thread) -> None:
    Post.objects.filter(pk=post.pk).update(deleted_date=None, deleted_by=None)
    posting.recount(thread)


@transaction.atomic
def settle_reports(*, post: Post, by: User) -> int:
    """Note that an organizer has looked at what was told of a post; returns how many reports there were."""
    _may(by, post.thread)
    settled = Report.objects.filter(post=post, settled_date__isnull=True).update(settled_date=timezone.now())
    if settled:
        facts = {"post": post.pk, "reports": settled}
        record(Action.REPORTS_SETTLED, by=by, on=post.thread, after=facts, about=post.posted_by)
    return settled


def purge_due() -> int:
    """Remove for good what was deleted 30 days ago: threads, and the texts of posts; returns how many there were."""
    due, gone = timezone.now() - KEPT, 0
    old = Thread.objects.filter(deleted_date__lte=due).order_by("pk").values_list("pk", flat=True)
    while keys := list(old[:_PIECE]):
        with transaction.atomic():
            Thread.objects.filter(pk__in=keys, deleted_date__lte=due).delete()
        gone += len(keys)
    gone += Post.objects.filter(deleted_date__lte=due).exclude(content="").update(content="")
    if gone:
        log.info("deleted posts and threads are gone for good", number=gone)
    return gone
