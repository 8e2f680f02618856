"""Forums, their threads and posts, and what each person has read, follows and reports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from podium.site.competitions.models import Competition


class Forum(models.Model):
    """The forum of a competition; whether it is open is `Competition.forum_enabled`."""

    competition = models.OneToOneField(Competition, on_delete=models.CASCADE, related_name="forum")

    def __str__(self) -> str:
        return f"Forum of {self.competition}"


class Thread(models.Model):
    """What is talked about under one title.

    `posts_count`, `last_post_date` and `last_post_by` follow from the posts that are not deleted; services keep them.
    Each state is the moment since when it holds, null where it does not.
    """

    forum = models.ForeignKey(Forum, on_delete=models.CASCADE, related_name="threads", db_index=False)
    title = models.CharField(max_length=255)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    date_created = models.DateTimeField(default=timezone.now)
    posts_count = models.PositiveIntegerField(default=0)
    last_post_date = models.DateTimeField(default=timezone.now)
    last_post_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    pinned_date = models.DateTimeField(null=True, blank=True)
    closed_date = models.DateTimeField(null=True, blank=True)
    announced_date = models.DateTimeField(null=True, blank=True)
    deleted_date = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-last_post_date", "-pk"]
        indexes = [
            models.Index(fields=["forum", "-last_post_date", "-id"], name="forums_thread_list"),
            models.Index(fields=["started_by", "date_created"], name="forums_thread_rate"),
            models.Index(
                fields=["deleted_date"], condition=Q(deleted_date__isnull=False), name="forums_thread_deleted"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Post(models.Model):
    """What somebody wrote in a thread, in Markdown; cleaned when shown.

    A deleted post keeps its text for a while, so that organizers can restore it; then the text is "".
    """

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="posts", db_index=False)
    posted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="forum_posts",
        db_index=False,
    )
    date_created = models.DateTimeField(default=timezone.now)
    content = models.TextField()
    edited_date = models.DateTimeField(null=True, blank=True)
    deleted_date = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["thread", "id"], name="forums_post_page"),
            models.Index(fields=["posted_by", "date_created"], name="forums_post_rate"),
            models.Index(fields=["deleted_date"], condition=Q(deleted_date__isnull=False), name="forums_post_deleted"),
        ]

    def __str__(self) -> str:
        return f"Post {self.pk} in {self.thread_id}"


class Report(models.Model):
    """That somebody told the organizers of a post; settled once an organizer has looked at it."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="reports", db_index=False)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=1000, blank=True, default="")
    date_created = models.DateTimeField(default=timezone.now)
    settled_date = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["post", "reported_by"], name="forums_report_once")]

    def __str__(self) -> str:
        return f"{self.reported_by_id} reports {self.post_id}"


class Reading(models.Model):
    """How far somebody has read a thread: the moment of the last post that they were shown."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="readings", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "user"], name="forums_reading_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.thread_id} until {self.until}"


class Follower(models.Model):
    """That somebody is mailed what is answered in a thread; not `active`: that they have said they are not to be."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="followers", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "user"], name="forums_follower_once")]

    def __str__(self) -> str:
        return f"{self.user_id} follows {self.thread_id}: {self.active}"
