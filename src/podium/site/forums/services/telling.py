"""What people are mailed of a forum; each mail is a row of its own, written with the post that is its reason.

Answers go to those who follow a thread, new threads to the organizers, both as far as they want mails of forums;
announcements to the participants who let organizers write to them, as every message of organizers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from podium.site.accounts.mails import may_mail
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.competitions.services.messages import address_of, plain
from podium.site.errors import Refused
from podium.site.forums import policies
from podium.site.forums.models import Follower, Post, Report, Thread
from podium.site.forums.services.following import unfollow_link
from podium.site.mails import services as mails
from podium.site.resources.grants import absolute_url

_FOLLOWING = gettext_lazy(
    "You get this because you follow this thread. Mails of forums are among the settings of your account."
)
_ORGANIZING = gettext_lazy(
    "You get this because you organize this competition. Mails of forums are among the settings of your account."
)
_ANNOUNCED = gettext_lazy(
    "The organizers of this competition announced this to its participants. Whether organizers may write to you is "
    "among the settings of your account."
)
_REPORTED = gettext_lazy("You get this because you organize this competition.")


def address_of_post(post: Post) -> str:
    """The address of a post: the page of its thread on which it stands."""
    path = reverse("forums:thread", args=[post.thread.forum.competition_id, post.thread_id])
    return absolute_url(f"{path}?post={post.pk}#post-{post.pk}")


_BEGAN = gettext_lazy("%(person)s began the thread [%(thread)s](%(url)s), in the forum of %(competition)s:")
_ANSWERED = gettext_lazy("%(person)s answered in [%(thread)s](%(url)s), in the forum of %(competition)s:")
_ANNOUNCES = gettext_lazy("%(person)s announces [%(thread)s](%(url)s), in the forum of %(competition)s:")
_WROTE = gettext_lazy("%(person)s wrote [%(thread)s](%(url)s), in the forum of %(competition)s:")


def _said(post: Post, did: Any) -> str:
    """A post as Markdown: who did what where, then the text, which comes last because nothing closes its markup."""
    thread = post.thread
    told = did % {
        "person": plain(post.posted_by.shown_name) if post.posted_by else gettext("Somebody"),
        "thread": plain(thread.title),
        "url": address_of_post(post),
        "competition": plain(thread.forum.competition.title),
    }
    return f"{told}\n\n{post.content}"


def _news(post: Post, did: Any, why: Any) -> mails.Words:
    """What is told of a post, in the language that is active."""
    return mails.Words(
        subject=gettext("New post in %(thread)s") % {"thread": post.thread.title},
        text=_said(post, did),
        why=f"{why} {address_of(post.thread.forum.competition)}",
    )


def _organizers(competition: Competition) -> QuerySet[User]:
    return User.objects.filter(policies.organizing(competition))


THREADS_MAILED = 20
"""How many threads that somebody begins are mailed in a day; people are made organizers unasked."""


def tell_organizers_of_thread(post: Post) -> None:
    """Mail the organizers a thread that somebody has begun."""
    if not may_mail("thread", str(post.posted_by_id), most=THREADS_MAILED, seconds=24 * 3600):
        return
    competition = post.thread.forum.competition
    to = _organizers(competition).filter(allow_forum_notifications=True).exclude(pk=post.posted_by_id or 0)
    mails.post(
        words=partial(_news, post, _BEGAN, _ORGANIZING),
        to=to.values_list("pk", flat=True),
        competition=competition,
    )


def tell_followers(post: Post) -> None:
    """Mail those who follow a thread what was answered there, but nobody who may not read it any more."""
    thread = post.thread
    competition = thread.forum.competition
    following = Follower.objects.filter(thread=thread, active=True).exclude(user=post.posted_by_id)
    to = policies.readers_of(competition).filter(pk__in=following.values("user"), allow_forum_notifications=True)
    mails.post(
        words=partial(_news, post, _ANSWERED, _FOLLOWING),
        to=to.values_list("pk", flat=True),
        competition=competition,
        leave=partial(unfollow_link, thread.pk),
    )


def reached_by_announcement(competition: Competition, by: User) -> QuerySet[User]:
    """Whom an announcement of `by` is mailed to: participants who want organizers' mails, and the other organizers."""
    approved = Participant.objects.filter(competition=competition, status=ParticipantStatus.APPROVED)
    participants = Q(pk__in=approved.values("user"), organizer_direct_message_updates=True)
    others = policies.organizing(competition) & Q(allow_forum_notifications=True)
    return mails.reachable(User.objects.filter(participants | others).exclude(pk=by.pk))


def tell_announcement(post: Post, by: User) -> None:
    """Mail a thread's first post as an announcement of the organizers. Raises Refused for one too many in a day."""
    if not may_mail("announcement", str(by.pk), most=THREADS_MAILED, seconds=24 * 3600):
        raise Refused(
            gettext("You have announced %(most)s times today, and each is mailed to many. Go on tomorrow.")
            % {"most": THREADS_MAILED},
            code="throttled",
            status=429,
        )
    competition = post.thread.forum.competition

    def words() -> mails.Words:
        return mails.Words(
            subject=f"{competition.title}: {post.thread.title}",
            text=_said(post, _ANNOUNCES if post.posted_by_id == by.pk else _WROTE),
            why=f"{_ANNOUNCED} {address_of(competition)}",
        )

    mails.post(
        words=words,
        to=reached_by_announcement(competition, by).values_list("pk", flat=True),
        competition=competition,
        sender=by,
    )


def tell_report(report: Report) -> None:
    """Mail the organizers that somebody finds a post out of place; they get it whatever mails they want of forums."""
    competition = report.post.thread.forum.competition
    mails.post(
        words=partial(_reported, report),
        to=_organizers(competition).values_list("pk", flat=True),
        competition=competition,
    )


def _reported(report: Report) -> mails.Words:
    post = report.post
    thread: Thread = post.thread
    said = gettext("What they say: %(reason)s") % {"reason": plain(report.reason)} if report.reason else ""
    text = gettext(
        "%(person)s reports a post of %(author)s in [%(thread)s](%(url)s). There you can delete it, or settle the "
        "report."
    ) % {
        "person": plain(report.reported_by.shown_name),
        "author": plain(post.posted_by.shown_name) if post.posted_by else gettext("a deleted user"),
        "thread": plain(thread.title),
        "url": address_of_post(post),
    }
    return mails.Words(
        subject=gettext("A post was reported in %(thread)s") % {"thread": thread.title},
        text=f"{text}\n\n{said}" if said else text,
        why=f"{_REPORTED} {address_of(thread.forum.competition)}",
    )
