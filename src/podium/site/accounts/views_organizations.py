"""The pages of organizations."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts import policies, queries
from podium.site.accounts.forms import DeleteOrganizationForm, GroupForm, InviteForm, OrganizationForm
from podium.site.accounts.models import SETTABLE, Group, Organization, User
from podium.site.accounts.services import organizations
from podium.site.accounts.services.people import stored_picture
from podium.site.errors import Refused
from podium.site.fetching import KeysPaginator

PER_PAGE = 50
_READ_OR_SEND = ["GET", "HEAD", "POST"]


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _sent(request: HttpRequest) -> tuple[Any, Any]:
    """What a form takes: nothing until it was sent."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _visible(request: HttpRequest, pk: int) -> Organization:
    """An organization that the viewer may see. Raises Http404."""
    return get_object_or_404(policies.organizations_visible_to(request.user).select_related("photo"), pk=pk)


def _edited(request: HttpRequest, pk: int) -> Organization:
    """An organization that the viewer may change. Raises Http404 and PermissionDenied."""
    found = _visible(request, pk)
    if not policies.can_edit(request.user, found):
        raise PermissionDenied(_("Only its owner and its managers may do this."))
    return found


@login_required
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """The organizations that one belongs to, and invitations that wait."""
    page = KeysPaginator(queries.memberships_of(_me(request)), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "tab": "organizations", "person": request.user}
    context |= {"before": f"?page={page.number - 1}", "after": f"?page={page.number + 1}"}
    return render(request, "accounts/organizations.html", context)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def create(request: HttpRequest) -> HttpResponse:
    """Make an organization."""
    form = OrganizationForm(*_sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                picture = form.cleaned_data["photo"]
                photo = stored_picture(picture, "organization_photos") if picture else None
                made = organizations.create(by=_me(request), facts=form.facts(), photo=photo)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("%(name)s is there. Invite its people now.") % {"name": made.name})
            return redirect(made)
    return render(request, "accounts/organization_edit.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what an organization tells of itself."""
    found = _edited(request, pk)
    form = OrganizationForm(*_sent(request), instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                picture = form.cleaned_data["photo"]
                photo = stored_picture(picture, "organization_photos") if picture else None
                organizations.update(organization=found, by=_me(request), facts=form.facts(), photo=photo)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect(found)
    context = {"form": form, "organization": found, "owns": policies.owned_by(request.user).filter(pk=pk).exists()}
    return render(request, "accounts/organization_edit.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def organization(request: HttpRequest, pk: int) -> HttpResponse:
    """One organization: what it tells of itself, and its people."""
    return _shown(request, _visible(request, pk), InviteForm())


def _shown(request: HttpRequest, found: Organization, form: InviteForm) -> HttpResponse:
    page = KeysPaginator(queries.people_of(request.user, found), PER_PAGE).get_page(request.GET.get("page"))
    here = reverse("accounts:organization", args=[found.pk])
    context: dict[str, Any] = {
        "organization": found,
        "page": page,
        "before": f"{here}?page={page.number - 1}",
        "after": f"{here}?page={page.number + 1}",
        "mine": found.memberships.filter(user=_me(request)).first(),
        "can_edit": policies.can_edit(request.user, found),
        "is_member": policies.is_member(request.user, found),
        "owns": policies.owned_by(request.user).filter(pk=found.pk).exists(),
        "groups": SETTABLE,
        "form": form,
    }
    return render(request, "accounts/organization.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Invite people."""
    found = _edited(request, pk)
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            made = organizations.invite(organization=found, by=_me(request), users=form.cleaned_data["users"])
        except Refused as refused:
            form.refuse(refused)
        else:
            told = ngettext("%(count)d person is invited.", "%(count)d people are invited.", len(made))
            messages.success(request, told % {"count": len(made)})
            return redirect(found)
    return _shown(request, found, form)


@login_required
@require_POST
def member(request: HttpRequest, pk: int, membership_id: int) -> HttpResponse:
    """Change what a member is, take one out, or hand the organization on."""
    found = _edited(request, pk)
    wish = request.POST.get("wish", "")
    try:
        if wish == "remove":
            organizations.remove(organization=found, by=_me(request), membership=membership_id)
            messages.success(request, _("They do not belong to it any more."))
        elif wish == "hand_on":
            heir = organizations.hand_on(organization=found, by=_me(request), membership=membership_id)
            messages.success(
                request,
                _("%(user)s owns %(name)s now, and you are a manager.")
                % {"user": heir.user.shown_name, "name": found.name},
            )
        else:
            form = GroupForm(request.POST)
            group = form.cleaned_data["group"] if form.is_valid() else request.POST.get("group", "")
            changed = organizations.set_group(
                organization=found, by=_me(request), membership=membership_id, group=group
            )
            messages.success(request, f"{changed.user.shown_name}: {changed.get_group_display()}.")
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect(found)


@login_required
@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave an organization."""
    found = _visible(request, pk)
    try:
        organizations.leave(organization=found, user=_me(request))
        messages.success(request, _("You do not belong to %(name)s any more.") % {"name": found.name})
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(found)
    return redirect("accounts:organizations")


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before an organization is deleted, by its name; then do it."""
    found = _visible(request, pk)
    if not policies.owned_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(_("Only its owner may delete an organization."))
    form = DeleteOrganizationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["name"] != found.name:
            form.add_error("name", _("This is not its name."))
        else:
            try:
                organizations.delete(organization=found, by=_me(request))
            except Refused as refused:
                form.add_error(None, refused.message)
            else:
                messages.success(request, _("%(name)s is deleted.") % {"name": found.name})
                return redirect("accounts:organizations")
    context = {"organization": found, "form": form}
    return render(request, "accounts/organization_delete.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def accept_invite(request: HttpRequest) -> HttpResponse:
    """What an invitation's link leads to: accept it, or decline it."""
    token = request.POST.get("token") or request.GET.get("token", "")
    try:
        found = organizations.invitation(user=_me(request), token=token)
        if request.method == "POST" and request.POST.get("answer") == "decline":
            organizations.decline(user=_me(request), token=token)
            messages.success(
                request,
                _("You have declined the invitation of %(organization)s.") % {"organization": found.organization.name},
            )
            return redirect("home")
        if request.method == "POST":
            organizations.accept(user=_me(request), token=token)
            messages.success(
                request, _("You belong to %(organization)s now.") % {"organization": found.organization.name}
            )
            return redirect(found.organization)
    except Refused as refused:
        status = 404 if refused.status == 400 else refused.status
        return render(
            request,
            "accounts/no_invite.html",
            {"reason": "" if refused.code == "no_invite" else refused.message},
            status=status,
        )
    if found.group != Group.INVITED:
        return redirect(found.organization)
    return render(request, "accounts/accept_invite.html", {"invitation": found, "organization": found.organization})
