"""Reads of people and organizations."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Q, QuerySet, When

from podium.site.accounts import policies
from podium.site.accounts.models import Group, Membership, Organization, User


def people_of(user: Any, organization: Organization) -> QuerySet[Membership]:
    """The people of an organization as `user` may see them: who was invited is for its members.

    People who were banned are left out, as everywhere that others look.
    """
    rows = organization.memberships.select_related("user").order_by("date_joined", "pk")
    if not policies.is_member(user, organization):
        rows = rows.exclude(group=Group.INVITED)
    return rows if policies.can_edit(user, organization) else rows.exclude(user__is_banned=True)


MOST_FOUND = 5


def lookup(user: Any, text: str) -> list[tuple[User, str]]:
    """People for a choice, with the name to show: a part of the user name, or the whole address, was given.

    Codabench's rules: five at most, never the caller; administrators find by a part of the address and see it. Closed
    accounts are not found.
    """
    rows = User.objects.filter(is_active=True, is_deleted=False, is_banned=False).exclude(pk=user.pk)
    if text and user.is_superuser:
        rows = rows.filter(Q(username__icontains=text) | Q(email__icontains=text))
    elif text:
        rows = rows.filter(Q(username__icontains=text) | Q(email__iexact=text))
    found = rows.order_by("username")[:MOST_FOUND]
    if user.is_superuser:
        return [(one, f"{one.shown_name} ({one.email or 'no address'})") for one in found]
    return [(one, one.shown_name) for one in found]


MOST_SHOWN = 50


def memberships_of(user: User) -> QuerySet[Membership]:
    """What one belongs to, and the invitations that wait, which come first."""
    rows = user.memberships.select_related("organization__photo")
    invited = Case(When(group=Group.INVITED, then=0), default=1)
    return rows.order_by(invited, "organization__name")


def organizations_shown(person: User) -> list[Membership]:
    """The organizations on somebody's profile."""
    rows = person.memberships.exclude(group=Group.INVITED).select_related("organization")
    return list(rows.order_by("organization__name")[:MOST_SHOWN])


def competitions_shown(user: Any, person: User) -> list[Any]:
    """The published competitions that somebody organizes, as far as `user` sees them."""
    from podium.site.competitions import policies as competitions  # noqa: PLC0415 - competitions stand on accounts
    from podium.site.competitions.counts import attach  # noqa: PLC0415

    rows = competitions.visible_to(user).filter(published=True).filter(Q(created_by=person) | Q(collaborators=person))
    rows = rows.select_related("created_by", "logo", "logo_icon").prefetch_related("phases")
    shown = list(rows.distinct().order_by("-created_when")[:MOST_SHOWN])
    attach(shown)
    return shown
