"""Who is told of what is answered, and how far each person has read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.urls import reverse

from podium.site.accounts.models import User
from podium.site.forums.models import Follower, Reading, Thread
from podium.site.resources.grants import absolute_url

_SALT = "podium.forums.unfollow"
LINK_WORKS = timedelta(days=30)


def set_following(*, thread: Thread, user: User, active: bool) -> None:
    """Follow a thread, or not any more; whoever stopped is not made to follow again by what they write."""
    Follower.objects.update_or_create(thread=thread, user=user, defaults={"active": active})


def follow_by_writing(*, thread: Thread, user: User) -> None:
    """Let somebody who writes in a thread follow it, unless they have said that they do not want to."""
    Follower.objects.get_or_create(thread=thread, user=user)


def mark_read(*, thread: Thread, user: User, until: datetime) -> None:
    """Note that somebody was shown the posts of a thread up to a moment; never less than was noted before."""
    _, made = Reading.objects.get_or_create(thread=thread, user=user, defaults={"until": until})
    if not made:
        Reading.objects.filter(thread=thread, user=user, until__lt=until).update(until=until)


def unfollow_link(thread_id: int, user_id: int) -> str:
    """An address by which somebody stops following a thread without logging in, for 30 days and for nothing else."""
    token = signing.dumps([user_id, thread_id], salt=_SALT)
    return absolute_url(reverse("forums:unfollow", args=[token]))


def thread_of_link(token: str) -> tuple[User, Thread] | None:
    """Whom and which thread a link is about; None where it is wrong, too old, or one of them is gone."""
    try:
        user_id, thread_id = signing.loads(token, salt=_SALT, max_age=LINK_WORKS)
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.filter(pk=user_id, is_deleted=False).first()
    thread = Thread.objects.filter(pk=thread_id).first()
    return (user, thread) if user and thread else None


@transaction.atomic
def forget_person(*, user: User) -> None:
    """Remove what a person follows and has read, when their account goes; what they wrote stays."""
    Follower.objects.filter(user=user).delete()
    Reading.objects.filter(user=user).delete()
