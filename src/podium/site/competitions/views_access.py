"""Who gets to a competition and what they are told: its secret link, mails to participants, deleting it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from podium.site.accounts.models import User
from podium.site.competitions import services, viewing
from podium.site.competitions.forms import DeleteForm, MessageForm
from podium.site.competitions.models import Participant
from podium.site.competitions.services import copying, deleting
from podium.site.competitions.services import messages as mails
from podium.site.competitions.shell import Shell, shell
from podium.site.competitions.views import overview_menu
from podium.site.errors import Refused
from podium.site.mails.models import DeliveryState, Message

NAMED = 20
"""How many of those whom a mail goes to are named before it is sent."""


def _organized(request: HttpRequest, pk: int) -> Shell:
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers may do this."))
    return viewed


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def access(request: HttpRequest, pk: int) -> HttpResponse:
    """The secret link, to copy and to exchange, and who organizes the competition."""
    viewed = _organized(request, pk)
    if request.method == "POST":
        services.rotate_secret(competition=viewed.competition, by=cast("User", request.user))
        messages.success(request, _("There is another secret link. The one before opens nothing any more."))
        return redirect(reverse("competitions:access", args=[pk]))
    path = reverse("competitions:detail", args=[pk])
    link = f"{mails.address_of(viewed.competition).removesuffix(path)}{path}?secret_key={viewed.competition.secret_key}"
    context = viewed.context(
        "detail",
        menu=overview_menu(viewed),
        current="access",
        link=link,
        collaborators=viewed.competition.collaborators.all(),
        may_delete=deleting.may_delete(cast("User", request.user), viewed.competition),
    )
    return render(request, "competitions/access.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """Mail to all participants, or to the one whom `to` names; and what became of the mails before.

    It is shown with those whom it goes to first, and sent when it comes back with `send`.
    """
    viewed = _organized(request, pk)
    to = _person(viewed, request.GET.get("to") or request.POST.get("to") or "")
    form = MessageForm(request.POST if request.method == "POST" else None)
    preview = request.method == "POST" and form.is_valid()
    if preview and "send" in request.POST:
        if _sent(request, viewed, to, form):
            return redirect(viewed.url("competitions:message"))
        preview = False
    counted = {
        state: Count("deliveries", filter=Q(deliveries__state=state))
        for state in (DeliveryState.SENT, DeliveryState.FAILED)
    }
    written = Message.objects.filter(competition=viewed.competition, sender__isnull=False).select_related("sender")
    context = viewed.context(
        "participants",
        form=form,
        to=to,
        preview=form.cleaned_data["message"] if preview else "",
        subject=mails.subject_of(viewed.competition),
        **(_readers(viewed, to) if preview else {}),
        written=written.annotate(total=Count("deliveries"), **counted)[:20],
    )
    return render(request, "competitions/message.html", context, status=400 if form.errors else 200)


def _sent(request: HttpRequest, viewed: Shell, to: Participant | None, form: MessageForm) -> bool:
    """Send what was written, and say so; what is refused is said in the form."""
    user, text = cast("User", request.user), form.cleaned_data["message"]
    try:
        if to is not None:
            mails.write_to_one(participant=to, by=user, message=text)
            reached = True
        else:
            reached = mails.write_to_all(competition=viewed.competition, by=user, message=text) is not None
    except Refused as refused:
        form.add_error(None, refused.message)
        return False
    if reached:
        messages.success(request, _("Your message is being sent."))
    else:
        messages.warning(request, _("There is nobody who can be written to."))
    return True


def _readers(viewed: Shell, to: Participant | None) -> dict[str, object]:
    """How many a message goes to, and the first of them by name."""
    if to is not None:
        return {"count": 1, "readers": [to.user.username]}
    people = mails.reached_by_all(viewed.competition)
    return {"count": people.count(), "readers": list(people.values_list("username", flat=True)[:NAMED])}


def _person(viewed: Shell, asked: str) -> Participant | None:
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 19):
        raise Http404(_("There is no such participant."))
    rows = Participant.objects.select_related("user", "competition")
    return get_object_or_404(rows, pk=int(asked), competition=viewed.competition)


@login_required
@require_POST
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin to make a competition like this one, and lead to where its making is shown."""
    viewed = _organized(request, pk)
    try:
        status = copying.start_copy(competition=viewed.competition, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, f"{refused.message} {refused.hint}".strip())
        return redirect(viewed.url("competitions:access"))
    return redirect("competitions:creation", status.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a competition is deleted, and delete it."""
    viewed = shell(request, pk)
    if not deleting.may_delete(cast("User", request.user), viewed.competition):
        raise PermissionDenied(_("You cannot delete competitions that you didn't create"))
    form = DeleteForm(request.POST if request.method == "POST" else None, title=viewed.competition.title)
    if request.method == "POST" and form.is_valid():
        deleting.delete_competition(competition=viewed.competition, by=cast("User", request.user))
        text = _("%(competition)s is deleted. You can restore it here for %(kept)s days.") % {
            "competition": viewed.competition.title,
            "kept": deleting.KEPT.days,
        }
        messages.success(request, text)
        return redirect("competitions:mine")
    context = {"competition": viewed.competition, "form": form, "days": deleting.KEPT.days}
    return render(request, "competitions/delete.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a deleted competition back."""
    try:
        competition = deleting.restore_competition(pk=pk, by=cast("User", request.user))
    except Refused as refused:
        raise Http404(refused.message) from refused
    messages.success(
        request,
        _("%(competition)s is back, unpublished. Submissions that were waiting are cancelled.")
        % {"competition": competition.title},
    )
    return redirect("competitions:detail", pk)


@login_required
@require_POST
def view_as(request: HttpRequest, pk: int) -> HttpResponse:
    """Look at one's own competition as a participant or as nobody would, or as its organizer again."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers look at a competition as somebody else."))
    role = request.POST.get("role", "")
    if role == "organizer":
        viewing.end(request)
    elif role in viewing.Role.values:
        viewing.begin(request, viewed.competition, viewing.Role(role))
    else:
        raise Http404(_("There is nobody of this kind to look as."))
    back = request.POST.get("next", "")
    is_here = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_here else reverse("competitions:detail", args=[pk]))
