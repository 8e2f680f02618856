"""The pages of people: what others see, and the settings of one's own account."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.logout import logout
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import Throttled

from podium.site.accounts import policies, queries
from podium.site.accounts.api_people import proves
from podium.site.accounts.forms import DeleteAccountForm, NotificationsForm, ProfileForm, TokenForm
from podium.site.accounts.models import ApiToken, User
from podium.site.accounts.services import deletion, people, tokens
from podium.site.errors import Refused

_READ_OR_SEND = ["GET", "HEAD", "POST"]


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _sent(request: HttpRequest) -> tuple[Any, Any]:
    """What a form takes: nothing until it was sent."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _person(request: HttpRequest, username: str) -> User:
    """Somebody whose profile the viewer may see. Raises Http404, also for what can be no name in a database."""
    if "\0" in username:
        raise Http404(_("Nobody has this name."))
    people_seen = policies.people_visible_to(request.user).select_related("photo")
    return get_object_or_404(people_seen, username__iexact=username)


def _own(request: HttpRequest, username: str) -> User:
    """Whose settings the viewer may open: their own, administrators everybody's. Raises Http404, PermissionDenied."""
    person = _person(request, username)
    if person.pk != _me(request).pk and not _me(request).is_superuser:
        raise PermissionDenied(_("These are somebody else's settings."))
    return person


@login_required
@require_safe
def profile(request: HttpRequest, username: str) -> HttpResponse:
    """What others see of a person: nothing but what they tell of themselves."""
    person = _person(request, username)
    context = {
        "person": person,
        "organizations": queries.organizations_shown(person),
        "competitions": queries.competitions_shown(request.user, person),
        "may_change": person.pk == _me(request).pk or _me(request).is_superuser,
    }
    return render(request, "accounts/profile.html", context)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def edit(request: HttpRequest, username: str) -> HttpResponse:
    """Change a profile."""
    person = _own(request, username)
    form = ProfileForm(*_sent(request), instance=person)
    if request.method == "POST" and form.is_valid():
        try:
            changed = people.update_profile(
                user=person, by=_me(request), facts=form.facts(), photo=form.cleaned_data["photo"]
            )
            if form.cleaned_data.get("remove_photo") and not form.cleaned_data["photo"]:
                people.remove_photo(user=changed, by=_me(request))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect(changed)
    context = {"person": person, "form": form, "tab": "profile"}
    return render(request, "accounts/edit.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def notifications(request: HttpRequest, username: str) -> HttpResponse:
    """Which mails a person wants."""
    person = _own(request, username)
    form = NotificationsForm(request.POST if request.method == "POST" else None, instance=person)
    if request.method == "POST" and form.is_valid():
        people.update_profile(user=person, by=_me(request), facts=form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("accounts:notifications", person.username)
    return render(request, "accounts/notifications.html", {"person": person, "form": form, "tab": "notifications"})


@login_required
@never_cache
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """What lets one in: password, second factor, sessions, tokens."""
    person = _me(request)
    context = {
        "person": person,
        "tab": "security",
        "factors": Authenticator.objects.filter(user=person).exclude(type="recovery_codes").count(),
        "sessions": len(UserSession.objects.purge_and_list(person)),
        "tokens": person.api_tokens.count(),
        "elsewhere": SocialAccount.objects.filter(user=person).count(),
        "servers": settings.CONFIG.sign_in,
    }
    return render(request, "accounts/security.html", context)


@login_required
@require_POST
def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session, this one as well."""
    for session in UserSession.objects.filter(user=_me(request)):
        session.end()
    logout(request)
    messages.success(request, _("You are logged out everywhere."))
    return redirect("account_login")


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
def token_list(request: HttpRequest) -> HttpResponse:
    """One's API tokens; POST makes one, which is shown this once."""
    person = _me(request)
    form = TokenForm(request.POST) if request.method == "POST" else TokenForm()
    made: tuple[ApiToken, str] | None = None
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            made = tokens.create_token(user=person, name=facts["name"], scope=facts["scope"], days=facts["days"])
            form = TokenForm()
        except Refused as refused:
            form.refuse(refused)
    context: dict[str, Any] = {
        "person": person,
        "tab": "tokens",
        "tokens": person.api_tokens.all(),
        "plain": Token.objects.filter(user=person).first(),
        "form": form,
        "made": made,
        "server": settings.CONFIG.public_url,
    }
    return render(request, "accounts/tokens.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a token; 0 is the one that `api-token-auth` gave out."""
    try:
        if pk:
            name = tokens.revoke_token(user=_me(request), pk=pk)
            messages.success(request, _("The token “%(name)s” is revoked.") % {"name": name})
        elif tokens.revoke_plain_token(user=_me(request)):
            messages.success(request, _("The token of api-token-auth is revoked."))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("accounts:tokens")


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def ask_deletion(request: HttpRequest) -> HttpResponse:
    """Ask for the end of one's account. Where the site sends no mail, the page that the link leads to comes at once."""
    person = _me(request)
    form = DeleteAccountForm(request.POST if request.method == "POST" else None, person)
    if request.method == "POST" and form.is_valid():
        try:
            if not proves(request, person, form.cleaned_data["username"], form.cleaned_data["password"]):
                form.add_error(None, _("The user name or the password is not correct."))
            elif settings.CONFIG.email_url or not person.email:
                deletion.request_deletion(user=person)
                messages.success(
                    request, _("A link that deletes your account is on its way to %(email)s.") % {"email": person.email}
                )
                return redirect("accounts:security")
            else:
                deletion.refuse_deletion(person)
                return redirect("accounts:delete", *deletion.link_of(person))
        except (Refused, Throttled) as refused:
            form.add_error(None, getattr(refused, "message", None) or str(getattr(refused, "detail", "")))
    context = {"person": person, "form": form, "tab": "security"}
    return render(request, "accounts/ask_deletion.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(_READ_OR_SEND)
def delete(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """What the mailed link leads to: POST deletes the account, looking does not."""
    person = deletion.person_of_link(uid, token)
    if person is None:
        return render(request, "accounts/deletion_over.html", {"wrong": True}, status=404)
    if request.method != "POST":
        return render(request, "accounts/delete.html", {"person": person})
    try:
        deletion.delete_account(user=person)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("home")
    if request.user.is_authenticated and request.user.pk == person.pk:
        logout(request)
    return render(request, "accounts/deletion_over.html", {"wrong": False})
