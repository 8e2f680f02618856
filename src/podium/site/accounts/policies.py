"""Who may see people, and see and change an organization.

Everybody who is logged in sees an organization's page. Its address and who was invited is for its members; owner and
managers (the editors) change it and its people, and the owner alone deletes it or hands it on (Codabench's rules).
Administrators may what editors may.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from podium.site.accounts.models import EDITORS, MEMBERS, SUBMITTERS, Group, Membership, Organization, User


def people_visible_to(user: Any) -> QuerySet[User]:
    """The people whose profiles `user` may see: everybody's but those of closed accounts; administrators see all."""
    if not user.is_authenticated:
        return User.objects.none()
    if user.is_superuser:
        return User.objects.all()
    return people_to_name()


def people_to_name() -> QuerySet[User]:
    """The people who can be named, by number or user name, where others are given a part in something.

    Whoever was banned or has left is nobody there, as for everybody who looks for people: else a made-up number would
    be answered with a name.
    """
    return User.objects.filter(is_deleted=False, is_banned=False, is_active=True)


def organizations_visible_to(user: Any) -> QuerySet[Organization]:
    """The organizations whose pages `user` may see."""
    return Organization.objects.all() if user.is_authenticated else Organization.objects.none()


def _of(user: Any, groups: Iterable[Group]) -> QuerySet[Organization]:
    if not user.is_authenticated:
        return Organization.objects.none()
    mine = Membership.objects.filter(user=user, group__in=list(groups))
    return Organization.objects.filter(pk__in=mine.values("organization"))


def organizations_of(user: Any) -> QuerySet[Organization]:
    """The organizations that `user` belongs to; an invitation alone does not count."""
    return _of(user, MEMBERS)


def known_to(user: Any) -> QuerySet[Organization]:
    """The organizations that `user` belongs to or was invited to; all of them for administrators."""
    if user.is_authenticated and user.is_superuser:
        return Organization.objects.all()
    return _of(user, Group)


def edited_by(user: Any) -> QuerySet[Organization]:
    """The organizations that `user` may change."""
    if user.is_authenticated and user.is_superuser:
        return Organization.objects.all()
    return _of(user, EDITORS)


def submitting_for(user: Any) -> QuerySet[Organization]:
    """The organizations in whose name `user` may submit."""
    return _of(user, SUBMITTERS)


def owned_by(user: Any) -> QuerySet[Organization]:
    """The organizations that `user` may delete or hand on."""
    return _of(user, [Group.OWNER])


def can_edit(user: Any, organization: Organization) -> bool:
    """Whether `user` may change the organization and its people."""
    return edited_by(user).filter(pk=organization.pk).exists()


def is_member(user: Any, organization: Organization) -> bool:
    """Whether `user` belongs to the organization, or is an administrator."""
    return (user.is_authenticated and user.is_superuser) or organizations_of(user).filter(pk=organization.pk).exists()
