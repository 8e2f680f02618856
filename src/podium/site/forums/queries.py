"""Reads of forums: threads with what is new in them, and the posts of a thread page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet

from podium.site.competitions.models import Competition
from podium.site.fetching import KeysPaginator
from podium.site.forums import policies
from podium.site.forums.models import Follower, Post, Reading, Report, Thread
from podium.site.searching import matching

PER_PAGE = 50


def threads_of(user: Any, competition: Competition, *, search: str = "", deleted: bool = False) -> QuerySet[Thread]:
    """The threads of a competition that `user` sees, pinned ones first, then by their last post.

    Each has `is_new` (something in it that `user` has not been shown), `is_followed`, and `is_reported` (a report of
    one of its posts waits; for organizers).
    search: words as of `saying`. deleted: the deleted ones instead of the others.
    """
    rows = policies.visible_to(user, competition).filter(deleted_date__isnull=not deleted)
    rows = saying(rows, search)
    read = Reading.objects.filter(thread=OuterRef("pk"), user=user, until__gte=OuterRef("last_post_date"))
    followed = Follower.objects.filter(thread=OuterRef("pk"), user=user, active=True)
    rows = rows.annotate(is_new=~Exists(read), is_followed=Exists(followed), is_reported=_reported())
    rows = rows.select_related("started_by", "last_post_by")
    return rows.order_by(F("pinned_date").asc(nulls_last=True), "-last_post_date", "-pk")


def saying(rows: QuerySet[Thread], text: str) -> QuerySet[Thread]:
    """Those of some threads in whose title, or in one of whose standing posts, all words of a text are."""
    if not text.split():
        return rows
    posts = Post.objects.filter(thread=OuterRef("pk"), deleted_date__isnull=True)
    titled = matching(Thread.objects.filter(pk=OuterRef("pk")), text, "title")
    return rows.filter(Exists(titled) | Exists(matching(posts, text, "content")))


def thread_for_page(user: Any, competition: Competition, pk: int) -> Thread | None:
    """A thread of a competition that `user` sees, with `is_followed`, or None."""
    followed = Follower.objects.filter(thread=OuterRef("pk"), user=user, active=True)
    rows = policies.visible_to(user, competition).annotate(is_followed=Exists(followed))
    return rows.select_related("started_by", "deleted_by", "forum__competition__created_by").filter(pk=pk).first()


def post_for_page(user: Any, competition: Competition, pk: int) -> Post | None:
    """A post of a competition in a thread that `user` sees, or None."""
    threads = policies.visible_to(user, competition)
    rows = Post.objects.filter(thread__in=threads, pk=pk)
    return rows.select_related("posted_by", "thread__forum__competition__created_by").first()


@dataclass(frozen=True)
class PostRow:
    """A post as one reader sees it.

    number: its place in the thread. by_organizer: whether who wrote it runs the competition.
    """

    post: Post
    number: int
    by_organizer: bool
    may_edit: bool
    may_delete: bool
    may_report: bool

    @property
    def reports(self) -> list[Report]:
        """What was told of it and nobody has settled; empty for all but organizers."""
        return getattr(self.post, "open_reports", [])


def shown_posts(thread: Thread, *, organizer: bool) -> QuerySet[Post]:
    """The posts of a thread, oldest first.

    Of a deleted post the place stays while something stands below it; otherwise organizers alone see that it was there.
    """
    rows = Post.objects.filter(thread=thread).order_by("pk")
    if organizer:
        return rows
    kept = rows.filter(deleted_date__isnull=True).order_by("-pk").values("pk")[:1]
    return rows.filter(pk__lte=kept)


def page_of(thread: Thread, *, organizer: bool, post: int) -> int:
    """On which page of a thread a post stands; the nearest one where it is not shown."""
    before = shown_posts(thread, organizer=organizer).filter(pk__lt=post).count()
    return before // PER_PAGE + 1


def posts_page(user: Any, thread: Thread, *, organizer: bool, page: str | int) -> tuple[Page[Post], list[PostRow]]:
    """A page of a thread's posts, as `user` sees them."""
    posts = shown_posts(thread, organizer=organizer).select_related("posted_by", "deleted_by")
    if organizer:
        waiting = Report.objects.filter(settled_date__isnull=True).select_related("reported_by")
        posts = posts.prefetch_related(Prefetch("reports", queryset=waiting, to_attr="open_reports"))
    found = KeysPaginator(posts, PER_PAGE).get_page(page)
    organizers = organizers_of(thread.forum.competition)
    rows = []
    for place, post in enumerate(found):
        post.thread = thread
        mine = post.posted_by_id == user.pk
        rows.append(
            PostRow(
                post=post,
                number=(found.number - 1) * PER_PAGE + place + 1,
                by_organizer=post.posted_by_id in organizers,
                may_edit=policies.may_edit(user, post, organizer=organizer),
                may_delete=policies.may_delete(user, post, organizer=organizer),
                may_report=not mine and not organizer and post.deleted_date is None,
            )
        )
    return found, rows


def organizers_of(competition: Competition) -> frozenset[int]:
    """The ids of those who made a competition or collaborate on it."""
    others = Competition.collaborators.through.objects.filter(competition=competition).values_list("user", flat=True)
    return frozenset(pk for pk in (*others, competition.created_by_id) if pk is not None)


def first_post(thread: Thread) -> Post:
    """The post that a thread begins with."""
    return Post.objects.filter(thread=thread).order_by("pk")[0]


def _reported() -> Exists:
    return Exists(Report.objects.filter(post__thread=OuterRef("pk"), settled_date=None, post__deleted_date=None))


def counted(competition: Competition) -> dict[str, int]:
    """How many threads of a competition are deleted, and how many have reports that wait; for organizers."""
    rows = Thread.objects.filter(forum__competition=competition).annotate(is_reported=_reported())
    return rows.aggregate(
        deleted=Count("pk", filter=Q(deleted_date__isnull=False)),
        reported=Count("pk", filter=Q(deleted_date__isnull=True, is_reported=True)),
    )
