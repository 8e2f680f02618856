"""What is done with a submission on its page: its place, who sees it, its scores, a rerun, its deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.errors import Refused
from podium.site.evaluation import managing, policies
from podium.site.evaluation.forms import ScoresForm
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, reruns
from podium.site.leaderboards import services as leaderboards
from podium.site.words import Words


@login_required
@require_POST
def manage(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what the field `do` says."""
    found = _visible(request, pk)
    act = _DONE.get(request.POST.get("do", ""))
    if act is None:
        raise Http404(_("There is no such action."))
    try:
        return redirect(act(request, found))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(_page(found))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a submission for good, after asking."""
    found, user = _visible(request, pk), _user(request)
    mine = found.owner_id == user.pk
    try:
        deletion.refuse_delete(submission=found, by=user)
        if request.method != "POST":
            context = {"submission": found, "competition": found.phase.competition, "costs_a_try": mine}
            return render(request, "evaluation/delete.html", context)
        deletion.delete(submission=found, by=user)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(_page(found))
    messages.success(request, _("Submission %(number)s was deleted.") % {"number": pk})
    address = reverse(f"competitions:{'' if mine else 'all_'}submissions", args=[found.phase.competition_id])
    return redirect(f"{address}?phase={found.phase_id}")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def scores(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the scores of a submission, as an organizer."""
    found = _visible(request, pk)
    settable = managing.settable(found)
    if not competitions.can_administer(request.user, found.phase.competition) or not settable:
        raise Http404(_("There are no scores that you may set."))
    form = ScoresForm(request.POST if request.method == "POST" else None, scores=settable)
    if form.is_valid():
        with transaction.atomic():
            for score, value, text in form.changed():
                leaderboards.set_score(score=score, value=value, text=text, by=_user(request))
        messages.success(request, _("The scores are set; computed columns and the leaderboard follow."))
        return redirect(_page(found))
    context = {"submission": found, "competition": found.phase.competition, "form": form}
    return render(request, "evaluation/scores.html", context, status=400 if form.errors else 200)


def _visible(request: HttpRequest, pk: int) -> Submission:
    related = ("phase__competition__created_by", "phase__leaderboard", "owner", "data", "parent")
    return get_object_or_404(policies.visible_to(request.user).select_related(*related), pk=pk)


def _page(submission: Submission) -> str:
    return reverse("evaluation:submission", args=[submission.pk])


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _place(change: Callable[..., None], told: Words) -> Callable[[HttpRequest, Submission], str]:
    def done(request: HttpRequest, submission: Submission) -> str:
        change(submission=submission, by=_user(request), privileged=_user(request).is_superuser)
        messages.success(request, told)
        return _page(submission)

    return done


def _showing(told: Words, *, public: bool) -> Callable[[HttpRequest, Submission], str]:
    def done(request: HttpRequest, submission: Submission) -> str:
        deletion.show_many(found=[submission.parent or submission], by=_user(request), public=public)
        messages.success(request, told)
        return _page(submission)

    return done


def _rerun(request: HttpRequest, submission: Submission) -> str:
    if not reruns.may_rerun(_user(request), submission.phase.competition):
        raise Refused(_("Only the organizers evaluate submissions again."), code="forbidden", status=403)
    made = reruns.rerun(submission=submission, by=_user(request))
    messages.success(
        request, _("This is the new submission. The other, %(number)s, stays as it was.") % {"number": submission.pk}
    )
    return _page(made)


_DONE = {
    "add": _place(leaderboards.add_by_hand, gettext_lazy("It stands on the leaderboard now.")),
    "remove": _place(leaderboards.remove_by_hand, gettext_lazy("It is off the leaderboard now.")),
    "show": _showing(gettext_lazy("Whoever sees the competition sees this submission and its file now."), public=True),
    "hide": _showing(gettext_lazy("It is private again."), public=False),
    "rerun": _rerun,
}
