"""What people do with organizations.

Rows of memberships change by compare-and-set on the group, so of two editors who change one member at once the second
is told, and an invitation is answered once: accepting or declining needs the group to be INVITED still.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts import mails, policies
from podium.site.accounts.models import MEMBERS, SETTABLE, Group, Membership, Organization, User
from podium.site.accounts.validators import check_shown_name
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.errors import Forbidden, Refused
from podium.site.resources import storage
from podium.site.resources.models import StoredFile

MAX_INVITED = 100
"""People invited by one request."""
INVITES_MAILED, INVITERS_MAILED = 5, 200
"""How often in a day somebody's invitations are mailed, to one person and in all; further ones wait on the site."""
MAX_OWNED = 50
"""Organizations that one person owns."""
MAX_PEOPLE = 1000
"""People of one organization, those who were invited included."""

FIELDS = ("name", "email", "location", "description", "website_url", "linkedin_url", "twitter_url", "github_url")


def _refuse_taken(organization: Organization) -> None:
    """Raise Refused for a name that is none, or where another organization has it or the address, whatever the case."""
    try:
        check_shown_name(organization.name)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), field="name", code="invalid") from None
    others = Organization.objects.exclude(pk=organization.pk)
    if others.filter(name__iexact=organization.name).exists():
        raise Refused(_("organization with this name already exists."), field="name", code="unique")
    if others.filter(email__iexact=organization.email).exists():
        raise Refused(_("organization with this email already exists."), field="email", code="unique")


def _save(organization: Organization) -> None:
    _refuse_taken(organization)
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError:
        _refuse_taken(organization)  # another request was quicker
        raise


def _set_photo(organization: Organization, photo: StoredFile | None) -> None:
    """Give it another photo; the file of the former one goes with the transaction."""
    former = organization.photo
    organization.photo = photo
    organization.save(update_fields=["photo"])
    if former is not None and former != photo:
        storage.delete(former)


def _refuse_without_space(owner: User, photo: StoredFile | None) -> None:
    from podium.site.resources.services import refuse_over_quota  # noqa: PLC0415 - resources stand on accounts

    if photo is not None:
        refuse_over_quota(owner, photo.size)


@transaction.atomic
def create(*, by: User, facts: Mapping[str, Any], photo: StoredFile | None = None) -> Organization:
    """Make an organization whose owner is `by`.

    facts: of `FIELDS`; name and email are needed. photo: a stored picture.
    Raises Refused where the name or the address is taken, or `by` has too many.
    """
    if Membership.objects.filter(user=by, group=Group.OWNER).count() >= MAX_OWNED:
        raise Refused(_("Nobody owns more than %(most)s organizations.") % {"most": MAX_OWNED}, code="too_many")
    _refuse_without_space(by, photo)
    organization = Organization(**{name: facts[name] for name in FIELDS if name in facts}, photo=photo)
    _save(organization)
    Membership.objects.create(organization=organization, user=by, group=Group.OWNER)
    record(Action.ORGANIZATION_CREATED, by=by, on=organization, after={"name": organization.name})
    return organization


@transaction.atomic
def update(
    *, organization: Organization, by: User, facts: Mapping[str, Any], photo: StoredFile | None = None
) -> Organization:
    """Change what is told of an organization; boards follow its name.

    photo: a new picture; the former one stays when None. Raises Forbidden for who is no editor, and Refused.
    """
    _refuse_non_editor(by, organization)
    locked = Organization.objects.select_for_update(of=("self",)).select_related("photo").get(pk=organization.pk)
    former, before = locked.name, {name: getattr(locked, name) for name in FIELDS}
    for name in FIELDS:
        if name in facts:
            setattr(locked, name, facts[name])
    _save(locked)
    if photo is not None:
        owning = locked.memberships.select_related("user").filter(group=Group.OWNER).first()
        _refuse_without_space(owning.user if owning else by, photo)  # whose people have all gone, administrators change
        _set_photo(locked, photo)
    after = {name: getattr(locked, name) for name in FIELDS} | ({"photo": "changed"} if photo is not None else {})
    record(Action.ORGANIZATION_EDITED, by=by, on=locked, before=before, after=after)
    if locked.name != former:
        from podium.site.leaderboards import services as leaderboards  # noqa: PLC0415 - boards stand on accounts

        leaderboards.rename_organization(organization=locked)
    return locked


def _refuse_non_editor(user: User, organization: Organization) -> None:
    if not policies.can_edit(user, organization):
        raise Forbidden(_("You do not have access to edit this organization: its owner and its managers do that."))


@transaction.atomic
def invite(*, organization: Organization, by: User, users: Collection[int]) -> list[Membership]:
    """Invite people, who are told by mail unless they have switched that off.

    users: their ids. Whoever belongs to it or was invited before is left as they are.
    Raises Forbidden for who is no editor, and Refused for unknown people or too many.
    """
    _refuse_non_editor(by, organization)
    wanted = set(users)
    if len(wanted) > MAX_INVITED:
        raise Refused(
            _("Invite %(most)s people at once at most.") % {"most": MAX_INVITED}, field="users", code="too_many"
        )
    people = User.objects.filter(pk__in=wanted, is_active=True, is_deleted=False, is_banned=False)
    found = {person.pk: person for person in people}
    if missing := sorted(wanted - set(found)):
        raise Refused(f'Invalid pk "{missing[0]}" - object does not exist.', field="users", code="does_not_exist")
    Organization.objects.select_for_update().get(pk=organization.pk)
    present = set(organization.memberships.values_list("user", flat=True))
    new = [found[pk] for pk in sorted(wanted - present)]
    if len(present) + len(new) > MAX_PEOPLE:
        raise Refused(
            _("An organization has %(most)s people at most.") % {"most": MAX_PEOPLE}, field="users", code="too_many"
        )
    made = [Membership.objects.create(organization=organization, user=person) for person in new]
    for membership in made:
        _record_member(Action.MEMBER_INVITED, membership, by)
        to = membership.user
        if to.allow_organization_invite_emails and _may_mail(by, to):
            mails.send(
                to=membership.user,
                template="organization_invite",
                subject=gettext_lazy("You have been invited to join %(organization)s"),
                context={
                    "organization": organization.name,
                    "by": by.shown_name,
                    "address": mails.address("accounts:accept-invite", query={"token": str(membership.token)}),
                },
            )
    return made


def _may_mail(by: User, to: User) -> bool:
    """Whether one more invitation is mailed; or the name of an organization could be mailed to everybody."""
    day = 24 * 3600
    return mails.may_mail("invite", f"{by.pk} to {to.pk}", most=INVITES_MAILED, seconds=day) and mails.may_mail(
        "invites", str(by.pk), most=INVITERS_MAILED, seconds=day
    )


def _record_member(action: Action, member: Membership, by: User, group: str = "") -> None:
    """Write down what was done to a member; group: the one before."""
    before, after = {"group": group}, {"organization": member.organization.name, "group": member.group}
    record(action, by=by, on=member, before=before if group else None, after=after, about=member.user)


def invitation(*, user: User, token: str) -> Membership:
    """The membership that an invitation's token names. Raises Refused for an unknown one, Forbidden for another's."""
    try:
        key = uuid.UUID(str(token))
    except ValueError:
        raise Refused(_("No Invite found"), code="no_invite") from None
    found = Membership.objects.select_related("organization", "user").filter(token=key).first()
    if found is None:
        raise Refused(_("No Invite found"), code="no_invite")
    if found.user_id != user.pk:
        raise Forbidden(_("This invitation is for somebody else. Log in as the person who was invited."))
    return found


@transaction.atomic
def accept(*, user: User, token: str) -> Membership:
    """Join as a member. A token that was used does nothing more, so it demotes nobody.

    Raises Refused for an unknown token, Forbidden for another's.
    """
    found = invitation(user=user, token=token)
    open_ones = Membership.objects.filter(pk=found.pk, group=Group.INVITED)
    open_ones.update(group=Group.MEMBER, date_joined=timezone.now())
    found.refresh_from_db()
    return found


@transaction.atomic
def decline(*, user: User, token: str) -> None:
    """Refuse an invitation. Raises Refused for an unknown token or one that was accepted, Forbidden for another's."""
    found = invitation(user=user, token=token)
    deleted = Membership.objects.filter(pk=found.pk, group=Group.INVITED).delete()[0]
    if not deleted:
        raise Refused(_("You have accepted this invitation. To leave the organization, use its page."), code="used")


def _member(organization: Organization, pk: int) -> Membership:
    rows = organization.memberships.select_for_update(of=("self",)).select_related("user", "organization")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Refused(f'Invalid pk "{pk}" - object does not exist.', field="membership", code="does_not_exist")
    return found


@transaction.atomic
def set_group(*, organization: Organization, by: User, membership: int, group: str) -> Membership:
    """Make a member a manager, a participant or a plain member.

    membership: its id. Raises Forbidden for who is no editor and where the owner or somebody invited would be changed,
    Refused for an unknown membership or group.
    """
    _refuse_non_editor(by, organization)
    if group not in SETTABLE:
        raise Refused(_('"%(group)s" is not a valid choice.') % {"group": group}, field="group", code="invalid_choice")
    member = _member(organization, membership)
    if member.group == Group.OWNER:
        raise Forbidden(_("The owner's group cannot be changed. The owner can hand the organization on."))
    if member.group == Group.INVITED:
        raise Forbidden(_("This person has not accepted the invitation yet."))
    former, member.group = member.group, group
    member.save(update_fields=["group"])
    if former != group:
        _record_member(Action.MEMBER_CHANGED, member, by, former)
    return member


@transaction.atomic
def remove(*, organization: Organization, by: User, membership: int) -> None:
    """Take a member out, or an invitation back. Raises Forbidden for non-editors and for the owner, and Refused."""
    _refuse_non_editor(by, organization)
    member = _member(organization, membership)
    if member.group == Group.OWNER:
        raise Forbidden(_("The owner cannot be removed. The owner can hand the organization on, or delete it."))
    _record_member(Action.MEMBER_REMOVED, member, by)
    member.delete()


@transaction.atomic
def leave(*, organization: Organization, user: User) -> None:
    """Leave an organization. Raises Refused for its owner, and for who does not belong to it."""
    member = organization.memberships.select_for_update().filter(user=user).first()
    if member is None:
        raise Refused(_("You do not belong to this organization."), code="not_a_member")
    if member.group == Group.OWNER:
        raise Refused(_("You own this organization: hand it on to a member first, or delete it."), code="owner")
    member.delete()


def _hand(organization: Organization, owner: Membership, heir: Membership) -> None:
    owner.group = Group.MANAGER
    owner.save(update_fields=["group"])
    heir.group = Group.OWNER
    heir.save(update_fields=["group"])


@transaction.atomic
def hand_on(*, organization: Organization, by: User, membership: int) -> Membership:
    """Make a member the owner; the former owner becomes a manager. Raises Forbidden and Refused."""
    owner = organization.memberships.select_for_update().filter(user=by, group=Group.OWNER).first()
    if owner is None:
        raise Forbidden(_("Only its owner can hand an organization on."))
    heir = _member(organization, membership)
    if heir.group not in MEMBERS or heir.pk == owner.pk:
        raise Refused(_("Choose somebody else who belongs to the organization."), field="membership", code="no_member")
    _hand(organization, owner, heir)
    _record_member(Action.ORGANIZATION_HANDED_ON, heir, by)
    return heir


@transaction.atomic
def delete(*, organization: Organization, by: User) -> None:
    """Delete an organization that no submission was made for. Raises Forbidden for all but its owner, and Refused."""
    if not policies.owned_by(by).filter(pk=organization.pk).exists():
        raise Forbidden(_("You do not have permission to delete this organization: only its owner does that."))
    record(Action.ORGANIZATION_DELETED, by=by, on=organization, before={"name": organization.name})
    _delete(organization)


def _delete(organization: Organization) -> None:
    photo = organization.photo
    try:
        organization.delete()
    except ProtectedError as error:
        raise Refused(
            _(
                "Submissions were made for this organization, and boards show its name, so it cannot be deleted. "
                "Take its members out instead."
            ),
            code="in_use",
            status=409,
        ) from error
    if photo is not None:
        storage.delete(photo)


def forget_person(*, user: User) -> None:
    """Take a person out of all organizations, in the caller's transaction.

    What the person owns goes to its oldest manager, else participant, else member. One without any is deleted, unless
    submissions were made for it; then it stays, without people.
    """
    for owned in user.memberships.filter(group=Group.OWNER).select_related("organization__photo"):
        organization = owned.organization
        heirs = sorted(organization.memberships.filter(group__in=MEMBERS).exclude(pk=owned.pk), key=_rank)
        if heirs:
            _hand(organization, owned, heirs[0])
        elif not organization.submissions.exists():
            _delete(organization)
    user.memberships.all().delete()


def _rank(membership: Membership) -> tuple[int, Any, int]:
    return MEMBERS.index(Group(membership.group)), membership.date_joined, membership.pk
