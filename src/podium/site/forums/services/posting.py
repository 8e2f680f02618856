"""Writing in a forum: threads, answers, changes, and what is taken back.

Who writes locks their own row first, then the thread's. So of two posts that a person sends at once the second is
counted after the first, and of an answer and the closing or deleting of its thread one comes first: an answer that
comes second is refused, one that comes first is in the thread that is closed.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden, Refused
from podium.site.forums import policies, queries
from podium.site.forums.models import Post, Report, Thread
from podium.site.forums.services import following, telling
from podium.site.forums.services.opening import open_forum
from podium.site.webhooks import outbox

MAX_TITLE = 255
MAX_CONTENT = 10_000
MAX_REASON = 1000
POSTS, POSTS_IN = 10, timedelta(minutes=10)
THREADS, THREADS_IN = 5, timedelta(hours=1)
REPORTS, REPORTS_IN = 10, timedelta(hours=1)
"""How many a participant may send in which time; organizers answer as fast as they can."""


def _reader(user: User, competition: Competition) -> bool:
    """Raise Forbidden for whoever does not read the forum; returns whether they keep order there."""
    if not competition.forum_enabled:
        raise Forbidden(_("This competition has no forum."), code="forum_disabled")
    if not policies.can_read(user, competition):
        raise Forbidden(_("Only those who take part and the organizers write in the forum."))
    return policies.moderates(user, competition)


def _text(value: object, field: str, missing: str, most: int) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise Refused(missing, field=field, code="required")
    if len(text) > most:
        raise Refused(
            _("This is %(count)s characters long; %(most)s are allowed.")
            % {"count": f"{len(text):,}", "most": f"{most:,}"},
            field=field,
            code="max_length",
        )
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise Refused(_("There are characters in this that are no text."), field=field, code="invalid")
    return text


def _title(value: object) -> str:
    return _text(" ".join(value.split()) if isinstance(value, str) else "", "title", _("Write a title."), MAX_TITLE)


def _content(value: object) -> str:
    return _text(value, "content", _("Write a text."), MAX_CONTENT)


def _in_turn(user: User, *, threads: bool = False) -> None:
    """Wait for what else the person is sending, and raise Refused where they have sent too much lately."""
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user.pk)
    now = timezone.now()
    if Post.objects.filter(posted_by=user, date_created__gt=now - POSTS_IN).count() >= POSTS:
        raise Refused(
            _("You have written %(posts)s posts in %(minutes)s minutes. Wait a little.")
            % {"posts": POSTS, "minutes": _minutes(POSTS_IN)},
            code="throttled",
            status=429,
        )
    if threads and Thread.objects.filter(started_by=user, date_created__gt=now - THREADS_IN).count() >= THREADS:
        raise Refused(
            _("You have begun %(threads)s threads in %(minutes)s minutes. Wait a little, or answer in one of them.")
            % {"threads": THREADS, "minutes": _minutes(THREADS_IN)},
            code="throttled",
            status=429,
        )


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def locked(thread: Thread) -> Thread:
    """A thread as it is now, kept from others until the transaction ends. Raises Refused where it is gone."""
    rows = Thread.objects.select_for_update(of=("self",)).select_related("forum__competition__created_by")
    found = rows.filter(pk=thread.pk).first()
    if found is None:
        raise Refused(_("This thread is gone."), code="gone", status=404)
    return found


@transaction.atomic
def start_thread(*, competition: Competition, by: User, title: object, content: object, announce: bool = False) -> Post:
    """Begin a thread; returns its first post. Organizers are mailed, and participants of an announcement.

    content: Markdown. announce: mark it as an announcement, for organizers.
    Raises Forbidden for those who do not read the forum, Refused for what is no title or text, and for one too many.
    """
    organizer = _reader(by, competition)
    if announce and not organizer:
        raise Forbidden(_("Only the organizers announce."))
    wanted, text = _title(title), _content(content)
    if not organizer:
        _in_turn(by, threads=True)
    now = timezone.now()
    thread = Thread.objects.create(
        forum=open_forum(competition),
        title=wanted,
        started_by=by,
        date_created=now,
        last_post_date=now,
        announced_date=now if announce else None,
    )
    post = _posted(thread, by, text)
    if announce:
        telling.tell_announcement(post, by)
    else:
        telling.tell_organizers_of_thread(post)
    outbox.forum_posted(post_id=post.pk, thread_id=thread.pk, competition_id=competition.pk, begins=True)
    return post


@transaction.atomic
def answer(*, thread: Thread, by: User, content: object) -> Post:
    """Answer in a thread; those who follow it are mailed.

    Raises Forbidden for those who do not read the forum and where the thread is closed, Refused as `start_thread`.
    """
    organizer = _reader(by, thread.forum.competition)
    text = _content(content)
    if not organizer:
        _in_turn(by)
    found = locked(thread)
    if found.deleted_date is not None:
        raise Refused(_("This thread was deleted meanwhile."), code="gone", status=404)
    if found.closed_date is not None and not organizer:
        raise Forbidden(_("This thread is closed."), code="closed")
    post = _posted(found, by, text)
    telling.tell_followers(post)
    competition_id = found.forum.competition_id
    outbox.forum_posted(post_id=post.pk, thread_id=found.pk, competition_id=competition_id, begins=False)
    return post


def _posted(thread: Thread, by: User, text: str) -> Post:
    post = Post.objects.create(thread=thread, posted_by=by, content=text, date_created=timezone.now())
    recount(thread)
    following.follow_by_writing(thread=thread, user=by)
    following.mark_read(thread=thread, user=by, until=post.date_created)
    return post


def recount(thread: Thread) -> None:
    """Let a thread, which is locked or new, say what follows from its posts."""
    kept = Post.objects.filter(thread=thread, deleted_date__isnull=True)
    last = kept.order_by("-pk").first()
    thread.posts_count = kept.count()
    thread.last_post_date = last.date_created if last else thread.date_created
    thread.last_post_by_id = last.posted_by_id if last else thread.started_by_id
    thread.save(update_fields=["posts_count", "last_post_date", "last_post_by"])


@transaction.atomic
def edit(*, post: Post, by: User, content: object, title: object = None) -> Post:
    """Change a post of one's own; it says so from then on.

    title: of the thread, with its first post; None leaves it. Raises Forbidden for others' posts, and where the hour is
    over or the thread closed; Refused as `start_thread`.
    """
    organizer = _reader(by, post.thread.forum.competition)
    thread = locked(post.thread)
    post = Post.objects.get(pk=post.pk)
    post.thread = thread
    if not policies.may_edit(by, post, organizer=organizer):
        raise Forbidden(_("You can change a post of your own, for an hour and while its thread is open."))
    text, retitled = _content(content), False
    if title is not None and queries.first_post(thread).pk == post.pk:
        wanted = _title(title)
        retitled = wanted != thread.title
        Thread.objects.filter(pk=thread.pk).update(title=wanted)
        thread.title = wanted
    if text != post.content or retitled:
        post.content, post.edited_date = text, timezone.now()
        post.save(update_fields=["content", "edited_date"])
    return post


@transaction.atomic
def delete_post(*, post: Post, by: User) -> bool:
    """Delete a post: one's own, organizers any; returns whether its thread is gone with it.

    Where something was answered below it, its place stays, without the text. A thread whose last post goes is deleted.
    Organizers can restore both for 30 days. Raises Forbidden for others' posts, Refused for what is deleted.
    """
    organizer = _reader(by, post.thread.forum.competition)
    thread = locked(post.thread)
    post = Post.objects.get(pk=post.pk)
    if post.deleted_date is not None:
        raise Refused(_("This post is deleted already."), code="gone", status=404)
    if not policies.may_delete(by, post, organizer=organizer):
        raise Forbidden(_("You can delete your own posts only."))
    now = timezone.now()
    Post.objects.filter(pk=post.pk).update(deleted_date=now, deleted_by=by)
    if post.posted_by_id != by.pk:
        record(Action.POST_DELETED, by=by, on=thread, before={"text": post.content}, about=post.posted_by)
    recount(thread)
    if thread.posts_count == 0 and thread.deleted_date is None:
        Thread.objects.filter(pk=thread.pk).update(deleted_date=now, deleted_by=by)
        return True
    return False


@transaction.atomic
def report(*, post: Post, by: User, reason: object = "") -> Report:
    """Tell the organizers of a post that is out of place, once; they are mailed.

    Raises Forbidden for those who do not read the forum, Refused the second time, for one's own and for one too many.
    """
    _reader(by, post.thread.forum.competition)
    if post.posted_by_id == by.pk:
        raise Refused(_("This post is your own: delete it."), code="own")
    if post.deleted_date is not None:
        raise Refused(_("This post is deleted already."), code="gone", status=404)
    text = _text(reason, "reason", "a reason", MAX_REASON) if str(reason).strip() else ""
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=by.pk)
    lately = Report.objects.filter(reported_by=by, date_created__gt=timezone.now() - REPORTS_IN)
    if lately.count() >= REPORTS:
        raise Refused(_("You have reported much lately. Wait a little."), code="throttled", status=429)
    try:
        with transaction.atomic():
            made = Report.objects.create(post=post, reported_by=by, reason=text)
    except IntegrityError:
        raise Refused(_("You have reported this post already."), code="reported") from None
    telling.tell_report(made)
    return made
