"""The organizers' page of participants: who asked to take part, approved and denied one by one or many at once."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.competitions import queries, services
from podium.site.competitions.exports import participants_as_csv
from podium.site.competitions.forms import ParticipantFilterForm
from podium.site.competitions.models import Participant, ParticipantStatus
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused
from podium.site.evaluation.downloads import attached
from podium.site.fetching import KeysPaginator

PEOPLE_PER_PAGE = 50
MOST_AT_ONCE = 200
MOST_OF_A_LIST = 1000
"""Of people at once; whoever has more approves by the whitelist or without being asked."""


def _organizers_shell(request: HttpRequest, pk: int) -> Shell:
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers see who takes part, and decide who does."))
    return viewed


def _filtered(request: HttpRequest) -> tuple[ParticipantFilterForm, dict[str, Any]]:
    form = ParticipantFilterForm(request.GET)
    return form, {name: value for name, value in (form.cleaned_data if form.is_valid() else {}).items() if value}


def _back(request: HttpRequest, viewed: Shell) -> str:
    """The list as it was."""
    back, here = request.POST.get("next", ""), viewed.url("competitions:participants")
    return back if back.startswith(f"{here}?") else here


@login_required
@require_safe
def participants(request: HttpRequest, pk: int) -> HttpResponse:
    """Who asked to take part, for the organizers to approve or deny."""
    viewed = _organizers_shell(request, pk)
    form, chosen = _filtered(request)
    rows = queries.participants(viewed.competition, **chosen)
    page = KeysPaginator(rows, PEOPLE_PER_PAGE).get_page(request.GET.get("page"))
    organizers = {viewed.competition.created_by_id, *(each.pk for each in viewed.competition.collaborators.all())}
    context = viewed.context(
        "participants",
        form=form,
        filtered=bool(chosen),
        page=page,
        organizers=organizers,
        csv=viewed.url("competitions:participants_csv", **chosen),
        here=viewed.url("competitions:participants", **chosen, page=page.number),
        before=viewed.url("competitions:participants", **chosen, page=page.number - 1),
        after=viewed.url("competitions:participants", **chosen, page=page.number + 1),
    )
    return render(request, "competitions/participants.html", context)


@login_required
@require_POST
def decide(request: HttpRequest, pk: int, participant_id: int) -> HttpResponse:
    """Approve or deny somebody who asked to take part."""
    viewed = _organizers_shell(request, pk)
    participant = get_object_or_404(
        Participant.objects.select_related("user", "competition"), pk=participant_id, competition=pk
    )
    status = request.POST.get("status", "")
    try:
        services.set_participant_status(participant=participant, by=cast("User", request.user), status=status)
    except Refused as refused:
        if refused.code == "unchanged":  # whose sentence is Codabench's, for programs
            messages.info(request, _("%(user)s has this status already.") % {"user": participant.user.username})
        else:
            messages.error(request, refused.message)
    else:
        approved = status == ParticipantStatus.APPROVED
        words = _("%(user)s takes part now.") if approved else _("%(user)s does not take part.")
        messages.success(request, words % {"user": participant.user.username})
    return redirect(_back(request, viewed))


@login_required
@require_POST
def decide_many(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve or deny those who were chosen; who has that status already, or organizes, stays as they are."""
    viewed = _organizers_shell(request, pk)
    keys = {int(key) for key in request.POST.getlist("participant")[:MOST_AT_ONCE] if key.isdecimal() and len(key) < 19}
    rows = Participant.objects.filter(pk__in=keys, competition=pk)
    everybody = request.POST.get("all") == "on"
    if everybody:
        listed = ParticipantFilterForm(QueryDict(urlsplit(_back(request, viewed)).query))
        chosen = {name: value for name, value in (listed.cleaned_data if listed.is_valid() else {}).items() if value}
        rows = queries.participants(viewed.competition, **chosen)
    rows = rows.select_related("user", "competition")[:MOST_OF_A_LIST]
    status = request.POST.get("status", "")
    try:
        changed = services.set_status_of_many(found=list(rows), by=cast("User", request.user), status=status)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(_back(request, viewed))
    if not keys and not everybody:
        messages.info(request, _("Choose people first."))
    elif status == ParticipantStatus.APPROVED:
        words = ngettext("%(n)s person takes part now.", "%(n)s people take part now.", changed)
        messages.success(request, words % {"n": changed})
    else:
        words = ngettext("%(n)s person was denied.", "%(n)s people were denied.", changed)
        messages.success(request, words % {"n": changed})
    return redirect(_back(request, viewed))


@login_required
@require_safe
def participants_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The list as it is filtered, as a table for a spreadsheet."""
    viewed = _organizers_shell(request, pk)
    _form, chosen = _filtered(request)
    rows = queries.participants(viewed.competition, **chosen)
    return attached(participants_as_csv(rows), "text/csv; charset=utf-8", f"participants-{pk}.csv")
