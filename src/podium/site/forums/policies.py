"""Who reads a forum, who writes there, and who keeps order.

Readers are those who take part and those who run the competition (Codabench's rule, which there only the page kept);
whoever merely sees the competition reads nothing. Organizers see what is deleted, too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Competition, Participant, ParticipantStatus
from podium.site.forums.models import Forum, Post, Thread

EDITABLE = timedelta(hours=1)
"""How long a participant may change what they wrote."""


def readable_by(user: Any) -> QuerySet[Competition]:
    """The competitions whose forum `user` reads: open forums of those they take part in or run."""
    rows = Competition.objects.filter(forum_enabled=True)
    if not user.is_authenticated:
        return rows.none()
    if user.is_superuser:
        return rows
    return rows.filter(competitions.organized_by(user) | competitions.taking_part(user))


def can_read(user: Any, competition: Competition) -> bool:
    """Whether `user` reads the forum of a competition."""
    return readable_by(user).filter(pk=competition.pk).exists()


def readers_of(competition: Competition) -> QuerySet[User]:
    """The people who read the forum of a competition, as `readable_by` has it."""
    approved = Participant.objects.filter(competition=competition, status=ParticipantStatus.APPROVED)
    return User.objects.filter(organizing(competition) | Q(pk__in=approved.values("user")) | Q(is_superuser=True))


def organizing(competition: Competition) -> Q:
    """The people who made a competition or collaborate on it."""
    collaborating = Competition.collaborators.through.objects.filter(competition=competition)
    return Q(pk=competition.created_by_id) | Q(pk__in=collaborating.values("user"))


def visible_to(user: Any, competition: Competition | None = None) -> QuerySet[Thread]:
    """The threads that `user` may see, of one competition or of all; deleted ones are for organizers alone."""
    readable, run = readable_by(user), competitions.administered_by(user)
    rows = Thread.objects.all()
    if competition is not None:  # asked of that one alone, the rules read one row, and not all competitions
        readable, run = readable.filter(pk=competition.pk), run.filter(pk=competition.pk)
        rows = rows.filter(forum__in=Forum.objects.filter(competition=competition).values_list("pk", flat=True)[:1])
    return rows.filter(forum__competition__in=readable).filter(
        Q(deleted_date__isnull=True) | Q(forum__competition__in=run)
    )


def moderates(user: Any, competition: Competition) -> bool:
    """Whether `user` keeps order in the forum: pins, closes, deletes and restores."""
    return competitions.can_administer(user, competition)


def may_edit(user: Any, post: Post, *, organizer: bool) -> bool:
    """Whether `user` may change a post: their own, participants for an hour and while the thread is open."""
    if post.posted_by_id != user.pk or post.deleted_date is not None or post.thread.deleted_date is not None:
        return False
    return organizer or (post.thread.closed_date is None and timezone.now() < post.date_created + EDITABLE)


def may_delete(user: Any, post: Post, *, organizer: bool) -> bool:
    """Whether `user` may delete a post: everybody their own, organizers all."""
    if post.deleted_date is not None or post.thread.deleted_date is not None:
        return False
    return organizer or post.posted_by_id == user.pk
