"""The page on which organizers see a person's tries and give more."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from podium.site.accounts.models import User
from podium.site.competitions.models import Participant
from podium.site.competitions.shell import shell
from podium.site.errors import Refused
from podium.site.evaluation.forms import CreditForm
from podium.site.evaluation.services.ledger import credit
from podium.site.evaluation.tries import LINES, ledger, tries


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def participant_tries(request: HttpRequest, pk: int, participant_id: int) -> HttpResponse:
    """What a person has used of every phase and why, and a form to give more."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers see the tries of others."))
    participant = get_object_or_404(
        Participant.objects.select_related("user", "competition"), pk=participant_id, competition=pk
    )
    phases = list(viewed.competition.phases.select_related("competition").order_by("index"))
    form = CreditForm(request.POST if request.method == "POST" else None, phases=phases)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            credit(participant=participant, by=cast("User", request.user), **given)
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.message)
        else:
            words = ngettext(
                "%(user)s has %(count)d try more in %(phase)s.",
                "%(user)s has %(count)d tries more in %(phase)s.",
                given["tries"],
            )
            facts = {"user": participant.user.username, "count": given["tries"], "phase": given["phase"].name}
            messages.success(request, words % facts)
            return redirect(request.path)
    user = participant.user
    rows = [(phase, tries(user, phase), ledger(user, phase)[:LINES]) for phase in phases]
    context = viewed.context("participants", participant=participant, form=form, rows=rows)
    return render(request, "evaluation/participant_tries.html", context, status=400 if form.errors else 200)
