"""What organizers do with many submissions: start, cancel, rerun, delete; and what a rerun has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.competitions.models import Phase
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused
from podium.site.evaluation import comparison, downloads, policies, services
from podium.site.evaluation.downloads import Part
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, reruns
from podium.site.evaluation.states import TERMINAL, SubmissionStatus
from podium.site.evaluation.views_compare import address_of
from podium.site.pages.causes import CAUSE_TITLES
from podium.site.streamed_zip import zipped
from podium.site.words import Words

MOST_AT_ONCE = 200
PER_PAGE = 100


@dataclass(frozen=True)
class Action:
    """Something that is done to a selection: its words on the page of confirmation, and whom it concerns."""

    title: Words
    text: Words
    button: Words
    icon: str
    ended: bool | None

    def concerns(self, submission: Submission) -> bool:
        """Whether it does anything to this submission."""
        if self.ended is None:
            return submission.status == SubmissionStatus.SUBMITTING
        return (submission.status in TERMINAL) is self.ended


ACTIONS = {
    "start": Action(
        pgettext_lazy("submissions", "Start"),
        gettext_lazy("They are queued now, in the order in which they came."),
        gettext_lazy("Start them"),
        "play",
        None,
    ),
    "rerun": Action(
        gettext_lazy("Run again"),
        gettext_lazy(
            "Each becomes a new submission of its owner, on the tasks as they are now, and costs no try. It waits "
            "behind everything else. The original keeps its scores and its place until the board's rule replaces it."
        ),
        gettext_lazy("Run them again"),
        "play",
        ended=True,
    ),
    "cancel": Action(
        gettext_lazy("Cancel"),
        gettext_lazy("What runs is stopped within seconds. Those that have not begun give their tries back."),
        gettext_lazy("Cancel them"),
        "stop",
        ended=False,
    ),
    "delete": Action(
        gettext_lazy("Delete"),
        gettext_lazy(
            "Their files, logs and scores are removed for good, and the boards follow. This cannot be undone."
        ),
        gettext_lazy("Delete them for good"),
        "cross",
        ended=True,
    ),
}


def _organizers_shell(request: HttpRequest, pk: int) -> Shell:
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers do this."))
    return viewed


@login_required
@require_POST
def selected(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask about a selection of submissions and then do with it what was chosen; to download it, nothing is asked."""
    viewed = _organizers_shell(request, pk)
    if request.POST.get("do") == "compare":
        return redirect(address_of(viewed, request.POST.getlist("submission")[:3], older="left"))
    action = ACTIONS.get(request.POST.get("do", ""))
    if action is None and request.POST.get("do") != "download":
        raise Http404(_("There is no such action."))
    back = _back(request, viewed)
    keys = {int(key) for key in request.POST.getlist("submission")[:MOST_AT_ONCE] if key.isdecimal() and len(key) < 19}
    rows = policies.visible_to(request.user).filter(
        pk__in=keys, phase__competition=viewed.competition, parent__isnull=True
    )
    if action is None:
        files = downloads.members(rows, request.user, {Part.SUBMISSION})
        return downloads.attached(zipped(files), "application/zip", f"submissions-{pk}.zip") if keys else redirect(back)
    found = list(rows.select_related("phase__competition__queue", "owner", "data", "task").order_by("pk"))
    concerned = [submission for submission in found if action.concerns(submission)]
    if not concerned:
        messages.info(
            request, _("None of the chosen ones is in that state.") if found else _("Choose submissions first.")
        )
        return redirect(back)
    if request.POST.get("sure") != "yes":
        context = viewed.context(
            "all_submissions",
            action=action,
            do=request.POST["do"],
            concerned=concerned,
            left_out=len(found) - len(concerned),
            back=back,
            query=request.POST.get("query", ""),
        )
        return render(request, "evaluation/selected.html", context)
    try:
        messages.success(request, _done(request.POST["do"], concerned, cast("User", request.user)))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect(back)


def _back(request: HttpRequest, viewed: Shell) -> str:
    """The list as it was filtered."""
    query = request.POST.get("query", "")
    url = viewed.url("competitions:all_submissions")
    return f"{url}?{query}" if query and all(c.isalnum() or c in "=&%+_-.~" for c in query) else url


def _done(do: str, concerned: list[Submission], by: User) -> str:
    if do == "start":
        return _("Started: %(count)s.") % {"count": services.start_many(found=concerned, by=by)}
    if do == "cancel":
        count = services.cancel_many(found=concerned, by=by)
        return _("Cancelled: %(count)s. What runs ends within seconds.") % {"count": count}
    if do == "rerun":
        return _("Runs again: %(count)s.") % {"count": len(reruns.rerun_many(found=concerned, by=by))}
    deletion.delete_many(found=concerned, by=by)
    return _("Deleted: %(count)s.") % {"count": len(concerned)}


def _phase(viewed: Shell, phase_id: int) -> Phase:
    found = viewed.chosen_phase(str(phase_id))
    if found is None or found.pk != phase_id:
        raise Http404(_("This competition has no such phase."))
    return found


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rerun_phase(request: HttpRequest, pk: int, phase_id: int) -> HttpResponse:
    """Run all submissions of a phase again, after asking."""
    viewed = _organizers_shell(request, pk)
    phase = _phase(viewed, phase_id)
    if request.method != "POST":
        count = reruns.repeatable(phase).count()
        context = viewed.context("tasks", phase=phase, count=count)
        try:
            reruns.refuse_too_many(by=cast("User", request.user), competition=viewed.competition, count=count)
        except Refused as refused:
            context["refused"] = refused
        return render(request, "evaluation/rerun_phase.html", context)
    try:
        count = reruns.rerun_phase(phase=phase, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("competitions:tasks", pk)
    messages.success(
        request, _("Will be run again: %(count)s. Old and new scores stand side by side here.") % {"count": count}
    )
    return redirect("competitions:comparison", pk, phase_id)


@login_required
@require_safe
def compared(request: HttpRequest, pk: int, phase_id: int) -> HttpResponse:
    """Old and new scores of a phase that was run again, side by side."""
    viewed = _organizers_shell(request, pk)
    phase = _phase(viewed, phase_id)
    found = comparison.compare(phase)
    page = Paginator(found.lines, PER_PAGE).get_page(request.GET.get("page"))
    context = viewed.context(
        "tasks",
        phase=phase,
        found=found,
        page=page,
        causes=CAUSE_TITLES,
        before=viewed.url("competitions:comparison", phase_id) + f"?page={page.number - 1}",
        after=viewed.url("competitions:comparison", phase_id) + f"?page={page.number + 1}",
    )
    return render(request, "evaluation/comparison.html", context)
